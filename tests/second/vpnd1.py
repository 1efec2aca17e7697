# SPDX-License-Identifier: ISC
"""The client's side of vpnd/1 over a stream, written from core/wire/PROTOCOL.md and nothing else.

It shares no code with the program, so that what both get wrong must be wrong in the text as well.
Nothing here or in what it imports touches a socket or a clock: bytes go in, bytes and events come
out.
Section numbers are those of PROTOCOL.md.
"""
import base64
import hashlib
import hmac
import os
import struct
from collections import namedtuple

import sodium
from lease import parse_lease
from noise import Initiator, Refused, b32, require
from session import Session
from sodium import DecryptError

BLOCK, MAX_PAD = 256, 1023
NOISE_LEN_C1 = {0: 128, 1: 176}
CLOCK_UNSURE, CLOCK_REPLY = 1, 2


# --- Section 2: keys ---

Keys = namedtuple("Keys", "mode gate_c2s gate_s2c noise_psk server_public client_secret")
KEY_LINE = b"vpnd-key-1:"


def decode_base64(text, url):
    altchars = b"-_" if url else b"+/"
    raw = base64.b64decode(text + b"=" * (-len(text) % 4), altchars, validate=True)
    require(base64.b64encode(raw, altchars).rstrip(b"=") == text.rstrip(b"="), "stray base64 bits")
    return raw


def without_line_end(data):
    if data.endswith(b"\r\n"):
        return data[:-2]
    return data[:-1] if data.endswith(b"\n") else data


def parse_key(data):
    if len(data) == 32:
        return shared_keys(data)
    text = without_line_end(data)
    if not text.startswith(KEY_LINE):
        require(len(text) == 44, "not a key file")
        return shared_keys(decode_base64(text, url=False))
    text = text[len(KEY_LINE):]
    require(len(text) == 194, "length of the key line")
    raw = decode_base64(text, url=True)
    check = hashlib.blake2b(raw[:-16], digest_size=16).digest()
    require(raw[0] == 1 and hmac.compare_digest(check, raw[-16:]), "the key line is damaged")
    server, access, secret, psk = (raw[1 + 32 * i:33 + 32 * i] for i in range(4))
    return Keys(1, b32(access, b"vpnd/1 P gate c2s" + server),
                b32(access, b"vpnd/1 P gate s2c" + server), psk, server, secret)


def shared_keys(key):
    require(len(key) == 32 and len(set(key)) > 1, "not a key")
    require(not all(0x20 <= c <= 0x7e or 9 <= c <= 13 for c in key), "a key that can be guessed")
    return Keys(0, *(b32(key, b"vpnd/1 S " + w) for w in (b"gate c2s", b"gate s2c", b"noise psk")),
                None, None)


# --- Section 3: blocks and payloads ---

Gate = namedtuple("Gate", "version mode noise_len pad_len flags time index cookie noise")
GATE = struct.Struct("<BBHHHQI16s176s4s")


def seal_block(key, ad, nonce, head, noise):
    return nonce + sodium.xaead_seal(key, nonce, ad, head + noise.ljust(180, b"\0"))


def open_s1(key, mode, c1_block, block):
    plain = sodium.xaead_open(key, block[:24], b"vpnd/1 s1\0" + c1_block[-16:], block[24:])
    g = Gate(*GATE.unpack(plain)[:9])
    require(g.version == 1 and g.mode == mode, "version or mode of s1")
    require(g.pad_len <= MAX_PAD and g.index == 0 and g.cookie == bytes(16), "form of s1")
    require(g.flags in (0, CLOCK_REPLY), "flags of s1")
    require(g.noise_len == (0 if g.flags else 176), "noise length of s1")
    require(not any(plain[36 + g.noise_len:]), "the end of s1 is not zero")
    return g


Hello = namedtuple("Hello", "status cipher kinds limit time lease")
def hello_c(ciphers, limit, instance, cookie=bytes(40), kinds=1, wish=bytes(4), flags=1):
    return struct.pack("<HHI16s40sHH4s8x", ciphers, flags, limit, instance, cookie, kinds, 0, wish)


def parse_hello_s(raw, offered):
    status, cipher, kinds, limit, time, lease = struct.unpack("<BBHIQ112s", raw)
    require(status in (0, 2, 3, 4, 6), "status of hello_s")
    if status:
        return Hello(status, 0, 0, 0, 0, None)
    require(cipher in (1, 2, 4) and cipher & offered, "a cipher that was not offered")
    require(kinds & 1 and 2048 <= limit <= 131071, "kinds or limit of hello_s")
    return Hello(status, cipher, kinds & 31, limit, time, parse_lease(lease))


# --- Section 4: the order of events ---

class Opening:
    """c1 and s1. What `feed` gives is None (more bytes, please), a ClockReply or a Session."""

    def __init__(self, keys, now_ms, hello, unsure=False, ephemeral=None, nonce=None, pad_len=None):
        self.keys, self.hello, self.buffer = keys, hello, b""
        self.offered, _, self.limit = struct.unpack_from("<HHI", hello)
        pad_len = int.from_bytes(os.urandom(4), "little") % (MAX_PAD + 1) if pad_len is None \
            else pad_len
        head = struct.pack("<BBHHHQI16s", 1, keys.mode, NOISE_LEN_C1[keys.mode], pad_len,
                           CLOCK_UNSURE if unsure else 0, now_ms, 0, bytes(16))
        self.initiator = Initiator(keys.mode, b"vpnd/1" + bytes((keys.mode, 0)) + head,
                                   keys.noise_psk, keys.server_public, keys.client_secret,
                                   ephemeral)
        self.block = seal_block(keys.gate_c2s, b"vpnd/1 c1\0", nonce or os.urandom(24), head,
                                self.initiator.write(hello))
        self.c1 = self.block + os.urandom(pad_len)

    def feed(self, data):
        self.buffer += data
        if len(self.buffer) < BLOCK:
            return None
        try:
            gate = open_s1(self.keys.gate_s2c, self.keys.mode, self.block, self.buffer[:BLOCK])
            if len(self.buffer) < BLOCK + gate.pad_len:
                return None
            if gate.flags:
                require(len(self.buffer) == BLOCK + gate.pad_len, "bytes after a clock reply")
                return ClockReply(gate.time)
            hello = parse_hello_s(self.initiator.read(gate.noise), self.offered)
        except DecryptError as e:
            raise Refused("s1 does not verify") from e
        noise = self.initiator.noise
        return Session(*noise.split(), noise.h, hello, self.limit,
                       self.buffer[BLOCK + gate.pad_len:])


ClockReply = namedtuple("ClockReply", "time")
