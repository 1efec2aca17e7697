# SPDX-License-Identifier: ISC
"""The chart: bars of throughput beside pings, as SVG, on a light or a dark ground."""
import math
from dataclasses import dataclass
from html import escape

import report

STYLE = """
  svg { font: 12px system-ui, "DejaVu Sans", Verdana, sans-serif }
  .ground { fill: #ffffff } text { fill: #24292f } .faint { fill: #57606a }
  .grid { stroke: #d0d7de } .title { font-size: 16px; font-weight: 600 } .own { font-weight: 700 }
  .v0 { fill: #1f5fbf; stroke: #1f5fbf } .v1 { fill: #6aa5f0; stroke: #6aa5f0 }
  .v2 { fill: #d9822b; stroke: #d9822b } .cut { stroke: #ffffff; stroke-width: 3 }
  @media (prefers-color-scheme: dark) {
    .ground { fill: #0d1117 } text { fill: #e6edf3 } .faint { fill: #9da7b3 }
    .grid { stroke: #30363d } .cut { stroke: #0d1117 }
    .v0 { fill: #4f93f5; stroke: #4f93f5 } .v1 { fill: #a5c9fa; stroke: #a5c9fa }
    .v2 { fill: #f0a04b; stroke: #f0a04b }
  }
"""
WIDTH, MARGIN, TOP, FOOT = 960, 16, 96, 40
BARS_AT, BARS_WIDTH = 150, 350      # the numbers stand to the right of the bars
PINGS_AT, PINGS_WIDTH = 590, 250
BAR, GAP = 14, 16
STEPS = (1, 2, 5, 10)


@dataclass(frozen=True)
class Entry:
    """One peer: figures for each series, None where there is none."""
    name: str
    bars: tuple
    pings: tuple  # of (p50, p99) in ms


@dataclass(frozen=True)
class Series:
    bars: tuple   # their labels
    pings: tuple
    unit: str     # of the bars


FAST = Series((report.TCP_UP, report.TCP_DOWN, "UDP, segmented"), ("idle", "under upload"), "Gb/s")
WIDE = Series((report.TCP_UP, report.TCP_DOWN, "TCP up, 8 flows"), ("idle", "under upload"),
              "Mbit/s")


def step_for(end):
    """1, 2 or 5 times a power of ten, so that three to six of it reach the end."""
    power = 10 ** math.floor(math.log10(end / 3))
    return max(s * power for s in STEPS if s * power <= end / 3 * 1.0001)


class Linear:
    """From 0 to the first whole step at or above the largest. What is longer is cut off there."""

    def __init__(self, largest, width):
        self.step, self.width = step_for(largest), width
        self.steps = math.ceil(largest / self.step - 1e-9)
        self.end = self.steps * self.step

    def __call__(self, value):
        return self.width * min(value / self.end, 1.0)

    def cuts(self, value):
        return value > self.end * 1.0001

    def ticks(self):
        return [i * self.step for i in range(self.steps + 1)]


class Decades:
    """Logarithmic, from a power of ten to another."""

    def __init__(self, low, high, width):
        self.first = math.floor(math.log10(low) + 1e-9)
        self.last = max(math.ceil(math.log10(high) - 1e-9), self.first + 1)
        self.width = width

    def __call__(self, value):
        return self.width * (math.log10(value) - self.first) / (self.last - self.first)

    def ticks(self):
        return [10.0 ** i for i in range(self.first, self.last + 1)]


def bar_scale(entries):
    """For the tunnels: the path without one may be longer by far, and is cut off."""
    tunnels = [v for e in entries if e.name != "direct" for v in e.bars if v]
    return Linear(max(tunnels or [v for e in entries for v in e.bars if v] or [1]), BARS_WIDTH)


def ping_scale(entries):
    values = [v for e in entries for ping in e.pings if ping for v in ping if v]
    return Decades(min(values), max(values), PINGS_WIDTH) if values else None


def text(x, y, words, kind="", anchor="start"):
    kinds = f' class="{kind}"' if kind else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{kinds}>{escape(words)}</text>'


def line(x1, y1, x2, y2, kind):
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" class="{kind}"/>'


def figure(value):
    """Three digits, as 0.593, 9.4, 41.5, 120."""
    return f"{value:.3g}" if value < 1000 else f"{value:.0f}"


def duration(ms):
    return f"{ms * 1000:.0f} us" if ms < 1 else f"{figure(ms)} ms"


def legend(x, y, labels):
    parts = []
    for i, label in enumerate(labels):
        parts.append(f'<rect x="{x}" y="{y - 9}" width="10" height="10" class="v{i}"/>')
        parts.append(text(x + 15, y, label, "faint"))
        x += 15 + 7 * len(label) + 18
    return parts


def grid(x, scale, bottom, label):
    parts = []
    for tick in scale.ticks():
        at = x + scale(tick)
        parts.append(line(at, TOP - 6, at, bottom, "grid"))
        parts.append(text(at, bottom + 16, label(tick), "faint", "middle"))
    return parts


def bar(y, scale, value, i):
    length = max(scale(value), 1)
    parts = [f'<rect x="{BARS_AT}" y="{y}" width="{length:.1f}" height="{BAR - 2}" class="v{i}"/>']
    if scale.cuts(value):
        at = BARS_AT + BARS_WIDTH - 20
        parts += [line(at + k, y + BAR, at + k + 8, y - 2, "cut") for k in (0, 7)]
    return parts + [text(BARS_AT + length + 5, y + BAR - 4, figure(value))]


def ping(y, scale, value, i):
    """A dot at the median, a line to what one in a hundred takes."""
    middle, worst = (PINGS_AT + scale(v) for v in value)
    label = " / ".join(map(duration, value))
    return [f'<line x1="{middle:.1f}" y1="{y}" x2="{worst:.1f}" y2="{y}" class="v{i}" '
            'stroke-width="3"/>',
            f'<circle cx="{middle:.1f}" cy="{y}" r="4.5" class="v{i}"/>',
            text(worst + 8, y + 4, label)]


def entry_parts(entry, y, bars, pings, height):
    own = "own" if entry.name.startswith("vpnd") else ""
    parts = [text(BARS_AT - 10, y + height / 2 + 4, entry.name, own, "end")]
    for i, value in enumerate(entry.bars):
        if value:
            parts += bar(y + i * BAR, bars, value, i)
    room = height / max(len(entry.pings), 1)
    for i, value in enumerate(entry.pings):
        if value and pings and all(value):
            parts += ping(y + room * (i + 0.5), pings, value, 2 * i)
    return parts


def draw(title, note, entries, series):
    """The whole file."""
    height = BAR * len(series.bars)
    bottom = TOP + len(entries) * (height + GAP)
    bars, pings = bar_scale(entries), ping_scale(entries)
    parts = [f'<rect width="{WIDTH}" height="{bottom + FOOT}" class="ground"/>',
             text(MARGIN, 26, title, "title"), text(MARGIN, 44, note, "faint"),
             *legend(BARS_AT, TOP - 26, series.bars),
             text(MARGIN, TOP - 26, series.unit, "faint"),
             *grid(BARS_AT, bars, bottom, figure)]
    if pings:
        parts += legend_of_pings(series)
        parts += grid(PINGS_AT, pings, bottom, duration)
    for i, entry in enumerate(entries):
        parts += entry_parts(entry, TOP + i * (height + GAP) + GAP // 2, bars, pings, height)
    return "\n".join([f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} '
                      f'{bottom + FOOT}" width="{WIDTH}" height="{bottom + FOOT}" role="img">',
                      f"<title>{escape(title)}</title>", f"<style>{STYLE}</style>", *parts,
                      "</svg>"]) + "\n"


def legend_of_pings(series):
    idle, loaded = series.pings
    at, y = PINGS_AT, TOP - 26
    return [text(at, y, "ping, p50 / p99:", "faint"),
            f'<circle cx="{at + 112}" cy="{y - 4}" r="4.5" class="v0"/>',
            text(at + 121, y, idle, "faint"),
            f'<circle cx="{at + 163}" cy="{y - 4}" r="4.5" class="v2"/>',
            text(at + 172, y, loaded, "faint")]


def entries_of(results):
    """From a report.Results, in its order; without the peers of which there is nothing."""
    rows = {row.title.rsplit(", ", 1)[0]: row for row in results.rows}
    by_sample = {row.sample: row for row in results.rows}
    titles = ((report.TCP_UP, report.TCP_DOWN, "TCP up, 8 flows") if results.wan else
              (report.TCP_UP, report.TCP_DOWN, f"{report.SEGMENTS}, best"))
    entries = []
    for name in results.rounds:
        if not results.complete(name):
            continue
        bars = [results.summary(name, rows[title], "gbps") for title in titles]
        pings = [ping_of(results, name, by_sample[s]) for s in ("ping_idle", "ping_load")]
        entries.append(Entry(name, tuple(b.median if b else None for b in bars), tuple(pings)))
    return entries


def ping_of(results, name, row):
    """(p50, p99) in ms whatever the unit of the table."""
    plain = report.Row(row.title, row.sample, row.fields, row.form)
    both = [results.summary(name, plain, field) for field in ("p50_ms", "p99_ms")]
    return tuple(s.median for s in both) if all(both) else None


def chart(results, title):
    first = results.runs[0]
    note = (f"{first['date']}, {first['machine']['cpu']}, {first['machine']['cpus']} processors, "
            f"Linux {first['machine']['kernel']}; medians")
    return draw(title, note, entries_of(results), WIDE if results.wan else FAST)
