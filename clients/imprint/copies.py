"""How a copy is told to people: as a line of a table, and in words."""

from contracts.views import CopyView, JobRow, PoolView
from imprint.output import lasting, size, when

COLUMNS = ("POD", "STATE", "DATASTORE", "ATTEMPT", "DONE", "REUSED", "FROM", "EXPECTED", "WHY")
GONE = ("SKIPPED", "ABSENT")
"""States of a copy of which nothing is on the pod, whatever was there before."""
WAITS = {
    "slot": "waits for a slot",
    "source": "waits for a source",
    "turn": "waits for its turn",
    "window": "waits for the pod's hours",
    "pod_offline": "waits for the pod",
    "paused": "paused",
    "not_before": "waits for its time",
    "data_denied": "paused: the version's data is denied",
    "copy": "waits for a copy of the version",
    "users": "waits until its users log off",
}
"""What a PENDING copy, or a pool, waits for, in words."""


def name(copy: CopyView) -> str:
    """A copy by its pod: ``pod-1``; a further one on the same pod is ``pod-1/1``."""
    return copy.pod if copy.replica == 0 else f"{copy.pod}/{copy.replica}"


def row(copy: CopyView) -> tuple[object, ...]:
    """A copy as a line of a table."""
    expected = lasting(copy.eta) if copy.eta is not None else when(copy.estimate)
    if copy.state in GONE:
        return name(copy), copy.state, "", copy.attempt, "", "", "", expected, why(copy)
    moving = copy.bytes_total and copy.state != "AVAILABLE"
    done = f"{size(copy.bytes_done)} of {size(copy.bytes_total)}" if moving else size(copy.bytes_network)
    reused = size(copy.bytes_reused)
    return name(copy), copy.state, copy.datastore, copy.attempt, done, reused, copy.source, expected, why(copy)


def why(copy: CopyView) -> str:
    """Why a copy stands as it does, in a few words."""
    found = []
    if copy.failure is not None and copy.state != "AVAILABLE":
        found.append(f"{copy.failure.code}: {copy.failure.text}")
    if copy.next_attempt is not None and copy.state == "RETRY_PENDING":
        found.append(f"again {when(copy.next_attempt)}")
    if copy.reason:
        found.append(WAITS.get(copy.reason, copy.reason))
    if copy.excluded and copy.state == "AVAILABLE":
        found.append("not latest")
    return "; ".join(found)


def standing(target: PoolView | JobRow) -> str:
    """Why a pool, or another target of a job, stands as it does."""
    failed = f"{target.failure.code}: {target.failure.text}" if target.failure is not None else ""
    return failed or WAITS.get(target.reason, target.reason)
