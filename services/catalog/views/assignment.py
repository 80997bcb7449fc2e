"""What people see of assignments and their seats."""

from collections.abc import Iterator, Mapping, Sequence

from catalog.domain.assignment import Assignment
from catalog.domain.pool import Pool
from contracts.views import AssignmentView, SeatView
from contracts.views.holdings import PoolView


def assignment_view(
    id: str, assignment: Assignment, pools: Mapping[str, Pool], known: Sequence[str] = ()
) -> AssignmentView:
    """An assignment with its ``pools`` by pod; ``known`` are the warnings about the version at the time."""
    return AssignmentView(
        id=id,
        name=assignment.name,
        tenant=assignment.tenant,
        image=assignment.image,
        gallery=assignment.gallery,
        image_name=assignment.image_name,
        marker=assignment.marker,
        version=assignment.version,
        number=assignment.number,
        kind=assignment.kind,
        state=assignment.state,
        pods=tuple(pool_view(pod, pools[pod]) for pod in sorted(assignment.pods) if pod in pools),
        seats=len(assignment.endpoints) if assignment.kind == "endpoint" else assignment.seats,
        customisation=assignment.customisation,
        shape=assignment.shape,
        disks=assignment.disks,
        warnings=(*known, *assignment.warnings),
        job=assignment.job,
        created=assignment.created,
        updated=assignment.updated,
        revision=assignment.revision,
    )


def pool_view(pod: str, pool: Pool) -> PoolView:
    """An assignment on one pod."""
    return PoolView(
        pod=pod,
        state="DELETING" if pool.leaving else pool.state,
        version=pool.version,
        number=pool.number,
        wanted=pool.wanted,
        wanted_number=pool.wanted_number,
        seats=len(pool.seats),
        ready=pool.ready,
        failed=pool.broken,
        users=pool.users,
        last_used=pool.last_used,
        failure=pool.failure,
        reason=pool.waits,
        updated=pool.updated,
    )


def seat_views(id: str, pod: str, pool: Pool) -> Iterator[SeatView]:
    """The seats of assignment ``id`` on a pod."""
    for seat in pool.seats:
        yield SeatView(assignment=id, pod=pod, seat=seat)
