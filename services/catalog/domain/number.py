"""Version numbers: how they are ordered and which one comes next."""

from functools import lru_cache

from contracts.names import format_number, parse_number

LARGEST = 999_999_999
"""Of each of the three integers (contracts.names.NUMBER)."""


_parsed = lru_cache(8192)(parse_number)


def normalise(text: str) -> str | None:
    """``1.0`` as ``1.0.0``; None when ``text`` is no version number."""
    number = parse_number(text)
    return None if number is None else format_number(number)


def rank(number: str) -> str:
    """A text that sorts as the number does: 1.10.0 after 1.9.0."""
    return "".join(f"{int(part):09d}" for part in number.split("."))


def ranked(rank: str) -> str:
    """The number that has this `rank`."""
    return ".".join(str(int(rank[at : at + 9])) for at in (0, 9, 18))


@lru_cache(64)
def following(used: tuple[str, ...]) -> str | None:
    """The number of an import that names none: 1.0.0 for the first, else the next minor above the highest in use.

    ``used`` are the numbers of versions that have bytes and of imports under way; a failed import's number is free
    again and does not count. None when no number is left above them. Kept, for with many imports at once the same is
    asked several times for each.
    """
    highest = max(filter(None, map(_parsed, used)), default=None)
    if highest is None:
        return "1.0.0"
    major, minor, _ = highest
    if minor < LARGEST:
        return format_number((major, minor + 1, 0))
    return format_number((major + 1, 0, 0)) if major < LARGEST else None
