# SPDX-License-Identifier: ISC
"""Speaks vpnd/1 to a real server, step by step: client.py KEY HOST PORT [CIPHERS].

CIPHERS is the sum of the ids offered (1 is the default). A line for each step; the exit status is
0 if the server did at every step what PROTOCOL.md says.
"""
import os
import socket
import sys
import time

import packets
from session import (CLOSE, CONFIRM, LEASE, PAD, PING, PONG, PROTOCOL, REKEY1, SHUTDOWN,
                     SUPERSEDED, SWITCH)
from vpnd1 import ClockReply, Opening, Refused, hello_c, parse_key

LIMIT, WAIT = 65536, 5.0
END = 15.0  # that it comes at all, not how soon
REFUSED_BY_POLICY = 4


def say(text):
    print(text, flush=True)


class Failed(Exception):
    """The server did not do what the text says."""


class Connection:
    """One TCP connection and the session on it."""

    def __init__(self, place, keys, hello, skew_ms=0, unsure=False):
        self.socket = socket.create_connection(place, WAIT)
        self.session, self.seen, self.ended = None, [], False
        self.opening = Opening(keys, time.time_ns() // 10**6 + skew_ms, hello, unsure)
        self.socket.sendall(self.opening.c1)

    def read(self, until):
        """More bytes, or None when there were none before that moment; b"" is the end."""
        self.socket.settimeout(max(until - time.monotonic(), 0.001))
        try:
            return self.socket.recv(65536)
        except TimeoutError:
            return None

    def opened(self):
        until = time.monotonic() + WAIT
        while True:
            data = self.read(until)
            if not data:
                raise Failed("no answer to c1")
            answer = self.opening.feed(data)
            if answer is not None:
                break
        if not isinstance(answer, ClockReply):
            self.session = answer
            self.seen += answer.feed(b"")
        return answer

    def silent(self, seconds):
        """Nothing comes and nothing ends for so long."""
        return self.read(time.monotonic() + seconds) is None

    def flush(self):
        self.socket.sendall(self.session.take())

    def wait(self, what, matches=lambda value: True):
        """The first event of that kind; answers what has to be answered meanwhile."""
        until = time.monotonic() + WAIT
        while True:
            for i, event in enumerate(self.seen):
                if event.what == what and matches(event.value):
                    del self.seen[i]
                    return event.value
            data = self.read(until)
            if not data:
                raise Failed(f"{'the end' if data == b'' else 'nothing'} instead of: {what}")
            self.seen += self.session.feed(data)
            if not self.session.closed_by_peer:
                self.flush()

    def wait_end(self):
        until = time.monotonic() + END
        while (data := self.read(until)) != b"":
            if data is None:
                raise Failed("the server does not end the connection")
            self.seen += self.session.feed(data)
        self.socket.close()


class Tour:
    def __init__(self, key_path, host, port, ciphers):
        with open(key_path, "rb") as file:
            self.keys = parse_key(file.read())
        self.place, self.ciphers = (host, port), ciphers
        self.instance, self.cookie = os.urandom(16), bytes(40)
        self.number = 0

    def hello(self):
        return hello_c(self.ciphers, LIMIT, self.instance, self.cookie)

    def connect(self, **how):
        connection = Connection(self.place, self.keys, self.hello(), **how)
        hello = connection.opened().hello
        if hello.status:
            raise Failed(f"status {hello.status}")
        if hello.cipher != next(i for i in (4, 2, 1) if self.ciphers & i):
            raise Failed(f"cipher {hello.cipher} was chosen of {self.ciphers}")
        self.cookie = hello.lease.cookie
        return connection

    def confirm(self, connection):
        # Data in the same write as CONFIRM: the server must not need a pause between them.
        connection.session.confirm()
        self.echo(connection)

    def echo(self, connection):
        lease = connection.session.hello.lease
        self.number += 2
        texts = [os.urandom(40 + 1000 * i) for i in range(2)]
        connection.session.data([packets.echo_request(lease.client4, lease.server4,
                                                      self.number + i, text)
                                 for i, text in enumerate(texts)], padding=os.urandom(99))
        connection.flush()
        for i, text in enumerate(texts):
            connection.wait("packet", lambda p, i=i, text=text: packets.is_echo_reply(
                p, lease.server4, lease.client4, self.number + i, text))

    # --- The steps ---

    def first(self):
        connection = self.connect()
        hello = connection.session.hello
        if not connection.silent(0.3):
            raise Failed("the server speaks before CONFIRM")
        say(f"hello: cipher {hello.cipher}, L {hello.limit}, kinds {hello.kinds}, address "
            f"{socket.inet_ntoa(hello.lease.client4)}/{hello.lease.prefix4}")
        self.confirm(connection)
        say("CONFIRM, and both echoes of one record were answered")
        return connection

    def ping(self, connection):
        mark = os.urandom(8)
        connection.session.control(PING, mark + b"\0" + os.urandom(30))
        connection.session.control(200, b"for a later version")
        connection.session.control(PONG, os.urandom(8) + b"\0")
        connection.session.control(PAD, os.urandom(7))
        connection.flush()
        connection.wait("pong", lambda value: value == mark)
        say("PING was answered; PAD, a stray PONG and an unknown op above 127 were ignored")

    def ratchet(self, connection):
        connection.session.ratchet()
        self.echo(connection)
        connection.session.ratchet()
        connection.session.ratchet()
        self.echo(connection)
        say("three ratchets, two of them back to back")

    def rekey(self, connection, switch_at):
        session = connection.session
        session.switch_at = switch_at
        old = session.rk
        session.start_rekey()
        session.ratchet()  # between REKEY1 and REKEY2
        self.echo(connection)
        connection.wait("switched")
        if switch_at == "asked":
            self.echo(connection)
            session.ratchet()  # between REKEY2 and our SWITCH(1)
            self.echo(connection)
            session.finish()
        self.echo(connection)
        if session.rk == old:
            raise Failed("rk is the old one")
        say(f"DH re-key {session.rekeys}, our SWITCH(1) after {switch_at}")

    def sizes(self, connection):
        """The largest record, and one that comes byte by byte."""
        lease, limit = connection.session.hello.lease, connection.session.hello.limit
        connection.session.data([], padding=bytes(limit - 2))
        self.echo(connection)
        text = os.urandom(8)
        connection.session.data([packets.echo_request(lease.client4, lease.server4, 1, text)])
        connection.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in connection.session.take():
            connection.socket.sendall(bytes((byte,)))
        connection.wait("packet", lambda p: packets.is_echo_reply(
            p, lease.server4, lease.client4, 1, text))
        say(f"a record of {limit} bytes, and one byte by byte")

    def come_back(self, old):
        """The same identity again: it keeps its address, and the older session is superseded."""
        new = self.connect()
        if not old.silent(0.3):
            raise Failed("the older session suffers from one that is half-open")
        self.confirm(new)
        if old.wait("close") != SUPERSEDED:
            raise Failed("the older session is not told that it was superseded")
        old.wait_end()
        if new.session.hello.lease.client4 != old.session.hello.lease.client4:
            raise Failed("another address than before")
        say("came back by the cookie; the older session got CLOSE(superseded) and the end")
        return new

    def refused(self):
        """No cipher in common."""
        connection = Connection(self.place, self.keys, hello_c(8, LIMIT, self.instance))
        if (status := connection.opened().hello.status) != REFUSED_BY_POLICY:
            raise Failed(f"status {status} to an offer of an unknown cipher")
        if not connection.silent(0.3):
            raise Failed("more follows a refusal")
        say("status 4 when there is no cipher in common")

    def close(self, connection):
        connection.session.close(SHUTDOWN)
        connection.flush()
        connection.socket.shutdown(socket.SHUT_WR)
        connection.wait_end()
        if any(e.what == "close" for e in connection.seen):
            raise Failed("the server answers CLOSE with a CLOSE")
        say("CLOSE and FIN, then the server's FIN")

    def half_open(self):
        """What is not a CONFIRM makes a half-open connection one that never authenticated."""
        cases = {"PING": lambda s: s.control(PING, bytes(9)),
                 "data": lambda s: s.data([b"E" * 40]),
                 "a CONFIRM that is too long": lambda s: s.control(CONFIRM, bytes(256)),
                 "random bytes": lambda s: setattr(s, "out", os.urandom(300))}
        for what, act in cases.items():
            connection = self.connect()
            act(connection.session)
            connection.flush()
            connection.session.confirm()  # too late
            connection.flush()
            if not connection.silent(0.3):
                raise Failed(f"{what} instead of CONFIRM is not met with silence")
        say("silence when the first record is anything but a CONFIRM")

    def twice(self, session):
        session.start_rekey()
        first, session.initiator = session.initiator, None
        session.start_rekey()
        session.initiator = first

    def faults(self):
        """Errors of protocol by one who is authenticated."""
        cases = {"unknown op 99": lambda s: s.control(99),
                 "a second CONFIRM": lambda s: s.confirm(),
                 "CLOSE without a reason": lambda s: s.control(CLOSE),
                 "an op of the server": lambda s: s.control(LEASE, bytes(112)),
                 "a PING that is too short": lambda s: s.control(PING, bytes(8)),
                 "an unknown kind of SWITCH": lambda s: s.control(SWITCH, b"\2"),
                 "REKEY1 before the last one is done": self.twice,
                 "SWITCH(1) without a re-key": lambda s: s.control(SWITCH, b"\1"),
                 "an empty control record": lambda s: setattr(s, "out", s.out + s.c2s.seal(1, b"")),
                 "a forged REKEY1": lambda s: s.control(REKEY1, os.urandom(48))}
        for what, act in cases.items():
            connection = self.connect()
            self.confirm(connection)
            act(connection.session)
            connection.flush()
            if connection.wait("close") != PROTOCOL:
                raise Failed(f"{what}: another reason")
            connection.wait_end()
            say(f"{what}: CLOSE(protocol)")

    def broken_records(self):
        """Records that end a connection without a word."""
        cases = {"a tag that is wrong": lambda s: s.c2s.seal(1, b"\x08")[:-1] + b"!",
                 "type 2": lambda s: s.c2s.seal(2, b"\x08"),
                 "a reserved bit": lambda s: s.c2s.seal(1, b"\x08", b"\1\0\2\x80")}
        for what, make in cases.items():
            connection = self.connect()
            self.confirm(connection)
            connection.socket.sendall(make(connection.session))
            try:
                connection.wait_end()
            except ConnectionResetError:
                pass  # it read no further; what was in its buffer makes the kernel say so
            if any(e.what == "close" for e in connection.seen):
                raise Failed(f"{what}: the server still spoke")
            say(f"{what}: the end without a word")

    def silence(self, connection):
        replay = socket.create_connection(self.place, WAIT)
        replay.sendall(connection.opening.c1)
        late = Connection(self.place, self.keys, self.hello(), skew_ms=-3_600_000)
        replay.settimeout(1)
        try:
            replay.recv(1)
        except TimeoutError:
            pass
        else:
            raise Failed("a replayed c1 is answered, or ended at once")
        if not late.silent(0.3):
            raise Failed("a c1 an hour old is answered")
        say("silence for a replayed c1 and for one of an hour ago")

    def clock(self):
        skewed = Connection(self.place, self.keys, self.hello(), skew_ms=-3_600_000, unsure=True)
        reply = skewed.opened()
        if not isinstance(reply, ClockReply):
            raise Failed("no clock reply")
        offset = reply.time - time.time_ns() // 10**6
        if abs(offset) > 2000 or not skewed.silent(0.3):
            raise Failed(f"the clock reply is {offset} ms off, or more follows it")
        say("a clock reply")


def main():
    key, host, port, *rest = sys.argv[1:]
    tour = Tour(key, host, int(port), int(rest[0]) if rest else 1)
    try:
        connection = tour.first()
        tour.ping(connection)
        tour.ratchet(connection)
        for switch_at in ("REKEY2", "SWITCH", "asked"):
            tour.rekey(connection, switch_at)
        tour.sizes(connection)
        connection = tour.come_back(connection)
        tour.silence(connection)
        tour.clock()
        tour.refused()
        tour.close(connection)
        tour.half_open()
        tour.faults()
        tour.broken_records()
    except (Failed, Refused, OSError) as e:
        say(f"FAILED: {type(e).__name__}: {e}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
