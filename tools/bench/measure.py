# SPDX-License-Identifier: ISC
"""The measurements. Each returns one sample: a dictionary of figures; None where there is none."""
import json
import re
import statistics
import subprocess
import time

import machine

IPERF_PORT, UDP_PORT = 5201, 9
SMALL = 64          # bytes of data
SEGMENT = 1372      # bytes of data: packets of 1400 bytes, which every peer's device takes
HIDDEN = 0.05       # seconds: replies so soon after a cut may have been past it already
STEADY_REPLIES, STEADY_GAP = 25, 0.2


def percentile(values, q):
    """The value below which that part of them lies; None if there are none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(q * len(ordered)))] if ordered else None


def ping_sample(text, count):
    """From what ping printed: milliseconds."""
    times = [float(x) for x in re.findall(r"time=([\d.]+) ms", text)]
    return {"p50_ms": percentile(times, 0.5), "p99_ms": percentile(times, 0.99),
            "average_ms": statistics.fmean(times) if times else None,
            "lost": 1 - len(times) / count, "replies": len(times)}


def iperf_result(text):
    """What iperf3 reported, if it came to an end."""
    try:
        report = json.loads(text)
    except ValueError:
        return None
    return report if "sum_received" in report.get("end", {}) else None


def gbps(report):
    return report["end"]["sum_received"]["bits_per_second"] / 1e9 if report else None


def first_steady(times):
    """The first moment from which on replies come without a gap."""
    for i in range(len(times) - STEADY_REPLIES):
        run = times[i:i + STEADY_REPLIES + 1]
        if all(b - a < STEADY_GAP for a, b in zip(run, run[1:])):
            return times[i]
    return None


class Measure:
    """Measures through whatever the bed has up. Flows take `seconds` each."""

    def __init__(self, bed, netprobe, seconds=3, congestion="cubic"):
        self.bed, self.netprobe = bed, netprobe
        self.seconds, self.congestion = seconds, congestion

    # -- TCP

    def start_flow(self, *flags):
        """(server, client) of iperf3."""
        bed = self.bed
        server = bed.popen("target", ["iperf3", "-s", "-1", "-B", bed.target])
        bed.wait_for_port("target", "tcp", IPERF_PORT)
        client = bed.popen("client", ["iperf3", "-c", bed.target, "-C", self.congestion, "-J",
                                      *flags])
        return server, client

    def end_flow(self, flow, patience):
        server, client = flow
        try:
            return iperf_result(client.communicate(timeout=patience)[0])
        except subprocess.TimeoutExpired:
            return None
        finally:
            self.bed.stop([client, server])

    def tcp(self, *flags):
        bed = self.bed
        before, busy, stolen = bed.vpn_seconds(), machine.busy_seconds(), machine.stolen_seconds()
        report = self.end_flow(self.start_flow("-t", self.seconds, *flags), self.seconds + 10)
        after, stolen = bed.vpn_seconds(), machine.stolen_seconds() - stolen
        busy = machine.busy_seconds() - busy
        received = report["end"]["sum_received"]["bytes"] / 1e9 if report else 0
        if not received:
            return {"gbps": None}
        sample = {"gbps": gbps(report), "steal_s": stolen, "machine_s_per_gb": busy / received,
                  "retransmits": report["end"]["sum_sent"].get("retransmits")}
        if bed.vpn:
            sample["s_per_gb"] = {side: (after[side] - before[side]) / received for side in after}
        return sample

    def move(self, megabytes):
        """So much upwards, however long it takes (a minute at most)."""
        self.end_flow(self.start_flow("-n", f"{megabytes}M"), 60)

    # -- UDP

    def udp(self, mode, size, pps, milliseconds):
        """`mode` of netprobe: "flood" or "segments"; `pps` 0: as fast as it goes."""
        bed = self.bed
        sink = bed.popen("target", [self.netprobe, "sink", UDP_PORT])
        bed.wait_for_port("target", "udp", UDP_PORT)
        before = bed.vpn_seconds()
        sent = json.loads(bed.exec("client", [self.netprobe, mode, bed.target, UDP_PORT, size, pps,
                                              milliseconds], timeout=60).stdout)
        try:
            got = json.loads(sink.communicate(timeout=25)[0])
        except (subprocess.TimeoutExpired, ValueError):
            got = {"packets": 0, "bytes": 0, "seconds": 0, "out_of_order": 0}
        finally:
            bed.stop([sink])
        used = sum(bed.vpn_seconds().values()) - sum(before.values())
        seconds = max(got["seconds"], 0.2)
        return {"asked_kpps": pps / 1e3, "offered_kpps": sent["sent"] / sent["seconds"] / 1e3,
                "kpps": got["packets"] / seconds / 1e3, "gbps": got["bytes"] * 8 / seconds / 1e9,
                "lost": 1 - got["packets"] / max(sent["sent"], 1),
                "out_of_order": got["out_of_order"], "segmented": sent["segmented"],
                "us_per_packet": used * 1e6 / max(got["packets"], 1)}

    # -- ping

    def ping(self, interval, count):
        """`interval` in seconds. The last replies are waited for (-W); more are never sent."""
        done = self.bed.exec("client", ["ping", "-n", "-i", interval, "-c", count, "-W", 2,
                                        self.bed.target], check=False,
                             timeout=interval * count * 3 + 10)
        return ping_sample(done.stdout, count)

    def ping_under_load(self, interval, count, *flags):
        """While a bulk upload runs that began a second before."""
        seconds = int(interval * count) + 3
        flow = self.start_flow("-t", seconds, *flags)
        time.sleep(1)
        sample = self.ping(interval, count)
        sample["gbps"] = gbps(self.end_flow(flow, seconds + 15))
        return sample

    # -- connecting, and coming back

    def probe(self, milliseconds, interval_ms):
        return self.bed.popen("client", [self.netprobe, "probe", self.bed.target,
                                         interval_ms * 1000, milliseconds])

    def connect(self, peer):
        """Starts the peer: seconds from the start of its client to the first reply through it."""
        peer.start_server(self.bed)
        time.sleep(1)
        probe = self.probe(15000, 2)
        time.sleep(0.1)
        start = time.monotonic()
        peer.start_client(self.bed)
        line = probe.stdout.readline()
        self.bed.stop([probe])
        if not line:
            self.bed.check_alive()
            raise RuntimeError("no reply through the tunnel within 15 s")
        return {"seconds": int(line.split()[0]) / 1e9 - start}

    def cut(self, cut_s, wait_s, rule="drop", load=False):
        """Seconds from the end of a cut to the first reply, and until replies come steadily.

        Under load also until the flow has a tenth of its former rate.
        """
        bed, total = self.bed, 1 + cut_s + wait_s
        flow = self.start_flow("-t", total, "-i", "0.1") if load else None
        flow_start = time.monotonic()
        probe = self.probe(total * 1000, 20)
        time.sleep(1)
        bed.on_path(rule)
        cut = time.monotonic()
        time.sleep(cut_s)
        bed.on_path("")
        back = time.monotonic()
        replies = self.replies(probe, total + 5)
        after = [t for t in replies if t >= back]
        steady = first_steady(after)
        sample = {"cut_s": cut_s, "rule": rule, "seconds": after[0] - back if after else None,
                  "steady_seconds": None if steady is None else steady - back,
                  "replies_during_cut": sum(cut + HIDDEN < t < back for t in replies)}
        if flow:
            sample.update(flow_return(self.end_flow(flow, 20), flow_start, cut, back))
        return sample

    def replies(self, probe, patience):
        """When they came."""
        try:
            said = probe.communicate(timeout=patience)[0]
        except subprocess.TimeoutExpired:
            probe.kill()
            said = probe.communicate()[0]
        return [int(line.split()[0]) / 1e9 for line in said.splitlines()]


def flow_return(report, start, cut, back):
    """When a flow ran again, from iperf3's intervals; its clock began at `start`."""
    if not report:
        return {"flow_seconds": None}
    rates = [(start + i["sum"]["start"], i["sum"]["bits_per_second"]) for i in report["intervals"]]
    before = statistics.median([rate for t, rate in rates if t < cut - 0.3] or [0])
    again = next((t - back for t, rate in rates if t >= back and rate > before / 10), None)
    return {"gbps_before": before / 1e9, "flow_seconds": again}
