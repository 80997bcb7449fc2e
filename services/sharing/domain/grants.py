"""The roles of principals on a gallery, an image or a version (features.md E7)."""

from datetime import datetime

import msgspec

from contracts.principals import Granted


class Grant(msgspec.Struct, frozen=True, kw_only=True):
    """What a principal was granted."""

    roles: tuple[Granted, ...]
    updated: datetime
    revision: int


class Grants(msgspec.Struct, frozen=True, kw_only=True):
    """All grants on one thing, by principal. ``revision`` is that of the last word about any of them."""

    by: dict[str, Grant] = {}
    revision: int = 0
