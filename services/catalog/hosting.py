"""Desktop pools and their pods: what pods report, and what pools wait for (features.md b.5)."""

from collections.abc import Iterator

import msgspec

from catalog import pools
from catalog.config import Config
from catalog.documents import ASSIGNMENT, HOSTED, POD, POOL, USES, pool_key
from catalog.domain import pool as wishes
from catalog.domain import uses
from catalog.domain.pod import enrolled, reporting
from catalog.pools import CopyStands, PodBack, PoolsDue
from catalog.settings import CatalogSettings
from contracts.events.from_pods import AssignmentReported
from runtime.work import Get, Message, Reaction, Ref, Work

STEP = 64
"""Pools of a pod that one message to self looks after."""


def reactions(config: Config) -> dict[type, Reaction]:
    """The reactions to what pods report, and to what pools wait for."""
    settings = config.settings
    return {
        AssignmentReported: Reaction(_report_keys, lambda message, work: _on_report(message, work, settings)),
        CopyStands: Reaction(_copy_keys, lambda message, work: _on_copy(message, work, settings)),
        PodBack: Reaction(_pod_keys, lambda message, work: _on_pod(message, work, settings)),
        PoolsDue: Reaction(_due_keys, lambda message, work: _on_due(message, work, settings)),
    }


# --- what pods report -------------------------------------------------------------------------------------------------


def _report_keys(message: Message[AssignmentReported], get: Get) -> Iterator[Ref]:
    id, pod = message.body.assignment, message.pod
    key = pool_key(id, pod)
    yield ASSIGNMENT(id)
    yield POOL(key)
    assignment = get(ASSIGNMENT, id)
    if assignment is not None:
        yield from pools.own_refs(assignment)
        yield HOSTED(pod)
    for version in uses.versions(get(POOL, key)):
        yield USES(version)


def _on_report(message: Message[AssignmentReported], work: Work, settings: CatalogSettings) -> None:
    report, pod = message.body, message.pod
    id = report.assignment
    work.saga = ""  # what a pod says belongs to a job only once it is believed
    assignment, before = work.get(ASSIGNMENT, id), work.get(POOL, pool_key(id, pod))
    if assignment is None or before is None:
        return
    after, ended = wishes.heard(before, report, message.at, work.floor)
    if wishes.behind(before, report):
        pools.say_again(work, id, pod, before)
    if after is before:
        return
    if after is None or not wishes.same_but_for_use(before, after):
        work.saga = assignment.job
    assignment = pools.keep(work, id, assignment, pod, after)
    if ended is not None and after is not None:
        pools.say_ended(work, id, assignment, pod, after, ended)
    if after is not None and after.attempt != before.attempt:
        pools.say_again(work, id, pod, after)  # the way back, or what an older copy of the database wants
    pools.finish(work, id, assignment, settings)


# --- what pools wait for ----------------------------------------------------------------------------------------------


def _waiting(version: str, pod: str, after: str, get: Get) -> list[str]:
    """The assignments that want a version on a pod, from ``after`` on."""
    found = get(USES, version)
    if found is None:
        return []
    pairs = (key.partition("/") for key, use in found.by.items() if use.wanted)
    return sorted(id for id, _, where in pairs if where == pod and id > after)[: STEP + 1]


def _copy_keys(message: Message[CopyStands], get: Get) -> Iterator[Ref]:
    body = message.body
    yield USES(body.version)
    for id in _waiting(body.version, body.pod, body.after, get)[:STEP]:
        yield from _one_refs(id, body.pod, get)


def _on_copy(message: Message[CopyStands], work: Work, settings: CatalogSettings) -> None:
    body = message.body
    found = _waiting(body.version, body.pod, body.after, work.get)
    for id in found[:STEP]:
        _look_after(work, id, body.pod, settings, again=False)
    if len(found) > STEP:
        more = msgspec.structs.replace(body, after=found[STEP - 1])
        work.remind(f"stands/{body.version}/{body.pod}/more", message.at, more, saga="")


def _pod_keys(message: Message[PodBack], get: Get) -> Iterator[Ref]:
    body = message.body
    yield POD(body.pod)
    yield HOSTED(body.pod)
    for id in _hosted(body, get)[:STEP]:
        yield from _one_refs(id, body.pod, get)


def _hosted(body: PodBack, get: Get) -> list[str]:
    found = get(HOSTED, body.pod)
    return [] if found is None else [id for id in found.assignments if id > body.after][: STEP + 1]


def _on_pod(message: Message[PodBack], work: Work, settings: CatalogSettings) -> None:
    body = message.body
    pod = work.get(POD, body.pod)
    found = _hosted(body, work.get)
    for id in found[:STEP]:
        if enrolled(pod):
            _look_after(work, id, body.pod, settings, again=True)
        else:
            _gone(work, id, body.pod, settings)
    if len(found) > STEP:
        more = msgspec.structs.replace(body, after=found[STEP - 1])
        work.remind(f"pod/{body.pod}/more", message.at, more, saga="")


def _due_keys(message: Message[PoolsDue], get: Get) -> Iterator[Ref]:
    return pools.refs(message.body.assignment, get)


def _on_due(message: Message[PoolsDue], work: Work, settings: CatalogSettings) -> None:
    id = message.body.assignment
    assignment = work.get(ASSIGNMENT, id)
    if assignment is None:
        return
    work.saga = assignment.job
    for pod, stand in assignment.pods.items():
        pool = work.get(POOL, pool_key(id, pod))
        if pool is None or not stand.open:
            continue
        after = pools.ask(work, id, assignment, pod, pool)
        if after is pool and reporting(work.get(POD, pod)):
            pools.say_again(work, id, pod, pool)
        assignment = pools.keep(work, id, assignment, pod, after)
    pools.finish(work, id, assignment, settings)


def _one_refs(id: str, pod: str, get: Get) -> Iterator[Ref]:
    """Everything that changing the pool of an assignment on one pod reads."""
    yield ASSIGNMENT(id)
    assignment = get(ASSIGNMENT, id)
    if assignment is not None:
        yield from pools.image_refs(assignment.image, get)
        yield from pools.own_refs(assignment)
        yield from pools.pool_refs(id, pod, get)


def _look_after(work: Work, id: str, pod: str, settings: CatalogSettings, *, again: bool) -> None:
    """Ask a pod for what one of its pools waits for; or say what was asked last ``again``."""
    assignment, pool = work.get(ASSIGNMENT, id), work.get(POOL, pool_key(id, pod))
    if assignment is None or pool is None:
        return
    work.saga = assignment.job
    after = pools.ask(work, id, assignment, pod, pool)
    if after is not pool:
        pools.finish(work, id, pools.keep(work, id, assignment, pod, after), settings)
    elif again:
        pools.say_again(work, id, pod, pool)


def _gone(work: Work, id: str, pod: str, settings: CatalogSettings) -> None:
    """Forget a pool whose pod is no part of the house any more."""
    assignment = work.get(ASSIGNMENT, id)
    if assignment is None:
        return
    work.saga = assignment.job
    pools.finish(work, id, pools.keep(work, id, assignment, pod, None), settings)
