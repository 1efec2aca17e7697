# SPDX-License-Identifier: ISC
"""wireguard-go: WireGuard in user space, a TUN over UDP. WIREGUARD_GO_BIN, WG_BIN."""
import subprocess

from peers import FETCHED, Peer, find_program

PORT = 51820
MTU = 1420


class WireguardGo(Peer):
    name = "wireguard-go"

    def __init__(self):
        self.program = find_program("wireguard-go", "WIREGUARD_GO_BIN")
        self.wg = find_program("wg", "WG_BIN")
        self.keys = {}

    def missing(self):
        for name, package, program in (("wireguard-go", "wireguard-go", self.program),
                                       ("wg", "wireguard-tools", self.wg)):
            if not program:
                return f"no {name} (Debian package {package}; --fetch unpacks it)"
        return None

    def version(self):
        done = subprocess.run([self.program, "--version"], capture_output=True, text=True,
                              check=False)
        said = (done.stdout.splitlines() or ["wireguard-go"])[0]
        package = FETCHED / self.name / "version"
        if self.program.startswith(str(FETCHED)) and package.exists():
            said += f" (package {package.read_text().strip()})"
        return said

    def call(self, word, text=""):
        return subprocess.run([self.wg, word], input=text, capture_output=True, text=True,
                              check=True).stdout.strip()

    def start(self, bed, side, address, *settings):
        device, key = bed.device[side], bed.work / f"{side}.key"
        key.touch(mode=0o600)
        key.write_text(self.keys[side])
        bed.spawn(side, [self.program, "-f", device], {"WG_PROCESS_FOREGROUND": "1"})
        bed.wait_for(side, [self.wg, "show", device])
        bed.exec(side, [self.wg, "set", device, "private-key", key, *settings])
        bed.exec(side, ["ip", "address", "add", f"{address}/24", "dev", device])
        bed.exec(side, ["ip", "link", "set", device, "up", "mtu", MTU])

    def start_server(self, bed):
        self.keys = {side: self.call("genkey") for side in ("client", "server")}
        self.start(bed, "server", bed.tunnel_server, "listen-port", PORT,
                   "peer", self.call("pubkey", self.keys["client"]),
                   "allowed-ips", f"{bed.tunnel_client}/32")

    def start_client(self, bed):
        self.start(bed, "client", bed.tunnel_client,
                   "peer", self.call("pubkey", self.keys["server"]), "allowed-ips", "0.0.0.0/0",
                   "endpoint", f"{bed.server_address}:{PORT}")
        bed.exec("client", ["ip", "route", "add", bed.underlay, "via", bed.client_gateway])
        bed.exec("client", ["ip", "route", "replace", "default", "dev", bed.device["client"]])


PEERS = [WireguardGo()]
