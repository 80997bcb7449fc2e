"""Edits of a placement: targets, replicas and terms are added and removed, never replaced (features.md c15)."""

from collections.abc import Collection, Mapping

import msgspec

from contracts.errors import Problem
from contracts.requests import EditPlacement
from contracts.terms import MOST_OVERRIDES, Override, Terms
from replicator.domain.placement import Placement, Roster, numbered
from replicator.domain.pod import Draining, Pod, Removed


class Edit(msgspec.Struct, frozen=True, kw_only=True):
    """What a placement is after an edit: its terms, its common replicas, and the replicas of each pod. ``added`` were
    named to be added, also where the version is wanted already."""

    terms: Terms
    replicas: int
    wanted: dict[str, tuple[int, ...]]
    added: tuple[str, ...] = ()


def decide(
    placement: Placement, roster: Roster, command: EditPlacement, pods: Mapping[str, Pod], hidden: Collection[str] = ()
) -> Edit | Problem:
    """What an edit makes of a placement, or why it is refused. Whether a pod can hold what is added is asked apart.
    ``pods`` are those that are there for the actor; those of the placement that he does not see are ``hidden``."""
    problem = closed(placement) or _stale(placement, command) or _strange(roster, command, pods, hidden)
    if problem is not None:
        return problem
    replicas = placement.replicas if command.replicas is None else command.replicas
    terms = _terms(placement.terms, command)
    if len(terms.overrides) > MOST_OVERRIDES:
        return Problem(
            code="targets_invalid",
            detail=f"{len(terms.overrides)} pods would differ from what holds for all, {MOST_OVERRIDES} may",
            hint="Change what holds for all, or take back overrides that are not needed any more.",
            data={"field": "overrides", "limit": MOST_OVERRIDES},
        )
    if terms.mode == "shallow" and (replicas > 1 or any(one.replicas not in (None, 1) for one in _new(command))):
        return Problem(
            code="replicas_unsupported",
            detail="a shallow placement has one copy, on the source pod",
            hint="Publish the version in full to have more.",
        )
    wanted = {pod: have for pod, have in roster.wanted.items() if pod not in command.remove}
    for pod in {*command.add, *command.overrides, *(wanted if command.replicas is not None else ())}:
        if pod in wanted or pod in command.add:
            wanted[pod] = numbered(wanted.get(pod, ()), terms.replicas_on(pod, replicas))
    if not wanted:
        return Problem(
            code="targets_invalid",
            detail="no pod would be left to have the version",
            hint="Unpublish the version to remove all of its copies.",
        )
    return Edit(terms=terms, replicas=replicas, wanted=wanted, added=command.add)


def closed(placement: Placement) -> Problem | None:
    """The refusal when nothing can be changed about the placement at present."""
    if placement.state == "LIVE" and placement.rolling is None:
        return None
    what = "is being rolled back" if placement.rolling is not None else "has no copies"
    hint = "Wait until that is done." if placement.rolling is not None else "Publish it first."
    return Problem(code="placement_state", detail=f"the version {what}", hint=hint)


def no_placement() -> Problem:
    """The refusal when the tenant has no such placement; whether somebody else has is not told."""
    return Problem(
        code="placement_not_found",
        detail="no such version was ever published",
        hint="Publish the version first; look the version's id up among those of its image.",
    )


def no_copy(pod: str, replica: int) -> Problem:
    """The refusal when the version has no such copy."""
    return Problem(
        code="copy_not_found",
        detail=f"the version has no copy {replica} on pod {pod}",
        hint="List the copies of the version.",
    )


def _stale(placement: Placement, command: EditPlacement) -> Problem | None:
    if command.revision is None or command.revision == placement.revision:
        return None
    return Problem(
        code="revision_mismatch",
        detail=f"the placement is at revision {placement.revision}, not {command.revision}",
        hint="Read the placement again, decide anew, and send the revision that it has now.",
        data={"revision": placement.revision},
    )


def _strange(
    roster: Roster, command: EditPlacement, pods: Mapping[str, Pod], hidden: Collection[str]
) -> Problem | None:
    """Something about the pods that are named."""
    targets = roster.wanted.keys() - set(hidden)
    for pod in command.remove:
        if pod in command.add:
            return _targets(pod, f"pod {pod} is to be added and removed", "Say one of the two.")
        if pod not in targets:
            return _targets(pod, f"pod {pod} is no target of the version", "Read the placement's pods.")
    for pod in command.add:
        known = pods.get(pod)
        if known is None or isinstance(known, Removed):
            return Problem(
                code="pod_unknown",
                detail=f"no pod named {pod!r} is enrolled",
                hint="List the pods; a pod joins when its connector starts with an enrolment token made for it.",
                data={"pod": pod},
            )
        if isinstance(known, Draining) and pod not in targets:
            return Problem(
                code="pod_draining",
                detail=f"pod {pod} accepts nothing new",
                hint="Readmit the pod, or add another.",
                data={"pod": pod},
            )
    for pod, override in command.overrides.items():
        if override is not None and (pod in command.remove or (pod not in targets and pod not in command.add)):
            return _targets(pod, f"pod {pod} is no target of the version", "Add the pod in the same edit.")
    return None


def _targets(pod: str, detail: str, hint: str) -> Problem:
    return Problem(code="targets_invalid", detail=detail, hint=hint, data={"pod": pod})


def _new(command: EditPlacement) -> list[Override]:
    return [one for one in command.overrides.values() if one is not None]


def _terms(terms: Terms, command: EditPlacement) -> Terms:
    """The terms after the edit. What is said of a pod that is removed goes with it."""
    overrides = {pod: one for pod, one in terms.overrides.items() if pod not in command.remove}
    for pod, override in command.overrides.items():
        if override is None:
            overrides.pop(pod, None)
        else:
            overrides[pod] = override
    priority = terms.priority if command.priority is None else command.priority
    return msgspec.structs.replace(terms, overrides=overrides, priority=priority)
