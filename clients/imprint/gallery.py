"""``imprint gallery``: access containers of images, what they may hold, and what becomes of deleted versions."""

from typing import Any

import click

from contracts.views import GalleryView
from imprint import opening
from imprint.fields import if_match, narrowing, patch, setting
from imprint.holding import amounts, given_quota, limits
from imprint.options import current, run, shared
from imprint.output import print_json, print_table, show, size, when
from imprint.saying import said


@click.group(name="gallery")
@shared
def command() -> None:
    """Galleries: they hold images. A GALLERY is named by its name, or by its id."""


@command.command()
@click.argument("name")
@click.option("--description", help="What it is for.")
@limits
@click.option("--soft-delete/--no-soft-delete", default=None, help="Keep deleted versions for a while [default: no].")
@click.option("--retention-days", type=click.IntRange(1, 365), metavar="DAYS", help="They can be used by number [7].")
@click.option("--grace-days", type=click.IntRange(0, 365), metavar="DAYS", help="Then they can be restored [7].")
@shared
def create(
    name: str,
    description: str | None,
    soft_delete: bool | None,
    retention_days: int | None,
    grace_days: int | None,
    **quota: int | None,
) -> None:
    """Make a gallery. One that nobody made is made by its first image."""
    softly = {"enabled": soft_delete, "retention_days": retention_days, "grace_days": grace_days}
    softly = {key: value for key, value in softly.items() if value is not None}
    given: dict[str, Any] = {"description": description, "quota": given_quota(quota), "soft_delete": softly}
    _show(run(lambda client: client.create_gallery(name, {key: value for key, value in given.items() if value})))


@command.command(name="list")
@click.option(
    "--reach", type=click.Choice(["own", "shared", "community", "public", "all"]),
    help="Also, or only, those of others that you can read [default: own].",
)  # fmt: skip
@narrowing("min_images=1, soft_delete=true, created_after=TIME", "name")
@shared
def list_(reach: str | None, where: tuple[tuple[str, str], ...], sort: str | None) -> None:
    """All galleries; of several filters each must hold. Those of others are named by their ids."""
    galleries = run(lambda client: client.galleries(reach=reach, where=dict(where), sort=sort))
    own = reach in (None, "own")
    rows = [
        (one.name, *(() if own else (one.tenant, one.sharing, one.id)), one.usage.images, one.usage.versions,
         size(one.usage.bytes), "yes" if one.soft_delete.enabled else "", one.description, when(one.created))
        for one in galleries
    ]  # fmt: skip
    whose = () if own else ("TENANT", "SHARING", "ID")
    columns = ("GALLERY", *whose, "IMAGES", "VERSIONS", "BYTES", "SOFT DELETE", "DESCRIPTION", "CREATED")
    show(galleries, columns, rows, empty="There are no galleries yet.")


@command.command(name="show")
@click.argument("gallery")
@shared
def show_(gallery: str) -> None:
    """A gallery, what it holds and what it may hold."""
    _show(run(lambda client: client.gallery(gallery)))


@command.command()
@click.argument("gallery")
@setting
@if_match
@shared
def edit(gallery: str, set_: tuple[tuple[str, Any], ...], if_match: int | None) -> None:
    """Change fields: description, quota.images, quota.versions, quota.bytes, soft_delete.enabled, …"""
    changes = patch(set_)
    _show(run(lambda client: client.edit_gallery(gallery, changes, if_match)))


@command.command()
@click.argument("gallery")
@if_match
@shared
def delete(gallery: str, if_match: int | None) -> None:
    """Delete a gallery that holds nothing."""
    run(lambda client: client.drop_gallery(gallery, if_match))
    said(f"gallery {gallery} is gone", gallery=gallery, deleted=True)


command.add_command(opening.share)
command.add_command(opening.sharing)


def _show(view: GalleryView) -> None:
    if current().json:
        print_json(view)
        return
    click.echo(f"{view.name}  id {view.id}  (revision {view.revision})")
    softly = view.soft_delete
    rule = f"{softly.retention_days} days usable by number, {softly.grace_days} more to restore"
    rows = [
        ("description", view.description),
        *amounts(view.quota, view.usage),
        ("soft delete", rule if softly.enabled else "no: what is deleted is gone"),
    ]
    print_table(("", "VALUE"), [(name, text) for name, text in rows if text])
