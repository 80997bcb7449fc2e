"""How galleries are shared: with nobody, with some tenants and accounts, or with everybody."""

from typing import Any

from litestar import Request, Response, get, put
from litestar.params import FromPath, RawBody

from contracts.requests import GetGallerySharing, GetSharingStatus, ShareGallery
from contracts.views import GallerySharingView, SharingStatusView
from gateway.answers import IfMatch, Key, etag, reads, revision_in, writes
from gateway.bodies import GallerySharingToSet, read
from gateway.door import Services, answer, gallery_in
from gateway.routes.sharing import TAGS
from gateway.shapes import shape

PATH = "/v1/galleries/{gallery:str}/sharing"


@get(
    PATH,
    operation_id="get_gallery_sharing",
    summary="Show how a gallery is shared",
    tags=TAGS,
    responses=reads(shape(GallerySharingView), "How it is shared.", "gallery_not_found"),
)
async def get_gallery_sharing(
    door: Services, request: Request[Any, Any, Any], gallery: FromPath[str]
) -> Response[bytes]:
    """How a gallery is shared; for those who may read it, of another tenant for those who may change it."""
    asked = GetGallerySharing(actor=door.actor(request), gallery=gallery_in(gallery))
    view = await door.ask(asked, GallerySharingView)
    return answer(view, headers=etag(view.revision))


@put(
    PATH,
    operation_id="share_gallery",
    summary="Share a gallery",
    tags=TAGS,
    responses=writes(
        200, shape(GallerySharingView), "How it is shared from now on.", "gallery_not_found", "principal_invalid",
        "member_limit", "community_info_required", "gallery_sharing_invalid", "share_scope", "revision_mismatch",
    ),
)  # fmt: skip
async def share_gallery(
    door: Services,
    request: Request[Any, Any, Any],
    gallery: FromPath[str],
    body: RawBody,
    key: Key = None,
    if_match: IfMatch = None,
) -> Response[bytes]:
    """Say all of how a gallery is shared; whoever is left out loses access at once."""
    data = read(GallerySharingToSet, body)
    asked = door.order(
        ShareGallery, request, key, data, gallery=gallery_in(gallery), revision=revision_in(if_match)
    )  # fmt: skip
    view = await door.ask(asked, GallerySharingView)
    return answer(view, headers=etag(view.revision))


@get(
    f"{PATH}/status",
    operation_id="get_gallery_sharing_status",
    summary="Show where a shared gallery can be used",
    tags=TAGS,
    responses=reads(shape(SharingStatusView), "The pods with how far its images are there.", "gallery_not_found"),
)
async def get_gallery_sharing_status(
    door: Services, request: Request[Any, Any, Any], gallery: FromPath[str]
) -> Response[bytes]:
    """Pod by pod, and in sum: Succeeded, InProgress, Failed, Unknown."""
    asked = GetSharingStatus(actor=door.actor(request), gallery=gallery_in(gallery))
    return answer(await door.ask(asked, SharingStatusView))


HANDLERS = (get_gallery_sharing, share_gallery, get_gallery_sharing_status)
