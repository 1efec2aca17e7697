# SPDX-License-Identifier: ISC
"""A run: rounds of all peers, in namespaces that hold nothing else."""
import os
import subprocess
import sys
import time
from pathlib import Path

import bed
import machine
import measure
import output
import rounds

PATIENCE = 20  # seconds that one peer's round may wait for others to leave the machine alone


def settle():
    """Folders that are this run's alone, and a /proc that shows only what it started.

    Sockets and locks of the machine's services are below /run: no peer may find them there.
    """
    bed.run(["mount", "-t", "tmpfs", "none", "/run"])
    machine.MACHINE_PROC.mkdir()
    bed.run(["mount", "--bind", "/proc", machine.MACHINE_PROC])
    bed.run(["mount", "-t", "proc", "none", "/proc"])


def order(chosen, pair, number):
    """The peers of one round. Of a pair the other one begins every other time."""
    return list(reversed(chosen)) if pair and number % 2 else chosen


def shell(opt, place, peer, tools):
    """Runs a command of the user's beside a peer that is up."""
    measure.Measure(place, tools / "netprobe").connect(peer)
    pids = {side.upper(): ",".join(map(str, found)) for side, found in place.vpn_pids().items()}
    subprocess.run(["bash", "-c", opt.shell], check=False, env={
        **os.environ, "TARGET": place.target, "NETPROBE": str(tools / "netprobe"),
        "CLIENT_PIDS": pids["CLIENT"], "SERVER_PIDS": pids["SERVER"]})


def one(opt, peer, number, tools):
    """Its samples; "error" among them if something went wrong."""
    work = tools / f"{peer.name}-{number}"
    work.mkdir()
    place, samples = bed.Bed(work), {}
    try:
        place.up()
        if opt.shell:
            shell(opt, place, peer, tools)
            return samples
        means = measure.Measure(place, tools / "netprobe", 1 if opt.quick else 3, opt.congestion)
        patience = 1 if opt.quick else PATIENCE
        turn = rounds.Round(place, peer, means, machine.Quiet(patience), opt, samples)
        if opt.wan:
            turn.over_wide_area(tools / "delaybox")
        else:
            turn.on_fast_path()
    except Exception as error:  # one broken peer must not lose the others' figures
        samples["error"] = f"{type(error).__name__}: {error}"
        print(place.logs(), file=sys.stderr)
    finally:
        place.down()
    return samples


def inside(opt, chosen):
    """All rounds. The results are written after each peer's turn."""
    settle()
    tools, folder = Path(opt.inside), opt.into / opt.name
    result = output.head(opt, chosen)
    for number in range(1 if opt.shell else opt.rounds):
        for peer in order(chosen, opt.pair, number):
            start = time.monotonic()
            samples = one(opt, peer, number, tools)
            if opt.shell:
                continue
            samples["took_s"] = round(time.monotonic() - start, 1)
            result["rounds"][peer.name].append(samples)
            output.write(folder, result)
            said = samples.get("error", "ok")
            print(f"round {number + 1} of {opt.rounds}, {peer.name}: {said} "
                  f"({samples['took_s']:.0f} s)", file=sys.stderr, flush=True)
    if opt.shell:
        return 0
    print((folder / "table.md").read_text())
    print(f"in {folder}")
    return 1 if any("error" in s for turns in result["rounds"].values() for s in turns) else 0
