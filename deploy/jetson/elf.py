#!/usr/bin/env python3
"""What is in a library for a Jetson: ``elf.py cubins FILE...`` the GPUs it has code for, ``elf.py needed FILE...`` the
libraries it is linked to. One a line, of all files together, sorted; nothing but Python is needed.

ELF as System V's gABI has it (64 bit, little endian). Code for GPUs lies in the section ``.nv_fatbin``, one container
behind another: magic 0xba55ed50, u16 version, u16 length of the header, u64 length of the entries; an entry has u16
kind (1 PTX, 2 ELF), u16 version, u32 length of its header, u64 length of the code, and 28 bytes from its start the
architecture (87 is sm_87). NVIDIA does not publish this; it was read from what nvcc 13.0 writes.
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Iterator
from pathlib import Path

CONTAINER = 0xBA55ED50
PTX, CUBIN = 1, 2
NEEDED = 1


class NotElf(ValueError):
    """No ELF file of 64 bits, or a damaged one."""


def sections(data: bytes) -> dict[str, bytes]:
    """The sections that have a name and bytes in the file; of equal names all, behind each other."""
    if data[:6] != b"\x7fELF\x02\x01":
        raise NotElf("no 64 bit little-endian ELF file")
    found: dict[str, bytes] = {}
    try:
        at, size, count, names = struct.unpack_from("<Q10xHHH", data, 40)
        headers = [struct.unpack_from("<II8x8xQQ", data, at + size * n) for n in range(count)]
        names_at = headers[names][2] if headers else 0
        for name, kind, start, length in headers:
            text = data[names_at + name : data.index(b"\0", names_at + name)].decode("ascii", "replace")
            if kind != 8:  # SHT_NOBITS
                found[text] = found.get(text, b"") + data[start : start + length]
    except (struct.error, ValueError, IndexError, OverflowError) as error:
        raise NotElf(f"a damaged ELF file: {error}") from error
    return found


def needed(data: bytes) -> Iterator[str]:
    """The names of the libraries that it is linked to."""
    found = sections(data)
    names, dynamic = found.get(".dynstr", b""), found.get(".dynamic", b"")
    for tag, value in struct.iter_unpack("<QQ", dynamic[: len(dynamic) // 16 * 16]):
        if tag == NEEDED:
            yield names[value:].partition(b"\0")[0].decode("ascii", "replace")


def cubins(data: bytes) -> Iterator[str]:
    """sm_87 for machine code, compute_87 for PTX, as often as it is there. Raises NotElf where it is none of these."""
    fatbin, at = sections(data).get(".nv_fatbin", b""), 0
    while at + 16 <= len(fatbin):
        magic, _, header, length = struct.unpack_from("<IHHQ", fatbin, at)
        if magic != CONTAINER:
            at += 8  # they are aligned, with zeros between them
            continue
        entry, end = at + header, at + header + length
        while entry + 32 <= min(end, len(fatbin)):
            kind, _, entry_header, code = struct.unpack_from("<HHIQ", fatbin, entry)
            (arch,) = struct.unpack_from("<I", fatbin, entry + 28)
            if kind in (PTX, CUBIN):
                yield f"{'sm' if kind == CUBIN else 'compute'}_{arch}"
            entry += max(32, entry_header + code)
        at = max(end, at + 16)


def main() -> int:
    looks = {"cubins": cubins, "needed": needed}
    if len(sys.argv) < 3 or sys.argv[1] not in looks:
        print("usage: elf.py cubins|needed FILE...", file=sys.stderr)
        return 64
    try:
        found = {line for name in sys.argv[2:] for line in looks[sys.argv[1]](Path(name).read_bytes())}
    except (OSError, NotElf) as error:
        print(f"elf.py: {error}", file=sys.stderr)
        return 65
    sys.stdout.write("".join(f"{line}\n" for line in sorted(found)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
