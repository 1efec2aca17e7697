# SPDX-License-Identifier: ISC
"""Glorytun: a TUN over UDP, at a rate that is set by hand. GLORYTUN_BIN, GLORYTUN_VERSION."""
import os

from peers import Peer, find_program

PORT = 5000
RATE = 1250000000  # bytes a second, both ways: above anything that the bed carries


class Glorytun(Peer):
    name = "glorytun"

    def __init__(self):
        self.program = find_program("glorytun", "GLORYTUN_BIN")

    def missing(self):
        return None if self.program else "no glorytun (GLORYTUN_BIN names one)"

    def version(self):
        return os.environ.get("GLORYTUN_VERSION", "glorytun")

    def start(self, bed, side, address, *place):
        device, key = bed.device[side], bed.work / "key"
        key.write_text(f"{0x1234:064x}\n")
        bed.spawn(side, [self.program, "bind", "dev", device, "keyfile", key, *place])
        bed.wait_for(side, [self.program, "show", "dev", device])
        bed.exec(side, ["ip", "address", "add", f"{address}/24", "dev", device])
        bed.exec(side, ["ip", "link", "set", device, "up"])

    def start_server(self, bed):
        self.start(bed, "server", bed.tunnel_server, "from", "addr", bed.server_address,
                   "port", PORT)

    def start_client(self, bed):
        self.start(bed, "client", bed.tunnel_client, "from", "addr", bed.client_address,
                   "port", PORT, "to", "addr", bed.server_address, "port", PORT)
        bed.exec("client", [self.program, "path", "dev", bed.device["client"],
                            "addr", bed.client_address, "to", "addr", bed.server_address,
                            "set", "up", "rate", "fixed", "tx", RATE, "rx", RATE])
        bed.exec("client", ["ip", "route", "add", bed.underlay, "via", bed.client_gateway])
        bed.exec("client", ["ip", "route", "replace", "default", "via", bed.tunnel_server,
                            "dev", bed.device["client"]])


PEERS = [Glorytun()]
