# SPDX-License-Identifier: ISC
"""A TCP connection that carries numbered blocks, as fast as it can, and says how long it ever stood
still. `stream.py serve PORT`; `stream.py load HOST PORT`, which prints "ready" with the first block, and
at the end (SIGTERM) "BLOCKS LONGEST-GAP-IN-MS", or dies when the connection does."""

import signal
import socket
import struct
import sys
import time

BLOCK = 4096


def serve(port):
    listener = socket.create_server(("0.0.0.0", port))
    print("ready", flush=True)
    while True:
        peer, _ = listener.accept()
        number = 0
        try:
            while True:
                peer.sendall(struct.pack("!Q", number).ljust(BLOCK, b"."))
                number += 1
        except OSError:
            peer.close()


def load(host, port):
    peer = socket.create_connection((host, port), timeout=30)
    expected, rest, longest, last = 0, b"", 0.0, None

    def end(*_):
        print(expected, round(max(longest, time.monotonic() - last) * 1000))
        sys.exit(0)

    signal.signal(signal.SIGTERM, end)
    while True:
        data = peer.recv(1 << 16)
        if not data:
            sys.exit("the connection was closed")
        if last is None:
            print("ready", flush=True)
            last = time.monotonic()
        longest, last = max(longest, time.monotonic() - last), time.monotonic()
        rest += data
        while len(rest) >= BLOCK:
            number = struct.unpack_from("!Q", rest)[0]
            if number != expected:
                sys.exit(f"block {number} instead of {expected}")
            expected, rest = expected + 1, rest[BLOCK:]


if sys.argv[1] == "serve":
    serve(int(sys.argv[2]))
else:
    load(sys.argv[2], int(sys.argv[3]))
