#!/usr/bin/env python3
"""What a program sees through `handfast run` is what it sees without.

Every check is a far side and a near side. The near side runs twice, directly and under `handfast run`, and writes down
what it saw: bytes, order, end of stream, errno. Both accounts, and both of the far side, must be equal.

    fidelity.py HANDFAST [--long] [NAME...]     as root; everything happens in a network namespace of its own
"""
import array
import errno
import fcntl
import hashlib
import json
import os
import select
import socket
import struct
import subprocess
import sys
import termios
import threading
import time

V4, V6 = "198.51.100.1", "2001:db8:77::1"  # far side, on the loopback of the namespace
CHECKS = {}
PATIENCE = 20


def check(long=False, family=4, published=False, udp=False):
    def add(pair):
        far, near = pair()
        name = pair.__name__
        CHECKS[name] = dict(far=far, near=near, long=long, family=family, published=published, udp=udp)
        return pair
    return add


def both_families(pair):
    for family in (4, 6):
        def copy(p=pair):
            return p()
        copy.__name__ = pair.__name__ + ("" if family == 4 else "_v6")
        check(family=family)(copy)
    return pair


# ---- words ----

def name_of(error):
    return errno.errorcode.get(error.errno, str(error)) if error.errno else type(error).__name__


def attempt(function, *args):
    try:
        return function(*args)
    except OSError as error:
        return name_of(error)


def digest(data):
    return "%d:%s" % (len(data), hashlib.sha256(data).hexdigest()[:12])


def pattern(n):
    return (b"0123456789abcdef" * (n // 16 + 1))[:n]


def read_all(s):
    """Everything up to the end, and how it ended."""
    got = bytearray()
    while True:
        try:
            part = s.recv(1 << 18)
        except OSError as error:
            return digest(bytes(got)), name_of(error)
        if not part:
            return digest(bytes(got)), "EOF"
        got += part


def read_exactly(s, n):
    got = bytearray()
    while len(got) < n:
        part = s.recv(n - len(got))
        if not part:
            break
        got += part
    return bytes(got)


def reset(s):
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    s.close()


def reset_when_called(s):
    until_called(s)
    reset(s)


def unacked(s):
    value = array.array("i", [0])
    fcntl.ioctl(s.fileno(), termios.TIOCOUTQ, value)
    return value[0]


def settle(s):
    """Until everything sent has been acknowledged."""
    while unacked(s) > 0:
        time.sleep(0.01)


def call(at):
    s = socket.socket(socket.AF_INET6 if ":" in at[0] else socket.AF_INET)
    s.settimeout(PATIENCE)
    s.connect(at)
    return s


def call_and_say_so(at):
    """A connection that the other side resets only when it is known to stand here: see until_called()."""
    s = call(at)
    s.sendall(b"!")
    return s


def until_called(s):
    """connect() itself fails when the reset overtakes it; this waits until the caller has come back from it."""
    assert read_exactly(s, 1) == b"!"


def poll_for(s, events, seconds=5):
    p = select.poll()
    p.register(s, events)
    got = p.poll(seconds * 1000)
    return sorted(n for n in ("POLLIN", "POLLOUT", "POLLRDHUP", "POLLHUP", "POLLERR", "POLLPRI")
                  if got and got[0][1] & getattr(select, n))


def nothing(*_):
    return None


# ---- data ----

def echo(s):
    while True:
        part = s.recv(1 << 16)
        if not part:
            break
        s.sendall(part)
    s.close()


@both_families
def echo_small():
    def near(at):
        s = call(at)
        s.sendall(b"hello")
        got = read_exactly(s, 5).decode()
        s.close()
        return got
    return echo, near


@both_families
def download_8_mib():
    def far(s):
        s.sendall(pattern(8 << 20))
        s.close()
    return far, lambda at: read_all(call(at))


@both_families
def upload_8_mib():
    def near(at):
        s = call(at)
        s.sendall(pattern(8 << 20))
        s.shutdown(socket.SHUT_WR)
        return read_all(s)
    return read_all, near


@check()
def both_ways_at_once():
    def exchange(s):
        t = threading.Thread(target=lambda: (s.sendall(pattern(4 << 20)), s.shutdown(socket.SHUT_WR)))
        t.start()
        got = read_all(s)
        t.join()
        return got
    return exchange, lambda at: exchange(call(at))


@check()
def a_thousand_single_bytes():
    def near(at):
        s = call(at)
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for i in range(1000):
            s.send(bytes([i % 256]))
        s.shutdown(socket.SHUT_WR)
        return read_all(s)
    return read_all, near


@check()
def request_and_reply_300_times():
    def near(at):
        s = call(at)
        for i in range(300):
            s.sendall(b"x" * i + b"\n")
            if len(read_exactly(s, i + 1)) != i + 1:
                return i
        s.close()
        return "done"
    return echo, near


@check()
def one_send_of_48_mib():
    def near(at):
        s = call(at)
        s.sendall(bytes(48 << 20))
        s.shutdown(socket.SHUT_WR)
        return read_all(s)
    return read_all, near


@check()
def sendfile():
    def near(at):
        s = call(at)
        with open("/proc/self/exe", "rb") as f:
            s.sendfile(f, 0, 1 << 20)
        s.shutdown(socket.SHUT_WR)
        return read_all(s)
    return read_all, near


@check()
def peek_then_read():
    def far(s):
        s.sendall(b"abcdef")
        return read_all(s)

    def near(at):
        s = call(at)
        a = s.recv(3, socket.MSG_PEEK)
        b = read_exactly(s, 6)
        s.close()
        return a.decode(), b.decode()
    return far, near


@check()
def read_waits_for_all():
    def far(s):
        for _ in range(5):
            s.sendall(b"12345")
            time.sleep(0.02)
        s.close()
    return far, lambda at: call(at).recv(25, socket.MSG_WAITALL).decode()


@check()
def far_speaks_first():
    def far(s):
        s.sendall(b"220 ready\r\n")
        return read_all(s)

    def near(at):
        s = call(at)
        got = s.recv(100).decode()
        s.sendall(b"QUIT\r\n")
        s.close()
        return got
    return far, near


@check()
def quiet_for_two_seconds():
    def near(at):
        s = call(at)
        time.sleep(2)
        s.sendall(b"late")
        got = read_exactly(s, 4).decode()
        s.close()
        return got
    return echo, near


# ---- ends ----

@both_families
def near_closes_at_once():
    return read_all, lambda at: call(at).close()


@both_families
def far_closes_at_once():
    return lambda s: s.close(), lambda at: read_all(call(at))


@both_families
def half_close_near():
    def far(s):
        got = read_all(s)
        s.sendall(b"after your end")
        s.close()
        return got

    def near(at):
        s = call(at)
        s.sendall(b"question")
        s.shutdown(socket.SHUT_WR)
        return read_all(s)
    return far, near


@both_families
def half_close_far():
    def far(s):
        s.sendall(b"that was all")
        s.shutdown(socket.SHUT_WR)
        return read_all(s)

    def near(at):
        s = call(at)
        got = read_all(s)
        s.sendall(pattern(1 << 20))
        s.close()
        return got
    return far, near


@check()
def half_open_for_two_seconds_then_a_megabyte_back():
    def far(s):
        read_all(s)
        time.sleep(2)
        s.sendall(pattern(1 << 20))
        s.close()

    def near(at):
        s = call(at)
        s.shutdown(socket.SHUT_WR)
        return read_all(s)
    return far, near


@check()
def both_close_at_once():
    def far(s):
        s.shutdown(socket.SHUT_WR)
        return read_all(s)

    def near(at):
        s = call(at)
        s.shutdown(socket.SHUT_WR)
        return read_all(s)
    return far, near


@check()
def close_after_a_megabyte_delivers_it():
    def near(at):
        s = call(at)
        s.sendall(pattern(1 << 20))
        s.close()
    return read_all, near


@check()
def far_close_after_a_megabyte_delivers_it():
    def far(s):
        s.sendall(pattern(1 << 20))
        s.close()

    def near(at):
        s = call(at)
        time.sleep(0.5)
        return read_all(s)
    return far, near


@check()
def shutdown_of_reading():
    def near(at):
        s = call(at)
        s.shutdown(socket.SHUT_RD)
        got = s.recv(10).decode()
        s.sendall(b"still heard")
        s.close()
        return got
    return read_all, near


@check()
def poll_tells_of_the_half_close():
    def far(s):
        s.shutdown(socket.SHUT_WR)
        return read_all(s)

    def near(at):
        s = call(at)
        time.sleep(0.3)
        got = poll_for(s, select.POLLIN | select.POLLRDHUP)
        s.close()
        return got
    return far, near


@check()
def poll_tells_of_the_reset():
    def near(at):
        s = call_and_say_so(at)
        time.sleep(0.3)
        got = poll_for(s, select.POLLIN | select.POLLRDHUP)
        return got, s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    return reset_when_called, near


# ---- resets ----

@both_families
def far_resets_at_once():
    return reset_when_called, lambda at: read_all(call_and_say_so(at))


@both_families
def far_resets_after_data():
    def far(s):
        until_called(s)
        s.sendall(b"x" * 1000)
        settle(s)
        reset(s)

    def near(at):
        s = call_and_say_so(at)
        time.sleep(0.4)
        return read_all(s)
    return far, near


@check()
def far_resets_after_200_kb():
    def far(s):
        until_called(s)
        s.sendall(b"x" * 200000)
        settle(s)
        reset(s)
    return far, lambda at: read_all(call_and_say_so(at))


@both_families
def near_resets_at_once():
    return read_all, lambda at: reset(call(at))


@both_families
def near_resets_after_data():
    def near(at):
        s = call(at)
        s.sendall(b"x" * 1000)
        settle(s)
        reset(s)
    return read_all, near


@check()
def near_resets_after_200_kb():
    def near(at):
        s = call(at)
        s.sendall(b"x" * 200000)
        settle(s)
        reset(s)
    return read_all, near


@check()
def near_closes_with_unread_data():
    def far(s):
        s.sendall(b"y" * 100)
        return read_all(s)

    def near(at):
        s = call(at)
        s.recv(10)
        time.sleep(0.2)
        s.close()
    return far, near


@check()
def far_closes_with_unread_data():
    def far(s):
        s.recv(10)
        s.close()

    def near(at):
        s = call(at)
        s.sendall(b"z" * 100)
        return read_all(s)
    return far, near


@check()
def writing_after_the_far_side_has_closed():
    def near(at):
        s = call(at)
        first = read_all(s)
        s.sendall(b"too late")
        time.sleep(0.3)
        return first, attempt(s.send, b"again"), attempt(s.send, b"and again")
    return lambda s: s.close(), near


@check()
def far_writes_after_near_has_closed():
    def far(s):
        first = read_all(s)
        s.sendall(b"too late")
        time.sleep(0.3)
        return first, attempt(s.send, b"again")
    return far, lambda at: call(at).close()


@check()
def reset_while_sending():
    def far(s):
        s.recv(100000)
        time.sleep(0.1)
        reset(s)

    def near(at):
        s = call(at)
        try:
            while True:
                s.send(bytes(65536))
        except OSError as error:
            return name_of(error)
    return far, near


@check()
def reset_in_half_close():
    def far(s):
        read_all(s)
        reset(s)

    def near(at):
        s = call(at)
        s.shutdown(socket.SHUT_WR)
        return read_all(s)
    return far, near


# ---- opening ----

def elsewhere(addr, port):
    def near(at):
        s = socket.socket(socket.AF_INET6 if ":" in addr else socket.AF_INET)
        s.settimeout(PATIENCE)
        return attempt(s.connect, (addr, port))
    return near


@check()
def refused():
    return None, elsewhere(V4, 9)


@check()
def refused_v6():
    return None, elsewhere(V6, 9)


@check()
def refused_to_who_does_not_wait():
    def near(at):
        s = socket.socket()
        s.setblocking(False)
        first = s.connect_ex((V4, 9))
        poll_for(s, select.POLLOUT)
        return errno.errorcode[first] if first != errno.ECONNREFUSED else "EINPROGRESS", \
            errno.errorcode[s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)]
    return None, near


@check()
def host_unreachable():
    return None, elsewhere("203.0.113.1", 80)


@check()
def network_unreachable():
    return None, elsewhere("192.0.2.1", 80)


@check()
def network_unreachable_v6():
    return None, elsewhere("2001:db8:99::1", 80)


@check()
def silence():
    """A listener whose backlog is full drops SYNs."""
    def near(at):
        s = socket.socket()
        s.settimeout(1.5)
        return attempt(s.connect, (V4, 7))
    return None, near


@check()
def connecting_without_waiting():
    def near(at):
        s = socket.socket()
        s.setblocking(False)
        first = s.connect_ex(at)
        poll_for(s, select.POLLOUT)
        error = s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        again = s.connect_ex(at)
        s.close()
        return first in (0, errno.EINPROGRESS), error, errno.errorcode.get(again, again)
    return read_all, near


@check()
def names_of_both_ends():
    def near(at):
        s = call(at)
        got = s.getpeername()[:2]
        s.close()
        return got == at
    return read_all, near


@check()
def options_are_kept():
    def near(at):
        s = call(at)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 1)
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 1)
        time.sleep(2.5)
        s.sendall(b"alive")
        got = read_exactly(s, 5).decode()
        s.close()
        return got
    return echo, near


@check()
def four_hundred_at_once():
    def near(at):
        all = [call(at) for _ in range(400)]
        for i, s in enumerate(all):
            s.sendall(b"%03d" % i)
        good = sum(read_exactly(s, 3) == b"%03d" % i for i, s in enumerate(all))
        for s in all:
            s.close()
        return good
    return echo, near


@check()
def a_thousand_one_after_the_other():
    def near(at):
        good = 0
        for _ in range(1000):
            s = call(at)
            s.sendall(b"a")
            good += s.recv(1) == b"a"
            s.close()
        return good
    return echo, near


@check(long=True)
def ten_thousand_at_once():
    def near(at):
        all = []
        for _ in range(10000):
            all.append(call(at))
        for s in all:
            s.sendall(b"q")
        good = sum(s.recv(1) == b"q" for s in all)
        for s in all:
            s.close()
        return good
    return "select-echo", near


# ---- windows ----

def slow_reader(seconds):
    def far(s):
        s.sendall(pattern(8 << 20))
        s.close()

    def near(at):
        s = call(at)
        time.sleep(seconds)
        return read_all(s)
    return far, near


@check()
def near_reads_nothing_for_three_seconds():
    return slow_reader(3)


@check(long=True)
def near_reads_nothing_for_a_minute():
    return slow_reader(60)


def slow_far(seconds):
    def far(s):
        time.sleep(seconds)
        return read_all(s)

    def near(at):
        s = call(at)
        s.setblocking(False)
        sent, idle_since = 0, time.time()
        while time.time() - idle_since < min(1, seconds / 2):
            try:
                sent += s.send(pattern(1 << 16))
                idle_since = time.time()
            except BlockingIOError:
                time.sleep(0.02)
        bounded = sent < 64 << 20
        s.setblocking(True)
        s.sendall(pattern((64 << 20) - sent))
        s.close()
        return bounded
    return lambda s: far(s)[1], near


@check()
def far_reads_nothing_for_three_seconds():
    return slow_far(3)


@check(long=True)
def far_reads_nothing_for_a_minute():
    return slow_far(60)


@check()
def small_receive_buffer():
    def far(s):
        s.sendall(pattern(2 << 20))
        s.close()

    def near(at):
        s = socket.socket()
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        s.settimeout(PATIENCE)
        s.connect(at)
        return read_all(s)
    return far, near


# ---- urgent ----

def hear_urgent(s):
    first = poll_for(s, select.POLLPRI)
    time.sleep(0.3)
    byte = attempt(s.recv, 1, socket.MSG_OOB)
    rest = read_all(s)
    return first, byte.decode() if isinstance(byte, bytes) else byte, rest


def say_urgent(s):
    s.sendall(b"before")
    s.send(b"U", socket.MSG_OOB)
    time.sleep(0.8)
    s.sendall(b"after")
    s.close()


@check()
def urgent_from_near():
    return hear_urgent, lambda at: say_urgent(call(at))


@check()
def urgent_from_far():
    return say_urgent, lambda at: hear_urgent(call(at))


@check()
def urgent_in_line():
    def near(at):
        s = call(at)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_OOBINLINE, 1)
        time.sleep(0.3)
        return s.recv(100).decode(), read_all(s)
    return say_urgent, near


# ---- reached from outside ----

def serve(action):
    def near(listener):
        s, _ = listener.accept()
        s.settimeout(PATIENCE)
        return action(s)
    return near


@check(published=True)
def published_echo():
    def far(at):
        s = call(at)
        s.sendall(pattern(1 << 20))
        s.shutdown(socket.SHUT_WR)
        return read_all(s)

    def near(listener):
        s, _ = listener.accept()
        data = read_exactly(s, 1 << 20)
        s.sendall(data)
        s.close()
        return digest(data)
    return far, near


@check(published=True)
def published_half_close():
    def far(at):
        s = call(at)
        s.sendall(b"question")
        s.shutdown(socket.SHUT_WR)
        return read_all(s)

    def near(s):
        got = read_all(s)
        s.sendall(b"answer")
        s.close()
        return got
    return far, serve(near)


@check(published=True)
def published_server_resets_after_data():
    def near(s):
        until_called(s)
        s.sendall(b"half a reply")
        settle(s)
        reset(s)

    def far(at):
        s = call_and_say_so(at)
        time.sleep(0.4)
        return read_all(s)
    return far, serve(near)


@check(published=True)
def published_client_resets_after_data():
    def far(at):
        s = call(at)
        s.sendall(b"half a question")
        settle(s)
        reset(s)
    return far, serve(read_all)


@check(published=True)
def published_server_closes_first():
    def near(s):
        s.sendall(b"bye")
        s.close()
    return lambda at: read_all(call(at)), serve(near)


@check(published=True)
def published_client_closes_first():
    def far(at):
        s = call(at)
        s.sendall(b"bye")
        s.close()
    return far, serve(read_all)


@check(published=True)
def published_server_closes_with_unread_data():
    def near(s):
        s.recv(4)
        time.sleep(0.1)
        s.close()

    def far(at):
        s = call(at)
        s.sendall(b"12345678")
        return read_all(s)
    return far, serve(near)


@check(published=True)
def published_urgent():
    return lambda at: say_urgent(call(at)), serve(hear_urgent)


# ---- UDP ----

def talk_udp(addr):
    s = socket.socket(socket.AF_INET6 if ":" in addr else socket.AF_INET, socket.SOCK_DGRAM)
    s.settimeout(3)
    return s


def udp_near(sizes):
    def near(at):
        s = talk_udp(at[0])
        s.connect(at)
        got = []
        for n in sizes:
            s.send(pattern(n))
            got.append(digest(s.recv(70000)))
        return got
    return near


@check(udp=True)
def udp_small():
    return "udp-echo", udp_near([1, 100, 0, 512])


@check(udp=True)
def udp_large():
    return "udp-echo", udp_near([1472, 1473, 9000, 65507])


@check(udp=True, family=6)
def udp_v6():
    return "udp-echo", udp_near([1, 1500, 60000])


@check(udp=True)
def udp_unconnected():
    def near(at):
        s = talk_udp(at[0])
        s.sendto(b"who", at)
        data, who = s.recvfrom(100)
        return data.decode(), who == at
    return "udp-echo", near


@check(udp=True)
def udp_refused():
    def near(at):
        s = talk_udp(V4)
        s.connect((V4, 9))
        s.send(b"x")
        return attempt(s.recv, 10)
    return None, near


@check(udp=True)
def udp_two_hundred_in_order():
    def near(at):
        s = talk_udp(at[0])
        s.connect(at)
        got = []
        for i in range(200):
            s.send(b"%d" % i)
            got.append(int(s.recv(10)))
        return got == list(range(200))
    return "udp-echo", near


# ---- the far side: one for each check, in the namespace outside ----

class Far:
    def __init__(self, check):
        self.check, self.seen, self.threads, self.lock = check, [], [], threading.Lock()
        self.addr = V4 if check["family"] == 4 else V6
        self.socket = None
        far = check["far"]
        if far is None or check["published"]:
            return
        family = socket.AF_INET if check["family"] == 4 else socket.AF_INET6
        self.socket = socket.socket(family, socket.SOCK_DGRAM if check["udp"] else socket.SOCK_STREAM)
        self.socket.bind((self.addr, 0))
        run = {"udp-echo": self.echo_datagrams, "select-echo": self.echo_many}.get(far, self.accept)
        if not check["udp"]:
            self.socket.listen(4096)
        threading.Thread(target=run, daemon=True).start()

    def at(self):
        return (self.addr, self.socket.getsockname()[1]) if self.socket else (self.addr, 9)

    def accept(self):
        while True:
            try:
                s, _ = self.socket.accept()
            except OSError:
                return
            s.settimeout(PATIENCE * 4)
            t = threading.Thread(target=self.one, args=(s,), daemon=True)
            with self.lock:  # whoever was answered is in the list of those to wait for
                self.threads.append(t)
                t.start()

    def one(self, s):
        try:
            self.seen.append(self.check["far"](s))
        except OSError as error:
            self.seen.append(name_of(error))
        s.close()

    def echo_datagrams(self):
        while True:
            try:
                data, who = self.socket.recvfrom(70000)
            except OSError:
                return
            self.socket.sendto(data, who)

    def echo_many(self):
        p = select.epoll()
        all = {self.socket.fileno(): self.socket}
        p.register(self.socket, select.EPOLLIN)
        while True:
            for fd, _ in p.poll():
                if all[fd] is self.socket:
                    s, _ = self.socket.accept()
                    all[s.fileno()] = s
                    p.register(s, select.EPOLLIN)
                    continue
                data = attempt(all[fd].recv, 100)
                if not data or isinstance(data, str):
                    p.unregister(fd)
                    all.pop(fd).close()
                else:
                    all[fd].send(data)

    def account(self):
        """What it saw, once it has seen everything: a connection may still be on its way."""
        waits_for_one = callable(self.check["far"]) and not self.check["published"]
        until = time.time() + PATIENCE
        while waits_for_one and not self.threads and time.time() < until:
            time.sleep(0.01)
        with self.lock:
            threads = list(self.threads)
        for t in threads:
            t.join(PATIENCE)
        return sorted(map(json.dumps, self.seen))


# ---- the near side: a process that runs checks as it is told, one a line ----

def near_main():
    for line in sys.stdin:
        order = json.loads(line)
        c = CHECKS[order["name"]]
        try:
            if c["published"]:
                listener = socket.socket()
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                listener.bind(("0.0.0.0", order["port"]))
                listener.listen(16)
                listener.settimeout(PATIENCE)
                print(json.dumps("ready"), flush=True)
                seen = c["near"](listener)
                listener.close()
            else:
                seen = c["near"](tuple(order["at"]))
        except OSError as error:
            seen = name_of(error)
        print(json.dumps(seen), flush=True)


class Near:
    def __init__(self, command):
        self.process = subprocess.Popen(command + [sys.executable, os.path.abspath(__file__), "--near"],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def tell(self, **order):
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()

    def hear(self):
        return json.loads(self.process.stdout.readline() or '"the near side is gone"')

    def end(self):
        self.process.stdin.close()
        self.process.wait(30)


def run_check(name, near, port):
    c = CHECKS[name]
    far = Far(c)
    near.tell(name=name, at=far.at(), port=port)
    if c["published"]:
        near.hear()
        try:
            far.seen.append(c["far"](("127.0.0.1", port)))
        except OSError as error:
            far.seen.append(name_of(error))
    seen = near.hear()
    account = {"near": seen, "far": far.account()}
    if far.socket:
        far.socket.close()
    return account


def make_world():
    """In a namespace of our own: the far side's addresses, an unreachable host, and a listener that is full."""
    def ip(*args):
        subprocess.run(["ip", *args], check=True)
    ip("link", "set", "lo", "up")
    ip("address", "add", V4 + "/32", "dev", "lo")
    ip("address", "add", V6 + "/128", "dev", "lo", "nodad")
    ip("route", "add", "unreachable", "203.0.113.0/24")
    full = socket.socket()
    full.bind((V4, 7))
    full.listen(0)
    held = [full]
    for _ in range(3):
        s = socket.socket()
        s.setblocking(False)
        s.connect_ex((V4, 7))
        held.append(s)
    time.sleep(0.1)
    return held


def main(handfast, names):
    held = make_world()
    direct = Near([])
    through = Near([handfast, "run", "--allow", V4, "--allow", V6, "--publish", "7001:7001", "--"])
    failed = 0
    for name in names:
        began = time.time()
        a = run_check(name, direct, 7000)
        b = run_check(name, through, 7001)
        if json.dumps(a, sort_keys=True) != json.dumps(b, sort_keys=True):
            failed += 1
            print("not ok  %s\n        direct   %s\n        through  %s" % (name, json.dumps(a), json.dumps(b)), flush=True)
        else:
            print("ok      %-48s %5.2f s  %.100s" % (name, time.time() - began, json.dumps(a["near"])), flush=True)
    direct.end()
    through.end()
    del held
    print("%d of %d checks: the same through handfast run as without" % (len(names) - failed, len(names)))
    return 1 if failed else 0


if __name__ == "__main__":
    if sys.argv[1:2] == ["--near"]:
        near_main()
        sys.exit(0)
    if "--inside" not in sys.argv:
        sys.exit(subprocess.call(["unshare", "--net", sys.executable, *sys.argv, "--inside"]))
    arguments = [a for a in sys.argv[1:] if not a.startswith("--")]
    wanted = arguments[1:] or [n for n, c in CHECKS.items() if "--long" in sys.argv or not c["long"]]
    sys.exit(main(os.path.abspath(arguments[0]), wanted))
