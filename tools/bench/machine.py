# SPDX-License-Identifier: ISC
"""The machine's processors: how busy they were, and how much of that was not ours.

A run lives in a process namespace of its own, so whatever /proc shows is ours. The machine's own
/proc stays to be seen at MACHINE_PROC: there are the kernel's threads, which work for us as well.
"""
import os
import re
import time
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
OWN_PROC = Path("/proc")
MACHINE_PROC = Path("/run/machine")
KTHREADD = "2"
FOREIGN_LIMIT = 0.1  # cores; a sample during which others used more says little


def processes(proc=OWN_PROC):
    """(pid, fields of its stat, from the state on) of every process."""
    for stat in proc.glob("[0-9]*/stat"):
        try:
            yield int(stat.parent.name), stat.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue  # it ended meanwhile


def used(fields):
    """Seconds of a process and of its children that ended."""
    return sum(int(x) for x in fields[11:15]) / TICKS


def own_seconds():
    total = sum(used(fields) for _, fields in processes())
    for pid, fields in processes(MACHINE_PROC):
        if fields[1] == KTHREADD or str(pid) == KTHREADD:
            total += used(fields)
    return total


def busy_seconds():
    """Of all processors together: without idle, waiting, and what the host took (steal)."""
    return sum(cpu_fields()[i] for i in (0, 1, 2, 5, 6)) / TICKS


def stolen_seconds():
    return cpu_fields()[7] / TICKS


def cpu_fields():
    return [int(x) for x in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]


def describe():
    """What figures of this machine have to name."""
    cpu = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    release = Path("/etc/os-release")
    name = re.search(r'PRETTY_NAME="?([^"\n]*)', release.read_text()) if release.exists() else None
    return {"cpu": cpu[1] if cpu else os.uname().machine, "cpus": len(os.sched_getaffinity(0)),
            "kernel": os.uname().release, "system": name[1] if name else os.uname().sysname}


class Quiet:
    """Measures while nobody else loads the machine, and again if somebody began meanwhile.

    Waiting and repeating may cost `patience` seconds in all. After that a disturbed sample is kept
    and marked: the report leaves it out where it has a better one.
    """

    def __init__(self, patience, busy=busy_seconds, own=own_seconds, clock=time.monotonic,
                 sleep=time.sleep):
        self.patience = patience
        self.took = 0.0  # seconds, by the latest sample
        self.busy, self.own, self.clock, self.sleep = busy, own, clock, sleep

    def wait(self):
        while self.patience > 0:
            busy, own = self.busy(), self.own()
            self.sleep(0.5)
            if (self.busy() - busy - (self.own() - own)) / 0.5 < FOREIGN_LIMIT:
                return
            self.patience -= 0.5

    def once(self, measure):
        """Of what cannot be repeated: the sample, marked if it was disturbed."""
        self.wait()
        start, own, busy = self.clock(), self.own(), self.busy()
        sample = measure()
        self.took = max(self.clock() - start, 0.01)
        foreign = max(0.0, self.busy() - busy - (self.own() - own)) / self.took
        return {**sample, "foreign_cores": round(foreign, 3), "noisy": foreign >= FOREIGN_LIMIT}

    def __call__(self, measure):
        while True:
            sample = self.once(measure)
            if not sample["noisy"] or self.patience <= 0:
                return sample
            self.patience -= self.took
