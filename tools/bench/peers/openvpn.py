# SPDX-License-Identifier: ISC
"""OpenVPN in user space (without DCO), AES-256-GCM, over UDP and over TCP. OPENVPN_BIN."""
import subprocess

from peers import Peer, find_program

PORT = 1194
CURVE = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
USES = {"server": "serverAuth", "client": "clientAuth"}


def make_certificates(folder):
    """A small authority for one bed: ca.crt, SIDE.crt, SIDE.key."""
    def openssl(*words):
        subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)

    openssl("req", "-x509", *CURVE, "-keyout", "ca.key", "-out", "ca.crt", "-subj", "/CN=ca",
            "-days", "30")
    for side, use in USES.items():
        (folder / "extensions").write_text(
            f"extendedKeyUsage={use}\nkeyUsage=digitalSignature,keyAgreement\n")
        openssl("req", *CURVE, "-keyout", f"{side}.key", "-out", f"{side}.csr",
                "-subj", f"/CN={side}")
        openssl("x509", "-req", "-in", f"{side}.csr", "-CA", "ca.crt", "-CAkey", "ca.key",
                "-CAcreateserial", "-out", f"{side}.crt", "-days", "30", "-extfile", "extensions")


class OpenVpn(Peer):
    def __init__(self, protocol):
        self.name, self.protocol, self.tcp = f"openvpn-{protocol}", protocol, protocol == "tcp"
        self.program = find_program("openvpn", "OPENVPN_BIN")

    def missing(self):
        return None if self.program else "no openvpn (Debian package openvpn; --fetch unpacks it)"

    def version(self):
        done = subprocess.run([self.program, "--version"], capture_output=True, text=True,
                              check=False)
        return " ".join(done.stdout.split()[:2])

    def start(self, bed, side, *words):
        mine = ["--ca", "ca.crt", "--cert", f"{side}.crt", "--key", f"{side}.key",
                "--data-ciphers", "AES-256-GCM", "--disable-dco", "--verb", "1",
                "--dev", bed.device[side], "--dev-type", "tun",
                "--tcp-nodelay" if self.tcp else "--fast-io"]
        bed.spawn(side, [self.program, *words, *mine])

    def start_server(self, bed):
        make_certificates(bed.work)
        network = bed.tunnel_server.rsplit(".", 1)[0] + ".0"
        self.start(bed, "server", "--proto", "tcp-server" if self.tcp else "udp", "--port", PORT,
                   "--topology", "subnet", "--server", network, "255.255.255.0", "--dh", "none",
                   "--keepalive", "10", "60")

    def start_client(self, bed):
        self.start(bed, "client", "--client", "--nobind", "--remote-cert-tls", "server",
                   "--proto", "tcp-client" if self.tcp else "udp",
                   "--remote", bed.server_address, PORT, "--redirect-gateway", "def1")


PEERS = [OpenVpn("udp"), OpenVpn("tcp")]
