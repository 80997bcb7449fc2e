"""Waiting for the pools of an assignment: until each is as wanted, or is so no more and will not be."""

import asyncio
from collections.abc import Callable

import click

from contracts.views import AssignmentView
from contracts.views.holdings import PoolView
from imprint.client import Client
from imprint.exits import CommandFailure, Exit, ImprintError, UnfinishedError
from imprint.options import current
from imprint.output import print_json
from imprint.plain import plain

REFRESH = 0.5
"""Seconds between two looks at the pools."""
ENDED = frozenset({"IN_SYNC", "UPDATE_FAILED", "ROLLED_BACK"})
"""States of a pool in which nothing is on its way there."""


async def settled(client: Client, view: AssignmentView, timeout: float | None) -> AssignmentView:
    """The assignment when no pool of it is on its way any more; what changes meanwhile is said on stderr.

    Raises:
        UnfinishedError: it is not after ``timeout`` seconds; it goes on without us.
    """
    return await _looked(client, view, timeout, lambda now: all(pool.state in ENDED for pool in now.pods)) or view


async def gone(client: Client, view: AssignmentView, timeout: float | None) -> None:
    """Return when there is no such assignment any more. Raises UnfinishedError, as `settled`."""
    await _looked(client, view, timeout, lambda _: False)


async def _looked(
    client: Client, view: AssignmentView, timeout: float | None, over: Callable[[AssignmentView], bool]
) -> AssignmentView | None:
    said: dict[str, str] = {}
    try:
        async with asyncio.timeout(timeout):
            while True:
                _say(view, said)
                if over(view):
                    return view
                await asyncio.sleep(REFRESH)
                view = await client.assignment(view.id)
    except ImprintError as error:
        if error.problem.code != "assignment_not_found":
            raise
        return None
    except TimeoutError:
        raise UnfinishedError(
            f"{view.name} is not settled after {timeout:g} s; it goes on.", f"Look: imprint assignment show {view.name}"
        ) from None


def _say(view: AssignmentView, said: dict[str, str]) -> None:
    """A line for each pool that changed."""
    for pool in view.pods:
        line = words(pool)
        if said.get(pool.pod) != line and not current().json:
            click.echo(plain(f"{pool.pod}: {line}"), err=True)
        said[pool.pod] = line


def words(pool: PoolView) -> str:
    """How a pool stands, in a line."""
    to = f" to {pool.wanted_number}" if pool.wanted != pool.version and pool.wanted_number else ""
    why = f": {pool.failure.text} ({pool.failure.code})" if pool.failure is not None else ""
    return f"{pool.state}{to}, {pool.ready} of {pool.seats} seats ready{why}"


def report(view: AssignmentView, *, waited: bool) -> None:
    """Print an assignment after a command; having ``waited``, the exit code tells whether it is as wanted.

    Raises:
        CommandFailure: PARTIAL where some pools are, FAILED where none is.
    """
    if current().json:
        print_json(view)
    else:
        click.echo(f"assignment {view.name}: {view.state}, version {view.number}  (revision {view.revision})")
    for warning in view.warnings:
        click.echo(f"Warning: {plain(warning)}", err=True)
    good = [pool for pool in view.pods if pool.state == "IN_SYNC"]
    if not waited or len(good) == len(view.pods):
        return
    failed = next((pool.failure for pool in view.pods if pool.failure is not None), None)
    raise CommandFailure(
        Exit.PARTIAL if good else Exit.FAILED,
        f"assignment {view.name}: {view.state}",
        detail="" if failed is None else failed.text,
        hint=(failed.hint if failed is not None else "") or f"imprint assignment show {view.name} tells which pods.",
        code="" if failed is None else failed.code,
        printed=True,
    )
