#!/usr/bin/env python3
"""`handfast run` beside slirp4netns, pasta (Debian's passt) and no network of its own at all, in the same run.

As root. Servers run outside, on this machine's loopback; clients inside. Runs of the four are interleaved, so that whatever
else the machine does disturbs all of them alike; figures are medians, with minimum and maximum.
"""
import argparse
import json
import os
import re
import resource
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time

arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
arguments.add_argument("handfast", metavar="HANDFAST", type=os.path.abspath)
arguments.add_argument("--runs", type=int, default=10, help="of each figure and way (10)")
arguments.add_argument("--seconds", default="2", help="that a run of bulk or requests takes (2)")
arguments.add_argument("--json", metavar="FILE", help="where results go as well")
arguments.add_argument("--only", metavar="REGEX", default="", help="which figures")
OPTIONS = arguments.parse_args()

HANDFAST, RUNS, SECONDS = OPTIONS.handfast, OPTIONS.runs, OPTIONS.seconds
IPERF, HTTP, PING = 8301, 8302, 8303


# ---- the four ways out ----

def default_gateway():
    out = subprocess.run(["ip", "-4", "route", "show", "default"], capture_output=True, text=True).stdout.split()
    return out[2] if len(out) > 2 else None


def direct(command):
    return command, "127.0.0.1"


def handfast(command):
    return [HANDFAST, "run", "--quiet", "--host-loopback", "--"] + command, "10.77.0.1"


def slirp(command):
    """slirp4netns attaches to a namespace that exists; this waits for it as short as can be."""
    script = r"""
d=$(mktemp -d); mkfifo $d/ready $d/go
unshare --net sh -c 'ip link set lo up; echo $$ > "$0/pid"; read x < "$0/go"; exec "$@"' $d "$@" &
child=$!
while [ ! -s $d/pid ]; do sleep 0.002; done
exec 9<>$d/ready
slirp4netns --configure --mtu=65520 --ready-fd=9 $(cat $d/pid) tap0 >/dev/null 2>&1 & slirp=$!
read -n 1 x <&9; echo > $d/go
wait $child; status=$?; kill $slirp; rm -r $d; exit $status
"""
    return ["bash", "-c", script, "slirp"] + command, "10.0.2.2"


def pasta(command):
    return ["pasta", "--quiet", "--config-net", "--runas", "0", "--"] + command, default_gateway()


WAYS = {"handfast": handfast, "direct": direct}
if shutil.which("slirp4netns"):
    WAYS["slirp4netns"] = slirp
if shutil.which("pasta") and default_gateway():
    WAYS["pasta"] = pasta


def run(way, make, timeout=60):
    """Runs make(address) there; its standard output, wall time, and processor time of everything that was started."""
    address = WAYS[way]([])[1]
    command = WAYS[way](make(address))[0]
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.time()
    r = subprocess.run(command, capture_output=True, text=True, timeout=timeout)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if r.returncode != 0:
        raise RuntimeError("%s: %s" % (way, (r.stderr or r.stdout)[-300:]))
    return r.stdout, time.time() - began, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


# ---- figures ----

def bulk(*words):
    def measure(way):
        out, _, cpu = run(way, lambda a: ["iperf3", "-J", "-t", SECONDS, "-c", a, "-p", str(IPERF), *words])
        end = json.loads(out)["end"]
        sum = end["sum_received"]
        return sum["bits_per_second"] / 1e9, cpu / (sum["bytes"] / 1e9)
    return measure


def requests(way):
    out, _, _ = run(way, lambda a: ["wrk", "-t1", "-c32", "-d%ss" % SECONDS, "http://%s:%d/small" % (a, HTTP)])
    return float(re.search(r"Requests/sec:\s+([\d.]+)", out)[1]), None


def connections(way):
    out, _, _ = run(way, lambda a: ["ab", "-q", "-c", "16", "-n", "3000", "http://%s:%d/small" % (a, HTTP)])
    return float(re.search(r"Requests per second:\s+([\d.]+)", out)[1]), None


PING_PONG = """import socket, sys, time
s = socket.create_connection((sys.argv[1], %d)); s.setsockopt(6, 1, 1); t = []
for _ in range(2000):
    b = time.perf_counter(); s.send(b"x" * 64); s.recv(64); t.append(time.perf_counter() - b)
t.sort(); print(t[1000] * 1e6)""" % PING


def latency(way):
    out, _, _ = run(way, lambda a: [sys.executable, "-c", PING_PONG, a])
    return float(out), None


def start_up(way):
    return run(way, lambda a: ["true"])[1] * 1000, None


# name: measure, unit, greater is better
FIGURES = {
    "bulk-out": (bulk(), "Gbit/s", True),
    "bulk-in": (bulk("-R"), "Gbit/s", True),
    "requests": (requests, "1/s", True),
    "connections": (connections, "1/s", True),
    "latency": (latency, "us", False),
    "start-up": (start_up, "ms", False),
}


def servers(directory):
    with open(directory + "/nginx.conf", "w") as f:
        f.write("daemon off; user root; pid %s/pid; error_log /dev/null; events {}\n"
                "http { access_log off; keepalive_requests 100000000; server { listen 127.0.0.1:%d; root %s; } }\n"
                % (directory, HTTP, directory))
    with open(directory + "/small", "wb") as f:
        f.write(b"s" * 1000)
    os.chmod(directory, 0o755)

    def echo():
        listener = socket.create_server(("127.0.0.1", PING))
        while True:
            s, _ = listener.accept()
            s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while True:
                try:
                    data = s.recv(64)
                except OSError:
                    break
                if not data:
                    break
                s.send(data)
            s.close()
    threading.Thread(target=echo, daemon=True).start()
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    return [subprocess.Popen(["iperf3", "-s", "-B", "127.0.0.1", "-p", str(IPERF)], **quiet),
            subprocess.Popen(["nginx", "-c", directory + "/nginx.conf"], **quiet)]


def tell(name, unit, greater, seen, results):
    ours = seen["handfast"]
    for peer, values in seen.items():
        if not values:
            print("  %-12s %-12s not measured" % (name, peer), flush=True)
            continue
        middle, low, high = statistics.median(values), min(values), max(values)
        steady = low / middle if greater else middle / high
        ratio = (statistics.median(ours) / middle if greater else middle / statistics.median(ours)) if ours else 0
        print("  %-12s %-12s %10.1f %-7s %10.1f to %10.1f  %s%s" %
              (name, peer, middle, unit, low, high, "" if peer == "handfast" else "handfast is %.2f times as good" % ratio,
               "" if steady >= 0.7 or peer != "handfast" else "  unsteady: worst is %.2f of the median" % steady), flush=True)
        if peer == "handfast" or not ours:
            continue
        entry = {"figure": "run-" + name, "unit": unit, "handfast": statistics.median(ours), "peer": middle,
                 "peer_name": peer, "ratio": ratio, "runs": len(ours),
                 "spread": {"handfast": [min(ours), max(ours)], "peer": [low, high]}}
        entry["goal"] = {"slirp4netns": 3.0, "pasta": 1.0}.get(peer)
        results.append({k: v for k, v in entry.items() if v is not None})


def main():
    results = []
    with tempfile.TemporaryDirectory() as directory:
        started = servers(directory)
        time.sleep(0.5)
        try:
            for name, (measure, unit, greater) in FIGURES.items():
                if not re.search(OPTIONS.only, name):
                    continue
                seen = {way: [] for way in WAYS}
                cpu = {way: [] for way in WAYS}
                for _ in range(RUNS):
                    for way in WAYS:
                        try:
                            value, per_gb = measure(way)
                        except (RuntimeError, subprocess.TimeoutExpired, TypeError, KeyError, ValueError) as error:
                            print("  %s %s: %s" % (name, way, str(error).strip()[:200]), file=sys.stderr)
                            continue
                        seen[way].append(value)
                        if per_gb is not None:
                            cpu[way].append(per_gb)
                tell(name, unit, greater, seen, results)
                if any(cpu.values()):
                    tell(name + "-cpu", "s/GB", False, cpu, results)
        finally:
            for process in started:
                process.terminate()
                process.wait()
    if OPTIONS.json:
        os.makedirs(os.path.dirname(OPTIONS.json) or ".", exist_ok=True)
        with open(OPTIONS.json, "w") as f:
            json.dump(results, f, indent=2)


main()
