"""The publish as the catalog decides it: whether it may begin, and what the replicator's answer to it means."""

from datetime import datetime

import msgspec

from catalog.domain.asked import LONGEST, Asked, remembered
from catalog.domain.outcome import outcome, withdrawn
from catalog.domain.publication import Publication, under
from catalog.domain.revision import next_publication
from catalog.domain.version import (
    Available,
    Cancelling,
    DeploymentDone,
    Failed,
    PartiallyAvailable,
    Publishing,
    Replicating,
    Unpublishing,
    Version,
    counted_of,
    manifest_of,
)
from contracts.errors import Failure, Problem
from contracts.events import Event
from contracts.events.hub import PlacementRefused, PlacementRolledBack, VersionPublishRequested
from contracts.requests import PublishVersion
from contracts.topology import MAX_MESSAGE

LARGEST = MAX_MESSAGE - 4096
"""Bytes of a publish, which is one message with its headers."""

OVERDUE = Failure(
    code="deadline_exceeded",
    step="publish",
    text="not every copy came to an end before the deadline of the publish",
    hint="Look at the copies of the version, then republish; copies that are AVAILABLE are not made again.",
    retry=True,
)


def objection_to_deadline(command: PublishVersion) -> Problem | None:
    """Why there cannot be such a deadline."""
    if command.deadline is None or 0 < command.deadline <= LONGEST:
        return None
    return _field("deadline", "is not a usable number of seconds", f"Give seconds above 0 and up to {LONGEST:.0f}.")


def objection_to_start(wanted: Asked, at: datetime) -> Problem | None:
    """Why the publish cannot begin when it is asked to."""
    start = wanted.terms.not_before
    if start is None:
        return None
    if start.tzinfo is None:
        return _field("not_before", "has no time zone", "Give a time with its offset from UTC, as in …T20:00:00Z.")
    if (start - at).total_seconds() > LONGEST:
        return _field("not_before", "is too far away", f"Give a time up to {LONGEST:.0f} seconds from now.")
    if start >= wanted.deadline:
        return _field(
            "not_before", "is not before the deadline", "Give the publish more time, or let it start earlier."
        )
    return None


def _field(field: str, detail: str, hint: str) -> Problem:
    return Problem(code="validation_failed", detail=f"{field} {detail}", hint=hint, data={"field": field})


def objection_to_mode(version: Version, wanted: Asked, more: tuple[str, ...]) -> Problem | None:
    """Why a version cannot be published without moving bytes (features.md, Settled: shallow)."""
    if wanted.terms.mode != "shallow":
        return None
    if version.mode == "convert":
        return Problem(
            code="shallow_convert",
            detail=f"version {version.number} was imported by convert: its source was deleted",
            hint='Publish it with mode "full".',
        )
    pod = version.source.pod
    if wanted.targets.kind == "list" and pod not in (*wanted.targets.pods, *more):
        return Problem(
            code="targets_invalid",
            detail=f"a shallow publish makes the copy of its source pod only, and {pod} is not named",
            hint=f'Name {pod}, or publish with mode "full".',
            data={"field": "targets", "pod": pod},
        )
    return None


def decide_request(
    version: Version,
    id: str,
    command: PublishVersion,
    wanted: Asked,
    floor: int = 0,
    *,
    fixed: bool = False,
) -> list[VersionPublishRequested] | Problem:
    """Publish (again) version ``id`` as ``wanted``, under a number above ``floor``, or refuse because of its state.
    ``fixed``: its copies stay where they are (`VersionPublishRequested`)."""
    manifest = manifest_of(version)
    first = isinstance(version, DeploymentDone)
    again = isinstance(version, Available | PartiallyAvailable | Failed)
    if manifest is None or not (again if command.again else first):
        return _not_ready(version, again=command.again)
    publication = counted_of(version)
    event = VersionPublishRequested(
        version=id,
        image=version.image,
        number=version.number,
        tenant=version.tenant,
        publication=next_publication(0 if publication is None else publication.number, floor),
        manifest=manifest,
        targets=wanted.targets,
        replicas=wanted.replicas,
        deadline=wanted.deadline,
        terms=wanted.terms,
        more=command.more,
        again=command.again and command.targets is None,
        fixed=fixed,
        principals=wanted.principals,
        revision=version.revision + 1,
    )
    return _too_large(event, wanted) or [event]


def too_large(event: VersionPublishRequested) -> bool:
    """Whether one message cannot say it."""
    return _size(event) > LARGEST


def _size(event: VersionPublishRequested) -> int:
    return len(msgspec.json.encode(event))


def _too_large(event: VersionPublishRequested, wanted: Asked) -> Problem | None:
    """The refusal of what one message cannot say, also when all of it is said again because it is sought."""
    whole = remembered(wanted, event.more)
    size = _size(msgspec.structs.replace(event, targets=whole.targets, more=whole.more))
    if size <= LARGEST:
        return None
    return Problem(
        code="targets_invalid",
        detail=f"targets and terms take {size} bytes with the version's manifest, which is more than a message has",
        hint="Name fewer pods, values or overrides: select pods by a label that they share.",
        data={"field": "targets", "limit": LARGEST},
    )


def _not_ready(version: Version, *, again: bool) -> Problem:
    if isinstance(version, Failed) and version.manifest is None:
        hint = "Its import failed; import it again."
    elif isinstance(version, DeploymentDone):
        hint = "Publish it first."
    elif isinstance(version, Publishing | Replicating):
        hint = "Wait for the publish under way, or cancel it."
    elif isinstance(version, Cancelling | Unpublishing):
        hint = "Wait until that is done."
    elif again:
        hint = "Wait until it is deployed, then publish it."
    else:
        hint = "Republish it." if manifest_of(version) is not None else "Wait until it is DEPLOYMENT_DONE."
    return not_ready(version, "republished" if again else "published", hint)


def not_ready(version: Version, verb: str, hint: str) -> Problem:
    """The refusal of something that a version's state does not allow."""
    state = str(version.__struct_config__.tag)
    return Problem(
        code="version_not_ready",
        detail=f"version {version.number} is {state} and cannot be {verb}",
        hint=hint,
        data={"state": state, "number": version.number},
    )


def decide_refused(version: Version | None, event: PlacementRefused, former: Asked | None) -> Publication | None:
    """The publication after the replicator refused it, under the terms that hold again; None when the word is not
    about what is going on."""
    if not isinstance(version, Publishing | Cancelling | Unpublishing):
        return None
    publication = version.publication
    if publication.number != event.publication or publication.planned:
        return None
    over = msgspec.structs.replace(publication, over=True)
    return over if former is None else under(over, former.terms)


def refused(version: Publishing, id: str, now: Publication, failure: Failure) -> Event:
    """A refusal changes nothing (features.md, Settled): the version is again what it was before the publish."""
    if now.number == now.since:
        return withdrawn(version, id, now, "refused", failure)
    return outcome(version, id, now, version.revision + 1)


def decide_rolled_back(version: Version | None, event: PlacementRolledBack) -> Publication | None:
    """The publication after its copies were taken back; None when the word is about an earlier one."""
    if not isinstance(version, Publishing | Replicating | Cancelling | Available | PartiallyAvailable | Failed):
        return None
    publication = version.publication
    if publication is None or publication.number != event.publication or publication.undone is not None:
        return None
    return msgspec.structs.replace(publication, undone=event.failure)


def decide_overdue(version: Version | None, publication: int) -> Publication | None:
    """The publication of which the last deadline passed; None when it came to its end before."""
    if not isinstance(version, Publishing | Replicating) or version.publication.number != publication:
        return None
    return msgspec.structs.replace(version.publication, ended=OVERDUE)
