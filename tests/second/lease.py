# SPDX-License-Identifier: ISC
"""The lease of PROTOCOL.md, section 3."""
import struct
from collections import namedtuple

from noise import require

Lease = namedtuple("Lease", "seconds mtu keepalive prefix4 prefix6 client4 server4 resolver4 "
                            "client6 server6 resolver6 cookie")


def parse_lease(raw):
    require(len(raw) == 112, "length of the lease")
    lease = Lease(*struct.unpack("<IHHBB2x4s4s4s16s16s16s40s", raw))
    require(lease.prefix4 <= 32 and lease.prefix6 <= 128, "prefix of the lease")
    return lease
