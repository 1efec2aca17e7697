# SPDX-License-Identifier: ISC
"""A program in namespaces of its own (network, mounts, processes)."""
import ctypes
import os
import subprocess

from peers import ROOT

ISOLATED = ROOT / "tools" / "lib-isolated"
PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h


def start(argv):
    """However this process or the program ends, the kernel ends everything inside."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    return subprocess.Popen(
        ["setpriv", "--pdeathsig", "KILL", "unshare", "--net", "--mount", "--propagation",
         "private", "--pid", "--kill-child", ISOLATED, *map(str, argv)],
        start_new_session=True, stdin=subprocess.DEVNULL)


def end(process):
    """Returns when nothing that the program started is left.

    The first process inside ends some time after the one that made it, and others may go on until
    it does: writing into a folder that is being removed, say. It is this process's to wait for then,
    and the kernel keeps it until it is the last.
    """
    process.kill()
    process.wait()
    try:
        while True:
            os.waitpid(-1, 0)
    except ChildProcessError:
        pass
