# SPDX-License-Identifier: ISC
"""Counts what passes a device and is neither the tunnel's connection nor what finds neighbours and
addresses. Prints "ready", then at the end (SIGTERM) the count and the first few frames."""

import signal
import socket
import struct
import sys

device, port = sys.argv[1], int(sys.argv[2])
NEIGHBOUR_TYPES = {130, 131, 132, 133, 134, 135, 136, 143}  # MLD and neighbour discovery
DHCP_PORTS = {67, 68, 546, 547}
ETH_P_ALL, PACKET_OUTGOING = 3, 4
clear = []


def transport(frame):
    """Protocol, source and destination port, ICMP type; None for ARP."""
    kind = struct.unpack_from("!H", frame, 12)[0]
    if kind == 0x0806:
        return None
    if kind == 0x0800:
        protocol, start = frame[23], 14 + (frame[14] & 15) * 4
    elif kind == 0x86DD:
        protocol, start = frame[20], 54
        if protocol == 0 and len(frame) > 62:  # hop-by-hop, before MLD
            protocol, start = frame[54], 54 + 8 * (frame[55] + 1)
    else:
        return kind, 0, 0, -1
    if len(frame) < start + 4:
        return protocol, 0, 0, -1
    source, destination = struct.unpack_from("!HH", frame, start)
    return protocol, source, destination, frame[start]


def is_clear(frame):
    found = transport(frame)
    if found is None:
        return False
    protocol, source, destination, icmp = found
    if protocol == 6:
        return port not in (source, destination)
    if protocol == 17:
        return not {source, destination} <= DHCP_PORTS
    return not (protocol == 58 and icmp in NEIGHBOUR_TYPES)


def end(*_):
    print(len(clear))
    for frame in clear[:8]:
        print(frame[:64].hex())
    sys.exit(0)


with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL)) as link:
    link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 << 20)
    link.bind((device, 0))
    signal.signal(signal.SIGTERM, end)
    print("ready", flush=True)
    while True:
        data, address = link.recvfrom(65535)
        if address[2] != PACKET_OUTGOING and is_clear(data):
            clear.append(data)
