"""Placements: what is wanted of a version, pod by pod, and how it stands."""

from typing import Any

from litestar import Request, Response, get, patch, post
from litestar.params import FromPath, RawBody

from contracts.requests import (
    EditPlacement,
    GetPlacement,
    PausePlacement,
    PlanPage,
    PlanPlacement,
)
from contracts.terms import Override, Targets, Terms
from contracts.views import PlacementView
from gateway.answers import Cursor, IfMatch, Key, Limit, computes, etag, reads, revision_in, writes
from gateway.bodies import PlacementToEdit, Publication, read
from gateway.bodies.base import convert
from gateway.door import Door, Services, answer
from gateway.problems import refuse
from gateway.routes.versions import NOWHERE, find_version
from gateway.shapes import shape

PATH = "/v1/images/{image:str}/versions/{version:str}"
TAGS = ["placements"]


@get(
    f"{PATH}/placement",
    operation_id="get_placement",
    summary="Show a placement",
    tags=TAGS,
    responses=reads(shape(PlacementView), "What is wanted, and how it stands.", *NOWHERE, "placement_not_found"),
)
async def get_placement(
    door: Services, request: Request[Any, Any, Any], image: FromPath[str], version: FromPath[str]
) -> Response[bytes]:
    """On which pods a published version is wanted, and how many of its copies are in which state."""
    found = await find_version(door, request, image, version, None)
    return _placement(await door.ask(GetPlacement(actor=door.actor(request), version=found.id), PlacementView))


@patch(
    f"{PATH}/placement",
    operation_id="edit_placement",
    summary="Change a placement",
    tags=TAGS,
    responses=writes(
        200, shape(PlacementView), "The placement as it is wanted now.", *NOWHERE, "placement_not_found",
        "placement_state", "pod_unknown", "pod_draining", "replicas_unsupported", "targets_invalid", "policy_forbids",
        "last_holder", "deletion_of_locations_forbidden", "version_in_use", "data_access_denied", "revision_mismatch",
    ),
)  # fmt: skip
async def edit_placement(
    door: Services,
    request: Request[Any, Any, Any],
    image: FromPath[str],
    version: FromPath[str],
    body: RawBody,
    key: Key = None,
    if_match: IfMatch = None,
) -> Response[bytes]:
    """Add and remove pods, change how many copies there are: added ones come, copies on removed pods go."""
    data = read(PlacementToEdit, body)
    found = await find_version(door, request, image, version, None)
    asked = EditPlacement(
        **door.command(request, key),
        version=found.id,
        add=data.add,
        remove=data.remove,
        replicas=data.replicas,
        overrides=convert(data.overrides, dict[str, Override | None]),
        priority=data.priority,
        revision=revision_in(if_match),
    )
    return _placement(await door.ask(asked, PlacementView))


PAUSES = writes(200, shape(PlacementView), "The placement.", *NOWHERE, "placement_not_found", "placement_state")


@post(
    f"{PATH}/placement/pause",
    operation_id="pause_placement",
    summary="Pause a placement",
    tags=TAGS,
    status_code=200,
    responses=PAUSES,
)
async def pause_placement(
    door: Services, request: Request[Any, Any, Any], image: FromPath[str], version: FromPath[str], key: Key = None
) -> Response[bytes]:
    """Stop making copies of a version; what was verified stays on the pods."""
    return await _pause(door, request, image, version, key, resume=False)


@post(
    f"{PATH}/placement/resume",
    operation_id="resume_placement",
    summary="Resume a placement",
    tags=TAGS,
    status_code=200,
    responses=PAUSES,
)
async def resume_placement(
    door: Services, request: Request[Any, Any, Any], image: FromPath[str], version: FromPath[str], key: Key = None
) -> Response[bytes]:
    """Go on where a paused placement stopped."""
    return await _pause(door, request, image, version, key, resume=True)


@post(
    f"{PATH}/plan",
    operation_id="plan_publish",
    summary="Plan a publish",
    tags=TAGS,
    status_code=200,
    responses=computes(
        shape(PlanPage), "A page of what a publish would do, pod by pod.", *NOWHERE, "version_not_ready", "pod_unknown",
        "pod_draining", "no_target", "replicas_unsupported", "targets_invalid", "shallow_convert",
        "deadline_unreachable", "policy_forbids",
    ),
)  # fmt: skip
async def plan_publish(
    door: Services,
    request: Request[Any, Any, Any],
    image: FromPath[str],
    version: FromPath[str],
    body: RawBody,
    limit: Limit = 500,
    cursor: Cursor = None,
) -> Response[bytes]:
    """What a publish with this body would do, without doing it: what is left out is the ordinary thing."""
    wanted = (read(Publication, body) if body else Publication()).asked()
    found = await find_version(door, request, image, version, None)
    if found.manifest is None:
        raise refuse("version_not_ready", f"Version {found.number} has no content yet.", "Wait for its import.")
    asked = PlanPlacement(
        actor=door.actor(request),
        version=found.id,
        image=found.image,
        manifest=found.manifest,
        targets=wanted["targets"] or Targets(),
        replicas=wanted["replicas"] or 1,
        deadline=wanted["deadline"],
        terms=wanted["terms"] or Terms(),
        limit=limit,
        cursor=cursor,
    )
    return answer(await door.ask(asked, PlanPage))


async def _pause(
    door: Door, request: Request[Any, Any, Any], image: str, version: str, key: str | None, *, resume: bool
) -> Response[bytes]:
    found = await find_version(door, request, image, version, None)
    asked = PausePlacement(**door.command(request, key), version=found.id, resume=resume)
    return _placement(await door.ask(asked, PlacementView))


def _placement(view: PlacementView) -> Response[bytes]:
    return answer(view, headers=etag(view.revision))


HANDLERS = (
    get_placement,
    edit_placement,
    pause_placement,
    resume_placement,
    plan_publish,
)
