# SPDX-License-Identifier: ISC
"""The two Noise patterns of PROTOCOL.md, section 4, as the initiator sees them."""
import hashlib
import hmac
import os
import struct

import sodium

NAMES = {0: b"Noise_NNpsk0_25519_ChaChaPoly_BLAKE2b", 1: b"Noise_IKpsk2_25519_ChaChaPoly_BLAKE2b"}


class Refused(Exception):
    """The peer sent what section 3, 4 or 5 says must be refused."""


def require(condition, what):
    if not condition:
        raise Refused(what)


def b32(key, data):
    return hashlib.blake2b(data, key=key, digest_size=32).digest()


def hash64(data):
    return hashlib.blake2b(data).digest()


def hkdf(ck, data):
    t = hmac.digest(ck, data, "blake2b")
    o1 = hmac.digest(t, b"\1", "blake2b")
    o2 = hmac.digest(t, o1 + b"\2", "blake2b")
    return o1, o2, hmac.digest(t, o2 + b"\3", "blake2b")


class Noise:
    def __init__(self, name, prologue):
        self.h = self.ck = name.ljust(64, b"\0")
        self.k, self.n = None, 0
        self.mix_hash(prologue)

    def mix_hash(self, data):
        self.h = hash64(self.h + data)

    def mix_key(self, data):
        self.ck, o2, _ = hkdf(self.ck, data)
        self.k, self.n = o2[:32], 0

    def mix_psk(self, psk):
        self.ck, o2, o3 = hkdf(self.ck, psk)
        self.mix_hash(o2)
        self.k, self.n = o3[:32], 0

    def mix_public(self, public):
        self.mix_hash(public)
        self.mix_key(public)

    def _nonce(self):
        self.n += 1
        return bytes(4) + struct.pack("<Q", self.n - 1)

    def seal(self, plain):
        c = sodium.SEAL[1](self.k, self._nonce(), self.h, plain)
        self.mix_hash(c)
        return c

    def open(self, c):
        plain = sodium.OPEN[1](self.k, self._nonce(), self.h, c)
        self.mix_hash(c)
        return plain

    def split(self):
        o1, o2, _ = hkdf(self.ck, b"")
        return o1[:32], o2[:32]


class Initiator:
    """NNpsk0 (mode 0) or IKpsk2 (mode 1), the client's half."""

    def __init__(self, mode, prologue, psk, server_public=None, client_secret=None, ephemeral=None):
        self.mode, self.psk, self.static = mode, psk, client_secret
        self.server_public = server_public
        self.e = ephemeral or os.urandom(32)
        self.noise = Noise(NAMES[mode], prologue)
        if mode:
            self.noise.mix_hash(server_public)

    def write(self, payload):
        public, noise, middle = sodium.public(self.e), self.noise, b""
        if not self.mode:
            noise.mix_psk(self.psk)
        noise.mix_public(public)
        if self.mode:
            noise.mix_key(sodium.dh(self.e, self.server_public))
            middle = noise.seal(sodium.public(self.static))
            noise.mix_key(sodium.dh(self.static, self.server_public))
        return public + middle + noise.seal(payload)

    def read(self, message):
        public, noise = message[:32], self.noise
        noise.mix_public(public)
        noise.mix_key(sodium.dh(self.e, public))
        if self.mode:
            noise.mix_key(sodium.dh(self.static, public))
            noise.mix_psk(self.psk)
        return noise.open(message[32:])
