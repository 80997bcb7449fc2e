"""The import saga as the catalog decides it: from the request to DEPLOYMENT_DONE or FAILED."""

from datetime import datetime
from typing import assert_never

from catalog.domain.failures import heard
from catalog.domain.manifest import objection
from catalog.domain.number import normalise
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
from contracts.events.from_pods import SourcePrepared, SourceRejected, SourceStarted
from contracts.events.hub import VersionDeployed, VersionFailed, VersionRequested, VersionStarted
from contracts.events.to_pods import SourceDiscarded, SourceReleased, SourceRequested
from contracts.requests import ImportVersion

Deployed = (
    DeploymentDone | Publishing | Replicating | Available | PartiallyAvailable | Cancelling | Unpublishing | Failed
)

KINDS = {"vm", "file"}
"""The kinds of source that connectors prepare."""

OVERDUE = Failure(
    code="deadline_exceeded",
    step="import",
    text="the source pod did not finish preparing the version before its deadline",
    hint="See whether the pod is connected and its connector healthy, then import again.",
    retry=True,
)


def objection_to(command: ImportVersion, *, pod_known: bool) -> Problem | None:
    """Why this import is refused whatever the image; what only the pod can know is not looked at here."""
    source = command.source
    if source.kind not in KINDS:
        return Problem(
            code="source_kind_unsupported",
            detail=f"a source of kind {source.kind} cannot be imported",
            hint="Use a VM or a file in the pod's incoming folder.",
            data={"kind": source.kind},
        )
    if command.number is not None and normalise(command.number) is None:
        return Problem(
            code="version_number_invalid",
            detail=f"{command.number[:40]!r} is not a version number",
            hint="Give three integers as in 1.2.0, or none to have the next one chosen.",
        )
    if not pod_known:
        return Problem(
            code="pod_unknown",
            detail=f"no pod named {source.pod} is enrolled",
            hint="List the pods; a pod is enrolled when its connector first reports.",
            data={"pod": source.pod},
        )
    return None


def decide_request(
    command: ImportVersion, *, image: str, version: str, number: str | None, taken: bool, deadline: datetime
) -> list[VersionRequested | SourceRequested] | Problem:
    """Start the import of ``version`` under ``number`` (None: none is left), or refuse."""
    if number is None:
        return Problem(
            code="version_number_invalid",
            detail="there is no next number above the highest one in use",
            hint="Give a number that is not in use.",
        )
    if taken:
        return Problem(
            code="version_exists",
            detail=f"version {number} exists already",
            hint="Give another number, or none to have the next one chosen.",
            data={"number": number},
        )
    tenant = command.actor.tenant
    return [
        VersionRequested(version=version, image=image, number=number, tenant=tenant, source=command.source, revision=1),
        SourceRequested(
            pod=command.source.pod,
            version=version,
            image=image,
            tenant=tenant,
            attempt=1,
            source=command.source,
            mode=command.mode,
            file_type=command.file_type,
            datastore=command.datastore,
            deadline=deadline,
        ),
    ]


def decide(version: Version, id: str, pod: str, said: SourceStarted | SourcePrepared | SourceRejected) -> list[Event]:
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
            return [SourceDiscarded(pod=pod, version=id)] if isinstance(said, SourcePrepared) else []
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


def _preparing(
    version: Pending | DeployingVm, id: str, said: SourceStarted | SourcePrepared | SourceRejected
) -> list[Event]:
    match said:
        case SourceStarted():
            return [_started(version, id)] if isinstance(version, Pending) else []
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


def _deployed(version: Pending | DeployingVm, id: str, said: SourcePrepared) -> list[Event]:
    # The report may overtake `SourceStarted`; whoever follows the version still sees each of its states.
    events: list[Event] = [_started(version, id)] if isinstance(version, Pending) else []
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


def _repeated(version: Deployed, id: str, said: SourceStarted | SourcePrepared | SourceRejected) -> list[Event]:
    """A pod that says again what it prepared may have missed the release: its messages are kept for a day only."""
    if not isinstance(said, SourcePrepared) or version.mode != "convert" or version.source_deleted:
        return []
    same = version.manifest is not None and version.manifest.digest == said.manifest.digest
    return [SourceReleased(pod=version.source.pod, version=id, source=version.source)] if same else []


def _started(version: Pending, id: str) -> VersionStarted:
    return VersionStarted(version=id, image=version.image, number=version.number, revision=version.revision + 1)


def given_up(version: Pending | DeployingVm, id: str, failure: Failure) -> list[Event]:
    """The end of an import of which nothing is to stay."""
    return [_failed(version, id, failure), SourceDiscarded(pod=version.source.pod, version=id)]


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
