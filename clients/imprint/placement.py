"""``imprint image placement``, ``copies``, ``pause``, ``resume``, ``repair`` and ``remove-copy``."""

from datetime import UTC, datetime
from typing import Any

import click

from contracts.views import CopyView, PlacementView
from imprint.client import Client
from imprint.copies import COLUMNS, row, why
from imprint.naming import copy_on, version_of
from imprint.options import current, run, shared
from imprint.output import print_json, print_table, show, when
from imprint.plain import plain
from imprint.terms import Count, names, overrides


@click.command()
@click.argument("image", metavar="IMAGE:VERSION")
@click.option("--add", multiple=True, metavar="POD,...", help="It is to be on these pods too; may be repeated.")
@click.option("--remove", multiple=True, metavar="POD,...", help="It is no longer to be on these pods; its copies go.")
@click.option("--replicas", type=click.IntRange(1, 16), metavar="N", help="Copies on each pod.")
@click.option(
    "--replicas-on", type=Count(), multiple=True, metavar="POD=N", help="Copies on one pod; POD=none: as all."
)
@click.option("--priority", type=click.Choice(["low", "normal", "high", "urgent"]), help="Which goes first.")
@click.option("--if-match", type=int, metavar="REVISION", help="Only if nobody changed it since that revision.")
@shared
def placement(
    image: str,
    add: tuple[str, ...],
    remove: tuple[str, ...],
    replicas: int | None,
    replicas_on: tuple[tuple[str, int | None], ...],
    priority: str | None,
    if_match: int | None,
) -> None:
    """Where a version is wanted, and how it stands; with options, change what is wanted."""
    name, number = version_of(image)
    given: dict[str, Any] = {
        "add": names(add, "--add"),
        "remove": names(remove, "--remove"),
        "replicas": replicas,
        "overrides": overrides(replicas_on),
        "priority": priority,
    }
    changes = {key: value for key, value in given.items() if value}
    if if_match is not None and not changes:
        raise click.UsageError("--if-match goes with a change.")

    async def act(client: Client) -> PlacementView:
        if not changes:
            return await client.placement(name, number)
        return await client.edit_placement(name, number, changes, if_match)

    _show(run(act))


@click.command()
@click.argument("image", metavar="IMAGE:VERSION")
@shared
def pause(image: str) -> None:
    """Stop making copies of a version; what was verified stays on the pods."""
    name, number = version_of(image)
    _show(run(lambda client: client.pause(name, number)))


@click.command()
@click.argument("image", metavar="IMAGE:VERSION")
@shared
def resume(image: str) -> None:
    """Go on making the copies of a version that was paused."""
    name, number = version_of(image)
    _show(run(lambda client: client.pause(name, number, resume=True)))


@click.command()
@click.argument("image", metavar="IMAGE:VERSION")
@shared
def copies(image: str) -> None:
    """The copies of a version: their state, what they wait for, when they will be there, what went wrong."""
    name, number = version_of(image)
    found = run(lambda client: client.copies(name, number))
    show(found, COLUMNS, [row(copy) for copy in found], empty="It was never published.")
    hints = dict.fromkeys(copy.failure.hint for copy in found if copy.failure is not None and copy.failure.hint)
    if hints and not current().json:
        for hint in hints:
            click.echo(f"hint: {plain(hint)}", err=True)


@click.command()
@click.argument("image", metavar="IMAGE:VERSION")
@click.argument("pod", metavar="POD[/REPLICA]")
@shared
def repair(image: str, pod: str) -> None:
    """Make one copy again that failed, was cancelled or lost, or waits for its next attempt: at once."""
    name, number = version_of(image)
    where, replica = copy_on(pod)
    _copy(run(lambda client: client.repair_copy(name, number, where, replica)))


@click.command(name="remove-copy")
@click.argument("image", metavar="IMAGE:VERSION")
@click.argument("pod", metavar="POD[/REPLICA]")
@shared
def remove_copy(image: str, pod: str) -> None:
    """Remove one copy: it is no longer wanted, and its bytes go."""
    name, number = version_of(image)
    where, replica = copy_on(pod)
    _copy(run(lambda client: client.remove_copy(name, number, where, replica)))


def _copy(copy: CopyView) -> None:
    if current().json:
        print_json(copy)
    else:
        reason = why(copy)
        click.echo(f"copy on {copy.pod}: {copy.state}" + (f" ({reason})" if reason else ""))


def _show(view: PlacementView) -> None:
    if current().json:
        print_json(view)
        return
    there = view.copies.get("AVAILABLE", 0)
    denied = " (the version's data is denied)" if view.denied else ""
    position = "" if view.position is None else f", place {view.position} in its tenant's queue"
    click.echo(f"{view.state}{denied}{position}: {there} of {view.wanted} copies AVAILABLE  (revision {view.revision})")
    rows = [(name, text) for name, text in _rows(view) if text]
    print_table(("WANTED", "VALUE"), rows)
    if view.warning is not None:
        click.echo(f"Warning: {view.warning.text} ({view.warning.code}) {view.warning.hint}", err=True)


def _rows(view: PlacementView) -> list[tuple[str, str]]:
    terms = view.terms
    differing = [f"{pod}={one.replicas}" for pod, one in terms.overrides.items() if one.replicas is not None]
    excluded = [pod for pod, one in terms.overrides.items() if one.exclude_from_latest]
    late = view.estimate is not None and view.estimate > datetime.now(UTC)
    return [
        ("targets", view.targets.kind),
        ("pods", ", ".join(view.pods)),
        ("replicas", ", ".join([str(view.replicas), *differing])),
        ("mode", terms.mode + (", all or nothing" if terms.all_or_nothing else "")),
        ("not latest", "on all pods" if terms.exclude_from_latest else ", ".join(excluded)),
        ("priority", terms.priority),
        ("not before", when(terms.not_before)),
        ("deadline", when(view.deadline)),
        ("policies", ", ".join(view.policies)),
        ("copies", ", ".join(f"{count} {state}" for state, count in sorted(view.copies.items()) if count)),
        ("expected", when(view.estimate) if late else ""),
    ]  # fmt: skip
