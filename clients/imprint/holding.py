"""Quotas on the command line: what may be held, and what is."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

import click

from contracts.keeping import Quota, Usage
from imprint.output import size

F = TypeVar("F", bound=Callable[..., Any])


def limits(command: F) -> F:
    """Adds the options of a quota; the command takes them as ``images``, ``versions`` and ``bytes``."""
    for name, what in (("bytes", "bytes of disk files, once each"), ("versions", "versions"), ("images", "images")):
        option = click.option(
            f"--most-{name}", name, type=click.IntRange(min=0), metavar="N", help=f"It may hold so many {what}."
        )
        command = option(command)
    return command


def given_quota(quota: Mapping[str, int | None]) -> dict[str, int]:
    """The bounds that were given."""
    return {name: most for name, most in quota.items() if most is not None}


def amounts(quota: Quota, usage: Usage, *names: str) -> Iterator[tuple[str, str]]:
    """Rows of what is held, of how much where there is a bound."""
    for name in names or ("images", "versions", "bytes"):
        held, most = getattr(usage, name), getattr(quota, name)
        words = size if name == "bytes" else str
        yield name, words(held) if most is None else f"{words(held)} of {words(most)}"
