"""An image as people see it."""

from datetime import datetime

from catalog.domain import lives
from catalog.domain.image import Image, next_number
from contracts.views import ImageView


def image_view(
    id: str, image: Image, latest: str | None, *, usable: bool = False, at: datetime | None = None
) -> ImageView:
    """An image; ``latest`` is the number that `latest` resolves to, ``usable`` whether a version can be used. With
    ``at`` it is told what whoever looks at it then should know."""
    return ImageView(
        id=id,
        gallery=image.gallery,
        name=image.name,
        tenant=image.tenant,
        state=lives.image_state(image),
        os_type=image.os_type,
        os_state=image.os_state,
        generation=image.generation,
        architecture=image.architecture,
        description=image.description,
        latest=latest,
        created=image.created,
        revision=image.revision,
        updated=image.updated,
        identifier=image.identifier,
        image_class=image.image_class,
        desktop_kind=image.desktop_kind,
        flavour=image.flavour,
        visibility="public" if image.image_class == "standard" else "shared" if image.shared else "private",
        tags=image.tags,
        details=image.details,
        usable=usable and not image.life.disabled,
        versions=image.versions,
        next_number=next_number(image) or "",
        protected=image.life.protected,
        protected_until=image.life.protected_until,
        deprecation=image.life.deprecation,
        replacement=image.life.replacement,
        warnings=() if at is None else lives.image_warnings(image, at),
    )
