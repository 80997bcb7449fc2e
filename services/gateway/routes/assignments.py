"""Assignments: desktop pools on pods, bound to a marker of an image or pinned to a version."""

from typing import Annotated, Any

from litestar import Request, Response, delete, get, patch, post
from litestar.params import FromPath, QueryParameter, RawBody

from contracts.names import POD
from contracts.requests import (
    AssignmentPage,
    CreateAssignment,
    DropAssignment,
    EditAssignment,
    GetAssignment,
    ListAssignments,
    ListSeats,
    SeatPage,
)
from contracts.views import AssignmentView
from gateway.answers import Cursor, IfMatch, Key, Limit, State, reads, revision_in, writes
from gateway.bodies import (
    AssignmentToMake,
    read,
    read_changes,
)
from gateway.door import Services, answer, assignment_in, thing
from gateway.narrowing import OfImage, Sort, narrowed
from gateway.shapes import shape

TAGS = ["assignments"]
PATH = "/v1/assignments/{assignment:str}"
OWN = frozenset({"image", "pod", "state", "sort", "limit", "cursor"})
SEATS_OWN = frozenset({"pod", "state", "sort", "limit", "cursor"})
"""Parameters of the lists that are no filters on fields."""
ACCEPTED = "The assignment; its job tells how the pods follow."
NEW_USE = (
    "image_not_found", "version_not_found", "version_not_ready", "marker_not_found", "marker_frozen", "no_latest",
    "image_disabled", "version_disabled", "version_obsolete", "version_deleted", "past_end_of_life",
    "copy_unavailable", "pod_unknown", "pod_not_found", "pod_draining", "requirements_not_met",
    "customisation_required", "not_validated", "data_access_denied",
    "customisation_refused", "security_type_mismatch", "eula_not_accepted", "plan_mismatch", "flavour_mismatch",
    "endpoints_invalid", "operation_unsupported", "limit_exceeded", "forbidden",
    "share_revoked",
)  # fmt: skip
"""Why an image or a version cannot be used, here or like this."""
ONE = ("assignment_not_found", "assignment_state")
OnPod = Annotated[
    str | None, QueryParameter(name="pod", pattern=POD, max_length=32, description="Only what is on this pod.")
]
Force = Annotated[bool, QueryParameter(description="Also while users are logged on.")]


@get(
    "/v1/assignments",
    operation_id="list_assignments",
    summary="List assignments",
    tags=TAGS,
    responses=reads(
        shape(AssignmentPage), "A page of assignments, by name unless `sort` says otherwise.", "image_not_found"
    ),
)
async def list_assignments(
    door: Services,
    request: Request[Any, Any, Any],
    of_image: OfImage = None,
    on_pod: OnPod = None,
    in_state: State = None,
    sort: Sort = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response[bytes]:
    """The assignments of the caller's tenant. Every filter that is given must hold."""
    asked = ListAssignments(
        actor=door.actor(request),
        image=of_image,
        pod=on_pod,
        state=in_state,
        where=narrowed(request, "list_assignments", OWN),
        sort=sort or "name",
        limit=limit,
        cursor=cursor,
    )
    return answer(await door.ask(asked, AssignmentPage))


@post(
    "/v1/assignments",
    operation_id="create_assignment",
    summary="Make an assignment",
    tags=TAGS,
    status_code=202,
    responses=writes(202, shape(AssignmentView), ACCEPTED, "assignment_exists", "disk_exists", *NEW_USE),
)
async def create_assignment(
    door: Services, request: Request[Any, Any, Any], body: RawBody, key: Key = None
) -> Response[bytes]:
    """Make a desktop pool on pods that have an AVAILABLE copy."""
    asked = door.order(CreateAssignment, request, key, read(AssignmentToMake, body))
    return pools_follow(await door.ask(asked, AssignmentView))


@get(
    PATH,
    operation_id="get_assignment",
    summary="Show an assignment",
    tags=TAGS,
    responses=reads(shape(AssignmentView), "The assignment.", "assignment_not_found"),
)
async def get_assignment(door: Services, request: Request[Any, Any, Any], assignment: FromPath[str]) -> Response[bytes]:
    """An assignment by its name or id: what is wanted, and what each of its pods reports."""
    asked = GetAssignment(actor=door.actor(request), assignment=assignment_in(assignment))
    return thing(await door.ask(asked, AssignmentView))


@patch(
    PATH,
    operation_id="edit_assignment",
    summary="Change an assignment",
    tags=TAGS,
    status_code=202,
    responses=writes(
        202, shape(AssignmentView), ACCEPTED, *ONE, *NEW_USE, "property_change_not_allowed", "assignment_in_use",
        "revision_mismatch",
    ),
)  # fmt: skip
async def edit_assignment(
    door: Services,
    request: Request[Any, Any, Any],
    assignment: FromPath[str],
    body: RawBody,
    key: Key = None,
    if_match: IfMatch = None,
) -> Response[bytes]:
    """Change how many seats there are, on which pods, of which shape, and what they follow."""
    asked = door.order(
        EditAssignment,
        request,
        key,
        assignment=assignment_in(assignment),
        changes=read_changes(body),
        revision=revision_in(if_match),
    )
    return pools_follow(await door.ask(asked, AssignmentView))


@delete(
    PATH,
    operation_id="drop_assignment",
    summary="Delete an assignment",
    tags=TAGS,
    status_code=202,
    responses=writes(
        202, shape(AssignmentView), "The assignment, whose seats go.", *ONE, "assignment_in_use", "revision_mismatch",
        "forbidden",
    ),
)  # fmt: skip
async def drop_assignment(
    door: Services,
    request: Request[Any, Any, Any],
    assignment: FromPath[str],
    force: Force = False,
    key: Key = None,
    if_match: IfMatch = None,
) -> Response[bytes]:
    """Delete a pool with its seats."""
    asked = door.order(
        DropAssignment,
        request,
        key,
        assignment=assignment_in(assignment),
        force=force,
        revision=revision_in(if_match),
    )
    return pools_follow(await door.ask(asked, AssignmentView))


@get(
    f"{PATH}/seats",
    operation_id="list_seats",
    summary="List seats",
    tags=TAGS,
    responses=reads(
        shape(SeatPage), "A page of seats, pod by pod unless `sort` says otherwise.", "assignment_not_found"
    ),
)
async def list_seats(
    door: Services,
    request: Request[Any, Any, Any],
    assignment: FromPath[str],
    on_pod: OnPod = None,
    in_state: State = None,
    sort: Sort = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response[bytes]:
    """The seats of an assignment, with state, user and last use, as its pods report them. Every filter that is given
    must hold."""
    asked = ListSeats(
        actor=door.actor(request),
        assignment=assignment_in(assignment),
        pod=on_pod,
        state=in_state,
        where=narrowed(request, "list_seats", SEATS_OWN),
        sort=sort or "pod",
        limit=limit,
        cursor=cursor,
    )
    return answer(await door.ask(asked, SeatPage))


def pools_follow(view: AssignmentView) -> Response[bytes]:
    """202: the pods follow; the job at Location tells how, or the assignment itself where there is nothing to do."""
    job, own = f"/v1/jobs/{view.job}", f"/v1/assignments/{view.id}"
    return thing(view, 202, {"location": job if view.job else own})


HANDLERS = (
    list_assignments,
    create_assignment,
    get_assignment,
    edit_assignment,
    drop_assignment,
    list_seats,
)
