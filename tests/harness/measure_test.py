# SPDX-License-Identifier: ISC
import unittest

import figures  # noqa: F401
import machine
import measure


class Percentile(unittest.TestCase):
    def test_of_a_hundred(self):
        values = list(range(100, 0, -1))
        self.assertEqual(measure.percentile(values, 0.5), 51)
        self.assertEqual(measure.percentile(values, 0.99), 100)
        self.assertEqual(measure.percentile(values, 0), 1)

    def test_of_few(self):
        self.assertEqual(measure.percentile([7], 0.99), 7)
        self.assertEqual(measure.percentile([3, 1, 2], 0.5), 2)
        self.assertIsNone(measure.percentile([], 0.5))


class Ping(unittest.TestCase):
    TEXT = ("64 bytes from 198.51.100.2: icmp_seq=1 ttl=62 time=0.100 ms\n"
            "64 bytes from 198.51.100.2: icmp_seq=2 ttl=62 time=0.300 ms\n"
            "64 bytes from 198.51.100.2: icmp_seq=4 ttl=62 time=0.200 ms\n")

    def test_counts_what_did_not_come(self):
        sample = measure.ping_sample(self.TEXT, 4)
        self.assertEqual((sample["p50_ms"], sample["p99_ms"]), (0.2, 0.3))
        self.assertAlmostEqual(sample["average_ms"], 0.2)
        self.assertEqual((sample["lost"], sample["replies"]), (0.25, 3))

    def test_of_nothing(self):
        sample = measure.ping_sample("", 4)
        self.assertEqual((sample["p50_ms"], sample["average_ms"], sample["lost"]), (None, None, 1))


class Flow(unittest.TestCase):
    def test_a_report_without_an_end_is_none(self):
        self.assertIsNone(measure.iperf_result(""))
        self.assertIsNone(measure.iperf_result('{"end": {}, "error": "refused"}'))
        whole = measure.iperf_result('{"end": {"sum_received": {"bits_per_second": 2e9}}}')
        self.assertEqual(measure.gbps(whole), 2)

    def test_when_it_ran_again(self):
        report = {"intervals": [{"sum": {"start": i / 10, "bits_per_second": rate}}
                                for i, rate in enumerate([8e9] * 10 + [0] * 10 + [1e8, 2e9, 8e9])]}
        found = measure.flow_return(report, 100.0, 101.0, 101.5)
        self.assertEqual(found["gbps_before"], 8)
        self.assertAlmostEqual(found["flow_seconds"], 0.6)
        self.assertIsNone(measure.flow_return(None, 0, 0, 0)["flow_seconds"])

    def test_steady_is_after_the_last_gap(self):
        times = [1.0, 1.02] + [2 + i / 50 for i in range(40)]
        self.assertEqual(measure.first_steady(times), 2)
        self.assertIsNone(measure.first_steady(times[:20]))


class Machine:
    """A clock and two counters; `others` is what foreign work takes in each measurement."""

    def __init__(self, others):
        self.now = self.foreign = 0.0
        self.others, self.runs = list(others), 0

    def measure(self):
        self.runs += 1
        self.now += 2
        self.foreign += 2 * self.others.pop(0)
        return {"run": self.runs}

    def quiet(self, patience):
        return machine.Quiet(patience, busy=lambda: self.now + self.foreign, own=lambda: self.now,
                             clock=lambda: self.now, sleep=self.sleep)

    def sleep(self, seconds):
        self.now += seconds


class Quiet(unittest.TestCase):
    def test_repeats_a_disturbed_sample(self):
        bench = Machine([0.5, 0.05])
        self.assertEqual(bench.quiet(20)(bench.measure),
                         {"run": 2, "foreign_cores": 0.05, "noisy": False})

    def test_marks_it_when_patience_ends(self):
        bench = Machine([0.5, 0.3, 0.2])
        sample = bench.quiet(3)(bench.measure)
        self.assertEqual((sample["noisy"], sample["run"], sample["foreign_cores"]), (True, 3, 0.2))

    def test_once_is_once(self):
        bench = Machine([0.5, 0.0])
        self.assertEqual(bench.quiet(20).once(bench.measure),
                         {"run": 1, "foreign_cores": 0.5, "noisy": True})

    def test_patience_is_for_all_of_a_round(self):
        bench = Machine([0.5, 0.5, 0.5])
        quiet = bench.quiet(2)
        quiet(bench.measure)
        quiet(bench.measure)
        self.assertEqual(bench.runs, 3)


if __name__ == "__main__":
    unittest.main()
