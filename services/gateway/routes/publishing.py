"""Publishes: copies of a version on pods are asked for, given up, taken away."""

import asyncio
from typing import Any

import msgspec
from litestar import Request, Response, post
from litestar.params import FromPath, RawBody

from contracts.errors import Problem
from contracts.requests import Accepted, CancelPublish, PublishVersion, UnpublishVersion
from gateway.answers import Key, writes
from gateway.bodies import Publication, PublicationInBatch, Publications, Republication, read
from gateway.door import Door, Services, accepted, image_in, number_in
from gateway.problems import RefusedError, details, status
from gateway.routes.versions import NOWHERE, TAGS
from gateway.shapes import PublicationResult, PublicationResults, convert, shape

PATH = "/v1/images/{image:str}/versions/{version:str}"
REFUSALS = (
    *NOWHERE, "version_not_ready", "pod_unknown", "pod_draining", "no_target", "replicas_unsupported",
    "targets_invalid", "shallow_convert", "deadline_unreachable", "policy_forbids", "version_disabled",
    "version_obsolete", "version_deleted", "past_end_of_life", "class_read_only", "operation_unsupported",
    "data_access_denied", "quota_exceeded", "forbidden",
)  # fmt: skip
ACCEPTED = "The publish was accepted; the job tells the rest."


@post(
    f"{PATH}/publish",
    operation_id="publish_version",
    summary="Publish a version",
    tags=TAGS,
    status_code=202,
    responses=writes(202, shape(Accepted), ACCEPTED, *REFUSALS),
)
async def publish_version(
    door: Services,
    request: Request[Any, Any, Any],
    image: FromPath[str],
    version: FromPath[str],
    body: RawBody,
    key: Key = None,
) -> Response[bytes]:
    """Make copies of a version on the target pods. Without a body: one on every enrolled pod."""
    wanted = read(Publication, body) if body else Publication()
    return await _publish(door, request, image, version, wanted, key, again=False)


@post(
    f"{PATH}/republish",
    operation_id="republish_version",
    summary="Publish a version again",
    tags=TAGS,
    status_code=202,
    responses=writes(202, shape(Accepted), ACCEPTED, *REFUSALS),
)
async def republish_version(
    door: Services,
    request: Request[Any, Any, Any],
    image: FromPath[str],
    version: FromPath[str],
    body: RawBody,
    key: Key = None,
) -> Response[bytes]:
    """Try again what failed, as it was published the last time; available copies are not touched."""
    wanted = read(Republication, body) if body else Republication()
    return await _publish(door, request, image, version, wanted, key, again=True)


@post(
    f"{PATH}/unpublish",
    operation_id="unpublish_version",
    summary="Unpublish a version",
    tags=TAGS,
    status_code=202,
    responses=writes(
        202, shape(Accepted), "It was accepted; the job tells the rest.", *NOWHERE, "version_not_ready",
        "placement_not_found", "placement_state", "last_holder", "version_in_use", "version_has_children",
        "version_deleted", "version_disabled", "image_disabled", "deletion_of_locations_forbidden", "class_read_only",
        "forbidden",
    ),
)  # fmt: skip
async def unpublish_version(
    door: Services, request: Request[Any, Any, Any], image: FromPath[str], version: FromPath[str], key: Key = None
) -> Response[bytes]:
    """Remove every copy of a version; the version and its source stay."""
    asked = UnpublishVersion(**door.command(request, key), image=image_in(image), number=number_in(version))
    return accepted(await door.ask(asked, Accepted))


@post(
    f"{PATH}/cancel",
    operation_id="cancel_publish",
    summary="Cancel a publish",
    tags=TAGS,
    status_code=202,
    responses=writes(
        202, shape(Accepted), "It was accepted; the job tells the rest.", *NOWHERE, "version_not_ready",
        "not_cancellable", "class_read_only", "forbidden",
    ),
)  # fmt: skip
async def cancel_publish(
    door: Services, request: Request[Any, Any, Any], image: FromPath[str], version: FromPath[str], key: Key = None
) -> Response[bytes]:
    """Give up the publish under way: what is AVAILABLE stays, the rest is freed."""
    asked = CancelPublish(**door.command(request, key), image=image_in(image), number=number_in(version))
    return accepted(await door.ask(asked, Accepted))


@post(
    "/v1/publishes",
    operation_id="publish_many",
    summary="Publish many versions",
    tags=TAGS,
    status_code=200,
    responses=writes(
        200,
        PublicationResults,
        "A result for each publish, in their order; `status` is what the publish alone would have been answered with.",
    ),
)
async def publish_many(
    door: Services, request: Request[Any, Any, Any], body: RawBody, key: Key = None
) -> Response[bytes]:
    """Publish up to 100 versions, each accepted or refused by itself. With an Idempotency-Key each place in the batch
    has a key of its own."""
    batch = read(Publications, body)
    # No Idempotency-Key has a blank in it: these are nobody else's.
    keys = [None if key is None else f"{key} {place}" for place in range(len(batch.items))]
    asked = (_one(door, request, wanted, own) for wanted, own in zip(batch.items, keys, strict=True))
    results = PublicationResults(items=tuple(await asyncio.gather(*asked)))
    return Response(msgspec.json.encode(results), media_type="application/json")


async def _one(
    door: Door, request: Request[Any, Any, Any], wanted: PublicationInBatch, key: str | None
) -> PublicationResult:
    """What becomes of one publish of a batch; that the hub does not answer is a result too."""
    asked = PublishVersion(
        **door.command(request, key), image=wanted.image, number=wanted.version, again=wanted.again, **wanted.asked()
    )
    reply: Accepted | Problem
    try:
        reply = await door.ask(asked, Accepted)
    except RefusedError as error:
        reply = error.problem
    refused = isinstance(reply, Problem)
    return PublicationResult(
        image=wanted.image,
        version=wanted.version,
        status=status(reply) if isinstance(reply, Problem) else 202,
        accepted=None if refused else convert(reply),
        problem=details(reply) if isinstance(reply, Problem) else None,
    )


async def _publish(
    door: Door,
    request: Request[Any, Any, Any],
    image: str,
    version: str,
    wanted: Publication,
    key: str | None,
    *,
    again: bool,
) -> Response[bytes]:
    asked = PublishVersion(
        **door.command(request, key),
        image=image_in(image),
        number=number_in(version),
        again=again,
        **wanted.asked(),
    )
    return accepted(await door.ask(asked, Accepted))


HANDLERS = (publish_version, republish_version, unpublish_version, cancel_publish, publish_many)
