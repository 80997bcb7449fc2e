"""Known beginnings and ends of files: what a content that claims to be raw must not look like.

An inspector that finds nothing says `raw`, and a hypervisor that guesses may find something all the same; so raw is
believed only when nothing here matches (reliability.md 2.1, gaps 1, 2 and 5).
"""

import re
from typing import Final

HEAD: Final = 64 * 1024
"""Bytes of the beginning that are looked at."""
TAIL: Final = 512

_STARTS: Final[tuple[tuple[bytes, str], ...]] = (
    (b"QFI\xfb", "qcow2"),
    (b"conectix", "vhd"),
    (b"vhdxfile", "VHDX"),
    (b"KDMV", "VMDK"),
    (b"COWD", "VMDK"),
    (b"QED\0", "QED"),
    (b"LUKS\xba\xbe", "LUKS"),
    (b"SKUL\xba\xbe", "LUKS"),
    (b"<<< ", "VDI"),
    (b"WithoutFreeSpace", "Parallels"),
    (b"WithouFreSpacExt", "Parallels"),
    (b"Bochs Virtual HD Image", "Bochs"),
    (b"#!/bin/sh\n#V2.0 Format\nmodprobe cloop", "cloop"),
    (b"\x1f\x8b", "gzip"),
    (b"BZh", "bzip2"),
    (b"\xfd7zXZ\0", "xz"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"PK\x03\x04", "ZIP"),
    (b"7z\xbc\xaf\x27\x1c", "7-Zip"),
)
_AT: Final[tuple[tuple[int, bytes, str], ...]] = (
    (0x40, b"\x7f\x10\xda\xbe", "VDI"),
    (257, b"ustar", "tar (OVA)"),
    (0x8001, b"CD001", "ISO 9660"),
    (0x8001, b"NSR02", "UDF"),
    (0x8001, b"NSR03", "UDF"),
    (0x8001, b"BEA01", "UDF"),
)
_DESCRIPTOR: Final = re.compile(rb"(?:#[^\n]*\n|[ \t\r]*\n)*[ \t]*version\s*=\s*[0-9]", re.IGNORECASE)
"""A VMDK text descriptor as hypervisors probe it: comments and blank lines, then ``version=``, whatever follows."""


def recognise(head: bytes, tail: bytes) -> str | None:
    """The name of what a file looks like by its first `HEAD` and last `TAIL` bytes; None when like nothing known."""
    for magic, name in _STARTS:
        if head.startswith(magic):
            return name
    if b"# Disk Descriptor" in head[:4096] or _DESCRIPTOR.match(head[:4096]):
        return "VMDK"
    for offset, magic, name in _AT:
        if head[offset : offset + len(magic)] == magic:
            return name
    if tail.startswith(b"conectix"):
        return "vhd"
    if tail.startswith(b"koly"):
        return "DMG"
    return None
