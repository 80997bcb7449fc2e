"""A staged move of a marker: its pools follow ring by ring, and it halts when too many fail (features.md F13)."""

from collections.abc import Iterable, Mapping
from typing import Literal

import msgspec

from catalog.domain.assignment import Stand
from contracts.errors import Failure
from contracts.requests.lives import Ring

State = Literal["RUNNING", "HALTED", "DONE", "CANCELLED"]


class Rollout(msgspec.Struct, frozen=True, kw_only=True):
    """``ring`` is the one that goes now, from 0. With more than ``failures`` failed pools it halts; ``failed`` counts
    those of the rings so far."""

    version: str
    number: str
    rings: tuple[Ring, ...]
    failures: int = 0
    logoff: Literal["wait", "force"] = "wait"
    ring: int = 0
    state: State = "RUNNING"
    failed: int = 0
    failure: Failure | None = None

    @property
    def under_way(self) -> bool:
        """Whether it has not come to an end."""
        return self.state in ("RUNNING", "HALTED")


def ring_of(rings: tuple[Ring, ...], pod: str, labels: Mapping[str, str]) -> int:
    """The ring with which the pools of a pod go: the first that names it or what it is labelled, else the last.

    A ring with several labels means pods that have one of the values of each.
    """
    for number, ring in enumerate(rings):
        if pod in ring.pods:
            return number
        if ring.labels and all(labels.get(key) in values for key, values in ring.labels.items()):
            return number
    return len(rings) - 1


def reached(rollout: Rollout | None, version: str, pod: str, labels: Mapping[str, str]) -> bool:
    """Whether the pool on a pod is to have what the marker names by now."""
    if rollout is None or rollout.version != version or rollout.state == "DONE":
        return True
    return ring_of(rollout.rings, pod, labels) <= rollout.ring


def advanced(rollout: Rollout, stands: Iterable[tuple[int, Stand]]) -> Rollout:
    """The rollout as it goes on from how the pools stand now, each with its ring; the same object when it waits.

    A ring is through when each of its pools has the version, or failed within what is allowed.
    """
    if rollout.state != "RUNNING":
        return rollout
    by_ring: dict[int, list[Stand]] = {}
    for ring, stand in stands:
        by_ring.setdefault(ring, []).append(stand)
    ring = rollout.ring
    failed = sum(1 for number, some in by_ring.items() if number <= ring for one in some if _failed(rollout, one))
    if failed > rollout.failures:
        failure = Failure(
            code="seat_failed",
            step="rollout",
            text=f"{failed} pools failed, and {rollout.failures} may",
            hint="Look at the pools that failed; then resume, cancel or roll the marker back.",
        )
        return msgspec.structs.replace(rollout, state="HALTED", failed=failed, failure=failure)
    while all(_through(rollout, one) for one in by_ring.get(ring, ())):
        if ring + 1 >= len(rollout.rings):
            return msgspec.structs.replace(rollout, ring=ring, state="DONE", failed=failed, failure=None)
        ring += 1
        if by_ring.get(ring):
            break  # its pools are to be told first
    if (ring, failed) == (rollout.ring, rollout.failed):
        return rollout
    return msgspec.structs.replace(rollout, ring=ring, failed=failed)


def _failed(rollout: Rollout, stand: Stand) -> bool:
    return stand.failed == rollout.version


def _through(rollout: Rollout, stand: Stand) -> bool:
    if _failed(rollout, stand):
        return not stand.open  # its way back is over
    return stand.wanted == rollout.version and stand.state == "IN_SYNC"
