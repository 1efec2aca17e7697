# SPDX-License-Identifier: ISC
"""What the benchmark itself needs: programs of the system, and two small ones of its own."""
import os
import shutil
import subprocess
from pathlib import Path

HERE = Path(__file__).resolve().parent
# program -> Debian package
ALWAYS = {"ip": "iproute2", "ss": "iproute2", "nft": "nftables", "ping": "iputils-ping",
          "unshare": "util-linux", "setpriv": "util-linux", "mount": "mount"}
BY_KIND = {"tcp": {"iperf3": "iperf3"}, "ping": {"iperf3": "iperf3"}, "rss": {"iperf3": "iperf3"}}
COMPILERS = ("g++", "c++", "clang++", "clang++-19")
FLAGS = ("-std=c++20", "-O2", "-Wall", "-Wextra")


def compiler():
    names = [os.environ["CXX"]] if os.environ.get("CXX") else COMPILERS
    return next((path for path in map(shutil.which, names) if path), None)


def wanted(kinds, peers):
    """program -> package, for these kinds of measurement (none named: all) and these peers."""
    programs = dict(ALWAYS)
    for kind, more in BY_KIND.items():
        if not kinds or kind in kinds:
            programs.update(more)
    if any(name.startswith("openvpn") for name in peers):
        programs["openssl"] = "openssl"
    return programs


def missing(kinds, peers):
    """program -> package of what is not here."""
    found = {program: package for program, package in wanted(kinds, peers).items()
             if not shutil.which(program)}
    if not compiler():
        found["g++"] = "g++"
    return found


def sentence(absent):
    named = ", ".join(f"{program} (Debian package {package})"
                      for program, package in absent.items())
    return f"missing: {named}; --yes installs what is missing"


def build_helpers(folder, names):
    """Compiles them into the folder. subprocess.CalledProcessError with what the compiler said."""
    for name in names:
        subprocess.run([compiler(), *FLAGS, "-o", Path(folder) / name, HERE / f"{name}.cpp"],
                       check=True, capture_output=True, text=True,
                       env={**os.environ, "TMPDIR": str(folder)})
