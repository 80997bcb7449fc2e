"""What sharing needs to know of an image: whose it is, what it is called, and whether it can be shared."""

from typing import Literal

import msgspec

from contracts.errors import Problem


class Image(msgspec.Struct, frozen=True, kw_only=True):
    """``members`` counts the offers that hold, ``available`` the versions that are usable on some pod, ``encrypted``
    those whose content is. ``deleted``: it is remembered, so that a word about it that comes late does not bring it
    back. ``revision`` is that of the last word on who it is shared with. ``ready``: it was known to have a version
    before versions were told apart.
    """

    owner: str
    gallery: str = ""
    name: str = ""
    image_class: str = "custom"
    market: bool = False
    private_only: str = ""
    members: int = 0
    available: int = 0
    encrypted: int = 0
    ready: bool = False
    disabled: bool = False
    deleted: bool = False
    revision: int = 0

    @property
    def unfit(self) -> str:
        """Why no gallery that others reach may hold it; empty: it may be in one."""
        if self.encrypted:
            return "encrypted"
        return "market" if self.market else ""


class Version(msgspec.Struct, frozen=True, kw_only=True):
    """A version of an image. One that is GONE is remembered for as long as its image."""

    image: str
    number: str
    state: Literal["READY", "AVAILABLE", "GONE"]
    encrypted: bool = False
    revision: int


def heard(before: Version | None, said: Version) -> Version:
    """A version after a word of the catalog, which may be older than what is known. That it is encrypted was said once,
    and stays so."""
    if before is None:
        return said
    newest = before if before.revision >= said.revision else said
    return msgspec.structs.replace(newest, encrypted=before.encrypted or said.encrypted)


def counted(image: Image, before: Version | None, after: Version) -> Image:
    """The image with a version that was ``before`` and is ``after``."""
    return msgspec.structs.replace(
        image,
        available=image.available + _available(after) - _available(before),
        encrypted=image.encrypted + _encrypted(after) - _encrypted(before),
    )


def _available(version: Version | None) -> bool:
    return version is not None and version.state == "AVAILABLE"


def _encrypted(version: Version | None) -> bool:
    return version is not None and version.encrypted and version.state != "GONE"


def encrypted() -> Problem:
    """Why an image with encrypted content is nobody else's."""
    return Problem(
        code="not_shareable_encrypted",
        detail="a version of the image is encrypted, and its key is its owner's",
        hint="Import a version without encryption into another image, and offer that one.",
    )


def objection(image: Image) -> Problem | None:
    """Why an image cannot be offered to anybody (features.md E6)."""
    if image.image_class == "standard":
        return Problem(
            code="not_shareable_class",
            detail="images of the standard class are everybody's already",
            hint="Tell the others its id.",
        )
    if image.encrypted:
        return encrypted()
    if image.market:
        return Problem(
            code="not_shareable_market",
            detail="the image has a purchase plan, and is got from the market",
            hint="The others get it there themselves.",
        )
    if image.disabled:
        return Problem(
            code="not_shareable",
            detail="the image is disabled",
            hint="Enable it first.",
        )
    if not (image.available or image.ready):
        return Problem(
            code="not_shareable_unavailable",
            detail="no version of the image is AVAILABLE",
            hint="Publish a version and wait until it is AVAILABLE.",
        )
    return None
