# SPDX-License-Identifier: ISC
"""Looks into a program for another system: binary.py FILE SYSTEM MACHINE.

The first line says what it is; each line after that is a fault, and then the status is 1. SYSTEM is
what uname -s says there. ELF of 64 bits (System V gABI, chapters 4 and 5) and Mach-O of 64 bits
(mach-o/loader.h, mach-o/nlist.h), little-endian both.
"""

import re
import struct
import sys

INTERPRETER = {
    "FreeBSD": "/libexec/ld-elf.so.1",
    "NetBSD": "/libexec/ld.elf_so",
    "OpenBSD": "/usr/libexec/ld.so",
    "Darwin": "/usr/lib/dyld",
}
ELF_MACHINE = {62: "x86_64", 183: "aarch64"}
MACH_MACHINE = {0x01000007: "x86_64", 0x0100000C: "aarch64"}
LIBRARY = re.compile(r"^(.*/)?lib(c|m|pthread|thr|rt|util|System\.B)\.(so(\.[0-9.]+)?|dylib)$")
# dlopen(3) does so too, or nearly. On macOS libc++ itself asks by it for an older library.
RUNS_PROGRAMS = re.compile(r"^_?(system|popen|vfork|exec\w*|fexecve|posix_spawn\w*|wordexp|dlopen)$")


class Program:
    def __init__(self):
        self.kind = self.system = self.machine = self.interpreter = ""
        self.libraries, self.imports = [], []


def text(data, at):
    return data[at : data.index(b"\0", at)].decode()


def elf_system(data, program_headers):
    """By the mark in the header, else by the note that the system's own start code brings."""
    if data[7] == 9:
        return "FreeBSD"
    for kind, offset, size in program_headers:
        if kind != 4:
            continue
        at = offset
        while at + 12 <= offset + size:
            name_size, desc_size, _ = struct.unpack_from("<III", data, at)
            name = data[at + 12 : at + 12 + name_size].rstrip(b"\0").decode("ascii", "replace")
            if name in INTERPRETER:
                return name
            at += 12 + (name_size + 3) // 4 * 4 + (desc_size + 3) // 4 * 4
    return "unknown"


def read_elf(data):
    out = Program()
    kind, machine = struct.unpack_from("<HH", data, 16)
    out.machine = ELF_MACHINE.get(machine, str(machine))
    out.kind = {2: "ELF program", 3: "ELF program, position-independent"}.get(kind, "ELF")
    ph_at, sh_at = struct.unpack_from("<QQ", data, 32)
    ph_size, ph_count, sh_size, sh_count = struct.unpack_from("<HHHH", data, 54)
    headers = []
    for i in range(ph_count):
        p_type, _, offset, _, _, size = struct.unpack_from("<IIQQQQ", data, ph_at + i * ph_size)
        headers.append((p_type, offset, size))
        if p_type == 3:
            out.interpreter = text(data, offset)
    out.system = elf_system(data, headers)
    sections = [struct.unpack_from("<IIQQQQIIQQ", data, sh_at + i * sh_size) for i in range(sh_count)]
    for _, s_type, _, _, offset, size, link, _, _, _ in sections:
        if s_type == 6:  # dynamic
            names = sections[link][4]
            for at in range(offset, offset + size, 16):
                tag, value = struct.unpack_from("<QQ", data, at)
                if tag == 1:
                    out.libraries.append(text(data, names + value))
        if s_type == 11:  # dynamic symbols; the first one is none
            names = sections[link][4]
            for at in range(offset + 24, offset + size, 24):
                name, _, _, section = struct.unpack_from("<IBBH", data, at)
                if section == 0:
                    out.imports.append(text(data, names + name))
    return out


def read_mach(data):
    out = Program()
    machine, _, kind, commands = struct.unpack_from("<IIII", data, 4)
    out.machine = MACH_MACHINE.get(machine, hex(machine))
    out.kind = "Mach-O program" if kind == 2 else "Mach-O"
    at = 32
    for _ in range(commands):
        command, size = struct.unpack_from("<II", data, at)
        if command == 0x32 and struct.unpack_from("<I", data, at + 8)[0] == 1:  # LC_BUILD_VERSION
            out.system = "Darwin"
        if command == 0x0E:  # LC_LOAD_DYLINKER
            out.interpreter = text(data, at + struct.unpack_from("<I", data, at + 8)[0])
        if command & 0x7FFFFFFF == 0x0C:  # LC_LOAD_DYLIB
            out.libraries.append(text(data, at + struct.unpack_from("<I", data, at + 8)[0]))
        if command == 0x02:  # LC_SYMTAB
            symbols, count, names = struct.unpack_from("<III", data, at + 8)
            for i in range(count):
                name, flags, _, _, value = struct.unpack_from("<IBBHQ", data, symbols + 16 * i)
                if flags & 0xEF == 1 and value == 0:  # external, undefined
                    out.imports.append(text(data, names + name))
        at += size
    return out


def faults(program, system, machine):
    if not program.kind.split(",")[0].endswith("program"):
        yield f"not a program: {program.kind}"
    if program.system != system:
        yield f"of {program.system}, not of {system}"
    if program.machine != machine:
        yield f"for {program.machine}, not for {machine}"
    if program.interpreter != INTERPRETER[system]:
        yield f"started by {program.interpreter or 'nobody'}, not by {INTERPRETER[system]}"
    if not program.libraries or not program.imports:
        yield "without libraries or imports: it was not understood"
    for name in program.libraries:
        if not LIBRARY.match(name):
            yield f"needs {name}"
    for name in sorted(set(program.imports)):
        if RUNS_PROGRAMS.match(name) and (system, name) != ("Darwin", "_dlopen"):
            yield f"can run programs: imports {name}"


def main():
    path, system, machine = sys.argv[1:]
    with open(path, "rb") as file:
        data = file.read()
    if data[:6] == b"\x7fELF\x02\x01":
        program = read_elf(data)
    elif data[:4] == b"\xcf\xfa\xed\xfe":
        program = read_mach(data)
    else:
        sys.exit("neither ELF nor Mach-O of 64 bits")
    print(
        f"{program.kind}, {program.system}, {program.machine}, {len(set(program.imports))} imports of",
        " ".join(name.rsplit("/", 1)[-1] for name in program.libraries),
    )
    wrong = list(faults(program, system, machine))
    for line in wrong:
        print(line)
    sys.exit(1 if wrong else 0)


main()
