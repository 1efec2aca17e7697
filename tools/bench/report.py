# SPDX-License-Identifier: ISC
"""From samples to a table: medians and spread, without the samples that others disturbed."""
import json
import statistics
from dataclasses import dataclass
from pathlib import Path

FORMAT = 1  # of result.json


@dataclass(frozen=True)
class Row:
    """One line of the table. `fields` stand in one cell, divided by " / "."""
    title: str
    sample: str
    fields: tuple
    form: str
    scale: float = 1.0
    choose: str = "only"  # of a list of samples: "best", or "last"


TCP_UP, TCP_DOWN = "TCP up, 1 flow", "TCP down, 1 flow"
SEGMENTS = "UDP, packets of 1400 B, segmented"
ENDS = ("client", "server")
CPU_ENDS = ("s_per_gb.client", "s_per_gb.server")

FAST_ROWS = (
    Row(f"{TCP_UP}, Gb/s", "tcp_up1", ("gbps",), "{:.3g}"),
    Row(f"{TCP_DOWN}, Gb/s", "tcp_down1", ("gbps",), "{:.3g}"),
    Row("TCP up, 4 flows, Gb/s", "tcp_up4", ("gbps",), "{:.3g}"),
    Row("TCP down, 4 flows, Gb/s", "tcp_down4", ("gbps",), "{:.3g}"),
    Row(f"{SEGMENTS}, best, Gb/s", "udp_segments", ("gbps",), "{:.3g}", choose="best"),
    Row("UDP 64 B, best, kpps", "udp_small", ("kpps",), "{:.0f}", choose="best"),
    Row("UDP 64 B, flood, kpps", "udp_small", ("kpps",), "{:.0f}", choose="last"),
    Row("ping idle, p50 / p99, us", "ping_idle", ("p50_ms", "p99_ms"), "{:.0f}", 1000),
    Row("ping under upload, p50 / p99, us", "ping_load", ("p50_ms", "p99_ms"), "{:.0f}", 1000),
    Row("VPN CPU up, client / server, s/GB", "tcp_up1", CPU_ENDS, "{:.2f}"),
    Row("VPN CPU down, client / server, s/GB", "tcp_down1", CPU_ENDS, "{:.2f}"),
    Row("machine CPU up, s/GB", "tcp_up1", ("machine_s_per_gb",), "{:.2f}"),
    Row("connect, ms", "connect", ("seconds",), "{:.0f}", 1000),
    Row("back after a cut of 5 s, s", "cut5", ("seconds",), "{:.2f}"),
    Row("the same under load: reply / flow, s", "cut5_load", ("seconds", "flow_seconds"), "{:.2f}"),
    Row("back after a cut of 25 s, s", "cut25", ("seconds",), "{:.2f}"),
    Row("back after 1 s of resets, s", "reset1", ("seconds",), "{:.2f}"),
    Row("peak RSS after 10 MB, client / server, MB", "rss_moved", ENDS, "{:.1f}"),
    Row("peak RSS at the end, client / server, MB", "rss_end", ENDS, "{:.1f}"),
)
WIDE_ROWS = (
    Row(f"{TCP_UP}, Mbit/s", "tcp_up1", ("gbps",), "{:.1f}", 1000),
    Row(f"{TCP_DOWN}, Mbit/s", "tcp_down1", ("gbps",), "{:.1f}", 1000),
    Row("TCP up, 8 flows, Mbit/s", "tcp_up8", ("gbps",), "{:.1f}", 1000),
    Row("ping idle, p50 / average, ms", "ping_idle", ("p50_ms", "average_ms"), "{:.1f}"),
    Row("ping under upload, p50 / average, ms", "ping_load", ("p50_ms", "average_ms"), "{:.1f}"),
    Row("ping under 8 uploads, p50 / average, ms", "ping_load8", ("p50_ms", "average_ms"),
        "{:.1f}"),
    Row("pings lost under upload, %", "ping_load", ("lost",), "{:.1f}", 100),
    Row("connect, ms", "connect", ("seconds",), "{:.0f}", 1000),
    Row("peak RSS at the end, client / server, MB", "rss_end", ENDS, "{:.1f}"),
)


@dataclass(frozen=True)
class Reading:
    value: float
    noisy: bool


@dataclass(frozen=True)
class Summary:
    """`noisy`: there was none but disturbed ones; `left_out`: so many were."""
    median: float
    low: float
    high: float
    count: int
    left_out: int
    noisy: bool


def pick(sample, path):
    """The figure at a dotted path; None if there is none."""
    for name in path.split("."):
        if not isinstance(sample, dict):
            return None
        sample = sample.get(name)
    return sample


def chosen(samples, row, field):
    """One of several samples of one round, or the only one. None: none has that figure."""
    if isinstance(samples, dict):
        return samples
    samples = samples[-1:] if row.choose == "last" else samples
    having = [s for s in samples if pick(s, field) is not None]
    quiet = [s for s in having if not s.get("noisy")] or having
    return max(quiet, key=lambda s: pick(s, field), default=None)


def reading(samples, row, field):
    """Of one round; None if there is none."""
    sample = chosen(samples.get(row.sample) or {}, row, field)
    value = pick(sample, field)
    return None if value is None else Reading(value * row.scale, bool(sample.get("noisy")))


def summarize(readings):
    """Disturbed ones count only where there are no others. None if there are none at all."""
    readings = [r for r in readings if r is not None]
    if not readings:
        return None
    quiet = [r for r in readings if not r.noisy]
    values = [r.value for r in quiet or readings]
    return Summary(statistics.median(values), min(values), max(values), len(values),
                   len(readings) - len(values), not quiet)


class Results:
    """The samples of one run, or of several that were merged."""

    def __init__(self, runs):
        wans = {json.dumps(run["wan"]) for run in runs}
        if len(wans) != 1:
            raise ValueError("runs over different links cannot stand in one table")
        self.runs, self.wan = runs, runs[0]["wan"]
        self.rows = WIDE_ROWS if self.wan else FAST_ROWS
        self.rounds, self.versions = {}, {}
        for run in runs:
            for name, rounds in run["rounds"].items():
                self.rounds.setdefault(name, []).extend(rounds)
                self.versions.setdefault(name, [])
                if run["peers"][name] not in self.versions[name]:
                    self.versions[name].append(run["peers"][name])

    def complete(self, name):
        return [r for r in self.rounds[name] if "error" not in r]

    def errors(self):
        return [(name, r["error"]) for name, rounds in self.rounds.items() for r in rounds
                if "error" in r]

    def summary(self, name, row, field):
        return summarize([reading(r, row, field) for r in self.complete(name)])


def cell(summaries, form):
    """"3.24 (2.67-3.57)"; several side by side; "*" where all samples were disturbed."""
    if not any(summaries):
        return "-"
    text = " / ".join(form.format(s.median) if s else "-" for s in summaries)
    if any(s and s.count > 1 for s in summaries):
        text += " (" + " / ".join(f"{form.format(s.low)}-{form.format(s.high)}" if s else "-"
                                  for s in summaries) + ")"
    return text + ("*" if any(s and s.noisy for s in summaries) else "")


def lines_of(rows):
    """A Markdown table; the first row is its head."""
    return [f"| {' | '.join(row)} |" for row in (rows[0], ["---"] * len(rows[0]), *rows[1:])]


def table(results):
    head = [""] + [f"{name} (n={len(results.complete(name))})" for name in results.rounds]
    rows = [head]
    for row in results.rows:
        cells = [cell([results.summary(name, row, field) for field in row.fields], row.form)
                 for name in results.rounds]
        if any(c != "-" for c in cells):
            rows.append([row.title, *cells])
    return lines_of(rows)


def ratios(results, name, control):
    """Round by round, the one by the other: what moved both of them is not in it."""
    rows = [["", f"{name} / {control}", "pairs"]]
    for row in results.rows:
        pairs = [(reading(a, row, row.fields[0]), reading(b, row, row.fields[0]))
                 for a, b in zip(results.rounds[name], results.rounds[control])
                 if "error" not in a and "error" not in b]
        found = summarize([Reading(a.value / b.value, a.noisy or b.noisy)
                           for a, b in pairs if a and b and b.value])
        if found:
            rows.append([row.title, cell([found], "{:.3f}"), str(found.count)])
    return lines_of(rows)


def provenance(run):
    """Where and how: figures without it mean nothing."""
    where = run["machine"]
    text = (f"Run \"{run['name']}\" of {run['date']}: {where['cpu']}, {where['cpus']} processors, "
            f"Linux {where['kernel']}, {where['system']}; inner flows {run['congestion']}, "
            f"namespaces {run['outer_congestion']}.")
    if run["wan"]:
        text += (" A link of {:g} ms, {:g} Mbit/s, {:g} % loss in each direction."
                 .format(*run["wan"]))
    return text + (" Quick: good for a trial only." if run["quick"] else "")


def markdown(results, pair=None):
    """The whole of table.md."""
    lines = [*map(provenance, results.runs), "", *table(results), "",
             "Medians; in brackets the least and the greatest of the rounds (n). `*`: during every "
             "sample others used more than a tenth of a processor. Both ends, the router and the "
             "load share the machine: compare with each other and with `direct`, not with two "
             "machines.", ""]
    if pair and all(results.complete(name) for name in pair):
        lines += [*ratios(results, *pair), ""]
    if results.errors():
        lines += [*(f"- left out: {name}: {error}" for name, error in results.errors()), ""]
    versions = [[name, ", ".join(texts)] for name, texts in results.versions.items()]
    return "\n".join(lines + lines_of([["peer", "version"], *versions])) + "\n"


def load(files):
    """Of result.json files, or the folders that they are in."""
    runs = []
    for file in map(Path, files):
        run = json.loads((file / "result.json" if file.is_dir() else file).read_text())
        if run.get("format") != FORMAT:
            raise ValueError(f"{file} was written by another version of the benchmark")
        runs.append(run)
    return Results(runs)
