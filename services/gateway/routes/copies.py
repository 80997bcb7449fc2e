"""Copies of a version on pods: what is there, one by one."""

import time
from typing import Annotated, Any

import msgspec
from litestar import Request, Response, delete, get, post
from litestar.params import FromPath, QueryParameter

from contracts.requests import CopyPage, ListCopies, RemoveCopy, RepairCopy
from contracts.terms import MOST_REPLICAS
from contracts.views import CopyView
from gateway.answers import Cursor, Key, Limit, reads, writes
from gateway.door import Services, answer, pod_in
from gateway.routes.placements import PATH, TAGS
from gateway.routes.versions import NOWHERE, find_version
from gateway.shapes import shape

Replica = Annotated[
    int, QueryParameter(ge=0, lt=MOST_REPLICAS, description="Which of the pod's copies, counted from 0.")
]


@get(
    f"{PATH}/copies",
    operation_id="list_copies",
    summary="List the copies of a version",
    tags=TAGS,
    responses=reads(shape(CopyPage), "A page of copies, with their live progress.", *NOWHERE),
)
async def list_copies(
    door: Services,
    request: Request[Any, Any, Any],
    image: FromPath[str],
    version: FromPath[str],
    limit: Limit = 500,
    cursor: Cursor = None,
) -> Response[bytes]:
    """One row for each copy: where, in which state, how far, how fast, what it waits for, and what went wrong."""
    found = await find_version(door, request, image, version, None)
    asked = ListCopies(actor=door.actor(request), version=found.id, limit=limit, cursor=cursor)
    page = await door.ask(asked, CopyPage)
    now = time.monotonic()
    merged = tuple(door.progress.merge(copy, now) for copy in page.items)
    return answer(msgspec.structs.replace(page, items=merged))


ONE = (*NOWHERE, "placement_not_found", "placement_state", "copy_not_found", "copy_state", "pod_not_found")
GONE = (*ONE, "version_in_use", "last_holder", "policy_forbids", "deletion_of_locations_forbidden")


@delete(
    f"{PATH}/copies/{{pod:str}}",
    operation_id="remove_copy",
    summary="Remove a copy",
    tags=TAGS,
    status_code=200,
    responses=writes(200, shape(CopyView), "The copy, which is going.", *GONE),
)
async def remove_copy(
    door: Services,
    request: Request[Any, Any, Any],
    image: FromPath[str],
    version: FromPath[str],
    pod: FromPath[str],
    replica: Replica = 0,
    key: Key = None,
) -> Response[bytes]:
    """One copy is no longer wanted, and its bytes go."""
    found = await find_version(door, request, image, version, None)
    asked = RemoveCopy(**door.command(request, key), version=found.id, pod=pod_in(pod), replica=replica)
    return answer(await door.ask(asked, CopyView))


@post(
    f"{PATH}/copies/{{pod:str}}/repair",
    operation_id="repair_copy",
    summary="Repair a copy",
    tags=TAGS,
    status_code=200,
    responses=writes(200, shape(CopyView), "The copy, which is made again.", *ONE),
)
async def repair_copy(
    door: Services,
    request: Request[Any, Any, Any],
    image: FromPath[str],
    version: FromPath[str],
    pod: FromPath[str],
    replica: Replica = 0,
    key: Key = None,
) -> Response[bytes]:
    """Make a copy again that failed, was cancelled or lost, or waits for its next attempt: at once."""
    found = await find_version(door, request, image, version, None)
    asked = RepairCopy(**door.command(request, key), version=found.id, pod=pod_in(pod), replica=replica)
    return answer(await door.ask(asked, CopyView))


HANDLERS = (list_copies, remove_copy, repair_copy)
