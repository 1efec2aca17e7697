# SPDX-License-Identifier: ISC
import os
import tempfile
import time
import unittest
from pathlib import Path

import figures  # noqa: F401  (where the modules are)
import enclosed

BUSY = 4


def running(folder):
    """How many processes were started with this folder's name, inside or not."""
    found = 0
    for entry in Path("/proc").iterdir():
        try:
            found += entry.name.isdigit() and folder in (entry / "cmdline").read_text()
        except OSError:  # it has ended
            pass
    return found


@unittest.skipUnless(os.geteuid() == 0, "namespaces need root")
class Ending(unittest.TestCase):
    def test_nobody_is_left_who_could_write(self):
        # The first process inside, through which all others end, is the last to get a processor.
        script = (f"for i in $(seq {BUSY}); do sh -c 'while :; do :; done; : '$0 & done;"
                  "chrt --idle --pid 0 $$; wait")
        with tempfile.TemporaryDirectory() as folder:
            process = enclosed.start(["sh", "-c", script, folder])
            end = time.monotonic() + 30
            while running(folder) <= BUSY and time.monotonic() < end:
                time.sleep(0.02)
            seen = running(folder)
            time.sleep(0.2)
            enclosed.end(process)
            left = running(folder)
            self.assertGreater(seen, BUSY)
            self.assertEqual(left, 0)

    def test_one_that_has_ended_already(self):
        process = enclosed.start(["true"])
        self.assertEqual(process.wait(), 0)
        enclosed.end(process)
