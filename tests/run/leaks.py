#!/usr/bin/env python3
"""Every mistake of tests/run/programs is found, named, and placed on its line; what has no mistake is left in peace.

    leaks.py HANDFAST PROGRAMS_DIRECTORY [--no-stacks] [NAME...]

Each program runs under `handfast run --stacks` with its peer here. The line that a finding has to name is marked HERE in
the program's source.
"""
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
PORT = 7300


# ---- peers: clients of a server inside ----

def client(port, patience=5):
    until = time.time() + patience
    while True:
        try:
            s = socket.create_connection(("127.0.0.1", port), 5)
            return s
        except OSError:
            if time.time() > until:
                raise
            time.sleep(0.05)


def ask(request, times, end=True, wait=0.2):
    """Says something, ends its direction, and goes when the answer has ended or a moment has passed."""
    def peer(port):
        kept = []
        for _ in range(times):
            s = client(port)
            s.sendall(request)
            if end:
                s.shutdown(socket.SHUT_WR)
            s.settimeout(wait)
            try:
                while s.recv(1000):
                    pass
            except OSError:
                pass
            kept.append(s)
        return kept
    return peer


def ask_and_go(request, times):
    def peer(port):
        for s in ask(request, times)(port):
            s.close()
    return peer


def upload_slowly(port):
    for _ in range(2):
        s = client(port)
        try:
            for _ in range(20):
                s.sendall(b"more and more ")
                time.sleep(0.05)
        except OSError:
            pass
        s.close()


def connect_only(times):
    def peer(port):
        kept = []
        for _ in range(times):
            kept.append(client(port))
            kept[-1].sendall(b"hello\n")
            time.sleep(0.05)
        return kept
    return peer


# ---- peers: servers that a client inside calls ----

def server(talk):
    def peer(port):
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen(64)
        kept = [listener]

        def run():
            while True:
                try:
                    s, _ = listener.accept()
                except OSError:
                    return
                kept.append(s)
                threading.Thread(target=talk, args=(s,), daemon=True).start()
        threading.Thread(target=run, daemon=True).start()
        return kept
    return peer


def answer_and_close(s):
    s.recv(100)
    s.sendall(b"answer\n")
    s.close()


def answer_and_close_when_idle(s):
    s.recv(100)
    s.sendall(b"answer\n")
    time.sleep(0.2)
    s.close()


def answer_three_times(s):
    for _ in range(3):
        if not s.recv(100):
            break
        s.sendall(b"answer\n")
    s.close()


def answer_and_stay(s):
    try:
        s.recv(100)
        s.sendall(b"answer\n")
    except OSError:
        pass


# ---- what is expected: program -> peer, rule, whether the peer is a server, seconds ----

FAULTY = {
    "missing_close": (ask_and_go(b"BAD\n", 5), "close-wait-leak", False, 3.5),
    "thread_returns": (ask_and_go(b"BAD\n", 5), "close-wait-leak", False, 3.5),
    "epoll_forgets": (ask_and_go(b"hello\n", 5), "close-wait-leak", False, 4),
    "shutdown_only": (ask_and_go(b"hello\n", 4), "dead-descriptor", False, 4),
    "pool": (server(answer_and_close), "close-wait-leak", True, 4),
    "stops_accepting": (connect_only(4), "never-accepted", False, 4),
    "fork_inherits": (ask(b"hello\n", 3, end=False), "inherited-descriptor", False, 4),
    "close_unread": (ask(b"POST with a body\n", 3), "reset-unread", False, 3),
    "linger_zero": (ask(b"hello\n", 3, end=False), "reset-linger", False, 3),
    "keep_alive_race": (server(answer_and_close_when_idle), "keep-alive-race", True, 4),
    "late_data": (upload_slowly, "reset-late-data", False, 4),
    "never_used": (server(answer_and_stay), "never-used", True, 3),
    "half_closed": (server(answer_and_stay), "half-closed", True, 8),
    "slow_accept": (ask(b"", 5, end=False), "slow-accept", False, 7),
}
HEALTHY = {
    "good_server": (ask_and_go(b"hello\n", 30), False, 4),
    "good_fork": (ask_and_go(b"hello\n", 30), False, 4),
    "good_pool": (server(answer_three_times), True, 4),
}


def marked_line(program):
    with open(os.path.join(HERE, "programs", program + ".c")) as f:
        return next(n for n, line in enumerate(f, 1) if "/* HERE */" in line)


def run_program(handfast, directory, name, peer, is_server, seconds, stacks, port):
    report = tempfile.mktemp(suffix=".json")
    command = [handfast, "run", "--report", report, "--leak-age", "1", "--leak-check-after", str(seconds), "--drain", "1"]
    command += ["--stacks"] if stacks else []
    kept = []
    if is_server:
        kept.append(peer(port))
        command += ["--host-loopback", "--", os.path.join(directory, name), "10.77.0.1", str(port)]
    else:
        command += ["--publish", str(port), "--", os.path.join(directory, name), str(port)]
    process = subprocess.Popen(command)
    if not is_server:
        time.sleep(0.3)
        thread = threading.Thread(target=lambda: kept.append(peer(port)), daemon=True)
        thread.start()
    process.wait(seconds + 20)
    for group in kept:
        for s in group or []:
            s.close()
    with open(report) as f:
        result = json.load(f)
    os.unlink(report)
    return result


def places(finding):
    return [(os.path.basename(f["file"] or ""), f["line"]) for key in ("opened_at", "closed_at", "listen_at")
            for f in finding[key]]


def check_faulty(result, name, rule, stacks):
    found = [f for f in result["findings"] if f["rule"] == rule]
    if not found:
        return "not found; instead: %s" % [f["rule"] for f in result["findings"]]
    others = [f["rule"] for f in result["findings"] if f["severity"] == "problem" and f["rule"] != rule]
    if stacks and not any((name + ".c", marked_line(name)) in places(f) for f in found):
        return "not on line %d: %s" % (marked_line(name), places(found[0]))
    allowed = {"slow_accept": {"backlog-overflow", "never-accepted"}, "stops_accepting": {"slow-accept"}}
    if set(others) - allowed.get(name, set()):
        return "also: %s" % others
    return None


def main():
    arguments = [a for a in sys.argv[1:] if not a.startswith("--")]
    handfast, directory, names = os.path.abspath(arguments[0]), os.path.abspath(arguments[1]), arguments[2:]
    stacks = "--no-stacks" not in sys.argv
    results, threads, again, gate = {}, [], [], threading.Semaphore(4)

    def one(name, number, is_last=False):
        with gate:
            if name in FAULTY:
                peer, rule, is_server, seconds = FAULTY[name]
                result = run_program(handfast, directory, name, peer, is_server, seconds, stacks, PORT + number)
                results[name] = check_faulty(result, name, rule, stacks)
            else:
                peer, is_server, seconds = HEALTHY[name]
                result = run_program(handfast, directory, name, peer, is_server, seconds, stacks, PORT + number)
                told = [f["rule"] for f in result["findings"]]
                results[name] = "told of %s" % told if told else None
            good = results[name] is None
            if not good and not is_last:
                again.append((name, number))
                return
            print("%-7s %-20s %s" % ("ok" if good else "not ok", name, results[name] or
                  (FAULTY[name][1] if name in FAULTY else "nothing to report")), flush=True)

    for number, name in enumerate(names or [*FAULTY, *HEALTHY]):
        threads.append(threading.Thread(target=one, args=(name, number)))
        threads[-1].start()
    for thread in threads:
        thread.join()
    for name, number in again:  # times are judged, and a machine may be busy: once more, one by one
        one(name, number + len(threads), True)
    failed = [n for n in [*FAULTY, *HEALTHY] if (not names or n in names) and results.get(n, "no result") is not None]
    print("%d of %d programs" % (len(threads) - len(failed), len(threads)))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
