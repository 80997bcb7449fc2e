"""What people see of the replicator's documents."""

from contracts.errors import Problem
from contracts.views import CopyView, PodView
from replicator.domain.copy import Available, Copy, Corrupt, Failed, Finalizing, RetryPending, Skipped
from replicator.domain.limits import PodLimits
from replicator.domain.pod import Pod


def no_pod(name: str) -> Problem:
    """The refusal when no pod of this name is enrolled."""
    return Problem(
        code="pod_not_found",
        detail=f"no pod named {name[:64]!r} is enrolled",
        hint="list the pods; a pod enrols itself when its connector starts",
    )


def pod_view(pod: Pod, limits: PodLimits) -> PodView:
    """A pod with its limits."""
    return PodView(
        name=pod.name,
        state=_tag(pod),
        hypervisor=pod.hypervisor,
        family=pod.family,
        connector_version=pod.connector_version,
        address=pod.address,
        formats=pod.formats,
        labels=pod.labels,
        datastores=pod.datastores,
        dead_letters=pod.dead_letters,
        last_seen=pod.last_seen,
        limits=limits.limits,
        limits_revision=limits.revision,
    )


def copy_view(id: str, copy: Copy, size: int) -> CopyView:
    """A copy of a version of ``size`` bytes."""
    moved = isinstance(copy, Finalizing | Available)
    return CopyView(
        id=id,
        version=copy.version,
        pod=copy.pod,
        replica=copy.replica,
        datastore=copy.datastore if isinstance(copy, Available) else None,
        state=_tag(copy),
        attempt=copy.attempt,
        digest=copy.digest if isinstance(copy, Available) else None,
        bytes_total=size,
        bytes_done=size if moved else 0,
        bytes_network=copy.bytes_network,
        bytes_reused=copy.bytes_reused,
        failure=copy.failure if isinstance(copy, Failed | RetryPending | Corrupt) else None,
        history=copy.history,
        next_attempt=copy.next_attempt if isinstance(copy, RetryPending) else None,
        reason=copy.reason if isinstance(copy, Skipped) else "",
        updated=copy.updated,
    )


def _tag(state: Pod | Copy) -> str:
    return str(state.__struct_config__.tag)
