# SPDX-License-Identifier: ISC
"""No VPN: the same path, routed. The ceiling of everything else."""
from peers import Peer


class Direct(Peer):
    name = "direct"

    def version(self):
        return "no tunnel"

    def start_client(self, bed):
        bed.exec("router", ["ip", "route", "add", bed.target, "via", bed.server_address])


PEERS = [Direct()]
