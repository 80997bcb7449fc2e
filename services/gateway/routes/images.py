"""Images: the definitions that versions belong to."""

from typing import Annotated, Any

from litestar import Request, Response, get, post
from litestar.params import FromPath, QueryParameter, RawBody

from contracts.names import NAME
from contracts.requests import GetImage, ImagePage, ListImages, RegisterImage
from contracts.views import ImageView
from gateway.answers import Cursor, Key, Limit, State, reads, writes
from gateway.bodies import ImageToRegister, read
from gateway.door import Services, answer, image_in
from gateway.shapes import shape

TAGS = ["images"]
Gallery = Annotated[str | None, QueryParameter(pattern=NAME, max_length=80, description="Only those in this gallery.")]


@get(
    "/v1/images",
    operation_id="list_images",
    summary="List images",
    tags=TAGS,
    responses=reads(shape(ImagePage), "A page of images, by gallery and name."),
)
async def list_images(
    door: Services,
    request: Request[Any, Any, Any],
    gallery: Annotated[str | None, QueryParameter(pattern=NAME, max_length=80, description="Only of this one.")] = None,
    in_state: State = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response[bytes]:
    """The images of the caller's tenant."""
    asked = ListImages(actor=door.actor(request), gallery=gallery, state=in_state, limit=limit, cursor=cursor)
    return answer(await door.ask(asked, ImagePage))


@post(
    "/v1/images",
    operation_id="register_image",
    summary="Register an image",
    tags=TAGS,
    responses=writes(201, shape(ImageView), "The image was made.", "image_exists"),
)
async def register_image(
    door: Services, request: Request[Any, Any, Any], body: RawBody, key: Key = None
) -> Response[bytes]:
    """Make an image without a version; an import can also do so by the way (`create`)."""
    data = read(ImageToRegister, body)
    asked = RegisterImage(
        **door.command(request, key),
        gallery=data.gallery,
        name=data.name,
        os_type=data.os_type,
        os_state=data.os_state,
        generation=data.generation,
        architecture=data.architecture,
        description=data.description,
    )
    image = await door.ask(asked, ImageView)
    return answer(image, 201, {"location": f"/v1/images/{image.id}"})


@get(
    "/v1/images/{image:str}",
    operation_id="get_image",
    summary="Show an image",
    tags=TAGS,
    responses=reads(shape(ImageView), "The image.", "image_not_found"),
)
async def get_image(door: Services, request: Request[Any, Any, Any], image: FromPath[str]) -> Response[bytes]:
    """An image by its id, or as gallery/name."""
    return answer(await door.ask(GetImage(actor=door.actor(request), image=image_in(image)), ImageView))


HANDLERS = (list_images, register_image, get_image)
