# SPDX-License-Identifier: ISC
import contextlib
import io
import unittest

import figures  # noqa: F401
import needs
import options
from peers import vpnd


def parsed(*words):
    with contextlib.redirect_stderr(io.StringIO()):
        return options.parser().parse_args(words)


class Options(unittest.TestCase):
    def test_of_a_link(self):
        self.assertEqual(parsed("--wan", "40,100,0.5").wan, [40, 100, 0.5])
        for wrong in ("40", "40,100", "40,100,x", "40,100,100", "-1,100,0"):
            with self.assertRaises(SystemExit):
                parsed("--wan", wrong)

    def test_of_kinds(self):
        self.assertEqual(parsed("--only", "tcp,ping").only, ["tcp", "ping"])
        with self.assertRaises(SystemExit):
            parsed("--only", "tcp,pong")

    def test_of_a_pair(self):
        self.assertEqual(parsed("--pair", "vpnd,old").pair, ["vpnd", "old"])
        for wrong in ("vpnd", "vpnd,vpnd", "a,b,c"):
            with self.assertRaises(SystemExit):
                parsed("--pair", wrong)

    def test_of_another_build(self):
        peer = vpnd.named("vpnd-x=/usr/bin/true@/usr/lib")
        self.assertEqual((peer.name, peer.program), ("vpnd-x", "/usr/bin/true"))
        self.assertEqual(peer.environment, {"LD_LIBRARY_PATH": "/usr/lib"})
        self.assertEqual(vpnd.named("x=/usr/bin/true").environment, {})
        for wrong in ("x", "=y", "x="):
            with self.assertRaises(ValueError):
                vpnd.named(wrong)


class Needs(unittest.TestCase):
    def test_each_kind_asks_for_its_own(self):
        self.assertIn("iperf3", needs.wanted([], []))
        self.assertIn("iperf3", needs.wanted(["ping"], []))
        self.assertNotIn("iperf3", needs.wanted(["udp"], []))
        self.assertIn("openssl", needs.wanted(["udp"], ["openvpn-tcp"]))

    def test_what_is_missing_is_one_line(self):
        text = needs.sentence({"iperf3": "iperf3", "ip": "iproute2"})
        self.assertEqual(text.count("\n"), 0)
        self.assertIn("ip (Debian package iproute2)", text)


if __name__ == "__main__":
    unittest.main()
