# SPDX-License-Identifier: ISC
"""The command line of the benchmark."""
import argparse
import time
from pathlib import Path

import rounds
from peers import ROOT

DESCRIPTION = """Measures VPNs end to end in network namespaces of its own, one after the other,
round by round. Writes result.json, table.md and chart.svg to build/bench/NAME."""


def link(text):
    """RTT_MS,MBIT,LOSS_PERCENT"""
    rtt_ms, mbit, loss = (float(part) for part in text.split(","))
    if rtt_ms < 0 or mbit < 0 or not 0 <= loss < 100:
        raise ValueError(text)
    return [rtt_ms, mbit, loss]


def kinds(text):
    names = text.split(",")
    for name in names:
        if name not in rounds.KINDS:
            raise argparse.ArgumentTypeError(
                f"\"{name}\" is none of {', '.join(rounds.KINDS)}")
    return names


def pair(text):
    names = text.split(",")
    if len(names) != 2 or names[0] == names[1]:
        raise ValueError(text)
    return names


def positive(text):
    if int(text) < 1:
        raise ValueError(text)
    return int(text)


def parser():
    p = argparse.ArgumentParser(prog="bench", description=DESCRIPTION)
    p.add_argument("--peers", type=lambda text: text.split(","), default=[], metavar="NAME,...",
                   help="only these; --list names all. Otherwise all that are here, no variants")
    p.add_argument("--peer", action="append", default=[], metavar="NAME=PROGRAM[@LIBRARIES]",
                   help="another build of vpnd, and a folder of libraries for it")
    p.add_argument("--pair", type=pair, metavar="NAME,CONTROL",
                   help="only these two, in alternating order, and the ratio round by round")
    p.add_argument("--only", type=kinds, default=[], metavar="KIND,...",
                   help=f"of {', '.join(rounds.KINDS)}")
    p.add_argument("--rounds", type=positive, default=5)
    p.add_argument("--wan", type=link, metavar="RTT_MS,MBIT,LOSS_PERCENT",
                   help="over a delayed, limited, lossy link")
    p.add_argument("--extra", action="store_true", help="the slow cases of recovery as well")
    p.add_argument("--quick", action="store_true", help="short measurements: a trial")
    p.add_argument("--congestion", default="cubic", help="of the flows inside the tunnel")
    p.add_argument("--name", default=time.strftime("%Y%m%d-%H%M%S"), help="of the run")
    p.add_argument("--into", type=Path, default=ROOT / "build" / "bench", metavar="FOLDER",
                   help="where the folder NAME is made")
    p.add_argument("--report", nargs="+", metavar="FILE",
                   help="merge earlier runs (result.json, or its folder) instead of measuring")
    p.add_argument("--shell", metavar="COMMAND",
                   help="bring each peer up, run this instead of measuring, take it down")
    p.add_argument("--list", action="store_true", help="the peers, and what they lack here")
    p.add_argument("--fetch", action="store_true",
                   help="unpack Debian's openvpn, wireguard-go and wg beside the system first")
    p.add_argument("--yes", action="store_true", help="install missing Debian packages")
    p.add_argument("--inside", metavar="FOLDER", help=argparse.SUPPRESS)
    return p
