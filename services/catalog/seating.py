"""New pools of an assignment, and those that go."""

from collections.abc import Iterator, Sequence

from catalog import binding, pools
from catalog.documents import HOSTED, POOL, USES, VERSION, pool_key
from catalog.domain import pool as wishes
from catalog.domain.assignment import Assignment
from catalog.domain.pool import Pool
from contracts.errors import Problem
from runtime.work import Ref, Work


def new_pool_refs(pods: Sequence[str], version: str | None) -> Iterator[Ref]:
    """The documents that a new pool on each of ``pods`` reads."""
    yield from binding.pod_refs(pods, version)
    for pod in pods:
        yield HOSTED(pod)
    if version is not None:
        yield VERSION(version)
        yield USES(version)


def add_pools(work: Work, id: str, assignment: Assignment, pods: Sequence[str]) -> Assignment:
    """The assignment with a new pool on each of ``pods``, each asked of its pod."""
    for pod in pods:
        pool = Pool(
            wanted=assignment.version,
            wanted_number=assignment.number,
            attempt=assignment.attempt,
            updated=work.message.at,
        )
        pool = pools.ask(work, id, assignment, pod, pool)
        assignment = pools.keep(work, id, assignment, pod, pool, new=True)
    return assignment


def objection_to_users(
    work: Work, id: str, assignment: Assignment, pods: Sequence[str], *, force: bool
) -> Problem | None:
    """Why seats on these pods cannot go: somebody is logged on."""
    users = {pod: pool.users for pod in pods if (pool := work.get(POOL, pool_key(id, pod))) is not None and pool.users}
    if not users or force:
        return None
    pod = min(users)
    return Problem(
        code="assignment_in_use",
        detail=f"{sum(users.values())} users are logged on to {assignment.name} ({', '.join(sorted(users)[:8])})",
        hint="Ask them to log off, or say force.",
        data={"users": sum(users.values()), "pod": pod},
    )


def remove_pools(work: Work, id: str, assignment: Assignment, pods: Sequence[str], *, force: bool) -> Assignment:
    """The assignment after its pods were told to delete these pools; one that was never asked for is gone at once."""
    for pod in pods:
        pool = work.get(POOL, pool_key(id, pod))
        if pool is None or pool.asked is None:
            assignment = pools.keep(work, id, assignment, pod, None)
            continue
        after = wishes.leave(pool, work.floor, work.message.at, force=force)
        if after is not pool:
            pools.say_again(work, id, pod, after)
            assignment = pools.keep(work, id, assignment, pod, after)
    return assignment
