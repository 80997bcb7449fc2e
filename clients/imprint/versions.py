"""``imprint image versions``, ``lineage``, ``users``, ``validate``: what is known of versions beside their content."""

import click

from imprint.fields import narrowing
from imprint.naming import version_of
from imprint.options import current, run, shared
from imprint.output import print_json, show, size, when
from imprint.plain import plain
from imprint.terms import Pair


@click.command()
@click.argument("image", metavar="IMAGE")
@click.option("--state", help="Only versions in this state.")
@click.option("--pod", help="Only those that are AVAILABLE on this pod.")
@click.option(
    "--where", type=Pair(), multiple=True, metavar="FIELD=VALUE",
    help="Only those with this value: source_kind=vm, marker=prod, created_after=TIME, …; may be repeated.",
)  # fmt: skip
@click.option("--sort", metavar="[-]FIELD", help="By this field, with - downwards [default: -number].")
@click.option("--hidden", is_flag=True, help="Also those that are hidden.")
@shared
def versions(
    image: str, state: str | None, pod: str | None, where: tuple[tuple[str, str], ...], sort: str | None, hidden: bool
) -> None:
    """The versions of an image; of several filters each must hold."""
    found = run(lambda client: client.versions(image, state, pod=pod, hidden=hidden, where=dict(where), sort=sort))
    rows = [
        (one.number, one.state, f"{one.copies.available} of {one.copies.wanted}", size(one.size),
         ", ".join(one.markers), one.description, when(one.created))
        for one in found
    ]  # fmt: skip
    columns = ("VERSION", "STATE", "AVAILABLE", "SIZE", "MARKERS", "DESCRIPTION", "CREATED")
    show(found, columns, rows, empty="There are no versions.")


@click.command()
@click.argument("image", metavar="IMAGE:VERSION")
@narrowing("state=AVAILABLE, max_depth=2", "the nearest first")
@shared
def lineage(image: str, where: tuple[tuple[str, str], ...], sort: str | None) -> None:
    """The versions that a version was made from, the nearest first; also those that are gone."""
    name, number = version_of(image)
    found = run(lambda client: client.lineage(name, number, where=dict(where), sort=sort))
    rows = [(one.depth, one.image, one.number, one.state, one.version) for one in found]
    show(found, ("GENERATION", "IMAGE", "VERSION", "STATE", "ID"), rows, empty="It was made from no other version.")


@click.command()
@click.argument("image", metavar="IMAGE:VERSION")
@narrowing("pod=pod-1, wanted=true, last_used_before=TIME", "assignment and pod")
@shared
def users(image: str, where: tuple[tuple[str, str], ...], sort: str | None) -> None:
    """Who uses a version, or wants it: assignments, pod by pod, with users and last use."""
    name, number = version_of(image)
    found = run(lambda client: client.users(name, number, where=dict(where), sort=sort))
    rows = [
        (one.name, one.pod, one.seats, one.users, "wanted" if one.wanted else "", when(one.last_used)) for one in found
    ]
    show(found, ("ASSIGNMENT", "POD", "SEATS", "USERS", "", "LAST USED"), rows, empty="Nobody uses it.")


@click.command()
@click.argument("image", metavar="IMAGE:VERSION")
@click.argument("kind")
@click.argument("status", type=click.Choice(["Unknown", "Failed", "Succeeded"], case_sensitive=False))
@click.option("--tool", default="", help="What it was validated with.")
@click.option("--detail", default="", help="What was found.")
@shared
def validate(image: str, kind: str, status: str, tool: str, detail: str) -> None:
    """Note the result of a validation of a version; one of the same KIND is replaced."""
    name, number = version_of(image)
    view = run(lambda client: client.record_validation(name, number, kind, status, tool=tool, detail=detail))
    if current().json:
        print_json(view)
        return
    for one in view.validations:
        click.echo(plain(f"{one.kind}: {one.status}  {one.tool}  {one.detail}".rstrip()))
