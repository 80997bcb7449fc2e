"""The import saga as the catalog decides it: from the request to DEPLOYMENT_DONE or FAILED."""

from datetime import datetime
from typing import assert_never

import msgspec

from catalog.domain.failures import heard
from catalog.domain.life import gone
from catalog.domain.manifest import LARGEST, objection
from catalog.domain.origin import snapshot_name
from catalog.domain.plugins import due
from catalog.domain.version import (
    Available,
    Cancelled,
    Cancelling,
    DeployingVm,
    DeploymentDone,
    Failed,
    PartiallyAvailable,
    Pending,
    Publishing,
    Replicating,
    Unpublishing,
    Version,
)
from contracts.errors import Failure, Problem
from contracts.events import Event
from contracts.events.from_pods import SourceInspected, SourcePrepared, SourceRejected, SourceStarted, SourceStepped
from contracts.events.hub import VersionDeployed, VersionFailed, VersionRequested, VersionStarted, VersionStepped
from contracts.events.to_pods import Expected, SourceDiscarded, SourceReleased, SourceRequested
from contracts.manifest import Source
from contracts.requests import ImportVersion

Said = SourceStarted | SourceInspected | SourceStepped | SourcePrepared | SourceRejected
"""What a pod reports while it prepares a source."""
Deployed = (
    DeploymentDone | Publishing | Replicating | Available | PartiallyAvailable | Cancelling | Unpublishing | Failed
)

WARNINGS, WARNING = 16, 512
"""Warnings that are kept of what a pod says, and the characters of one."""

OVERDUE = Failure(
    code="deadline_exceeded",
    step="import",
    text="the source pod did not finish preparing the version before its deadline",
    hint="See whether the pod is connected and its connector healthy, then import again.",
    retry=True,
)


def asking(
    command: ImportVersion,
    source: Source,
    *,
    image: str,
    version: str,
    number: str,
    tenant: str,
    deadline: datetime,
    room: int | None,
    expects: Expected,
    plugins: tuple[str, ...],
) -> SourceRequested:
    """What the pod of ``source`` is asked for, the first time and each time that nothing is heard of it."""
    return SourceRequested(
        pod=source.pod,
        version=version,
        image=image,
        tenant=tenant,
        attempt=1,
        source=source,
        mode=command.mode,
        file_type=command.file_type,
        datastore=command.datastore,
        deadline=deadline,
        room=room,
        expects=expects,
        snapshot=snapshot_name(command, source, number),
        plugins=plugins,
    )


def begin(asked: SourceRequested, number: str) -> VersionRequested:
    """The first word about a version: its import is accepted, and the pod is ``asked`` for it."""
    return VersionRequested(
        version=asked.version,
        image=asked.image,
        number=number,
        tenant=asked.tenant,
        source=asked.source,
        revision=1,
    )


def decide(version: Version, id: str, pod: str, said: Said) -> list[Event]:
    """What a pod's report about the source of version ``id`` means.

    A report by another pod than the version's source, or of another attempt, means nothing. Bytes that a pod says it
    prepared for a version that is not to have them are discarded again, so that none stay behind.
    """
    match version:
        case _ if version.source.pod != pod or version.attempt != said.attempt:
            return []
        case Pending() | DeployingVm():
            return _preparing(version, id, said)
        case Failed(manifest=None) | Cancelled():
            return [SourceDiscarded(pod=pod, version=id, given_up=True)] if isinstance(said, SourcePrepared) else []
        case (
            DeploymentDone()
            | Publishing()
            | Replicating()
            | Available()
            | PartiallyAvailable()
            | Cancelling()
            | Unpublishing()
            | Failed()
        ):
            return _repeated(version, id, said)
        case _:
            assert_never(version)


def decide_overdue(version: Version | None, id: str) -> list[Event]:
    """The deadline of the import passed."""
    if isinstance(version, Pending | DeployingVm):
        return given_up(version, id, OVERDUE)
    return []


def _preparing(version: Pending | DeployingVm, id: str, said: Said) -> list[Event]:
    match said:
        case SourceStarted() | SourceInspected() | SourceStepped():
            return _going(version, id, prepared=False)
        case SourceRejected():
            return [_failed(version, id, heard(said.failure))]
        case SourcePrepared():
            against = objection(said.manifest, version.source, version.source.pod)
            if against is not None:
                failure = Failure(
                    code="manifest_invalid",
                    step="import",
                    text=f"the pod's manifest is refused: {against}",
                    hint="The connector on the source pod is at fault; look at its log and its version.",
                )
                return given_up(version, id, failure)
            return _deployed(version, id, said)
        case _:
            assert_never(said)


def size_of(said: Said) -> int | None:
    """Bytes of disk files that the quotas must have room for, once a report tells them."""
    match said:
        case SourceInspected():
            return min(said.size, 64 * LARGEST)
        case SourcePrepared():
            return said.manifest.size
    return None


def warned(own: tuple[str, ...], said: tuple[str, ...]) -> tuple[str, ...]:
    """The warnings of a version with those of its pod, whose words are bounded."""
    return (*own, *(text[:WARNING] for text in said[:WARNINGS] if text[:WARNING] not in own))


def kept(version: Version, why: str) -> Version:
    """The version after its pod said why the source of its *convert* stays; the same when that was said before."""
    text = f"the source was not deleted: {why[:WARNING]}"
    if not unreleased(version) or text in version.warnings or len(version.warnings) > 2 * WARNINGS:
        return version
    return msgspec.structs.replace(version, warnings=(*version.warnings, text))


def without_room(problem: Problem) -> Failure:
    """Why an import is given up whose source the quotas have no room for (features.md I3)."""
    return Failure(
        code="quota_exceeded", step="import", text=problem.detail, hint=problem.hint or "Free some of the quota."
    )


def _deployed(version: Pending | DeployingVm, id: str, said: SourcePrepared) -> list[Event]:
    events = _going(version, id, prepared=True)
    events.append(
        VersionDeployed(
            version=id,
            image=version.image,
            number=version.number,
            tenant=version.tenant,
            manifest=said.manifest,
            revision=version.revision + len(events) + 1,
        )
    )
    if version.mode == "convert":
        events.append(SourceReleased(pod=version.source.pod, version=id, source=version.source))
    return events


def _going(version: Pending | DeployingVm, id: str, *, prepared: bool) -> list[Event]:
    """That the import is under way, and the plug-ins of the hub whose turn it is."""
    # The report may overtake `SourceStarted`; whoever follows the version still sees each of its states.
    events: list[Event] = [_started(version, id)] if isinstance(version, Pending) else []
    for position in due(version.plugins, version.stepped, prepared=prepared):
        events.append(
            VersionStepped(
                version=id,
                image=version.image,
                number=version.number,
                tenant=version.tenant,
                step=version.plugins[position - 1],
                position=position,
                steps=len(version.plugins),
                revision=version.revision + len(events) + 1,
            )
        )
    return events


def _repeated(version: Deployed, id: str, said: Said) -> list[Event]:
    """A pod that says again what it prepared may have missed the release: its messages are kept for a day only. Or
    that the version was deleted."""
    if gone(version.life):
        return [SourceDiscarded(pod=version.source.pod, version=id)] if isinstance(said, SourcePrepared) else []
    if not isinstance(said, SourcePrepared) or version.mode != "convert" or version.source_deleted:
        return []
    same = version.manifest is not None and version.manifest.digest == said.manifest.digest
    return [SourceReleased(pod=version.source.pod, version=id, source=version.source)] if same else []


def unreleased(version: Version) -> bool:
    """Whether the source of a *convert* may go and its pod did not say yet that it is gone."""
    if isinstance(version, Pending | DeployingVm | Cancelled) or version.manifest is None or gone(version.life):
        return False
    return version.mode == "convert" and not version.source_deleted


def _started(version: Pending, id: str) -> VersionStarted:
    return VersionStarted(version=id, image=version.image, number=version.number, revision=version.revision + 1)


def given_up(version: Pending | DeployingVm, id: str, failure: Failure) -> list[Event]:
    """The end of an import of which nothing is to stay."""
    return [_failed(version, id, failure), SourceDiscarded(pod=version.source.pod, version=id, given_up=True)]


def _failed(version: Pending | DeployingVm, id: str, failure: Failure) -> VersionFailed:
    return VersionFailed(
        version=id,
        image=version.image,
        number=version.number,
        tenant=version.tenant,
        phase="import",
        failure=failure,
        revision=version.revision + 1,
    )
