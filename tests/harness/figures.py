# SPDX-License-Identifier: ISC
"""Made-up results for the tests of tools/bench, and the way to its modules."""
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools" / "bench"))


def sample(noisy=False, **figures):
    return {**figures, "noisy": noisy, "foreign_cores": 0.5 if noisy else 0.0}


def run(rounds, wan=None, name="a", pair=None):
    """A result.json's content with these samples of each peer."""
    return {"format": 1, "name": name, "date": "2030-01-02 03:04", "wan": wan, "quick": False,
            "machine": {"cpu": "A & B", "cpus": 2, "kernel": "6.1", "system": "Debian"},
            "congestion": "cubic", "outer_congestion": "cubic", "pair": pair,
            "peers": {peer: f"{peer} 1.0" for peer in rounds}, "rounds": rounds}


def up(gbps, noisy=False):
    return {"tcp_up1": sample(noisy, gbps=gbps)}
