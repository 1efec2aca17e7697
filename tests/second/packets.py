# SPDX-License-Identifier: ISC
"""Inner packets made and read by hand: IPv4 with an ICMP echo."""
import struct


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def ipv4(source, target, protocol, payload):
    def header(check):
        return struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), 7, 0x4000, 64, protocol,
                           check, source, target)
    return header(checksum(header(0))) + payload


def echo_request(source, target, number, text):
    def message(check):
        return struct.pack(">BBHHH", 8, 0, check, 0x5eed, number) + text
    return ipv4(source, target, 1, message(checksum(message(0))))


def is_echo_reply(packet, source, target, number, text):
    return (len(packet) == 28 + len(text) and packet[0] == 0x45 and packet[9] == 1
            and packet[12:16] == source and packet[16:20] == target
            and checksum(packet[:20]) == 0 and checksum(packet[20:]) == 0
            and packet[20:22] == b"\0\0" and packet[24:] ==
            struct.pack(">HH", 0x5eed, number) + text)
