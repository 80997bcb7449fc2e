"""How a pod's inventory is cut into sections, so that two sides can find out what differs without telling everything.

Section 0 is the VMs; the library's items lie in the others by their version. The root is the hash over the sections'
digests: equal roots, equal holdings (reliability.md 4.1.7).
"""

import hashlib
from collections.abc import Sequence
from zlib import crc32

VMS = 0
"""The section of the VMs."""
SECTIONS = 65
"""Sections of an inventory, that of the VMs included."""
DIGEST = 16
"""Hex digits of a section's digest: 64 bits find a difference, they prove nothing to an attacker (a pod lies about its
own holdings only)."""


def section_of(version: str) -> int:
    """The section in which items of a version lie; 1 to ``SECTIONS - 1``."""
    return 1 + crc32(version.encode()) % (SECTIONS - 1)


def root_of(sections: Sequence[str]) -> str:
    """The root of an inventory with these digests, one for each section in order."""
    return hashlib.sha256("\n".join(sections).encode()).hexdigest()
