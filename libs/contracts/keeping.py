"""What a gallery and a tenant may hold, and for how long versions are kept (features.md A3, F9, F11, I3)."""

from typing import Annotated, Literal

import msgspec

from contracts.definition import TagKey, TagValue
from contracts.names import Name, Text

Count = Annotated[int, msgspec.Meta(ge=0, le=10**9)]
Bytes = Annotated[int, msgspec.Meta(ge=0, le=2**62)]


class Quota(msgspec.Struct, frozen=True, kw_only=True):
    """The most that there may be; None is no limit. ``galleries`` counts for a tenant only. ``bytes`` are those of the
    versions' disk files, once each, however many copies there are."""

    galleries: Count | None = None
    images: Count | None = None
    versions: Count | None = None
    bytes: Bytes | None = None


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """What there is, with what is reserved for imports under way."""

    galleries: int = 0
    images: int = 0
    versions: int = 0
    bytes: int = 0


class SoftDelete(msgspec.Struct, frozen=True, kw_only=True):
    """What becomes of deleted versions (features.md F9, d.2). For ``retention_days`` one can still be used by its
    number, never as `latest`; for ``grace_days`` more it cannot be used, but restored; then it is gone."""

    enabled: bool = False
    retention_days: Annotated[int, msgspec.Meta(ge=1, le=365)] = 7
    grace_days: Annotated[int, msgspec.Meta(ge=0, le=365)] = 7


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """Which versions of an image a retention policy takes: those older than ``value`` ``unit``, or all but the newest
    ``value`` (features.md F11)."""

    by: Literal["AGE", "COUNT"]
    value: Annotated[int, msgspec.Meta(ge=1, le=10_000)]
    unit: Literal["DAYS", "WEEKS", "MONTHS", "YEARS"] = "DAYS"


class Exclusions(msgspec.Struct, frozen=True, kw_only=True):
    """Versions that a retention policy leaves alone: of images with one of the ``tags``, of images that are ``shared``,
    and those used within ``used_within_days``."""

    tags: Annotated[dict[TagKey, TagValue], msgspec.Meta(max_length=16)] = {}
    shared: bool = True
    used_within_days: Annotated[int, msgspec.Meta(ge=1, le=3650)] | None = None


class Retention(msgspec.Struct, frozen=True, kw_only=True):
    """A policy that deletes, deprecates or disables old versions. It never touches the last AVAILABLE version of an
    image, one that a marker names, one in use, or a protected one; ``retain_at_least`` of the newest stay in any case.
    ``galleries`` and ``images`` (ids) say where it holds, none: in all."""

    name: Name
    action: Literal["DELETE", "DEPRECATE", "DISABLE"]
    rule: Rule
    retain_at_least: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 1
    galleries: Annotated[tuple[Name, ...], msgspec.Meta(max_length=64)] = ()
    images: Annotated[tuple[Annotated[str, msgspec.Meta(max_length=64)], ...], msgspec.Meta(max_length=256)] = ()
    exclude: Exclusions = Exclusions()
    suspended: bool = False
    description: Text = ""
