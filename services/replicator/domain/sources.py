"""From whom a copy comes: who of those that hold the version is asked first, and who feeds a group."""

from collections.abc import Iterable, Mapping
from zlib import crc32

from replicator.domain.pod import Pod, region_of, reporting, site_of


def choose(
    target: Pod | None,
    holders: Mapping[str, Pod | None],
    loads: Mapping[str, int],
    attempt: int,
    copy: str,
    source: str = "",
) -> list[Pod]:
    """Who of ``holders`` serves an attempt at the copy, the best first: pods in touch, those at the target's site, in
    its region, with the smallest load. Among equals the order depends on the copy, so that copies spread over the
    holders; and each attempt begins with another one than the attempt before (features.md, group D).

    The version's ``source`` comes behind the others while two of them are in touch: it uploaded its part.
    """
    name = "" if target is None else target.name
    found = [pod for one, pod in holders.items() if one != name and pod is not None and pod.address]
    spare = source if sum(reporting(pod) and pod.name != source for pod in found) > 1 else ""
    site, region = site_of(target), region_of(target)

    def rank(pod: Pod) -> tuple[bool, bool, int, int]:
        elsewhere = not site or site_of(pod) != site
        abroad = not region or region_of(pod) != region
        return elsewhere, abroad, loads.get(pod.name, 0), crc32(f"{copy}/{pod.name}".encode())

    found.sort(key=rank)
    near = [pod for pod in found if reporting(pod) and pod.name != spare]
    turn = max(attempt - 1, 0) % len(near) if near else 0
    late = sorted((pod for pod in found if pod not in near), key=lambda pod: not reporting(pod))
    return near[turn:] + near[:turn] + late


def feeders(source: str, holders: Mapping[str, Pod | None]) -> list[str]:
    """Who may feed a group: pods in touch that hold the version, and the source as long as nobody else does."""
    touch = [name for name, pod in holders.items() if pod is not None and reporting(pod) and pod.address]
    return [name for name in touch if name != source] or touch


def nearest(
    target: Pod | None, names: Iterable[str], holders: Mapping[str, Pod | None], loads: Mapping[str, int], copy: str
) -> list[str]:
    """``names`` in the order in which they should feed ``target``: the least loaded, of those the nearest."""
    found = [pod.name for pod in choose(target, {name: holders[name] for name in names}, loads, 1, copy)]
    return sorted(found, key=lambda name: loads.get(name, 0))
