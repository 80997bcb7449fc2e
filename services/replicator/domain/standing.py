"""What the operator may do with a pod's standing (features.md b.5): drain it, readmit it, remove it."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TypeAlias

from contracts.errors import Problem
from contracts.requests import SetPodState
from replicator.domain.placement import Placement
from replicator.domain.pod import (
    Connected,
    Drained,
    Draining,
    Expelled,
    Offline,
    Pod,
    Readmitted,
    Removed,
    Returned,
    Vanished,
    reporting,
)

NAMED = 3
"""Versions that a refusal names."""

Change: TypeAlias = Drained | Readmitted | Returned | Vanished | Expelled


def order(
    pod: Connected | Offline | Draining | Removed, command: SetPodState, alone: Sequence[str], at: datetime
) -> tuple[Change, ...] | Problem:
    """What the command changes; nothing, when it is so already. ``alone`` are the versions that the pod alone has."""
    match command.verb, pod:
        case "remove", Removed():
            return ()
        case _, Removed():
            return Problem(
                code="pod_state",
                detail=f"pod {pod.name} was removed",
                hint="Make an enrolment token for it: with that it joins again when its connector starts.",
            )
        case "drain", Connected() | Offline():
            return (Drained(),)
        case "readmit", Draining():
            # The house hears after this whether the pod reports (`PodReadmitted`).
            return Readmitted(), Returned() if reporting(pod) else Vanished()
        case "remove", _:
            return _last_holder(pod, alone) if alone and not command.force else (Expelled(at),)
    return ()


def _last_holder(pod: Pod, alone: Sequence[str]) -> Problem:
    named = ", ".join(alone[:NAMED]) + (f" and {len(alone) - NAMED} more" if len(alone) > NAMED else "")
    return Problem(
        code="last_holder",
        detail=f"pod {pod.name} is the only one that holds {named}",
        hint="Publish them to another pod or unpublish them; or remove the pod by force, and with it the bytes.",
        data={"versions": len(alone), "version": alone[0]},
    )


def depends_on(pod: str, placement: Placement | None, others: Mapping[str, Pod | None]) -> bool:
    """Whether a live version would be lost with the pod, which holds it: none of the ``others`` that hold it is part of
    the house, as far as a placement remembers holders; or it is the source of a shallow one, which nobody else has."""
    if placement is None or placement.state != "LIVE":
        return False
    left = [name for name in placement.known if name != pod and _stays(others.get(name))]
    return (placement.shallow and placement.source == pod) or not left


def _stays(pod: Pod | None) -> bool:
    return pod is not None and not isinstance(pod, Removed)
