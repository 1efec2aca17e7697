# SPDX-License-Identifier: ISC
"""This project's own program, and builds of it with one part replaced.

VPND_BIN names another program than build/tools/vpnd; VPND_SERVER_ARGS and VPND_CLIENT_ARGS add
options to all of them. A variant is build/tests/variants/vpnd_NAME, or what VPND_NAME_BIN says.
"""
import os
import shlex
import subprocess
from pathlib import Path

from peers import ROOT, Peer

PORT = 443
VARIANTS = ("plain", "epoll", "nocipher", "two")


class Vpnd(Peer):
    tcp = True

    def __init__(self, name, program, libraries="", usual=True):
        """`libraries`: a folder whose shared libraries come before the system's."""
        self.name, self.program, self.libraries, self.usual = name, program, libraries, usual
        self.environment = {"LD_LIBRARY_PATH": libraries} if libraries else {}

    def missing(self):
        if Path(self.program).exists():
            return None
        return f"no {self.program} (tools/run-demo builds vpnd, tools/run-tests its variants)"

    def version(self):
        done = subprocess.run([self.program, "version"], capture_output=True, text=True,
                              env={**os.environ, **self.environment}, check=False)
        return " ".join(done.stdout.split()) or "vpnd"

    def start(self, bed, side, *words):
        key = bed.work / "vpn.key"
        if not key.exists():
            key.touch(mode=0o600)
            key.write_bytes(bytes(i * 73 % 251 for i in range(1, 33)))
        folders = ["--state-dir", bed.work / f"{side}-state", "--run-dir", bed.work / f"{side}-run"]
        more = shlex.split(os.environ.get(f"VPND_{side.upper()}_ARGS", ""))
        bed.spawn(side, [self.program, side, *folders, *more, key, *words], self.environment)

    def start_server(self, bed):
        self.start(bed, "server", "auto", PORT, bed.device["server"], bed.tunnel_server,
                   bed.tunnel_client)
        bed.wait_for_port("server", "tcp", PORT)

    def start_client(self, bed):
        self.start(bed, "client", bed.server_address, PORT, bed.device["client"],
                   bed.tunnel_client, bed.tunnel_server)


def variant(name):
    built = ROOT / "build" / "tests" / "variants" / f"vpnd_{name}"
    program = os.environ.get(f"VPND_{name.upper()}_BIN", str(built))
    return Vpnd(f"vpnd-{name}", program, usual=False)


def named(text):
    """From "NAME=PROGRAM" or "NAME=PROGRAM@LIBRARIES"; ValueError if it is neither."""
    name, _, place = text.partition("=")
    program, _, libraries = place.partition("@")
    if not name or not program:
        raise ValueError(text)
    absolute = str(Path(libraries).resolve()) if libraries else ""
    return Vpnd(name, str(Path(program).resolve()), absolute)


PEERS = [Vpnd("vpnd", os.environ.get("VPND_BIN", str(ROOT / "build" / "tools" / "vpnd"))),
         *map(variant, VARIANTS)]
