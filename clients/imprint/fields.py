"""Fields on the command line: ``--set details.min_disk_gib=20`` as a JSON merge patch (RFC 7396)."""

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import click
import msgspec

from imprint.terms import Pair

F = TypeVar("F", bound=Callable[..., Any])

FREE = "properties"
"""Below it keys are free and may have dots themselves."""


class Field(click.ParamType[tuple[str, Any]]):
    """``FIELD=VALUE``: the value is JSON where it is that, else text."""

    name = "field"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, Any]:
        if isinstance(value, tuple):
            return value
        field, equals, text = str(value).partition("=")
        if not equals or not all(field.split(".")):
            self.fail(f"{value!r} is no FIELD=VALUE", param, ctx)
        try:
            return field, msgspec.json.decode(text)
        except (msgspec.DecodeError, RecursionError):
            return field, text


class Tag(click.ParamType[tuple[str, str]]):
    """``KEY=VALUE``, or a ``KEY`` alone, whose value is empty."""

    name = "tag"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        key, _, text = str(value).partition("=")
        if not key:
            self.fail(f"{value!r} is no KEY=VALUE", param, ctx)
        return key, text


def patch(fields: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """Fields with dotted names as a merge patch. Raises UsageError where two of them contradict each other."""
    found: dict[str, Any] = {}
    for name, value in fields:
        *path, last = _path(name)
        place = found
        for part in path:
            place = place.setdefault(part, {})
            if not isinstance(place, dict):
                raise click.UsageError(f"{name} and a part of it are both set.")
        if last in place:
            raise click.UsageError(f"{name} is set twice.")
        place[last] = value
    return found


def _path(name: str) -> list[str]:
    parts = name.split(".")
    if FREE in parts[:-1]:
        at = parts.index(FREE) + 1
        return [*parts[:at], ".".join(parts[at:])]
    return parts


setting = click.option(
    "--set", "set_", type=Field(), multiple=True, required=True, metavar="FIELD=VALUE",
    help="As description='For the lab', details.min_disk_gib=20 or details.end_of_life=null; may be repeated.",
)  # fmt: skip
if_match = click.option(
    "--if-match", type=click.IntRange(min=0), metavar="REVISION", help="Only if nobody changed it since that revision."
)
if_match_or_new = click.option(
    "--if-match", type=click.IntRange(min=0), metavar="REVISION",
    help="Only if nobody changed it since that revision; 0: only if there is none.",
)  # fmt: skip


def narrowing(examples: str, order: str) -> Callable[[F], F]:
    """Adds ``--where`` and ``--sort`` to a command that lists; ``order`` is what it comes by otherwise."""

    def added(command: F) -> F:
        where = click.option(
            "--where", type=Pair(), multiple=True, metavar="FIELD=VALUE",
            help=f"Only those with this value: {examples}, …; may be repeated.",
        )  # fmt: skip
        by = f"By this field, with - downwards [default: {order}]."
        return where(click.option("--sort", metavar="[-]FIELD", help=by)(command))

    return added
