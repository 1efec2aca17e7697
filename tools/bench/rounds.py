# SPDX-License-Identifier: ISC
"""What is measured of one peer in one round, and in which order."""
import time

from measure import SEGMENT, SMALL

KINDS = ("connect", "rss", "ping", "tcp", "recovery", "udp")
SMALL_RATES = (50000, 150000, 0)             # datagrams a second; 0: as fast as it goes
SEGMENT_RATES = (50000, 200000, 500000, 800000, 0)
MOVED_MB = 10


class Round:
    """One peer, one bed. Samples go into `samples` as they come: a crash loses no others."""

    def __init__(self, bed, peer, measure, quiet, options, samples):
        self.bed, self.peer, self.measure, self.quiet = bed, peer, measure, quiet
        self.options, self.samples = options, samples

    def wants(self, kind):
        return not self.options.only or kind in self.options.only

    def take(self, name, method, *arguments):
        self.bed.check_alive()
        self.samples[name] = self.quiet(lambda: method(*arguments))

    def take_once(self, name, method, *arguments):
        self.bed.check_alive()
        self.samples[name] = self.quiet.once(lambda: method(*arguments))

    def take_connect(self):
        self.take_once("connect", self.measure.connect, self.peer)
        time.sleep(0.5)

    def take_peak(self, name):
        """Of memory: others do not disturb it."""
        self.bed.check_alive()
        self.samples[name] = self.bed.vpn_peak_mb()

    def has_vpn(self):
        return bool(self.bed.vpn)

    # -- on a fast path

    def on_fast_path(self):
        self.take_connect()
        if self.wants("rss") and self.has_vpn():
            self.measure.move(MOVED_MB)
            self.take_peak("rss_moved")
        if self.wants("ping"):
            self.take("ping_idle", self.measure.ping, 0.002, self.count(2000))
        if self.wants("tcp"):
            self.take("tcp_up1", self.measure.tcp, "-P1")
            self.take("tcp_down1", self.measure.tcp, "-P1", "-R")
            self.take("tcp_up4", self.measure.tcp, "-P4")
            self.take("tcp_down4", self.measure.tcp, "-P4", "-R")
        if self.wants("ping"):
            self.take("ping_load", self.measure.ping_under_load, 0.005, self.count(700))
        if self.wants("recovery") and self.has_vpn():
            self.recover()
        if self.wants("udp"):
            self.flood()
        if self.wants("rss") and self.has_vpn():
            self.take_peak("rss_end")

    def count(self, usual):
        return usual // 10 if self.options.quick else usual

    def recover(self):
        self.take_once("cut5", self.measure.cut, 5, 4)
        if not self.options.extra:
            return
        self.take_once("cut5_load", self.measure.cut, 5, 15, "drop", True)
        self.take_once("cut25", self.measure.cut, 25, 20)
        if self.peer.tcp:
            self.take_once("reset1", self.measure.cut, 1, 15,
                       "meta l4proto tcp reject with tcp reset")

    def flood(self):
        """Last, because a flood can leave a peer in a bad state."""
        length = 300 if self.options.quick else 1000
        for name, mode, size, rates in (("udp_segments", "segments", SEGMENT, SEGMENT_RATES),
                                        ("udp_small", "flood", SMALL, SMALL_RATES)):
            self.samples[name] = []
            for rate in rates:
                self.bed.check_alive()
                self.samples[name].append(
                    self.quiet(lambda: self.measure.udp(mode, size, rate, length)))
        self.samples["after_flood"] = self.measure.ping(0.05, 20)

    # -- over a wide-area link

    def over_wide_area(self, delaybox):
        """Fewer and longer measurements: the link is the limit, not the processors."""
        rtt_ms, mbit, loss = self.options.wan
        self.bed.wide_area(delaybox, rtt_ms, mbit, loss)
        self.measure.seconds = 4 if self.options.quick else 10
        self.take_connect()
        if self.wants("ping"):
            self.take("ping_idle", self.measure.ping, 0.02, self.count(100))
        if self.wants("tcp"):
            self.take("tcp_up1", self.measure.tcp, "-P1")
            self.take("tcp_down1", self.measure.tcp, "-P1", "-R")
            self.take("tcp_up8", self.measure.tcp, "-P8")
        if self.wants("ping"):
            self.take("ping_load", self.measure.ping_under_load, 0.02, self.count(400))
            self.take("ping_load8", self.measure.ping_under_load, 0.02, self.count(400), "-P8")
        if self.wants("rss") and self.has_vpn():
            self.take_peak("rss_end")
