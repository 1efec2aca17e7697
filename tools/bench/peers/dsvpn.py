# SPDX-License-Identifier: ISC
"""DSVPN: a TUN over one TCP connection. DSVPN_BIN names it, DSVPN_VERSION says what it is."""
import os

from peers import Peer, find_program

PORT = 443


class Dsvpn(Peer):
    name, tcp = "dsvpn", True

    def __init__(self):
        self.program = find_program("dsvpn", "DSVPN_BIN")

    def missing(self):
        return None if self.program else "no dsvpn (DSVPN_BIN names one)"

    def version(self):
        return os.environ.get("DSVPN_VERSION", "dsvpn")

    def start_server(self, bed):
        (bed.work / "key").write_bytes(bytes(range(32)))
        bed.spawn("server", [self.program, "server", "key", "auto", PORT, bed.device["server"],
                             bed.tunnel_server, bed.tunnel_client])

    def start_client(self, bed):
        bed.spawn("client", [self.program, "client", "key", bed.server_address, PORT,
                             bed.device["client"], bed.tunnel_client, bed.tunnel_server])


PEERS = [Dsvpn()]
