"""A shelf: the live versions of an image, so that policies know its newest ones."""

import msgspec

from contracts.names import parse_number


class Shelved(msgspec.Struct, frozen=True, kw_only=True):
    """A version with a live placement. ``dark`` ones are excluded from ``latest`` everywhere."""

    version: str
    number: str
    dark: bool = False


class Shelf(msgspec.Struct, frozen=True, kw_only=True):
    """The live versions of an image, the highest number first."""

    tenant: str
    versions: tuple[Shelved, ...] = ()


class Joined(msgspec.Struct, frozen=True):
    """Pods that joined lately, and that policies have still to be held against."""

    pods: tuple[str, ...] = ()


def shelve(shelf: Shelf, entry: Shelved) -> Shelf:
    """``entry`` is live."""
    others = [one for one in shelf.versions if one.version != entry.version]
    found = sorted((*others, entry), key=_rank, reverse=True)
    return msgspec.structs.replace(shelf, versions=tuple(found))


def clear(shelf: Shelf, version: str) -> Shelf:
    """``version`` is not live any more."""
    return msgspec.structs.replace(shelf, versions=tuple(one for one in shelf.versions if one.version != version))


def newest(shelf: Shelf, count: int) -> tuple[str, ...]:
    """The ``count`` newest versions, by number, as `latest` means it (features.md A6): one that is published dark is
    not the newest for anybody, and what was the newest stays it."""
    return tuple(one.version for one in shelf.versions if not one.dark)[:count]


def _rank(entry: Shelved) -> tuple[tuple[int, int, int], str]:
    return parse_number(entry.number) or (0, 0, 0), entry.version
