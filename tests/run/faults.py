#!/usr/bin/env python3
"""Every fault of the manual's table does what it says: once, to the frame it names, and again the same with the same seed.

    faults.py HANDFAST PROGRAMS_DIRECTORY [NAME...]        as root

A small program talks through the fault, twice; what it felt and what --pcap saw must be the event intended and no other.
Then programs that mishandle an end that comes late, or half a reply, and one that does not.
"""
import json
import os
import re
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
HANDFAST, PROGRAMS = (os.path.abspath(a) for a in sys.argv[1:3])
NAMES = sys.argv[3:]
PROGRAM, REPLY = "10.77.0.2", bytes(range(250)) * 8
FIN, SYN, RST, ACK = 1, 2, 4, 16
RTO = 0.19  # a little less than the least retransmission time of either side
results, again = [], []


# ---- the far side: answers a request with REPLY, and closes when its client has ended ----

def answer(s):
    try:
        asked = b""
        while not asked.endswith((b"two", b"\n")):
            asked += s.recv(1000) or b"\n"
        s.sendall(REPLY)
        while s.recv(100):
            pass
    except OSError:
        pass
    s.close()


def serve():
    listener = socket.create_server(("127.0.0.1", 0), backlog=64)

    def run():
        while True:
            threading.Thread(target=answer, args=(listener.accept()[0],), daemon=True).start()
    threading.Thread(target=run, daemon=True).start()
    return listener.getsockname()[1]


# What the program does, each step with its time, as JSON.
CLIENT = """
import json, socket, sys, time
def step(name, act):
    began = time.monotonic()
    try:
        result = act()
    except OSError as error:
        result = error.errno
    told[name] = [result, time.monotonic() - began]
def read():
    sum = 0
    while True:
        try:
            part = s.recv(100)
        except OSError as error:
            return [sum, error.errno]
        if not part:
            return [sum, 0]
        sum += len(part)
told = {}
for attempt in ("first", "second"):
    s = socket.socket()
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    step(attempt, lambda: s.connect(("10.77.0.1", int(sys.argv[1]))))
    if told[attempt][0] is None:
        break
    s.close()
s.sendall(b"one")
time.sleep(0.02)
s.sendall(b"t" * 997 + b"two")
step("begin", lambda: len(s.recv(1)))
time.sleep(0.15)
try:
    s.shutdown(socket.SHUT_WR)
except OSError:
    pass
step("rest", read)
s.close()
print(json.dumps(told))
"""


# ---- what --pcap saw ----

class Frame:
    def __init__(self, at, ip):
        tcp = ip[20:struct.unpack(">H", ip[2:4])[0]]
        self.at, self.is_in = at, socket.inet_ntoa(ip[12:16]) == PROGRAM
        self.ports = struct.unpack(">HH", tcp[:4])
        self.seq, self.ack = struct.unpack(">II", tcp[4:12])
        self.flags, self.payload, self.tcp, self.ip = tcp[13] & 23, tcp[(tcp[12] >> 4) * 4:], tcp, ip

    def is_sound(self):
        data = self.ip[12:20] + struct.pack(">HH", 6, len(self.tcp)) + self.tcp + b"\0" * (len(self.tcp) % 2)
        total = sum(struct.unpack(">%dH" % (len(data) // 2), data))
        while total >> 16:
            total = (total & 0xffff) + (total >> 16)
        return total == 0xffff


def read_pcap(path):
    with open(path, "rb") as f:
        data, at, frames, begins = f.read(), 0, [], {}
    while at < len(data):
        kind, length = struct.unpack("=II", data[at:at + 8])
        if kind == 6:
            high, low, captured = struct.unpack("=III", data[at + 12:at + 24])
            ip = data[at + 28:at + 28 + captured]
            if ip[0] == 0x45 and ip[9] == 6:
                frames.append(Frame((high << 32 | low) / 1e9, ip))
        at += length
    for f in frames:  # numbers from each side's SYN; only the last attempt's matter
        if f.flags & SYN:
            begins[f.is_in] = f.seq
    for f in frames:
        f.seq = f.seq - begins.get(f.is_in, 0) & 0xffffffff
        f.ack = f.ack - begins.get(not f.is_in, 0) & 0xffffffff
    return frames


def pick(frames, is_in, flag=0, seq=None, data=False):
    return [f for f in frames if f.is_in == is_in and f.flags & flag == flag and (seq is None or f.seq == seq)
            and (not data or f.payload)]


# ---- what each fault has to be ----

FAULTS = {}


def fault(*lines, extra=()):
    def add(judge):
        for line in lines:
            FAULTS[line] = (judge, extra)
        return judge
    return add


class Wrong(Exception):
    pass


def expect(holds, what):
    if not holds:
        raise Wrong(what)


def expect_usual(told, frames):
    """But for the fault nothing is unusual: one connection, the whole reply, an end."""
    expect(told["first"][0] is None, "connect said %s" % told["first"][0])
    expect(told["begin"][0] == 1 and told["rest"][0] == [len(REPLY) - 1, 0], "the reply was %s" % told["rest"][0])


@fault("answer first SYN with RST")
def judge_refusal(told, frames):
    expect(told["first"][0] == 111 and told["first"][1] < 0.5, "the first attempt was not refused at once")
    expect(told["second"][0] is None and told["rest"][0] == [len(REPLY) - 1, 0], "nor the second one taken")
    expect(len(pick(frames, True, SYN)) == 1, "the refused SYN came through")


@fault("drop first SYN")
def judge_syn(told, frames):
    expect_usual(told, frames)
    expect(0.9 < told["first"][1] < 1.9, "connect took %.3f s" % told["first"][1])
    expect(len(pick(frames, True, SYN)) == 1, "more than one SYN came")


@fault("drop first SYN,ACK")
def judge_syn_ack(told, frames):
    expect_usual(told, frames)
    expect(0.9 < told["first"][1] < 1.9, "connect took %.3f s" % told["first"][1])
    answers = pick(frames, False, SYN | ACK)
    expect(len(answers) >= 2 and answers[1].at - answers[0].at > 0.9, "%d SYN,ACKs" % len(answers))


@fault("drop handshake ACK")
def judge_handshake(told, frames):
    expect_usual(told, frames)
    after = [f for f in frames if f.is_in and not f.flags & SYN]
    expect(after[0].payload == b"one", "the first that came after the SYN was no data")
    expect(told["first"][1] < 0.9, "connect took %.3f s" % told["first"][1])


@fault("drop first data")
def judge_data(told, frames):
    expect_usual(told, frames)
    first = pick(frames, True, seq=1, data=True)
    later = pick(frames, True, seq=4, data=True)
    expect(first and later and later[0].at <= first[0].at, "the first bytes came first")


@fault("drop first FIN")
def judge_first_fin(told, frames):
    expect_usual(told, frames)
    ours, theirs = pick(frames, True, FIN), pick(frames, False, FIN)
    expect(len(ours) == 1 and len(theirs) == 1, "%d and %d FINs" % (len(ours), len(theirs)))
    expect(told["rest"][1] > RTO, "the end came after %.3f s" % told["rest"][1])


@fault("drop second FIN")
def judge_second_fin(told, frames):
    expect_usual(told, frames)
    ours, theirs = pick(frames, True, FIN), pick(frames, False, FIN)
    expect(len(ours) == 1 and len(theirs) == 2, "%d and %d FINs" % (len(ours), len(theirs)))
    expect(theirs[1].at - theirs[0].at > RTO and told["rest"][1] > RTO, "the end was not late")


@fault("lose last ACK")
def judge_last_ack(told, frames):
    expect_usual(told, frames)
    theirs = pick(frames, False, FIN)
    last = [f for f in pick(frames, True, ACK) if f.ack == theirs[0].seq + len(theirs[0].payload) + 1]
    expect(len(theirs) == 2 and theirs[1].at - theirs[0].at > RTO, "%d FINs of the side that closed last" % len(theirs))
    expect(last and last[0].at >= theirs[1].at, "%d last ACKs came" % len(last))


@fault("delay 150ms first data")
def judge_delay(told, frames):
    expect_usual(told, frames)
    handshake = [f for f in frames if f.is_in and not f.flags & SYN][0]
    first = pick(frames, True, seq=1, data=True)
    expect(first[-1].at - handshake.at > 0.145, "it came after %.3f s" % (first[-1].at - handshake.at))
    expect(pick(frames, True, seq=4, data=True)[0].at < first[-1].at, "nothing overtook it")


@fault("duplicate every data")
def judge_duplicates(told, frames):
    expect_usual(told, frames)
    seen = [(f.seq, len(f.payload)) for f in pick(frames, True, data=True)]
    expect(seen and all(seen.count(x) % 2 == 0 for x in seen), "not everything came twice: %s" % seen)


@fault("corrupt second data", extra=("--seed", "3"))
def judge_corruption(told, frames):
    expect_usual(told, frames)
    bad = [f for f in frames if f.is_in and not f.is_sound()]
    expect(len(bad) == 1, "%d frames have a wrong checksum" % len(bad))
    data = [f for f in pick(frames, True, data=True) if f.is_sound() and f.at > bad[0].at]
    expect({n for f in data for n in range(f.seq, f.seq + len(f.payload))} >= set(range(4, 1004)), "it did not come again, whole")
    whole = b"t" * 997 + b"two"
    return [(i, a) for i, (a, b) in enumerate(zip(bad[0].payload, whole)) if a != b]


@fault("out reset after 512 bytes")
def judge_reset(told, frames):
    resets = [f for f in frames if f.flags & RST]
    expect(told["begin"][0] == 1 and told["rest"][0] == [511, 104], "the program saw %s" % told["rest"][0])
    expect({(f.is_in, f.seq) for f in resets} == {(True, 1004)}, "resets at %s" % [(f.is_in, f.seq) for f in resets])


# ---- running ----

def run_once(line, port, directory, number):
    judge, extra = FAULTS[line]
    pcap = os.path.join(directory, "%s-%d.pcapng" % (line.replace(" ", "-"), number))
    report = pcap.replace(".pcapng", ".json")
    r = subprocess.run([HANDFAST, "run", "--host-loopback", "--drain", "2", "--fault", line, "--pcap", pcap, "--report",
                        report, *extra, "--", sys.executable, "-c", CLIENT, str(port)], capture_output=True, text=True, timeout=30)
    expect(r.returncode == 0, r.stderr[-300:])
    with open(report) as f:
        found = json.load(f)
    expect(found["problems"] == 0, "the report blames the program: %s" % [x["rule"] for x in found["findings"]])
    frames = read_pcap(pcap)
    told = json.loads(r.stdout)
    told = {k: (v, t) for k, (v, t) in told.items()}
    place = judge(told, frames)
    resets = found["totals"]["reset_by_path"]
    expect(resets == ("reset" in line), "%d resets by the path" % resets)
    marks = {(f.is_in, f.flags & (SYN | FIN | RST), f.seq) for f in frames if f.flags & (SYN | FIN | RST)}
    return {k: v for k, (v, _) in told.items()}, place, sorted(marks)


def judge_fault(line, port, directory):
    try:
        first, second = (run_once(line, port, directory, n) for n in (1, 2))
        expect(first == second, "the second time differs: %s, %s" % (first, second))
    except (Wrong, ValueError, LookupError, OSError, subprocess.SubprocessError) as error:
        return "%s: %s" % (type(error).__name__, error)
    return None


def lines_of_the_manual():
    """The table of named faults, and the one of docs/run.md: the same, and none without a test."""
    top = os.path.join(HERE, "..", "..")
    with open(os.path.join(top, "man", "handfast-run.1")) as f:
        manual = re.search(r"by name:\n\.TS\n.*?\n(.*?)\.TE", f.read(), re.S).group(1)
    with open(os.path.join(top, "docs", "run.md")) as f:
        rows = re.search(r"\| fault \|.*?\n\n", f.read(), re.S).group(0).strip()
    in_docs = {name for row in rows.splitlines()[2:] for name in re.findall(r"`([^`]+)`", row.split("|")[1])}
    return {line.split("\t")[0] for line in manual.splitlines()}, in_docs


def marked_line(program):
    with open(os.path.join(HERE, "programs", program + ".c")) as f:
        return next(n for n, line in enumerate(f, 1) if "/* HERE */" in line)


# program, fault, exit status, rule
CAUGHT = [
    ("careless_client", None, 0, None),
    ("careless_client", "drop second FIN", 9, "dead-descriptor"),
    ("careless_client", "out reset after 1024 bytes", 9, "dead-descriptor"),
    ("good_client", None, 0, None),
    ("good_client", "drop second FIN", 0, None),
    ("good_client", "out reset after 1024 bytes", 4, None),
]


def judge_program(name, line, status, rule, port, directory):
    report = os.path.join(directory, "%s-%s-%s.json" % (name, status, rule))
    try:
        r = subprocess.run([HANDFAST, "run", "--host-loopback", "--stacks", "--leak-age", "1", "--error-exitcode", "9", "--report",
                            report, *(["--fault", line] if line else []), "--", os.path.join(PROGRAMS, name), "10.77.0.1",
                            str(port)], capture_output=True, text=True, timeout=30)
        with open(report) as f:
            found = [x for x in json.load(f)["findings"] if x["severity"] == "problem"]
        expect(r.returncode == status, "exit status %d" % r.returncode)
        expect([x["rule"] for x in found] == ([rule] if rule else []), "found %s" % [x["rule"] for x in found])
        places = [(os.path.basename(p["file"] or ""), p["line"]) for x in found for p in x["opened_at"]]
        expect(not rule or (name + ".c", marked_line(name)) in places, "named %s" % places)
    except (Wrong, OSError, ValueError, subprocess.SubprocessError) as error:
        return str(error)
    return None


def attempt(title, judge, arguments, gate, is_last):
    with gate:
        verdict = judge(*arguments)
    if verdict and not is_last:
        again.append((title, judge, arguments))
        return
    results.append((title, verdict))
    print("%-7s %-44s %s" % ("not ok" if verdict else "ok", title, verdict or ""), flush=True)


def main():
    in_manual, in_docs = lines_of_the_manual()
    for line in (in_manual | in_docs) - set(FAULTS) | in_manual ^ in_docs:
        results.append((line, "not in both tables, or without a test"))
        print("not ok  %-28s not in both tables, or without a test" % line)
    port, gate, threads = serve(), threading.Semaphore(6), []
    with tempfile.TemporaryDirectory() as directory:
        tries = [(line, judge_fault, (line, port, directory)) for line in FAULTS]
        tries += [("%s, %s" % (case[0], case[1] or "no fault"), judge_program, (*case, port, directory)) for case in CAUGHT]
        for one in tries:
            if not NAMES or any(n in one[0] for n in NAMES):
                threads.append(threading.Thread(target=attempt, args=(*one, gate, False)))
                threads[-1].start()
        for thread in threads:
            thread.join()
        for one in again:  # times are judged, and a machine may be busy: once more, one by one
            attempt(*one, gate, True)
    return 1 if any(verdict for _, verdict in results) else 0


if __name__ == "__main__":
    sys.exit(main())
