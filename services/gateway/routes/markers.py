"""Markers: names that point at one version of an image, and are moved."""

from typing import Any

from litestar import Request, Response, delete, get, post, put
from litestar.params import FromPath, RawBody

from contracts.requests import (
    Done,
    DropMarker,
    GetMarker,
    ListMarkers,
    MarkerPage,
    MoveMarker,
    RollbackMarker,
    SteerRollout,
)
from contracts.views import MarkerView
from gateway.answers import Cursor, IfMatch, Key, Limit, does, reads, revision_in, writes
from gateway.bodies import MarkerToMove, RolloutToSteer, read
from gateway.door import Services, answer, done, image_in, marker_in, thing
from gateway.narrowing import Sort, narrowed
from gateway.shapes import shape

TAGS = ["markers"]
OWN = frozenset({"sort", "limit", "cursor"})
PATH = "/v1/images/{image:str}/markers/{marker:str}"
ONE = ("image_not_found", "marker_not_found", "class_read_only", "forbidden")
MOVES = (
    *ONE, "marker_frozen", "marker_target_unavailable", "version_not_found", "version_not_ready", "version_disabled",
    "not_validated", "data_access_denied",
    "version_obsolete", "version_deleted", "past_end_of_life", "image_disabled", "rollout_running",
    "revision_mismatch",
)  # fmt: skip


@get(
    "/v1/images/{image:str}/markers",
    operation_id="list_markers",
    summary="List the markers of an image",
    tags=TAGS,
    responses=reads(shape(MarkerPage), "A page of markers, by name unless `sort` says otherwise.", "image_not_found"),
)
async def list_markers(
    door: Services,
    request: Request[Any, Any, Any],
    image: FromPath[str],
    sort: Sort = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response[bytes]:
    """The markers of an image, and what each names now. Every filter that is given must hold."""
    asked = ListMarkers(
        actor=door.actor(request),
        image=image_in(image),
        where=narrowed(request, "list_markers", OWN),
        sort=sort or "name",
        limit=limit,
        cursor=cursor,
    )
    return answer(await door.ask(asked, MarkerPage))


@get(
    PATH,
    operation_id="get_marker",
    summary="Show a marker",
    tags=TAGS,
    responses=reads(shape(MarkerView), "The marker.", "image_not_found", "marker_not_found"),
)
async def get_marker(
    door: Services, request: Request[Any, Any, Any], image: FromPath[str], marker: FromPath[str]
) -> Response[bytes]:
    """A marker with its moves, the latest first, and the staged one that is under way."""
    asked = GetMarker(actor=door.actor(request), image=image_in(image), marker=marker_in(marker))
    return thing(await door.ask(asked, MarkerView))


@put(
    PATH,
    operation_id="move_marker",
    summary="Move a marker",
    tags=TAGS,
    responses=writes(
        200, shape(MarkerView), "The marker.", *MOVES, "no_latest", "version_number_invalid", "limit_exceeded"
    ),
)
async def move_marker(
    door: Services,
    request: Request[Any, Any, Any],
    image: FromPath[str],
    marker: FromPath[str],
    body: RawBody,
    key: Key = None,
    if_match: IfMatch = None,
) -> Response[bytes]:
    """Let a marker name another version, at once or in rings; one that there is not yet is made."""
    asked = door.order(
        MoveMarker,
        request,
        key,
        read(MarkerToMove, body),
        image=image_in(image),
        marker=marker_in(marker),
        revision=revision_in(if_match),
    )
    return thing(await door.ask(asked, MarkerView))


@post(
    f"{PATH}/rollback",
    operation_id="rollback_marker",
    summary="Move a marker back",
    tags=TAGS,
    status_code=200,
    responses=writes(200, shape(MarkerView), "The marker.", *MOVES, "marker_no_history"),
)
async def rollback_marker(
    door: Services,
    request: Request[Any, Any, Any],
    image: FromPath[str],
    marker: FromPath[str],
    key: Key = None,
    if_match: IfMatch = None,
) -> Response[bytes]:
    """Let a marker name what it named before; refused where a pool could not follow."""
    asked = door.order(
        RollbackMarker,
        request,
        key,
        image=image_in(image),
        marker=marker_in(marker),
        revision=revision_in(if_match),
    )
    return thing(await door.ask(asked, MarkerView))


@post(
    f"{PATH}/rollout",
    operation_id="steer_rollout",
    summary="Steer a staged move",
    tags=TAGS,
    status_code=200,
    responses=writes(200, shape(MarkerView), "The marker.", *ONE, "rollout_not_found"),
)
async def steer_rollout(
    door: Services,
    request: Request[Any, Any, Any],
    image: FromPath[str],
    marker: FromPath[str],
    body: RawBody,
    key: Key = None,
) -> Response[bytes]:
    """Halt a staged move, let it go on, or end it where it stands."""
    data = read(RolloutToSteer, body)
    asked = door.order(SteerRollout, request, key, data, image=image_in(image), marker=marker_in(marker))
    return thing(await door.ask(asked, MarkerView))


@delete(
    PATH,
    operation_id="drop_marker",
    summary="Delete a marker",
    tags=TAGS,
    status_code=204,
    responses=does("It is gone.", *ONE, "marker_in_use", "rollout_running", "revision_mismatch"),
)
async def drop_marker(
    door: Services,
    request: Request[Any, Any, Any],
    image: FromPath[str],
    marker: FromPath[str],
    key: Key = None,
    if_match: IfMatch = None,
) -> Response[None]:
    """Delete a marker to which no assignment is bound."""
    asked = door.order(
        DropMarker, request, key, image=image_in(image), marker=marker_in(marker), revision=revision_in(if_match)
    )
    await door.ask(asked, Done)
    return done()


HANDLERS = (list_markers, get_marker, move_marker, rollback_marker, steer_rollout, drop_marker)
