#!/usr/bin/env python3
"""The options of `handfast run` do what they say: what is in reach, what a path is like, and everything about the report.

    options.py HANDFAST PROGRAMS_DIRECTORY [NAME...]        as root; in a network namespace of its own
"""
import errno
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

HANDFAST = PROGRAMS = WORK = None
CASES = []
PRIVATE, PRIVATE6 = "10.9.8.7", "fd00:9::7"


class Failed(Exception):
    pass


def case(function):
    CASES.append(function)
    return function


def expect(holds, what):
    if not holds:
        raise Failed(str(what)[-700:])


def run(options, *command, **kw):
    return subprocess.run([HANDFAST, "run", *options, "--", *command], **{"capture_output": True, "text": True, "timeout": 30, **kw})


def start(options, *command, **kw):
    return subprocess.Popen([HANDFAST, "run", *options, "--", *command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                            **kw)


def path(name):
    return os.path.join(WORK, name)


def program(name):
    return os.path.join(PROGRAMS, name)


def wait_for(condition, seconds=5):
    until = time.time() + seconds
    while True:
        try:
            found = condition()
        except (OSError, ValueError):
            found = None
        if found or time.time() > until:
            return found
        time.sleep(0.02)


CONNECT = """
import errno, socket, sys, time
for at in sys.argv[1:]:
    host, port = at.rsplit("/", 1)
    began = time.monotonic()
    try:
        s = socket.create_connection((host, int(port)), 5)
        s.sendall(b"hello"); s.shutdown(1)
        n = 0
        while True:
            part = s.recv(65536)
            if not part: break
            n += len(part)
        print("yes", n, round(time.monotonic() - began, 3))
    except OSError as error:
        print(errno.errorcode.get(error.errno, "?"))
"""


def connect(options, *places):
    r = run(options, sys.executable, "-c", CONNECT, *places)
    return [line.split()[0] for line in r.stdout.splitlines()], r


# ---- what is in reach ----

@case
def private_networks_are_out_of_reach_unless_allowed():
    two = ["%s/%d" % (PRIVATE, p) for p in (PORT, PORT2)]
    told, _ = connect([], *two, "10.77.0.1/%d" % PORT, "127.0.0.1/%d" % PORT, "%s/%d" % (PRIVATE6, PORT))
    expect(told[:4] == ["EHOSTUNREACH"] * 3 + ["ECONNREFUSED"] and told[4] in ("EACCES", "EHOSTUNREACH"), told)
    told, _ = connect(["--allow", PRIVATE], *two)
    expect(told == ["yes", "yes"], told)
    told, _ = connect(["--allow", "%s:%d" % (PRIVATE, PORT)], *two)
    expect(told == ["yes", "EHOSTUNREACH"], told)
    told, _ = connect(["--allow", PRIVATE6], "%s/%d" % (PRIVATE6, PORT))
    expect(told == ["yes"], told)


@case
def the_longest_prefix_decides():
    two = ["%s/%d" % (PRIVATE, p) for p in (PORT, PORT2)]
    told, _ = connect(["--allow", "all", "--deny", "%s:%d" % (PRIVATE, PORT2)], *two)
    expect(told == ["yes", "EHOSTUNREACH"], told)
    told, _ = connect(["--allow", "all", "--deny", "10.9.0.0/16", "--allow", "10.9.8.0/24"], *two)
    expect(told == ["yes", "yes"], told)
    told, r = connect(["--allow", "10.9.8.0/24", "--report", "-"], *two)  # its own address is a /32
    expect(told == ["EHOSTUNREACH"] * 2 and "denied" in r.stderr, told)


@case
def the_gateway_is_the_hosts_loopback_if_wanted():
    told, _ = connect(["--host-loopback"], "10.77.0.1/%d" % PORT, "10.77.0.1/1", "%s/%d" % (PRIVATE, PORT))
    expect(told == ["yes", "ECONNREFUSED", "EHOSTUNREACH"], told)


SERVER = """
import socket, sys
kind = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
s = socket.create_server((sys.argv[1], int(sys.argv[2])), family=kind)
u = socket.socket(kind, socket.SOCK_DGRAM); u.bind((sys.argv[1], int(sys.argv[2])))
print("up", flush=True)
try:
    socket.create_connection((sys.argv[3], int(sys.argv[4])), 3)
    print("out", flush=True)
except OSError as error:
    print(error.errno, flush=True)
c, who = s.accept()
c.sendall(c.recv(100)); c.close()
data, who = u.recvfrom(100)
u.sendto(data, who)
"""


@case
def no_outbound_leads_in_only():
    for host, inside in (("127.0.0.1", "0.0.0.0"), ("[::1]", "::")):
        port = free_port()
        p = start(["--no-outbound", "--allow", "all", "--publish", "%s:%d:80" % (host, port), "--publish", "%s:%d:80/udp" %
                   (host, port)], sys.executable, "-c", SERVER, inside, "80", PRIVATE, str(PORT))
        expect(p.stdout.readline() == "up\n", "the server did not start")
        expect(int(p.stdout.readline()) in (errno.ENETUNREACH, errno.EHOSTUNREACH), "it got out")
        with socket.create_connection((host.strip("[]"), port), 5) as s:
            s.settimeout(5)
            s.sendall(b"in")
            expect(s.recv(10) == b"in", "nothing came back by TCP")
        u = socket.socket(socket.AF_INET6 if host[0] == "[" else socket.AF_INET, socket.SOCK_DGRAM)
        u.settimeout(5)
        u.sendto(b"in too", (host.strip("[]"), port))
        expect(u.recv(10) == b"in too", "nothing came back by UDP")
        expect(p.wait(10) == 0, "the server failed")


@case
def a_port_in_use_cannot_be_published():
    r = run(["--publish", str(PORT)], "true")
    expect(r.returncode == 1 and "cannot publish" in r.stderr and str(PORT) in r.stderr, r.stderr)


@case
def resolv_conf_is_left_alone_if_wanted():
    r = run(["--no-dns"], "cat", "/etc/resolv.conf")
    with open("/etc/resolv.conf") as f:
        expect(r.stdout == f.read(), r.stdout)


# ---- what a path is like ----

@case
def a_path_is_long_narrow_and_lossy():
    there = "10.77.0.1/%d" % BULK
    told, r = connect(["--host-loopback", "--path", "delay 40ms"], there)
    expect(told == ["yes"] and float(r.stdout.split()[2]) > 0.16, r.stdout)  # handshake, request: two round trips
    told, r = connect(["--host-loopback", "--path", "out rate 8Mbit"], there)
    expect(told == ["yes"] and 0.45 < float(r.stdout.split()[2]) < 3, r.stdout)  # 600 kB at 1 MB/s
    report = path("loss.json")
    told, r = connect(["--host-loopback", "--path", "loss 3%, reorder 3%, corrupt 1%", "--seed", "5", "--report", report], there)
    with open(report) as f:
        expect(told == ["yes"] and int(r.stdout.split()[1]) == 600000 and json.load(f)["problems"] == 0, r.stdout)


@case
def only_a_path_that_loses_asks_for_the_machines_controller():
    knob = "/proc/sys/net/ipv4/tcp_congestion_control"
    expect(run([], "cat", knob).stdout == "reno\n", "without a path")
    machines = open(knob).read()
    expect(run(["--path", "loss 1%"], "cat", knob).stdout == machines, "with a path")
    expect(run(["--fault", "drop second FIN"], "cat", knob).stdout == machines, "with a fault")


@case
def segments_keep_to_the_mtu():
    pcap = path("mtu.pcapng")
    told, _ = connect(["--host-loopback", "--mtu", "1300", "--pcap", pcap], "10.77.0.1/%d" % BULK)
    with open(pcap, "rb") as f:
        data, at, longest = f.read(), 0, 0
    while at < len(data):
        kind, length = (int.from_bytes(data[i:i + 4], sys.byteorder) for i in (at, at + 4))
        if kind == 6:
            longest = max(longest, int.from_bytes(data[at + 20:at + 24], sys.byteorder))
        at += length
    expect(told == ["yes"] and longest == 1300, longest)


# ---- the report ----

def leak(options, seconds="1.6"):
    """A server that forgets, and its client: status, standard error."""
    port = free_port()
    p = start(["--publish", str(port), "--leak-age", "0.3", "--leak-check-after", seconds, "--drain", "0", *options],
              program("missing_close"), str(port))

    def ask():
        with socket.create_connection(("127.0.0.1", port), 1) as s:
            s.settimeout(0.5)
            s.sendall(b"GET\n")
            return s.recv(100)
    expect(wait_for(ask), "nobody answered")
    for _ in range(4):
        with socket.create_connection(("127.0.0.1", port), 1) as s:
            s.sendall(b"BAD\n")
    out, err = p.communicate(timeout=20)
    return p.returncode, err


@case
def a_check_ends_the_program_and_says_so_by_its_status():
    status, err = leak([])
    expect(status == 0 and "PROBLEM  4 never closed" in err and "close-wait-leak" in err, (status, err))
    status, err = leak(["--error-exitcode", "9", "--quiet"])
    expect(status == 9 and err == "", (status, err))
    r = run(["--error-exitcode", "9", "--leak-check-after", "0.2"], "sleep", "30")
    expect(r.returncode == 0 and r.stderr == "", (r.returncode, r.stderr))
    expect(run(["--error-exitcode", "9"], "sh", "-c", "exit 3").returncode == 3, "a healthy program's status is its own")


@case
def a_report_is_text_or_json():
    text, machine = path("leak.txt"), path("leak.json")
    leak(["--report", text, "--stacks"])
    with open(text) as f:
        told = f.read()
    expect("PROBLEM  4 never closed" in told and "missing_close.c:" in told and "remedy" in told, told)
    leak(["--report", machine])
    with open(machine) as f:
        told = json.load(f)
    found = told["findings"][0]
    expect(told["problems"] == 1 and found["rule"] == "close-wait-leak" and found["count"] == 4, told)
    expect(found["severity"] == "problem" and found["remedy"] and told["totals"]["accepted"] >= 5, told)
    r = run(["--report", "/nonexistent/report"], "true")
    expect(r.returncode == 1 and "cannot write /nonexistent/report" in r.stderr, r.stderr)


@case
def what_is_known_can_be_accepted():
    file = path("known")
    status, err = leak(["--gen-suppressions", "--stacks", "--quiet"])
    expect(err.startswith("{\n") and "rule: close-wait-leak" in err and err.endswith("}\n"), err)
    with open(file, "w") as f:
        f.write("# known\n" + err)
    status, err = leak(["--suppressions", file, "--error-exitcode", "9", "--stacks", "--report", "-"])
    expect(status == 0 and "nothing wrong" in err and "(1 suppressed)" in err, (status, err))
    with open(file, "w") as f:
        f.write("{\n   other\n   rule: close-wait-*\n   program: another\n}\n")
    status, err = leak(["--suppressions", file, "--error-exitcode", "9", "--quiet"])
    expect(status == 9, (status, err))
    for text, word in (("{\n  name\n  colour: blue\n}\n", ":3:"), ("{\n  name\n  rule: x\n", "has no '}'"), ("rule: x\n", ":1:")):
        with open(file, "w") as f:
            f.write(text)
        r = run(["--suppressions", file], "true")
        expect(r.returncode == 1 and word in r.stderr, r.stderr)


@case
def a_signal_asks_for_the_report():
    port = free_port()
    p = start(["--publish", str(port)], sys.executable, "-c", "import socket\ns = socket.create_server(('', %d))\n"
              "print('up', flush=True)\nc = [s.accept()]\nprint('in', flush=True)\nc[0][0].recv(1)\n" % port)
    p.stdout.readline()
    with socket.create_connection(("127.0.0.1", port), 5) as s:
        p.stdout.readline()
        p.send_signal(signal.SIGUSR1)
        first = p.stderr.readline()
        told = "".join(p.stderr.readline() for _ in range(4))
        expect("nothing wrong" in first and "1 accepted" in told and "1 open" in told, first + told)
        s.sendall(b"x")
    expect(p.wait(10) == 0, "it did not go on")


# ---- handfast ss ----

@case
def ss_lists_what_is_under_run():
    env = {**os.environ, "HANDFAST_RUNTIME_DIR": WORK}
    port = free_port()
    p = start(["--host-loopback", "--publish", str(port)], sys.executable, "-c",
              "import socket\nl = socket.create_server(('', %d))\ns = socket.create_connection(('10.77.0.1', %d))\n"
              "s.sendall(b'hello')\ns.recv(5)\nprint('up', flush=True)\nl.accept()[0].recv(9)\n" % (port, PORT2), env=env)
    p.stdout.readline()

    def ss(*words):
        return subprocess.run([HANDFAST, "ss", *words], capture_output=True, text=True, timeout=10, env=env).stdout
    expect("run" in ss() and "10.77.0.2" in ss("-H", "dport", ">", "1024"), ss())
    rows = ss("-H", "state", "connected", "sport", "=", ":%d" % PORT2).splitlines()
    expect(len(rows) == 1 and rows[0].startswith("ESTABLISHED") and "10.77.0.1:%d" % PORT2 in rows[0], ss("-a"))
    told = json.loads(ss("--json", "-a", "-p", str(p.pid)))
    expect('"verb": "run"' in json.dumps(told), told)
    with socket.create_connection(("127.0.0.1", port), 5) as s:
        found = wait_for(lambda: "10.77.0.2:%d" % port in ss("-H", "state", "established"))
        expect(found, ss("-a"))
        s.sendall(b"x")
    expect(p.wait(10) == 0, "it did not end")
    q = start(["--no-control"], "sh", "-c", "echo up; read line", env=env, stdin=subprocess.PIPE)
    q.stdout.readline()
    expect(ss("-a") == "", "somebody answered")
    q.communicate("")


# ---- the world ----

def free_port():
    with socket.create_server(("127.0.0.1", 0)) as s:
        return s.getsockname()[1]


def serve(answer, family=socket.AF_INET):
    listener = socket.create_server(("", 0), family=family, dualstack_ipv6=family == socket.AF_INET6)

    def talk(s):
        s.recv(100)
        s.sendall(answer)
        while s.recv(1000):
            pass
        s.close()

    def loop():
        while True:
            threading.Thread(target=talk, args=(listener.accept()[0],), daemon=True).start()
    threading.Thread(target=loop, daemon=True).start()
    return listener.getsockname()[1]


def main(names):
    global PORT, PORT2, BULK
    for words in (["link", "set", "lo", "up"], ["addr", "add", PRIVATE + "/32", "dev", "lo"],
                  ["addr", "add", PRIVATE6 + "/128", "dev", "lo"]):
        subprocess.run(["ip", *words], check=True)
    PORT, PORT2, BULK = serve(b"world", socket.AF_INET6), serve(b"world"), serve(b"x" * 600000)
    failed, gate, threads = [], threading.Semaphore(4), []

    def one(function):
        with gate:
            began = time.time()
            try:
                function()
                print("ok      %-56s %4.1f s" % (function.__name__, time.time() - began), flush=True)
            except (Failed, OSError, ValueError, LookupError, subprocess.SubprocessError) as error:
                failed.append(function)
                print("not ok  %-56s %s: %s" % (function.__name__, type(error).__name__, error), flush=True)
    for function in CASES:
        if not names or function.__name__ in names:
            threads.append(threading.Thread(target=one, args=(function,)))
            threads[-1].start()
    for thread in threads:
        thread.join()
    return 1 if failed else 0


if __name__ == "__main__":
    if "--inside" not in sys.argv:
        sys.exit(subprocess.call(["unshare", "--net", sys.executable, *sys.argv, "--inside"]))
    arguments = [a for a in sys.argv[1:] if not a.startswith("--")]
    HANDFAST, PROGRAMS = map(os.path.abspath, arguments[:2])
    with tempfile.TemporaryDirectory() as WORK:
        sys.exit(main(arguments[2:]))
