"""Limits as people write them: ``50MB`` for a rate, ``Mon-Fri 22:00-06:00`` for a window."""

import re
from collections.abc import Callable
from typing import Any, TypeVar

import click
import msgspec

from contracts.limits import Limits, Window
from imprint.output import size

T = TypeVar("T", bound=msgspec.Struct)
NONE = "none"
"""Takes a limit away."""
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12, "ki": 2**10, "mi": 2**20, "gi": 2**30, "ti": 2**40}
_RATE = re.compile(r"([0-9]+(?:\.[0-9]+)?) *((?i:[kmgt]i?)|)(B|bit)?(?:/s)?")
"""A small b is nobody's unit: some mean bits by it, some bytes."""
_WINDOW = re.compile(r"(?:([A-Za-z,-]+) +)?([0-9]{2}:[0-9]{2})-([0-9]{2}:[0-9]{2})")


def rate(text: str) -> int | None:
    """Bytes a second: ``50MB``, ``1.5GiB``, ``100Mbit``, plain bytes; None for ``none``. Raises ValueError."""
    if text.lower() == NONE:
        return None
    match = _RATE.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is no rate; write 50MB, 1.5GiB or 100Mbit (a second), or none")
    value = float(match[1]) * _UNITS[match[2].lower()]
    return int(value / 8 if match[3] == "bit" else value)


def window(text: str) -> Window | None:
    """A window: ``Mon-Fri 22:00-06:00``, ``Sat,Sun 08:00-20:00``, on all days ``22:00-06:00``; None for ``none``.

    Raises ValueError.
    """
    if text.lower() == NONE:
        return None
    match = _WINDOW.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is no window; write 'Mon-Fri 22:00-06:00' or '22:00-06:00'")
    return _valid(Window, {"begin": match[2], "end": match[3], "days": _days(match[1]) if match[1] else ()})


def _days(text: str) -> tuple[int, ...]:
    found: set[int] = set()
    for part in text.split(","):
        first, dash, last = part.partition("-")
        begin = _day(first)
        end = _day(last) if dash else begin
        found.update((begin + day) % 7 for day in range((end - begin) % 7 + 1))
    return tuple(sorted(found))


def _day(text: str) -> int:
    try:
        return DAYS.index(text.capitalize())
    except ValueError:
        raise ValueError(f"{text!r} is no day; write {', '.join(DAYS)}") from None


def link(text: str) -> tuple[str, int | None]:
    """``pod-2=10MB``: a pod, and the rate at which this one receives from it. Raises ValueError."""
    pod, equals, value = text.partition("=")
    if not equals:
        raise ValueError(f"{text!r} is no link; write POD=RATE")
    return pod, rate(value)


class Written(click.ParamType[Any]):
    """A value that one of these functions reads."""

    def __init__(self, read: Callable[[str], Any]) -> None:
        self.name = read.__name__
        self._read = read

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        try:
            return self._read(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


def changed(known: Limits, options: dict[str, Any]) -> Limits:
    """``known`` with the options that were given. Raises ValueError when a value is out of its bounds."""
    links = dict(known.links) | dict(options.get("links", ()))
    given: dict[str, Any] = {"links": {pod: value for pod, value in links.items() if value is not None}}
    if "windows" in options:
        given["windows"] = [one for one in options["windows"] if one is not None]
    return _valid(Limits, msgspec.to_builtins(known) | options | given)


def _valid(kind: type[T], fields: dict[str, Any]) -> T:
    try:
        return msgspec.convert(msgspec.to_builtins(fields), kind)
    except msgspec.ValidationError as error:
        raise ValueError(str(error)) from None


def rows(limits: Limits) -> list[tuple[str, str]]:
    """The limits as a table of two columns; those that are not set are left out."""
    found = [("receive", _rate(limits.receive)), ("send", _rate(limits.send))]
    found += [(f"link {pod}", _rate(value)) for pod, value in sorted(limits.links.items())]
    found.append(("copies", "" if limits.copies is None else str(limits.copies)))
    found += [("window", f"{_window(one)} {limits.timezone}") for one in limits.windows]
    found.append(("scrub", "" if limits.scrub_days is None else f"every {limits.scrub_days:g} days"))
    return [(name, text) for name, text in found if text]


def _rate(value: int | None) -> str:
    return "" if value is None else f"{size(value)}/s"


def _window(one: Window) -> str:
    days = ",".join(DAYS[day] for day in one.days)
    return f"{days} {one.begin}-{one.end}".strip()
