# SPDX-License-Identifier: ISC
"""The few primitives of vpnd/1 that Python lacks, from libsodium by ctypes."""
import ctypes
import os
import sys


def _load():
    """The library that VPND_TEST_SODIUM names, or the newest that is installed."""
    named = os.environ.get("VPND_TEST_SODIUM")
    for name in (named,) if named else ("libsodium.so.26", "libsodium.so.23"):
        try:
            return ctypes.CDLL(name)
        except OSError as e:
            error = e
    raise error


_lib = _load()
if _lib.sodium_init() < 0:
    raise OSError("sodium_init failed")
_lib.sodium_version_string.restype = ctypes.c_char_p
VERSION = _lib.sodium_version_string().decode()


class DecryptError(Exception):
    """A tag does not verify, or X25519 gave all zeros."""


def _sealer(name, nonce_length, tag=16):
    function = getattr(_lib, f"crypto_aead_{name}_encrypt")

    def seal(key, nonce, ad, plain):
        assert len(key) == 32 and len(nonce) == nonce_length
        out = ctypes.create_string_buffer(len(plain) + tag)
        length = ctypes.c_ulonglong()
        function(out, ctypes.byref(length), plain, ctypes.c_ulonglong(len(plain)), ad,
                 ctypes.c_ulonglong(len(ad)), None, nonce, key)
        return out.raw[:length.value]
    return seal


def _opener(name, nonce_length, tag=16):
    function = getattr(_lib, f"crypto_aead_{name}_decrypt")

    def open_(key, nonce, ad, sealed):
        assert len(key) == 32 and len(nonce) == nonce_length
        out = ctypes.create_string_buffer(max(len(sealed) - tag, 0) + 1)
        length = ctypes.c_ulonglong()
        if function(out, ctypes.byref(length), None, sealed, ctypes.c_ulonglong(len(sealed)), ad,
                    ctypes.c_ulonglong(len(ad)), nonce, key):
            raise DecryptError
        return out.raw[:length.value]
    return open_


xaead_seal = _sealer("xchacha20poly1305_ietf", 24)
xaead_open = _opener("xchacha20poly1305_ietf", 24)
# Nonce and tag length of the data ciphers, by their ids.
NONCE, TAG = {1: 12, 2: 12, 4: 32}, {1: 16, 2: 16, 4: 32}
_NAMES = {1: "chacha20poly1305_ietf"}
if _lib.crypto_aead_aes256gcm_is_available():
    _NAMES[2] = "aes256gcm"
if hasattr(_lib, "crypto_aead_aegis256_encrypt"):
    _NAMES[4] = "aegis256"
SEAL = {i: _sealer(name, NONCE[i], TAG[i]) for i, name in _NAMES.items()}
OPEN = {i: _opener(name, NONCE[i], TAG[i]) for i, name in _NAMES.items()}


def dh(secret, public_key):
    out = ctypes.create_string_buffer(32)
    if _lib.crypto_scalarmult_curve25519(out, secret, public_key):
        raise DecryptError
    return out.raw


def public(secret):
    out = ctypes.create_string_buffer(32)
    _lib.crypto_scalarmult_curve25519_base(out, secret)
    return out.raw


def chacha_block(key, number):
    """One 64-byte block of RFC 8439's key stream, under a nonce of zeros."""
    out = ctypes.create_string_buffer(64)
    _lib.crypto_stream_chacha20_ietf_xor_ic(out, bytes(64), ctypes.c_ulonglong(64), bytes(12),
                                            ctypes.c_uint32(number), key)
    return out.raw


if __name__ == "__main__":
    # Is the data cipher of this id there?
    print(f"libsodium {VERSION}: ciphers {sorted(SEAL)}")
    sys.exit(0 if int(sys.argv[1]) in SEAL else 1)
