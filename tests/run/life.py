#!/usr/bin/env python3
"""PROGRAM's terminal, signals, exit status and directory are its own, and nothing outlives `handfast run`, however it ends.

    life.py HANDFAST        as root
"""
import os
import pty
import shutil
import signal
import subprocess
import sys
import tempfile
import time

HANDFAST = os.path.abspath(sys.argv[1])
RUN = [HANDFAST, "run"]
failures = 0


def claim(text, holds, seen=""):
    global failures
    failures += not holds
    print("%-7s %s%s" % ("ok" if holds else "not ok", text, "" if holds else "   (saw %r)" % (seen,)), flush=True)


def run(*args, options=(), **kw):
    return subprocess.run([*RUN, *options, "--", *args], capture_output=True, text=True, timeout=30, **kw)


def inside(marker):
    """Processes whose command line has the marker."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open("/proc/%s/cmdline" % pid, "rb") as f:
                if marker.encode() in f.read().split(b"\0"):
                    found.append(int(pid))
        except OSError:
            pass
    return found


def wait_for(condition, seconds=5):
    until = time.time() + seconds
    while not condition() and time.time() < until:
        time.sleep(0.02)
    return condition()


def namespaces(pids):
    """Their network namespaces; of those that are gone meanwhile, none."""
    seen = set()
    for pid in pids:
        try:
            seen.add(os.stat("/proc/%s/ns/net" % pid).st_ino)
        except OSError:
            pass
    return seen


def start_tree(marker):
    """A program with children of its own, one of them gone its own way."""
    script = "for i in 1 2; do (setsid sh -c 'while :; do read x; sleep 1000; done' %s </dev/zero &) ; done; " \
             "sh -c 'while :; do read x; sleep 1000; done' %s </dev/zero" % (marker, marker)
    process = subprocess.Popen([*RUN, "--", "sh", "-c", script], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_for(lambda: len(inside(marker)) >= 3)
    return process


claim("the exit status is the program's", run("sh", "-c", "exit 7").returncode == 7)
claim("killed by a signal, killed by the same signal", run("sh", "-c", "kill -TERM $$").returncode == -signal.SIGTERM)
claim("not found is 127", run("/nonexistent").returncode == 127)
claim("not executable is 126", run("/etc/passwd").returncode == 126)
claim("wrong arguments are 2", subprocess.run([*RUN, "--nonsense"], capture_output=True).returncode == 2)
claim("no program is 2", subprocess.run(RUN, capture_output=True).returncode == 2)
with tempfile.TemporaryDirectory() as directory:
    seen = run("pwd", cwd=directory).stdout.strip()
    claim("the working directory is the program's", seen == os.path.realpath(directory), seen)
claim("standard input is the program's", run("cat", input="through").stdout == "through")
claim("the environment is the program's", run("sh", "-c", "echo $MARK", env={**os.environ, "MARK": "m"}).stdout == "m\n")
claim("nothing is printed that was not asked for", run("true").stderr == "")
limit = run("sh", "-c", "ulimit -n").stdout
claim("the descriptor limit is the program's", limit == subprocess.run(["sh", "-c", "ulimit -n"], capture_output=True,
                                                                       text=True).stdout, limit)
claim("no descriptor is left open in the program", run("sh", "-c", "ls /proc/self/fd | wc -l").stdout ==
      subprocess.run(["sh", "-c", "ls /proc/self/fd | wc -l"], capture_output=True, text=True).stdout)

master, slave = pty.openpty()
subprocess.run([*RUN, "--", "sh", "-c", "test -t 0 && test -t 1 && stty size"], stdin=slave, stdout=slave, stderr=slave,
               timeout=10)
seen = os.read(master, 100).decode()
claim("the terminal is the program's", len(seen.split()) == 2, seen)

p = subprocess.Popen([*RUN, "--", "sh", "-c", "trap 'echo got; exit 3' HUP; echo up; while :; do sleep 0.05; done"],
                     stdout=subprocess.PIPE, text=True)
p.stdout.readline()
p.send_signal(signal.SIGHUP)
claim("a signal sent to us reaches the program", p.wait(10) == 3 and p.stdout.readline() == "got\n")

p = subprocess.Popen([*RUN, "--", "sh", "-c", "(sleep 1; echo late) & echo soon"], stdout=subprocess.PIPE, text=True)
claim("it ends with the program's last process", p.communicate(timeout=10)[0] == "soon\nlate\n")

ours, made = namespaces(["self"]), set()
for what, kill in (
        ("us", lambda p, tree: p.kill()),
        ("the program", lambda p, tree: os.kill(min(tree), signal.SIGKILL)),
        ("us by SIGTERM", lambda p, tree: p.terminate())):
    marker = "marker-%d-%s" % (os.getpid(), what.replace(" ", "-"))
    p = start_tree(marker)
    tree = inside(marker)
    tree = [t for t in tree if t != p.pid]
    made |= namespaces(tree) - ours
    kill(p, tree)
    if what == "us":
        p.wait(10)
        claim("SIGKILL of us leaves no process", wait_for(lambda: not inside(marker)), inside(marker))
    else:
        time.sleep(0.5)
        for pid in inside(marker):
            if pid != p.pid:
                try:
                    os.kill(pid, signal.SIGKILL)
                except OSError:
                    pass
        claim("after SIGKILL of %s it still ends when the rest does" % what, wait_for(lambda: p.poll() is not None), p.poll())
        if p.poll() is None:
            p.kill()
everybody = lambda: filter(str.isdigit, os.listdir("/proc"))
claim("no namespace is left behind", bool(made) and wait_for(lambda: not made & namespaces(everybody())), made)

p = subprocess.Popen([*RUN, "--", "sleep", "1000"])
wait_for(lambda: "handfast-keeper" in subprocess.run(["ps", "-eo", "comm"], capture_output=True, text=True).stdout)
keeper = subprocess.run(["pgrep", "-P", str(p.pid), "handfast-keepe"], capture_output=True, text=True).stdout.split()
for pid in keeper:
    os.kill(int(pid), signal.SIGKILL)
p.terminate()
claim("SIGKILL of the keeper harms nobody", len(keeper) == 1 and p.wait(10) == -signal.SIGTERM, keeper)

seen = run("sh", "-c", "cat /etc/resolv.conf; ip -4 -o addr show handfast0")
claim("the resolver inside is the gateway", seen.stdout.startswith("nameserver 10.77.0.1"), seen.stdout)
PING = """import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_ICMP)
s.settimeout(2)
s.sendto(bytes([8, 0, 0, 0, 0, 0, 0, 1]) + b"echo", ("10.77.0.1", 0))
print(s.recv(100)[-4:].decode())
"""
claim("echo is answered", run(sys.executable, "-c", PING).stdout == "echo\n")
claim("an empty report is no news", "nothing wrong" in run("true", options=["--report", "-"]).stderr)

# ---- without root: in a mount namespace of our own, with /dev/net/tun as most distributions have it ----

NOBODY = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]


def as_nobody(directory, *command, options=(), ranges=False):
    copy = os.path.join(directory, "handfast")
    shutil.copy(HANDFAST, copy)
    os.chmod(directory, 0o755)
    sub = os.path.join(directory, "sub")
    with open(sub, "w") as f:
        f.write("nobody:100000:65536\n" if ranges else "")
    prepare = "mknod $0/tun c 10 200; chmod 666 $0/tun; mount --bind $0/tun /dev/net/tun; touch /etc/subuid /etc/subgid; " \
              "mount --bind $0/sub /etc/subuid; mount --bind $0/sub /etc/subgid; cd /; exec \"$@\""
    return subprocess.run(["unshare", "--mount", "sh", "-c", prepare, directory, *NOBODY, copy, "run", *options, "--", *command],
                          capture_output=True, text=True, timeout=30)


with tempfile.TemporaryDirectory() as directory:
    r = as_nobody(directory, "sh", "-c", "id -u; ip -o addr show handfast0 | grep -c 10.77; head -1 /etc/resolv.conf; exit 5")
    claim("without root it is root inside, with the same network", r.returncode == 5 and
          r.stdout == "0\n1\nnameserver 10.77.0.1\n", r.stdout + r.stderr)
    r = as_nobody(directory, "id", "-u", options=["--keep-user", "--stacks"])
    claim("--keep-user keeps the user, traced too", r.stdout == "65534\n", r.stdout + r.stderr)
    if shutil.which("newuidmap"):
        r = as_nobody(directory, *NOBODY[:2], "33", "--regid", "33", "--clear-groups", "id", "-u", ranges=True)
        claim("with ranges in /etc/subuid a server may change its user", r.stdout == "33\n", r.stdout + r.stderr)
    r = as_nobody(directory, "sh", "-c", "setpriv --reuid 33 id 2>/dev/null || exit 9", options=["--report", "-"])
    claim("without them it may not, and the report says why", r.returncode == 9 and "/etc/subuid" in r.stderr, r.stderr)
sys.exit(1 if failures else 0)
