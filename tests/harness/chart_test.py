# SPDX-License-Identifier: ISC
import unittest
import xml.etree.ElementTree as xml

from figures import run, sample, up
import chart
import report

SVG = "{http://www.w3.org/2000/svg}"


class Axes(unittest.TestCase):
    def test_an_end_is_round_and_not_far(self):
        for value, end in ((0.62, 0.8), (3.4, 4), (8.7, 10), (41.5, 50), (100, 100), (0.01, 0.01)):
            self.assertAlmostEqual(chart.Linear(value, 100).end, end, msg=str(value))

    def test_ticks_go_to_the_end(self):
        for value in (0.003, 0.62, 1, 3.4, 8.7, 14.9, 41.5, 99, 1234):
            scale = chart.Linear(value, 100)
            ticks = scale.ticks()
            self.assertTrue(4 <= len(ticks) <= 9, f"{value}: {ticks}")
            self.assertAlmostEqual(ticks[-1], scale.end)
            self.assertGreaterEqual(scale.end * 1.0001, value)

    def test_linear(self):
        scale = chart.Linear(9.5, 300)
        self.assertEqual((scale(0), scale(5), scale(10)), (0, 150, 300))
        self.assertEqual((scale(40), scale.cuts(40), scale.cuts(10)), (300, True, False))

    def test_decades(self):
        scale = chart.Decades(0.07, 14, 400)
        self.assertEqual([round(t, 9) for t in scale.ticks()], [0.01, 0.1, 1, 10, 100])
        self.assertAlmostEqual(scale(1), 200)
        self.assertEqual(len(chart.Decades(1, 1, 100).ticks()), 2)


class Drawing(unittest.TestCase):
    def results(self, **rounds):
        return report.Results([run({name.replace("_", "-"): r for name, r in rounds.items()})])

    def bars(self, results):
        """The widths of those of the first series, by peer."""
        tree = xml.fromstring(chart.chart(results, "a < b"))
        bars = [e for e in tree.iter(f"{SVG}rect")
                if e.get("class") == "v0" and float(e.get("height")) > 10]
        return [float(e.get("width")) for e in bars]

    def test_bars_are_in_proportion(self):
        self.assertEqual(self.bars(self.results(a=[up(4)], b=[up(1)])), [350, 87.5])

    def test_the_ceiling_does_not_flatten_the_tunnels(self):
        widths = self.bars(self.results(direct=[up(40)], a=[up(4)]))
        self.assertEqual(widths, [350, 350])
        text = chart.chart(self.results(direct=[up(40)], a=[up(4)]), "t")
        self.assertEqual(text.count('class="cut"'), 2)

    def test_a_peer_that_always_failed_is_not_there(self):
        text = chart.chart(self.results(a=[up(4)], broken=[{"error": "no"}]), "t")
        self.assertNotIn("broken", text)

    def test_pings_are_drawn_in_both_states(self):
        pings = {"ping_idle": sample(p50_ms=0.1, p99_ms=0.2),
                 "ping_load": sample(p50_ms=1.5, p99_ms=12)}
        text = chart.chart(self.results(a=[{**up(1), **pings}]), "t")
        self.assertIn("100 us / 200 us", text)
        self.assertIn("1.5 ms / 12 ms", text)

    def test_without_any_figure_it_is_still_a_picture(self):
        xml.fromstring(chart.chart(self.results(a=[{}]), "t"))


if __name__ == "__main__":
    unittest.main()
