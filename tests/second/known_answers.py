# SPDX-License-Identifier: ISC
"""Holds the second implementation against the known answers, stream vectors only.

known_answers.py FILE [ID]: with an ID only those of that data cipher.
"""
import json
import struct
import sys

import sodium
from vpnd1 import ClockReply, Opening, open_s1, parse_key


def unhex(value):
    return bytes.fromhex(value)


def keys_of(vector):
    if vector["mode"] == "S":
        return parse_key(unhex(vector["key_file"]))
    return parse_key(vector["key_line"].encode() + b"\r\n")


def opening_of(vector):
    """The c1 of the vector, made from what it says was drawn at random; all else must follow."""
    flags = struct.unpack_from("<H", unhex(vector["prologue"]), 14)[0]
    now, = struct.unpack_from("<Q", unhex(vector["prologue"]), 16)
    return Opening(keys_of(vector), now, unhex(vector["hello_c1"]), bool(flags & 1),
                   unhex(vector["client_ephemeral_secret"]), unhex(vector["nonce_c1"]),
                   struct.unpack_from("<H", unhex(vector["prologue"]), 12)[0])


def same(what, ours, theirs):
    if ours != unhex(theirs):
        sys.exit(f"{what}: {ours.hex()} and not {theirs}")


def session_of(vector):
    opening = opening_of(vector)
    same("block_c1", opening.block, vector["block_c1"])
    s1 = unhex(vector["block_s1"]) + bytes(3)
    if any(opening.feed(s1[i:i + 1]) for i in range(len(s1) - 1)):
        sys.exit("a session before s1 was whole")
    session = opening.feed(s1[-1:])
    same("handshake_hash", session.h, vector["handshake_hash"])
    same("rekey_secret", session.rk, vector["rekey_secret"])
    for name in ("c2s", "s2c"):
        direction = getattr(session, name)
        same("base_" + name, direction.base, vector["base_" + name])
        same("ek_" + name, direction.ek, vector["ek_" + name])
        same("hk_" + name, direction.hk, vector["hk_" + name])
    return session


def check_records(vector):
    session = session_of(vector)
    for record in vector["records"]:
        direction = getattr(session, record["dir"])
        direction.counter = record["counter"]
        same(f"record {record['counter']}", direction.seal(record["type"],
                                                           unhex(record["plaintext"])),
             record["wire"])


def check_trace(vector):
    """The interleaved re-key, record by record: the server's are read, the client's are made."""
    session, rekey = session_of(vector), vector["rekey"]
    session.switch_at = "SWITCH"
    for step in vector["interleaved"]["trace"]:
        wire, plain = unhex(step["wire"]), unhex(step["plaintext"])
        if step["dir"] == "s2c":
            session.feed(wire)
            continue
        if step["type"] == 1 and plain[0] == 4:
            session.start_rekey(unhex(rekey["client_ephemeral_secret"]))
        elif step["type"] == 1 and plain == b"\6\0":
            session.ratchet()
        elif not (session.out or step["type"] == 1 and plain == b"\6\1"):
            session.out += session.c2s.seal(step["type"], plain)
        made, session.out = session.out[:len(wire)], session.out[len(wire):]
        same(f"trace: {step['what']}", made, step["wire"])
    done = vector["interleaved"]
    same("rk'", session.rk, done["rekey_secret"])
    same("h'", session.h, done["handshake_hash"])
    same("base_c2s", session.c2s.base, done["base_c2s"])
    same("base_s2c", session.s2c.base, done["base_s2c"])


def check_clock_reply(vector):
    opening = Opening(keys_of(vector), 0, bytes(80))
    opening.block = unhex(vector["block_c1"])
    reply = unhex(vector["block_reply"])
    gate = open_s1(opening.keys.gate_s2c, opening.keys.mode, opening.block, reply)
    answer = opening.feed(reply + bytes(gate.pad_len))
    if not isinstance(answer, ClockReply) or answer.time != gate.time:
        sys.exit("a clock reply is not seen as one")


def main():
    with open(sys.argv[1], encoding="ascii") as file:
        answers = json.load(file)
    wanted = {int(sys.argv[2])} if len(sys.argv) > 2 else set(sodium.SEAL)
    for missing in {1, 2, 4} - set(sodium.SEAL):
        print(f"cipher {missing}: not in libsodium {sodium.VERSION} or this processor, NOT checked")
    done = 0
    for vector in answers["vectors"]:
        if vector["transport"] != "stream" or vector["cipher_id"] not in wanted:
            continue
        check_records(vector)
        check_trace(vector)
        done += 1
    replies = [r for r in answers["gate_replies"]
               if (r["transport"], r["reply"]) == ("stream", "clock")]
    for reply in replies:
        check_clock_reply(reply)
    print(f"known answers: {done} handshakes and {len(replies)} clock replies agree")
    return 0 if done and replies else 1


if __name__ == "__main__":
    sys.exit(main())
