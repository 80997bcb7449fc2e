"""What is done with an assignment: another disk, seats made anew, another image, another pool like it."""

from typing import Any

from litestar import Request, Response, post
from litestar.params import FromPath, RawBody

from contracts.desktops import DataDisk
from contracts.requests import AddDisk, DuplicateAssignment, RebuildAssignment, SwitchImage
from contracts.views import AssignmentView
from gateway.answers import IfMatch, Key, revision_in, writes
from gateway.bodies import AssignmentToDuplicate, DiskToAdd, ImageToSwitchTo, SeatsToRebuild, read
from gateway.bodies.base import convert
from gateway.door import Services, assignment_in
from gateway.routes.assignments import ACCEPTED, NEW_USE, ONE, PATH, TAGS, pools_follow
from gateway.shapes import shape


@post(
    f"{PATH}/disks",
    operation_id="add_disk",
    summary="Add a data disk",
    tags=TAGS,
    status_code=202,
    responses=writes(
        202, shape(AssignmentView), ACCEPTED, *ONE, *NEW_USE, "disk_exists", "assignment_in_use", "revision_mismatch"
    ),
)
async def add_disk(
    door: Services,
    request: Request[Any, Any, Any],
    assignment: FromPath[str],
    body: RawBody,
    key: Key = None,
    if_match: IfMatch = None,
) -> Response[bytes]:
    """Give each seat one more data disk."""
    asked = door.order(
        AddDisk,
        request,
        key,
        assignment=assignment_in(assignment),
        disk=convert(read(DiskToAdd, body), DataDisk),
        revision=revision_in(if_match),
    )
    return pools_follow(await door.ask(asked, AssignmentView))


@post(
    f"{PATH}/rebuild",
    operation_id="rebuild_assignment",
    summary="Rebuild seats",
    tags=TAGS,
    status_code=202,
    responses=writes(202, shape(AssignmentView), ACCEPTED, *ONE, *NEW_USE),
)
async def rebuild_assignment(
    door: Services, request: Request[Any, Any, Any], assignment: FromPath[str], body: RawBody, key: Key = None
) -> Response[bytes]:
    """Make seats anew from the version that is wanted; without a body: on all pods."""
    data = read(SeatsToRebuild, body or b"{}")
    asked = door.order(RebuildAssignment, request, key, data, assignment=assignment_in(assignment))
    return pools_follow(await door.ask(asked, AssignmentView))


@post(
    f"{PATH}/switch",
    operation_id="switch_image",
    summary="Switch to another image",
    tags=TAGS,
    status_code=202,
    responses=writes(
        202, shape(AssignmentView), ACCEPTED, *ONE, *NEW_USE, "switch_incompatible", "revision_mismatch"
    ),
)  # fmt: skip
async def switch_image(
    door: Services,
    request: Request[Any, Any, Any],
    assignment: FromPath[str],
    body: RawBody,
    key: Key = None,
    if_match: IfMatch = None,
) -> Response[bytes]:
    """Bind an assignment to another image that is like the one it has."""
    data = read(ImageToSwitchTo, body)
    named = {"assignment": assignment_in(assignment), "revision": revision_in(if_match)}
    return pools_follow(await door.ask(door.order(SwitchImage, request, key, data, **named), AssignmentView))


@post(
    f"{PATH}/duplicate",
    operation_id="duplicate_assignment",
    summary="Duplicate an assignment",
    tags=TAGS,
    status_code=202,
    responses=writes(202, shape(AssignmentView), ACCEPTED, *ONE, *NEW_USE, "assignment_exists"),
)
async def duplicate_assignment(
    door: Services, request: Request[Any, Any, Any], assignment: FromPath[str], body: RawBody, key: Key = None
) -> Response[bytes]:
    """Make another pool that wants the same, under another name, on the same pods or on others."""
    data = read(AssignmentToDuplicate, body)
    asked = door.order(DuplicateAssignment, request, key, data, assignment=assignment_in(assignment))
    return pools_follow(await door.ask(asked, AssignmentView))


HANDLERS = (add_disk, rebuild_assignment, switch_image, duplicate_assignment)
