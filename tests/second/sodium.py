# SPDX-License-Identifier: ISC
"""The few primitives of vpnd/1 that Python lacks, from libsodium by ctypes."""
import ctypes
import sys

_lib = ctypes.CDLL("libsodium.so.23")
if _lib.sodium_init() < 0:
    raise OSError("sodium_init failed")

HAS_AES = bool(_lib.crypto_aead_aes256gcm_is_available())
_TAG = 16


class DecryptError(Exception):
    """A tag does not verify, or X25519 gave all zeros."""


def _sealer(name, nonce_length):
    function = getattr(_lib, f"crypto_aead_{name}_encrypt")

    def seal(key, nonce, ad, plain):
        assert len(key) == 32 and len(nonce) == nonce_length
        out = ctypes.create_string_buffer(len(plain) + _TAG)
        length = ctypes.c_ulonglong()
        function(out, ctypes.byref(length), plain, ctypes.c_ulonglong(len(plain)), ad,
                 ctypes.c_ulonglong(len(ad)), None, nonce, key)
        return out.raw[:length.value]
    return seal


def _opener(name, nonce_length):
    function = getattr(_lib, f"crypto_aead_{name}_decrypt")

    def open_(key, nonce, ad, sealed):
        assert len(key) == 32 and len(nonce) == nonce_length
        out = ctypes.create_string_buffer(max(len(sealed) - _TAG, 0) + 1)
        length = ctypes.c_ulonglong()
        if function(out, ctypes.byref(length), None, sealed, ctypes.c_ulonglong(len(sealed)), ad,
                    ctypes.c_ulonglong(len(ad)), nonce, key):
            raise DecryptError
        return out.raw[:length.value]
    return open_


xaead_seal = _sealer("xchacha20poly1305_ietf", 24)
xaead_open = _opener("xchacha20poly1305_ietf", 24)
# By the id of the data cipher.
SEAL = {1: _sealer("chacha20poly1305_ietf", 12), 2: _sealer("aes256gcm", 12)}
OPEN = {1: _opener("chacha20poly1305_ietf", 12), 2: _opener("aes256gcm", 12)}


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
    sys.exit(0 if HAS_AES else 1)
