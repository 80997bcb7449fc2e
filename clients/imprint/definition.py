"""``imprint image create``, ``edit`` and ``tag``."""

from pathlib import Path
from typing import Any

import click

from contracts.views import ImageView, VersionView
from imprint.client import Client
from imprint.defining import as_defined, image_options
from imprint.fields import Tag, if_match, patch, setting
from imprint.naming import image_or_version
from imprint.options import current, run, shared
from imprint.output import print_json
from imprint.plain import plain


@click.command()
@click.argument("image", metavar="GALLERY/NAME")
@image_options
@click.option(
    "--from", "file", type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A YAML or JSON file with fields as the API has them; options go before it.",
)  # fmt: skip
@shared
def create(image: str, file: Path | None, **options: Any) -> None:
    """Make an image without a version yet: a definition for all versions to come."""
    gallery, slash, name = image.partition("/")
    if not (gallery and slash and name):
        raise click.BadParameter("a new image is named GALLERY/NAME", param_hint="IMAGE")
    wanted = {"gallery": gallery, **as_defined(file, options)}
    _show(run(lambda client: client.register_image(name, wanted)))


@click.command()
@click.argument("image", metavar="IMAGE[:VERSION]")
@click.argument("number", required=False)
@setting
@if_match
@shared
def edit(image: str, number: str | None, set_: tuple[tuple[str, Any], ...], if_match: int | None) -> None:
    """Change fields of an image, or of one version: description, details.end_of_life, details.properties.KEY, …

    \b
    Of a version: description, release_notes, exclude_from_latest, end_of_life,
    block_deletion_before_end_of_life, hidden. Its content never changes.
    """
    path, version = image_or_version(image, number)
    changes = patch(set_)

    async def act(client: Client) -> ImageView | VersionView:
        if version is None:
            return await client.edit_image(path, changes, if_match)
        return await client.edit_version(path, version, changes, if_match)

    _show(run(act))


@click.command()
@click.argument("image", metavar="IMAGE")
@click.option("--set", "set_", type=Tag(), multiple=True, metavar="KEY=VALUE", help="May be repeated.")
@click.option("--remove", multiple=True, metavar="KEY", help="May be repeated.")
@if_match
@shared
def tag(image: str, set_: tuple[tuple[str, str], ...], remove: tuple[str, ...], if_match: int | None) -> None:
    """Set and remove tags of an image in one step; without options, show them."""
    if if_match is not None and not (set_ or remove):
        raise click.UsageError("--if-match goes with a change.")

    async def act(client: Client) -> ImageView:
        if not (set_ or remove):
            return await client.image(image)
        return await client.edit_tags(image, dict(set_), remove, if_match)

    view = run(act)
    if current().json:
        print_json(view)
        return
    for key, value in sorted(view.tags.items()):
        click.echo(plain(f"{key}={value}"))
    if not view.tags:
        click.echo("It has no tags.", err=True)


def _show(view: ImageView | VersionView) -> None:
    if current().json:
        print_json(view)
        return
    number = f":{view.number}" if isinstance(view, VersionView) else ""
    click.echo(f"{view.gallery}/{view.name}{number}  {view.state}  id {view.id}  (revision {view.revision})")
    for warning in view.warnings:
        click.echo(f"Warning: {plain(warning)}", err=True)
