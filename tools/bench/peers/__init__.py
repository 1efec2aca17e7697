# SPDX-License-Identifier: ISC
"""The VPNs that can be measured. One file for each family; it offers PEERS, a list of Peer.

To add one, add a file and its name to FAMILIES.
"""
import importlib
import os
import shutil
from pathlib import Path

FAMILIES = ("direct", "vpnd", "wireguard_go", "openvpn", "glorytun", "dsvpn")
ROOT = Path(__file__).resolve().parents[3]
# Where tools/bench/provide unpacks: FETCHED/NAME/run starts the program with its libraries.
FETCHED = ROOT / "build" / "bench" / "peers"


class Peer:
    """What the harness asks of a peer."""

    name = ""
    tcp = False      # its transport is TCP: it has connections that can be reset
    usual = True     # measured when no peers are named

    def missing(self):
        """Why it cannot run here, in one line; None if it can."""
        return None

    def version(self):
        return ""

    def start_server(self, bed):
        """Starts the processes with bed.spawn(); the harness ends them."""

    def start_client(self, bed):
        """Leaves the client's traffic to bed.target going into the tunnel, or about to go."""


def find_program(name, variable):
    """A path: $VARIABLE, unpacked by --fetch, or on the PATH. None: there is none."""
    fetched = FETCHED / name / "run"
    return (os.environ.get(variable) or (str(fetched) if fetched.exists() else None)
            or shutil.which(name))


def known():
    """All by name, in the order of the report."""
    modules = [importlib.import_module(f"peers.{family}") for family in FAMILIES]
    return {peer.name: peer for module in modules for peer in module.PEERS}
