"""Sharing an image, the owner's side: whom it is offered to, taken back, paused; and where it can be used."""

import math
from typing import Annotated, Any

from litestar import Request, Response, delete, get, post
from litestar.params import FromPath, QueryParameter, RawBody

from contracts.requests import (
    Done,
    GetSharingStatus,
    ListMembers,
    MemberPage,
    OfferImages,
    PairPage,
    RevokeOffers,
    SuspendSharing,
)
from contracts.views import SharingStatusView
from gateway.answers import Cursor, Key, Limit, State, does, reads, writes
from gateway.bodies import MembersToAdd, MembersToRemove, OffersToMake, OffersToRevoke, read, read_value
from gateway.door import Services, answer, done, image_in
from gateway.problems import invalid
from gateway.shapes import shape

TAGS = ["sharing"]
PATH = "/v1/images/{image:str}/members"
EACH = "What became of each pair, in their order; `code` is empty where it took effect."
MEMBERS = 100
LONGEST_GRACE = 24 * 90
"""Hours; the sharing service may allow less."""
Members = Annotated[
    list[str],
    QueryParameter(name="member", min_items=1, max_items=MEMBERS, description="Whom to remove. May be repeated."),
]
Grace = Annotated[
    float,
    QueryParameter(ge=0, le=LONGEST_GRACE, description="Hours for which the offers still hold, and are known to."),
]


@get(
    PATH,
    operation_id="list_members",
    summary="List whom an image is offered to",
    tags=TAGS,
    responses=reads(shape(MemberPage), "A page of members, by name.", "image_not_found"),
)
async def list_members(
    door: Services,
    request: Request[Any, Any, Any],
    image: FromPath[str],
    in_state: State = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response[bytes]:
    """All members, to whoever may share the image; to a member its own row. Those that were removed are told with
    `state=REVOKED`."""
    asked = ListMembers(actor=door.actor(request), image=image_in(image), state=in_state, limit=limit, cursor=cursor)
    return answer(await door.ask(asked, MemberPage))


@post(
    PATH,
    operation_id="add_members",
    summary="Offer an image",
    tags=TAGS,
    status_code=200,
    responses=writes(200, shape(PairPage), EACH, "image_not_found", "acknowledgement_required"),
)
async def add_members(
    door: Services, request: Request[Any, Any, Any], image: FromPath[str], body: RawBody, key: Key = None
) -> Response[bytes]:
    """Offer an image to tenants, accounts, organisations or units. They can read and use it at once by its id, and
    list it once they accepted. An offer that holds is given another end."""
    asked = door.order(OfferImages, request, key, read(MembersToAdd, body), images=(image_in(image),))
    return answer(await door.ask(asked, PairPage))


@delete(
    PATH,
    operation_id="remove_members",
    summary="Take back offers of an image",
    tags=TAGS,
    status_code=200,
    responses=writes(200, shape(PairPage), EACH, "image_not_found"),
)
async def remove_members(
    door: Services,
    request: Request[Any, Any, Any],
    image: FromPath[str],
    member: Members,
    grace: Grace = 0.0,
    key: Key = None,
) -> Response[bytes]:
    """Remove members, at once or after a grace: to them the image is not there any more; their desktops run on, and
    cannot be rebuilt from it."""
    if not math.isfinite(grace):
        raise invalid({"grace": "Expected a number of hours"})
    data = read_value(MembersToRemove, {"members": member, "grace": grace})
    asked = door.order(RevokeOffers, request, key, data, images=(image_in(image),))
    return answer(await door.ask(asked, PairPage))


@post(
    "/v1/shares",
    operation_id="offer_images",
    summary="Offer many images to many members",
    tags=TAGS,
    status_code=200,
    responses=writes(200, shape(PairPage), EACH, "acknowledgement_required"),
)
async def offer_images(
    door: Services, request: Request[Any, Any, Any], body: RawBody, key: Key = None
) -> Response[bytes]:
    """Offer each of the images to each of the members; a pair that is refused hinders no other."""
    asked = door.order(OfferImages, request, key, read(OffersToMake, body))
    return answer(await door.ask(asked, PairPage))


@post(
    "/v1/shares/revoke",
    operation_id="revoke_offers",
    summary="Take back many offers",
    tags=TAGS,
    status_code=200,
    responses=writes(200, shape(PairPage), EACH),
)
async def revoke_offers(
    door: Services, request: Request[Any, Any, Any], body: RawBody, key: Key = None
) -> Response[bytes]:
    """Take the offer of each of the images to each of the members back; a pair that is refused hinders no other."""
    asked = door.order(RevokeOffers, request, key, read(OffersToRevoke, body))
    return answer(await door.ask(asked, PairPage))


@post(
    "/v1/images/{image:str}/sharing/suspend",
    operation_id="suspend_sharing",
    summary="Suspend the sharing of an image",
    tags=TAGS,
    status_code=204,
    responses=does("The image is private; its offers are kept.", "image_not_found", "reshare_forbidden",
                   "class_read_only"),
)  # fmt: skip
async def suspend_sharing(
    door: Services, request: Request[Any, Any, Any], image: FromPath[str], key: Key = None
) -> Response[None]:
    """Make an image private for now: to its members it is not there, until it is shared again."""
    await door.ask(door.order(SuspendSharing, request, key, image=image_in(image), suspended=True), Done)
    return done()


@post(
    "/v1/images/{image:str}/sharing/resume",
    operation_id="resume_sharing",
    summary="Share an image again",
    tags=TAGS,
    status_code=204,
    responses=does("The offers hold again, as they were answered.", "image_not_found", "reshare_forbidden",
                   "class_read_only", "not_shareable_encrypted"),
)  # fmt: skip
async def resume_sharing(
    door: Services, request: Request[Any, Any, Any], image: FromPath[str], key: Key = None
) -> Response[None]:
    """Share an image with its members again; not while a version of it is encrypted."""
    await door.ask(door.order(SuspendSharing, request, key, image=image_in(image), suspended=False), Done)
    return done()


@get(
    "/v1/images/{image:str}/sharing/status",
    operation_id="get_image_sharing_status",
    summary="Show where a shared image can be used",
    tags=TAGS,
    responses=reads(
        shape(SharingStatusView), "The pods with how far the image is there.", "image_not_found", "reshare_forbidden",
        "class_read_only",
    ),
)  # fmt: skip
async def get_image_sharing_status(
    door: Services, request: Request[Any, Any, Any], image: FromPath[str]
) -> Response[bytes]:
    """Pod by pod, and in sum: Succeeded, InProgress, Failed, Unknown."""
    asked = GetSharingStatus(actor=door.actor(request), image=image_in(image))
    return answer(await door.ask(asked, SharingStatusView))


HANDLERS = (
    list_members,
    add_members,
    remove_members,
    offer_images,
    revoke_offers,
    suspend_sharing,
    resume_sharing,
    get_image_sharing_status,
)
