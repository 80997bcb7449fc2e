"""``imprint assignment``: desktop pools on pods, made from an image and kept at the version that its marker names."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import click

from contracts.views import AssignmentView, SeatView
from imprint import settling
from imprint.client import Client
from imprint.copies import standing
from imprint.fields import if_match, narrowing, patch, setting
from imprint.naming import image_and_number
from imprint.options import current, run, shared
from imprint.output import print_json, print_table, show, when
from imprint.plain import plain
from imprint.saying import said
from imprint.seats import as_given, seat_options, terms_of_use, use_options
from imprint.terms import names
from imprint.watch import patience

waiting = click.option(
    "--wait", "-w", is_flag=True, help="Until its pools are IN_SYNC; the exit code tells how it went."
)


@click.group(name="assignment")
@shared
def command() -> None:
    """Assignments: desktop pools. An ASSIGNMENT is named by its name, or by its id."""


def _carried(
    act: Callable[[Client], Awaitable[AssignmentView]], *, wait: bool, timeout: float | None
) -> None:  # fmt: skip
    """Do something with an assignment, follow its pools where that was asked for, and print how it stands."""

    async def whole(client: Client) -> AssignmentView:
        view = await act(client)
        return await settling.settled(client, view, timeout) if wait else view

    settling.report(run(whole), waited=wait)


@command.command()
@click.argument("name")
@click.argument("image", metavar="IMAGE[:VERSION]")
@click.option("--marker", help="Follow this marker of the image, instead of being pinned to VERSION.")
@click.option("--pod", "pods", multiple=True, required=True, metavar="POD,...", help="Where; may be repeated.")
@seat_options
@use_options
@click.option(
    "--from", "file", type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A YAML or JSON file with further fields, as the API has them; options go before it.",
)  # fmt: skip
@waiting
@patience
@shared
def create(
    name: str,
    image: str,
    marker: str | None,
    pods: tuple[str, ...],
    file: Path | None,
    wait: bool,
    timeout: float | None,
    **options: Any,
) -> None:
    """Make a desktop pool. It is made where a copy of the version is AVAILABLE and the image's requirements hold."""
    path, number = image_and_number(image)
    if bool(number) == (marker is not None):
        raise click.UsageError("Either IMAGE:VERSION, or --marker.")
    wanted = {**as_given(file, options), **({"number": number} if number else {"marker": marker})}
    where = names(pods, "--pod")
    _carried(lambda client: client.create_assignment(name, path, where, wanted), wait=wait, timeout=timeout)


@command.command(name="list")
@click.option("--image", help="Only those of this image.")
@click.option("--pod", help="Only those on this pod.")
@click.option("--state", help="Only those in this state, such as IN_SYNC.")
@narrowing("marker=prod, min_seats=10, updated_before=TIME", "name")
@shared
def list_(
    image: str | None, pod: str | None, state: str | None, where: tuple[tuple[str, str], ...], sort: str | None
) -> None:
    """All assignments; of several filters each must hold."""
    found = run(lambda client: client.assignments(image, pod, state, where=dict(where), sort=sort))
    rows = [
        (one.name, f"{one.gallery}/{one.image_name}", one.marker or "pinned", one.number, one.state,
         ", ".join(pool.pod for pool in one.pods), one.seats, sum(pool.users for pool in one.pods))
        for one in found
    ]  # fmt: skip
    columns = ("ASSIGNMENT", "IMAGE", "MARKER", "VERSION", "STATE", "PODS", "SEATS", "USERS")
    show(found, columns, rows, empty="There are no assignments yet.")


@command.command(name="show")
@click.argument("assignment")
@shared
def show_(assignment: str) -> None:
    """An assignment, and what each of its pods reports."""
    view = run(lambda client: client.assignment(assignment))
    if current().json:
        print_json(view)
        return
    bound = f"follows {view.marker}" if view.marker else "pinned"
    version = f"{view.gallery}/{view.image_name}:{view.number}"
    click.echo(f"{view.name}  {view.state}  {version} ({bound})  (revision {view.revision})")
    for warning in view.warnings:
        click.echo(f"Warning: {plain(warning)}", err=True)
    rows = [
        (pool.pod, pool.state, pool.number, pool.wanted_number, f"{pool.ready} of {pool.seats}", pool.failed,
         pool.users, when(pool.last_used), standing(pool))
        for pool in view.pods
    ]  # fmt: skip
    print_table(("POD", "STATE", "RUNS", "WANTED", "READY", "FAILED", "USERS", "LAST USED", "WHY"), rows)


@command.command()
@click.argument("assignment")
@click.option("--pod", help="Only those on this pod.")
@click.option("--state", help="Only those in this state, such as READY or WAITING_RESTART.")
@narrowing("user=ada, last_used_before=TIME", "pod and name")
@shared
def seats(
    assignment: str, pod: str | None, state: str | None, where: tuple[tuple[str, str], ...], sort: str | None
) -> None:
    """The desktops or endpoints of an assignment, with their users."""
    found: list[SeatView] = run(lambda client: client.seats(assignment, pod, state, where=dict(where), sort=sort))
    rows = [
        (one.pod, one.seat.name, one.seat.state, one.seat.model, one.seat.user, when(one.seat.last_used),
         one.seat.failure)
        for one in found
    ]  # fmt: skip
    show(found, ("POD", "SEAT", "STATE", "MODEL", "USER", "LAST USED", "WHY"), rows, empty="It has no seats there.")


@command.command()
@click.argument("assignment")
@setting
@if_match
@waiting
@patience
@shared
def edit(
    assignment: str, set_: tuple[tuple[str, Any], ...], if_match: int | None, wait: bool, timeout: float | None
) -> None:
    """Change fields: seats, pods, marker, number, shape.vcpus, …"""
    changes = patch(set_)
    _carried(lambda client: client.edit_assignment(assignment, changes, if_match), wait=wait, timeout=timeout)


@command.command(name="add-disk")
@click.argument("assignment")
@click.option("--lun", type=click.IntRange(1, 63), required=True)
@click.option("--size", type=click.IntRange(1, 32768), required=True, metavar="GIB")
@if_match
@waiting
@patience
@shared
def add_disk(assignment: str, lun: int, size: int, if_match: int | None, wait: bool, timeout: float | None) -> None:
    """Give each seat one more empty data disk."""
    _carried(lambda client: client.add_disk(assignment, lun, size, if_match), wait=wait, timeout=timeout)


@command.command()
@click.argument("assignment")
@click.option("--pod", "pods", multiple=True, metavar="POD,...", help="Only there [default: on all its pods].")
@waiting
@patience
@shared
def rebuild(assignment: str, pods: tuple[str, ...], wait: bool, timeout: float | None) -> None:
    """Make its seats anew; also after an update that failed."""
    where = names(pods, "--pod")
    _carried(lambda client: client.rebuild_assignment(assignment, where), wait=wait, timeout=timeout)


@command.command()
@click.argument("assignment")
@click.argument("image", metavar="IMAGE[:VERSION]")
@click.option("--marker", help="Follow this marker of the image, instead of being pinned to VERSION.")
@use_options
@if_match
@waiting
@patience
@shared
def switch(
    assignment: str,
    image: str,
    marker: str | None,
    accept_eula: bool,
    plan: dict[str, str] | None,
    if_match: int | None,
    wait: bool,
    timeout: float | None,
) -> None:
    """Bind it to another image: of the same OS type, generation, OS state and disk layout."""
    path, number = image_and_number(image)
    if bool(number) == (marker is not None):
        raise click.UsageError("Either IMAGE:VERSION, or --marker.")
    wanted = terms_of_use(accept_eula, plan) | ({"number": number} if number else {"marker": marker})
    _carried(lambda client: client.switch_image(assignment, path, wanted, if_match), wait=wait, timeout=timeout)


@command.command()
@click.argument("assignment")
@click.argument("name")
@click.option("--pod", "pods", multiple=True, metavar="POD,...", help="Where [default: on the same pods].")
@waiting
@patience
@shared
def duplicate(assignment: str, name: str, pods: tuple[str, ...], wait: bool, timeout: float | None) -> None:
    """Make another pool, NAME, that wants the same."""
    where = names(pods, "--pod")
    _carried(lambda client: client.duplicate_assignment(assignment, name, where), wait=wait, timeout=timeout)


@command.command()
@click.argument("assignment")
@click.option("--force", is_flag=True, help="Also while users are logged on.")
@if_match
@click.option("--wait", "-w", is_flag=True, help="Until its seats are gone.")
@patience
@shared
def delete(assignment: str, force: bool, if_match: int | None, wait: bool, timeout: float | None) -> None:
    """Delete a pool with its seats."""

    async def act(client: Client) -> AssignmentView:
        view = await client.drop_assignment(assignment, force=force, revision=if_match)
        if wait:
            await settling.gone(client, view, timeout)
        return view

    view = run(act)
    line = f"assignment {view.name} is gone" if wait else f"assignment {view.name} goes: job {view.job}"
    said(line, assignment=view.id, name=view.name, job=view.job, gone=wait)
