# SPDX-License-Identifier: ISC
"""Records, control messages and the renewal of keys: sections 5 and 6 of PROTOCOL.md."""
import os
import struct
from collections import namedtuple

import sodium
from lease import parse_lease
from noise import Initiator, Refused, b32, require
from sodium import DecryptError

CONFIRM, PING, PONG, REKEY1, REKEY2, SWITCH, CLOSE, PAD, LEASE, CONFIG = range(1, 11)
SHUTDOWN, SUPERSEDED, PROTOCOL = 1, 2, 4


class Direction:
    def __init__(self, cipher, base):
        self.cipher = cipher
        self.rebase(base)

    def rebase(self, base):
        self.base, self.counter = base, 0
        self.ek, self.hk = b32(base, b"vpnd/1 ek"), b32(base, b"vpnd/1 hk")

    def ratchet(self):
        self.rebase(b32(self.base, b"vpnd/1 up"))

    def renew(self, q):
        self.rebase(b32(self.base, b"vpnd/1 dh" + q))

    def mask(self, header):
        at = 4 * (self.counter % 16)
        stream = sodium.chacha_block(self.hk, self.counter // 16)
        return bytes(a ^ b for a, b in zip(header, stream[at:at + 4]))

    def _nonce(self):
        if self.cipher == 4:
            return struct.pack("<Q", self.counter) + bytes(24)
        return bytes(4) + struct.pack(">Q" if self.cipher == 2 else "<Q", self.counter)

    def seal(self, kind, plain, header=None):
        header = header or struct.pack("<I", len(plain) | kind << 17)
        out = self.mask(header) + sodium.SEAL[self.cipher](self.ek, self._nonce(), header, plain)
        self.counter += 1
        return out

    def open(self, header, body):
        plain = sodium.OPEN[self.cipher](self.ek, self._nonce(), header, body)
        self.counter += 1
        return plain


Event = namedtuple("Event", "what value")


class Session:
    """An open session. `send` collects what to write; `feed` returns a list of events."""

    def __init__(self, k_c2s, k_s2c, h, hello, limit, rest=b""):
        self.hello, self.limit, self.h, self.buffer = hello, limit, h, rest
        self.rk = b32(k_c2s, b"vpnd/1 rekey" + k_s2c + h)
        base = b"vpnd/1 base" + bytes((hello.cipher,)) + h
        self.c2s = Direction(hello.cipher, b32(k_c2s, base))
        self.s2c = Direction(hello.cipher, b32(k_s2c, base))
        self.out, self.initiator, self.q, self.closed_by_peer = b"", None, None, False
        self.switch_next = self.switched = False
        # Our SWITCH(1) goes out with REKEY2 read, with the server's SWITCH(1) read, or by finish().
        self.rekeys, self.switch_at = 0, "REKEY2"

    def take(self):
        out, self.out = self.out, b""
        return out

    def control(self, op, body=b""):
        self.out += self.c2s.seal(1, bytes((op,)) + body)

    def confirm(self):
        self.control(CONFIRM, os.urandom(os.urandom(1)[0]))

    def data(self, packets, padding=b"", kind=0, segment=0):
        plain = b"".join(struct.pack("<HBBH", len(p), kind, 0, segment) + p for p in packets)
        self.out += self.c2s.seal(0, plain + (bytes(2) + padding if padding else b""))

    def ratchet(self):
        self.control(SWITCH, b"\0")
        self.c2s.ratchet()

    def start_rekey(self, ephemeral=None):
        require(self.initiator is None, "a re-key is under way")
        self.initiator = Initiator(0, b"vpnd/1 rk" + self.h, self.rk, ephemeral=ephemeral)
        self.control(REKEY1, self.initiator.write(b""))

    def close(self, reason=1):
        self.control(CLOSE, bytes((reason,)))

    def feed(self, data):
        self.buffer += data
        events = []
        while (record := self._next_record()) is not None:
            events += self._record(*record)
        return events

    def _next_record(self):
        if len(self.buffer) < 4:
            return None
        header = self.s2c.mask(self.buffer[:4])
        value = struct.unpack("<I", header)[0]
        length, kind = value & 0x1ffff, value >> 17
        require(kind in (0, 1) and length <= self.limit, "header of a record")
        size = 4 + length + sodium.TAG[self.hello.cipher]
        if len(self.buffer) < size:
            return None
        try:
            plain = self.s2c.open(header, self.buffer[4:size])
        except DecryptError as e:
            raise Refused("a record does not verify") from e
        self.buffer = self.buffer[size:]
        return kind, plain

    def _record(self, kind, plain):
        require(not self.closed_by_peer, "a record after CLOSE")
        require(not self.switch_next or (kind == 1 and plain == bytes((SWITCH, 1))),
                "REKEY2 is not followed by SWITCH(1)")
        if kind == 0:
            return [Event("packet", p) for p in entries(plain)]
        require(plain, "an empty control record")
        op, body = plain[0], plain[1:]
        if op >= 128:
            return []
        handlers = {PING: self._ping, PONG: self._pong, REKEY2: self._rekey2,
                    SWITCH: self._switch, CLOSE: self._close, PAD: lambda body: [],
                    LEASE: lambda body: [Event("lease", parse_lease(body))],
                    CONFIG: lambda body: [Event("config", parse_config(body))]}
        require(op in handlers, f"op {op} from the server")
        return handlers[op](body)

    def _ping(self, body):
        require(len(body) >= 9, "length of PING")
        self.control(PONG, body[:8] + b"\0")
        return []

    def _pong(self, body):
        require(len(body) >= 9, "length of PONG")
        return [Event("pong", body[:8])]

    def _close(self, body):
        require(len(body) == 1, "length of CLOSE")
        self.closed_by_peer = True
        return [Event("close", body[0])]

    def _rekey2(self, body):
        require(len(body) == 48 and self.initiator and not self.q, "an unexpected REKEY2")
        try:
            require(self.initiator.read(body) == b"", "a payload in REKEY2")
        except DecryptError as e:
            raise Refused("REKEY2 does not verify") from e
        self.q, self.switch_next = self.initiator.noise.split(), True
        if self.switch_at == "REKEY2":
            self._switch_ours()
        return []

    def _switch_ours(self):
        self.control(SWITCH, b"\1")
        self.c2s.renew(self.q[0])
        self.switched = True

    def finish(self):
        """Our SWITCH(1), if it is still to come; the server's has been read."""
        if not self.switched:
            self._switch_ours()
        self.rk = b32(self.rk, b"vpnd/1 dh" + self.q[0] + self.q[1])
        self.h = self.initiator.noise.h
        self.initiator = self.q = None
        self.switched = False
        self.rekeys += 1

    def _switch(self, body):
        require(body in (b"\0", b"\1"), "kind of SWITCH")
        if body == b"\0":
            self.s2c.ratchet()
            return [Event("ratchet", None)]
        require(self.switch_next, "SWITCH(1) without REKEY2")
        self.s2c.renew(self.q[1])
        self.switch_next = False
        if self.switch_at != "asked":
            self.finish()
        return [Event("switched", None)]


def entries(plain):
    """The packets of a container, as far as they are in form; kind 0 was all we announced."""
    at, out = 0, []
    while at + 2 <= len(plain):
        length = struct.unpack_from("<H", plain, at)[0]
        if length == 0:
            break
        if at + 6 + length > len(plain) or plain[at + 2:at + 6] != bytes(4):
            break
        out.append(plain[at + 6:at + 6 + length])
        at += 6 + length
    return out


def parse_config(body):
    at, out = 0, []
    while at < len(body):
        require(at + 3 <= len(body), "CONFIG ends within an entry")
        kind, length = struct.unpack_from("<BH", body, at)
        require(at + 3 + length <= len(body), "CONFIG ends within an entry")
        out.append((kind, body[at + 3:at + 3 + length]))
        at += 3 + length
    return out
