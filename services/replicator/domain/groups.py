"""Pods that receive a version at the same time, in groups that feed each other.

Each member fetches its own share from those that hold the version, and the rest from the others. Who takes which
share follows from the group alone, so all members must be told the same one: it is fixed when the copies are planned.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from zlib import crc32

from replicator.domain.pod import Connected, Pod, site_of

LARGEST = 9
"""Members of a group: each is told of the eight others, which keeps a request far below its limit of 64 KiB."""


def groups(version: str, pods: Sequence[str], known: Mapping[str, Pod]) -> dict[str, tuple[str, ...]]:
    """The peers of each of ``pods``, the others of its group.

    Pods in touch are grouped with each other, and within a site as far as that goes: those feed each other at once
    and over short links. Beyond that the order is the version's own, so that not always the same pods meet.
    """

    def order(name: str) -> tuple[bool, str, int, str]:
        pod = known.get(name)
        return not isinstance(pod, Connected), site_of(pod), crc32(f"{version}/{name}".encode()), name

    ordered = sorted(pods, key=order)
    found: dict[str, tuple[str, ...]] = {}
    for begin, end in _cuts(len(ordered)):
        members = sorted(ordered[begin:end])
        found.update({name: tuple(one for one in members if one != name) for name in members})
    return found


def _cuts(count: int) -> list[tuple[int, int]]:
    """``count`` in as few parts as possible, as even as possible: nobody is left over alone."""
    parts = -(-count // LARGEST)
    return list(pairwise(count * part // parts for part in range(parts + 1))) if parts else []
