# SPDX-License-Identifier: ISC
"""The folder of a run: result.json, table.md, chart.svg."""
import json
import os
import time
from pathlib import Path

import chart
import machine
import report


def head(opt, chosen):
    """A run that has no samples yet."""
    congestion = Path("/proc/sys/net/ipv4/tcp_congestion_control").read_text().strip()
    return {"format": report.FORMAT, "name": opt.name, "date": time.strftime("%Y-%m-%d %H:%M"),
            "machine": machine.describe(), "congestion": opt.congestion,
            "outer_congestion": congestion, "wan": opt.wan, "quick": opt.quick, "pair": opt.pair,
            "peers": {peer.name: peer.version() for peer in chosen},
            "rounds": {peer.name: [] for peer in chosen}}


def replace(path, text):
    """Whole, or not at all."""
    new = path.with_suffix(".new")
    new.write_text(text, encoding="utf-8")
    os.replace(new, path)


def write(folder, result):
    folder.mkdir(parents=True, exist_ok=True)
    replace(folder / "result.json", json.dumps(result, indent=1) + "\n")
    write_views(folder, report.Results([result]), result["name"], result["pair"])


def write_views(folder, results, name, pair=None):
    folder.mkdir(parents=True, exist_ok=True)
    replace(folder / "table.md", report.markdown(results, pair))
    title = "Over a link of {:g} ms, {:g} Mbit/s, {:g} % loss".format(*results.wan) \
        if results.wan else "Through the tunnel, both ends on one machine"
    replace(folder / "chart.svg", chart.chart(results, f"{title} (run {name})"))


def merge(opt):
    """Of several runs; the table as text."""
    results = report.load(opt.report)
    pair = opt.pair or results.runs[0]["pair"]
    write_views(opt.into / opt.name, results, opt.name, pair)
    return f"{report.markdown(results, pair)}\nin {opt.into / opt.name}"
