# SPDX-License-Identifier: ISC
import unittest

from figures import run, sample, up
import report
from report import Reading, Row

UP = report.FAST_ROWS[0]


def line(text, title):
    return next(row for row in text.splitlines() if row.startswith(f"| {title}"))


class Medians(unittest.TestCase):
    def test_of_an_odd_and_an_even_number(self):
        odd = report.summarize([Reading(v, False) for v in (9, 1, 3)])
        self.assertEqual((odd.median, odd.low, odd.high, odd.count), (3, 1, 9, 3))
        even = report.summarize([Reading(v, False) for v in (10, 1, 2, 3)])
        self.assertEqual(even.median, 2.5)

    def test_of_nothing(self):
        self.assertIsNone(report.summarize([None, None]))

    def test_leaves_disturbed_ones_out(self):
        mixed = report.summarize([Reading(1, True), Reading(8, False), Reading(10, False), None])
        self.assertEqual((mixed.median, mixed.low, mixed.left_out), (9, 8, 1))
        self.assertFalse(mixed.noisy)

    def test_but_not_all_of_them(self):
        disturbed = report.summarize([Reading(1, True), Reading(3, True)])
        self.assertEqual((disturbed.median, disturbed.left_out), (2, 0))
        self.assertTrue(disturbed.noisy)


class Choice(unittest.TestCase):
    BEST = Row("", "udp", ("kpps",), "{:.0f}", choose="best")
    LAST = Row("", "udp", ("kpps",), "{:.0f}", choose="last")

    def value(self, row, *samples):
        return report.reading({"udp": list(samples)}, row, "kpps")

    def test_the_best_of_the_quiet_ones(self):
        samples = (sample(kpps=50), sample(True, kpps=90), sample(kpps=70))
        self.assertEqual(self.value(self.BEST, *samples), Reading(70, False))
        self.assertEqual(self.value(self.BEST, samples[1]), Reading(90, True))

    def test_the_last_is_the_flood(self):
        self.assertEqual(self.value(self.LAST, sample(kpps=50), sample(kpps=40)).value, 40)
        self.assertIsNone(self.value(self.LAST))

    def test_a_missing_figure_is_none(self):
        self.assertIsNone(report.reading({}, UP, "gbps"))
        self.assertIsNone(report.reading({"tcp_up1": sample(gbps=None)}, UP, "gbps"))


class Table(unittest.TestCase):
    def test_cells(self):
        one = report.summarize([Reading(3.25, False)])
        two = report.summarize([Reading(1, True), Reading(2, True)])
        self.assertEqual(report.cell([None, None], "{}"), "-")
        self.assertEqual(report.cell([one], "{:.2f}"), "3.25")
        self.assertEqual(report.cell([two], "{:.1f}"), "1.5 (1.0-2.0)*")
        self.assertEqual(report.cell([one, None], "{:.2f}"), "3.25 / -")

    def test_counts_only_whole_rounds(self):
        results = report.Results([run({"x": [up(2), {"error": "it died", **up(9)}]})])
        text = report.markdown(results)
        self.assertIn("x (n=1)", text)
        self.assertIn("| 2 |", line(text, UP.title))
        self.assertIn("left out: x: it died", text)

    def test_has_no_row_without_figures(self):
        text = report.markdown(report.Results([run({"x": [up(2)]})]))
        self.assertNotIn("ping", text)

    def test_says_where_and_when(self):
        text = report.markdown(report.Results([run({"x": [up(2)]})]))
        for word in ("2030-01-02", "A & B", "6.1", "x 1.0"):
            self.assertIn(word, text)

    def test_merges_runs(self):
        results = report.Results([run({"x": [up(2)]}), run({"x": [up(4)], "y": [up(1)]})])
        self.assertIn("x (n=2) | y (n=1)", report.markdown(results))
        self.assertIn("3 (2-4) | 1 |", line(report.markdown(results), UP.title))

    def test_does_not_merge_different_links(self):
        with self.assertRaises(ValueError):
            report.Results([run({"x": [up(2)]}), run({"x": [up(2)]}, wan=[40, 100, 0.5])])

    def test_a_wide_area_is_in_megabits(self):
        results = report.Results([run({"x": [up(0.0442)]}, wan=[40, 100, 0.5])])
        self.assertIn("| 44.2 |", line(report.markdown(results), "TCP up, 1 flow, Mbit/s"))


class Pairs(unittest.TestCase):
    def test_ratios_are_round_by_round(self):
        results = report.Results([run({"new": [up(2), up(6), up(9, True)],
                                       "old": [up(1), up(2), up(1)]})])
        text = report.markdown(results, ("new", "old"))
        self.assertIn("new / old", text)
        self.assertIn("2.500 (2.000-3.000) | 2 |", text)

    def test_a_round_that_failed_has_no_ratio(self):
        results = report.Results([run({"new": [{"error": "no"}, up(6)], "old": [up(1), up(2)]})])
        self.assertIn("| 3.000 | 1 |", report.markdown(results, ("new", "old")))


if __name__ == "__main__":
    unittest.main()
