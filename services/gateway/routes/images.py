"""Images: the definitions that versions belong to."""

from typing import Annotated, Any, Literal

import msgspec
from litestar import Request, Response, delete, get, patch, post
from litestar.params import FromPath, QueryParameter, RawBody

from contracts.names import NAME
from contracts.requests import DeleteImage, Done, EditImage, EditTags, GetImage, ImagePage, ListImages, RegisterImage
from contracts.views import ImageView
from gateway.answers import Cursor, IfMatch, Key, Limit, State, does, reads, revision_in, writes
from gateway.bodies import ImageToRegister, TagsToEdit, read, read_changes
from gateway.door import Door, Services, answer, done, image_in, thing
from gateway.narrowing import Hidden, OnPod, Owner, Sort, TagsGiven, Words, narrowed, tags_in
from gateway.shapes import shape

TAGS = ["images"]
PATH = "/v1/images/{image:str}"
OWN = frozenset({
    "gallery", "state", "text", "tag", "pod", "owner", "visibility", "member_status", "hidden", "sort", "limit",
    "cursor",
})  # fmt: skip
"""Parameters of the list that are no fields."""
DEFINITION = (
    "identifier_exists", "identifier_invalid", "range_invalid", "end_of_life_invalid", "feature_invalid",
    "class_invalid", "class_read_only", "desktop_kind_invalid", "flavour_not_found", "tag_limit", "tag_invalid",
    "property_unknown", "property_invalid", "property_protected", "file_type_mismatch", "not_shareable",
    "not_shareable_market", "capsule_invalid",
)  # fmt: skip
"""Why a definition is refused."""
Gallery = Annotated[str | None, QueryParameter(pattern=NAME, max_length=80, description="Only those in this gallery.")]
Visible = Annotated[
    Literal["private", "shared", "community", "public"] | None,
    QueryParameter(
        description="*private*: the tenant's own that nobody else can read. *shared*: those that others offered to it. "
        "*community*, *public*: those in such galleries. Without it: its own, the public ones, and what it accepted."
    ),
]
MemberStatus = Annotated[
    Literal["accepted", "pending", "rejected", "all"],
    QueryParameter(description="With `visibility=shared`: those that the tenant answered like this."),
]


@get(
    "/v1/images",
    operation_id="list_images",
    summary="List images",
    tags=TAGS,
    responses=reads(shape(ImagePage), "A page of images, by gallery and name unless `sort` says otherwise."),
)
async def list_images(
    door: Services,
    request: Request[Any, Any, Any],
    gallery: Gallery = None,
    in_state: State = None,
    text: Words = None,
    tagged: TagsGiven = None,
    on_pod: OnPod = None,
    owner: Owner = None,
    visibility: Visible = None,
    member_status: MemberStatus = "accepted",
    hidden: Hidden = False,
    sort: Sort = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response[bytes]:
    """The images of the caller's tenant, the provider's, those in public galleries, and those offered to the tenant
    that it accepted. Every filter that is given must hold."""
    asked = ListImages(
        actor=door.actor(request),
        gallery=gallery,
        state=in_state,
        text=text,
        tags=tags_in(tagged),
        pod=on_pod,
        owner=owner,
        visibility=visibility,
        member_status=member_status,
        hidden=hidden,
        where=narrowed(request, "list_images", OWN),
        sort=sort or "path",
        limit=limit,
        cursor=cursor,
    )
    return answer(await door.ask(asked, ImagePage))


@post(
    "/v1/images",
    operation_id="register_image",
    summary="Register an image",
    tags=TAGS,
    responses=writes(
        201, shape(ImageView), "The image was made.", "image_exists", "quota_exceeded", "gallery_name_invalid",
        "forbidden", *DEFINITION,
    ),
)  # fmt: skip
async def register_image(
    door: Services, request: Request[Any, Any, Any], body: RawBody, key: Key = None
) -> Response[bytes]:
    """Make an image without a version; an import can also do so by the way (`create`)."""
    image = await door.ask(door.order(RegisterImage, request, key, read(ImageToRegister, body)), ImageView)
    return thing(image, 201, {"location": f"/v1/images/{image.id}"})


@get(
    PATH,
    operation_id="get_image",
    summary="Show an image",
    tags=TAGS,
    responses=reads(shape(ImageView), "The image.", "image_not_found"),
)
async def get_image(door: Services, request: Request[Any, Any, Any], image: FromPath[str]) -> Response[bytes]:
    """An image by its id, or as gallery/name."""
    return thing(await door.ask(GetImage(actor=door.actor(request), image=image_in(image)), ImageView))


@patch(
    PATH,
    operation_id="edit_image",
    summary="Change an image",
    tags=TAGS,
    responses=writes(
        200, shape(ImageView), "The image.", "image_not_found", "property_change_not_allowed", "features_locked",
        "revision_mismatch", "forbidden", *DEFINITION,
    ),
)  # fmt: skip
async def edit_image(
    door: Services,
    request: Request[Any, Any, Any],
    image: FromPath[str],
    body: RawBody,
    key: Key = None,
    if_match: IfMatch = None,
) -> Response[bytes]:
    """Change the fields that may change; one that is fixed may be repeated as it is."""
    asked = door.order(
        EditImage, request, key, image=image_in(image), changes=read_changes(body), revision=revision_in(if_match)
    )
    return await _shown(door, request, await door.ask(asked, ImageView))


@post(
    f"{PATH}/tags",
    operation_id="edit_tags",
    summary="Set and remove tags",
    tags=TAGS,
    status_code=200,
    responses=writes(
        200, shape(ImageView), "The image.", "image_not_found", "class_read_only", "tag_limit", "tag_invalid",
        "property_protected", "revision_mismatch", "forbidden",
    ),
)  # fmt: skip
async def edit_tags(
    door: Services,
    request: Request[Any, Any, Any],
    image: FromPath[str],
    body: RawBody,
    key: Key = None,
    if_match: IfMatch = None,
) -> Response[bytes]:
    """Set and remove tags in one step; what is so already stays so."""
    data = read(TagsToEdit, body)
    asked = door.order(EditTags, request, key, data, image=image_in(image), revision=revision_in(if_match))
    return await _shown(door, request, await door.ask(asked, ImageView))


@delete(
    PATH,
    operation_id="delete_image",
    summary="Delete an image",
    tags=TAGS,
    status_code=204,
    responses=does(
        "It is gone.", "image_not_found", "image_not_empty", "class_read_only", "protected", "revision_mismatch",
        "blocked_before_end_of_life", "forbidden",
    ),
)  # fmt: skip
async def delete_image(
    door: Services, request: Request[Any, Any, Any], image: FromPath[str], key: Key = None, if_match: IfMatch = None
) -> Response[None]:
    """Delete an image that has no versions, soft-deleted ones included."""
    asked = door.order(DeleteImage, request, key, image=image_in(image), revision=revision_in(if_match))
    await door.ask(asked, Done)
    return done()


async def _shown(door: Door, request: Request[Any, Any, Any], view: ImageView) -> Response[bytes]:
    """An image after a command: that does not know its versions."""
    known = await door.ask(GetImage(actor=door.actor(request), image=view.id), ImageView)
    return thing(msgspec.structs.replace(view, latest=known.latest, usable=known.usable))


HANDLERS = (list_images, register_image, get_image, edit_image, edit_tags, delete_image)
