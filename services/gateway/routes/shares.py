"""Shares: what is offered to the caller's tenant, and how it answers. A share is named by the id of its image."""

from typing import Annotated, Any, Literal

from litestar import Request, Response, get, post
from litestar.params import FromPath, QueryParameter, RawBody

from contracts.requests import AnswerOffer, GetShare, ListShares, SharePage
from contracts.views import ShareView
from gateway.answers import Cursor, Key, Limit, reads, writes
from gateway.bodies import OfferToAccept, read
from gateway.door import Services, answer, share_in
from gateway.shapes import shape

TAGS = ["sharing"]
PATH = "/v1/shares/{share:str}"
Answered = Annotated[
    Literal["PENDING", "ACCEPTED", "REJECTED"] | None,
    QueryParameter(name="state", description="Only those that were answered like this."),
]


@get(
    "/v1/shares",
    operation_id="list_shares",
    summary="List what is offered to the tenant",
    tags=TAGS,
    responses=reads(shape(SharePage), "A page of offers, the newest first."),
)
async def list_shares(
    door: Services,
    request: Request[Any, Any, Any],
    in_state: Answered = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response[bytes]:
    """What is offered to the caller's tenant, to its account, or to a unit of its organisation."""
    asked = ListShares(actor=door.actor(request), state=in_state, limit=limit, cursor=cursor)
    return answer(await door.ask(asked, SharePage))


@get(
    PATH,
    operation_id="get_share",
    summary="Show an offer",
    tags=TAGS,
    responses=reads(shape(ShareView), "The offer.", "share_not_found"),
)
async def get_share(door: Services, request: Request[Any, Any, Any], share: FromPath[str]) -> Response[bytes]:
    """An offer to the caller's tenant, or to what it belongs to."""
    return answer(await door.ask(GetShare(actor=door.actor(request), image=share_in(share)), ShareView))


@post(
    f"{PATH}/accept",
    operation_id="accept_offer",
    summary="Accept an offer",
    tags=TAGS,
    status_code=200,
    responses=writes(
        200, shape(ShareView), "The offer; `job` delivers it, where pods were named.", "share_not_found",
        "version_number_invalid",
    ),
)  # fmt: skip
async def accept_offer(
    door: Services, request: Request[Any, Any, Any], share: FromPath[str], body: RawBody, key: Key = None
) -> Response[bytes]:
    """List the image among the tenant's. A tenant may change its mind, and may accept again to have it delivered."""
    wanted = read(OfferToAccept, body) if body else None
    asked = door.order(AnswerOffer, request, key, wanted, image=share_in(share), answer="accept")
    return answer(await door.ask(asked, ShareView))


@post(
    f"{PATH}/reject",
    operation_id="reject_offer",
    summary="Reject an offer",
    tags=TAGS,
    status_code=200,
    responses=writes(200, shape(ShareView), "The offer.", "share_not_found"),
)
async def reject_offer(
    door: Services, request: Request[Any, Any, Any], share: FromPath[str], key: Key = None
) -> Response[bytes]:
    """Do not list the image. By its id it can still be used, unless the provider's policy says otherwise."""
    asked = door.order(AnswerOffer, request, key, image=share_in(share), answer="reject")
    return answer(await door.ask(asked, ShareView))


HANDLERS = (list_shares, get_share, accept_offer, reject_offer)
