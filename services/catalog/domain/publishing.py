"""The publish saga as the catalog decides it: from the request to AVAILABLE, PARTIALLY_AVAILABLE or FAILED.

Aggregation (features.md, Settled): all wanted copies AVAILABLE, SKIPPED ones aside → AVAILABLE; some →
PARTIALLY_AVAILABLE; none → FAILED. Once a publish came to its end, every change of the counts is said again, so that a
copy that comes later moves the version up.
"""

from collections.abc import Collection
from datetime import datetime

import msgspec

from catalog.domain.copies import Publication
from catalog.domain.version import (
    Available,
    DeploymentDone,
    Failed,
    PartiallyAvailable,
    Publishing,
    Replicating,
    Version,
    manifest_of,
    publication_of,
)
from contracts.errors import Failure, Problem
from contracts.events import Event
from contracts.events.hub import (
    PlacementRefused,
    VersionAvailable,
    VersionFailed,
    VersionPartiallyAvailable,
    VersionPublishRequested,
    VersionReplicating,
)
from contracts.requests import PublishVersion

LONGEST = 30 * 86_400.0
"""Seconds: a publish that may take longer than a month is a mistake."""
MOST_PODS = 1000
"""Named in one request: its event must fit a message (64 KiB). More pods than that are addressed as ``all``."""

Published = Publishing | Replicating | Available | PartiallyAvailable | Failed

OVERDUE = Failure(
    code="deadline_exceeded",
    step="publish",
    text="not every copy came to an end before the deadline of the publish",
    hint="Look at the copies of the version, then republish; copies that are AVAILABLE are not made again.",
    retry=True,
)
NONE_AVAILABLE = Failure(
    code="all_copies_failed",
    step="publish",
    text="no pod has an available copy",
    hint="Each copy tells why; put that right, then republish.",
)


def objection_to(command: PublishVersion, known: Collection[str], *, any_pod: bool) -> Problem | None:
    """Why this publish is refused whatever the version. ``known`` are those of the named pods that are enrolled."""
    if command.replicas != 1:
        return Problem(
            code="replicas_unsupported",
            detail=f"{command.replicas} replicas for each pod were asked for",
            hint="Leave replicas at 1.",
            data={"replicas": command.replicas},
        )
    if command.deadline is not None and not 0 < command.deadline <= LONGEST:
        return Problem(
            code="validation_failed",
            detail="deadline is not a usable number of seconds",
            hint=f"Give seconds above 0 and up to {LONGEST:.0f}.",
            data={"field": "deadline"},
        )
    return _objection_to_targets(command, known, any_pod=any_pod)


def _objection_to_targets(command: PublishVersion, known: Collection[str], *, any_pod: bool) -> Problem | None:
    pods = command.targets.pods
    if command.targets.kind == "all" and pods:
        return Problem(
            code="validation_failed",
            detail="targets name pods although their kind is all",
            hint='Say {"kind": "list"} to publish to the named pods only, or leave the names out.',
            data={"field": "targets"},
        )
    if command.targets.kind == "all":
        if any_pod:
            return None
        return Problem(code="no_target", detail="no pod is enrolled", hint="Start a connector; it enrols its pod.")
    if not pods:
        return Problem(code="no_target", detail="the list of targets is empty", hint="Name pods, or publish to all.")
    if len(pods) > MOST_PODS or len(set(pods)) < len(pods):
        return Problem(
            code="validation_failed",
            detail=f"targets must name up to {MOST_PODS} pods, each once",
            hint="Name each pod once, or publish to all.",
            data={"field": "targets"},
        )
    for pod in pods:
        if pod not in known:
            return Problem(
                code="pod_unknown",
                detail=f"no pod named {pod[:40]!r} is enrolled",
                hint="List the pods; a pod is enrolled when its connector first reports.",
                data={"pod": pod[:40]},
            )
    return None


def decide_request(
    version: Version, id: str, command: PublishVersion, deadline: datetime
) -> list[VersionPublishRequested] | Problem:
    """Publish (again) version ``id``, or refuse because of its state."""
    manifest = manifest_of(version)
    first = isinstance(version, DeploymentDone)
    again = isinstance(version, Available | PartiallyAvailable | Failed)
    if manifest is None or not (again if command.again else first):
        return _not_ready(version, again=command.again)
    publication = publication_of(version)
    return [
        VersionPublishRequested(
            version=id,
            image=version.image,
            number=version.number,
            tenant=version.tenant,
            publication=1 if publication is None else publication.number + 1,
            manifest=manifest,
            targets=command.targets,
            replicas=command.replicas,
            deadline=deadline,
            revision=version.revision + 1,
        )
    ]


def _not_ready(version: Version, *, again: bool) -> Problem:
    state = str(version.__struct_config__.tag)
    if isinstance(version, Failed) and version.manifest is None:
        hint = "Its import failed; import it again."
    elif isinstance(version, DeploymentDone):
        hint = "Publish it first."
    elif isinstance(version, Publishing | Replicating):
        hint = "Wait for the publish under way."
    elif again:
        hint = "Wait until it is deployed, then publish it."
    else:
        hint = "Republish it." if manifest_of(version) is not None else "Wait until it is DEPLOYMENT_DONE."
    verb = "republished" if again else "published"
    return Problem(
        code="version_not_ready",
        detail=f"version {version.number} is {state} and cannot be {verb}",
        hint=hint,
        data={"state": state, "number": version.number},
    )


def decide_refused(version: Version | None, event: PlacementRefused) -> Publication | None:
    """The publication that the replicator found no pod for; None when that is not about what is going on now."""
    if not isinstance(version, Publishing | Replicating):
        return None
    publication = version.publication
    if publication.number != event.publication or publication.planned:
        return None
    return msgspec.structs.replace(publication, ended=event.failure)


def decide_overdue(version: Version | None, publication: int) -> Publication | None:
    """The publication whose deadline passed; None when it came to its end before."""
    if not isinstance(version, Publishing | Replicating) or version.publication.number != publication:
        return None
    return msgspec.structs.replace(version.publication, ended=OVERDUE)


def decide(version: Published, id: str, now: Publication) -> list[Event]:
    """What to say when the counts of a version go from those it has to ``now``."""
    events: list[Event] = []
    match version:
        case Publishing() | Replicating():
            if isinstance(version, Publishing) and now.planned:
                events.append(
                    VersionReplicating(
                        version=id,
                        image=version.image,
                        number=version.number,
                        publication=now.number,
                        wanted=now.wanted,
                        revision=version.revision + 1,
                    )
                )
            if now.complete or now.ended is not None:
                events.append(_outcome(version, id, now, version.revision + len(events) + 1))
        case Available() | PartiallyAvailable() | Failed():
            before = version.publication
            if before is None or before.counts(over=True) != now.counts(over=True):
                outcome = _outcome(version, id, now, version.revision + 1)
                if not (isinstance(version, Failed) and isinstance(outcome, VersionFailed)):
                    events.append(outcome)
    return events


def _outcome(version: Published, id: str, now: Publication, revision: int) -> Event:
    counts = now.counts(over=True)
    if not counts.available:
        return VersionFailed(
            version=id,
            image=version.image,
            number=version.number,
            tenant=version.tenant,
            phase="publish",
            failure=now.ended or NONE_AVAILABLE,
            revision=revision,
        )
    if counts.failed or (now.ended is not None and not now.planned):
        return VersionPartiallyAvailable(
            version=id,
            image=version.image,
            number=version.number,
            tenant=version.tenant,
            available=counts.available,
            failed=counts.failed,
            skipped=counts.skipped,
            revision=revision,
        )
    return VersionAvailable(
        version=id,
        image=version.image,
        number=version.number,
        tenant=version.tenant,
        available=counts.available,
        skipped=counts.skipped,
        revision=revision,
    )
