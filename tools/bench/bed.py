# SPDX-License-Identifier: ISC
"""The bed of a measurement: client -- router -- server -- target, four network namespaces.

                  10.71.1.0/24          10.71.2.0/24          198.51.100.0/24
       client .2 ---------------- router ---------------- .2 server ---------------- .2 target

The target has no route beyond its own network, and the client none to it but the default: what
comes back came through the server's address translation. One VPN at a time is in it.
"""
import os
import re
import signal
import subprocess
import time
from pathlib import Path

import machine

SIDES = ("client", "router", "server", "target")
LINKS = (("client", "c0", "10.71.1.2"), ("router", "r0", "10.71.1.1"),
         ("router", "r1", "10.71.2.1"), ("server", "s0", "10.71.2.2"),
         ("server", "s1", "198.51.100.1"), ("target", "t0", "198.51.100.2"))
# A peer in the bed is nobody's remote shell.
UNWANTED = ("SSH_CONNECTION", "SSH_CLIENT", "SSH_TTY")
QUEUE_LEAST = 65536  # bytes, of a wide-area link


class BedError(Exception):
    """A command failed, or what was waited for did not come; one line."""


def run(argv, check=True, **how):
    """A command to its end, with its output as text."""
    done = subprocess.run([str(a) for a in argv], text=True, capture_output=True, **how)
    if check and done.returncode:
        said = done.stderr.strip() or f"status {done.returncode}"
        raise BedError(f"{' '.join(map(str, argv))}: {said}")
    return done


class Bed:
    """The namespaces, the VPN in them, and what was started to measure it."""

    client_address, client_gateway = "10.71.1.2", "10.71.1.1"
    server_address, target = "10.71.2.2", "198.51.100.2"
    underlay = "10.71.2.0/24"  # what a client must go on reaching past its tunnel
    tunnel_client, tunnel_server = "10.79.0.2", "10.79.0.1"
    device = {"client": "vpnc", "server": "vpns"}

    def __init__(self, work):
        self.work = Path(work)  # an empty folder of this bed's own
        self.vpn = []           # (side, Popen): the processes of the VPN
        self.helpers = []       # iperf3, netprobe, ...: never counted as VPN

    # -- topology

    def up(self):
        for side in SIDES:
            run(["ip", "netns", "add", side])
        self.join("client", "c0", "router", "r0")
        self.join("router", "r1", "server", "s0")
        self.join("server", "s1", "target", "t0")
        for side, device, address in LINKS:
            self.exec(side, ["ip", "address", "add", f"{address}/24", "dev", device])
            self.exec(side, ["ip", "link", "set", device, "up"])
        for side in SIDES:
            self.exec(side, ["ip", "link", "set", "lo", "up"])
        for side in ("router", "server"):
            self.set(side, "ipv4/ip_forward", 1)
        self.exec("client", ["ip", "route", "add", "default", "via", self.client_gateway])
        self.exec("server", ["ip", "route", "add", "10.71.1.0/24", "via", "10.71.2.1"])
        self.exec("server", ["ip", "route", "add", "default", "via", self.target])
        self.nft("server", "add table ip bed; "
                 "add chain ip bed out { type nat hook postrouting priority 100; }; "
                 "add rule ip bed out oifname s1 masquerade")
        self.nft("router", "add table ip bed; "
                 "add chain ip bed path { type filter hook forward priority 0; }")

    def join(self, one, device, other, peer):
        run(["ip", "link", "add", device, "netns", one, "type", "veth",
             "peer", "name", peer, "netns", other])

    def set(self, side, name, value):
        """A setting of /proc/sys/net."""
        self.exec(side, ["sh", "-c", f"echo {value} >/proc/sys/net/{name}"])

    def nft(self, side, rules):
        self.exec(side, ["nft", rules])

    def wide_area(self, tool, rtt_ms, mbit, loss_percent):
        """The router as a wide-area link: half of the round trip and the loss in each direction.

        The queue before the bottleneck holds one round trip.
        """
        queue = max(QUEUE_LEAST, int(mbit * rtt_ms * 125))
        self.set("router", "ipv4/conf/all/rp_filter", 0)
        for device, enters, table in (("wan0", "r0", "200"), ("wan1", "r1", "201")):
            self.popen("router", [tool, device, int(rtt_ms * 500), int(mbit),
                                  int(loss_percent * 10000), queue], stdout=None)
            self.wait_for("router", ["ip", "link", "set", device, "up", "txqueuelen", "5000"])
            self.set("router", f"ipv4/conf/{device}/rp_filter", 0)
            self.exec("router", ["ip", "route", "add", "default", "dev", device, "table", table])
            self.exec("router", ["ip", "rule", "add", "iif", enters, "table", table])

    def on_path(self, rule):
        """The one thing that the router does to what it forwards; "": nothing."""
        then = f"; add rule ip bed path {rule}" if rule else ""
        self.nft("router", f"flush chain ip bed path{then}")

    def down(self):
        """Ends all processes and removes the namespaces. Never fails."""
        self.stop(self.helpers)
        self.stop([process for _, process in self.vpn])
        self.vpn, self.helpers = [], []
        for side in SIDES:
            for pid in run(["ip", "netns", "pids", side], check=False).stdout.split():
                self.kill(int(pid))
        self.reap()
        for side in SIDES:
            run(["ip", "netns", "delete", side], check=False)

    def kill(self, pid):
        if pid == os.getpid():
            return
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass

    def reap(self):
        """Orphans are this process's to wait for: it is the first of its namespace."""
        end = time.monotonic() + 0.5
        while time.monotonic() < end:
            try:
                if os.waitpid(-1, os.WNOHANG)[0] == 0:
                    time.sleep(0.01)
            except ChildProcessError:
                return

    # -- processes

    def words(self, side, argv):
        return ["ip", "netns", "exec", side, *[str(a) for a in argv]]

    def environment(self, more=None):
        kept = {name: value for name, value in os.environ.items() if name not in UNWANTED}
        return {**kept, **(more or {})}

    def exec(self, side, argv, check=True, **how):
        return run(self.words(side, argv), check=check, **how)

    def popen(self, side, argv, **how):
        """A helper, whose output is to be read."""
        how = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL,
               "stdin": subprocess.DEVNULL, **how}
        process = subprocess.Popen(self.words(side, argv), text=True, **how)
        self.helpers.append(process)
        return process

    def spawn(self, side, argv, env=None):
        """A process of the VPN; what it says goes to SIDE.log in the work folder."""
        with open(self.work / f"{side}.log", "a", encoding="utf-8") as log:
            process = subprocess.Popen(self.words(side, argv), stdin=subprocess.DEVNULL,
                                       stdout=log, stderr=log, env=self.environment(env),
                                       cwd=self.work)
        self.vpn.append((side, process))

    def stop(self, processes):
        for process in processes:
            if process.poll() is None:
                process.terminate()
        end = time.monotonic() + 2
        for process in processes:
            try:
                process.wait(max(0.05, end - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            if process.stdout:
                process.stdout.close()

    def wait_for(self, side, argv, seconds=5):
        """Until the command succeeds."""
        end = time.monotonic() + seconds
        while self.exec(side, argv, check=False).returncode:
            self.check_alive()
            if time.monotonic() > end:
                raise BedError(f"{side}: \"{' '.join(map(str, argv))}\" did not come true")
            time.sleep(0.01)

    def wait_for_port(self, side, protocol, port):
        letter = {"tcp": "t", "udp": "u"}[protocol]
        self.wait_for(side, ["sh", "-c", f"ss -Hln{letter} sport = :{port} | grep -q ."])

    def check_alive(self):
        """Throws if a process of the VPN has ended: nothing measured from now on means anything."""
        for side, process in self.vpn:
            if process.poll() is not None:
                raise BedError(f"the {side} ended with status {process.returncode}")

    def logs(self, most=1500):
        """The ends of what the VPN said."""
        return "\n".join(f"--- {log.name}\n{log.read_text(errors='replace')[-most:]}"
                         for log in sorted(self.work.glob("*.log")))

    # -- what the VPN uses

    def vpn_pids(self):
        """Its processes with all their descendants, by side."""
        children = {}
        for pid, fields in machine.processes():
            children.setdefault(int(fields[1]), []).append(pid)
        pids = {"client": [], "server": []}
        for side, process in self.vpn:
            left = [process.pid]
            while left:
                pid = left.pop()
                pids[side].append(pid)
                left += children.get(pid, [])
        return pids

    def vpn_seconds(self):
        """Of processor time so far, by side."""
        by_pid = {pid: machine.used(fields) for pid, fields in machine.processes()}
        return {side: sum(by_pid.get(pid, 0.0) for pid in pids)
                for side, pids in self.vpn_pids().items()}

    def vpn_peak_mb(self):
        """The largest resident sets so far, added up by side."""
        return {side: sum(peak_kb(pid) for pid in pids) / 1024
                for side, pids in self.vpn_pids().items()}


def peak_kb(pid):
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    found = re.search(r"VmHWM:\s+(\d+)", status)
    return int(found[1]) if found else 0
