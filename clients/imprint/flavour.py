"""``imprint flavour``: sets of endpoint models that images are dedicated to."""

from pathlib import Path

import click
import msgspec

from contracts.definition import Flavour
from contracts.views import FlavourView
from imprint.fields import if_match, if_match_or_new
from imprint.options import current, run, shared
from imprint.output import print_json, show
from imprint.saying import said


@click.group(name="flavour")
@shared
def command() -> None:
    """Flavours: the models of endpoints that a Dedicated image is offered to. System flavours are fixed."""


@command.command(name="list")
@shared
def list_() -> None:
    """The system's flavours and the tenant's own."""
    flavours = run(lambda client: client.flavours())
    rows = [
        (one.flavour.name, "system" if one.flavour.system else "", one.images, ", ".join(one.flavour.models),
         one.flavour.description)
        for one in flavours
    ]  # fmt: skip
    show(flavours, ("FLAVOUR", "", "IMAGES", "MODELS", "DESCRIPTION"), rows, empty="There are no flavours.")


@command.command(name="set")
@click.argument("name", required=False)
@click.option("--model", "models", multiple=True, metavar="MODEL", help="An endpoint model; may be repeated.")
@click.option("--description", default="", help="What it is for.")
@click.option(
    "--from", "file", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="A YAML or JSON file with it."
)
@if_match_or_new
@shared
def set_(name: str | None, models: tuple[str, ...], description: str, file: Path | None, if_match: int | None) -> None:
    """Make a flavour, or say it anew."""
    if (file is None) == (name is None):
        raise click.UsageError("Either NAME with its models, or --from FILE.")
    if file is not None:
        from imprint.reading import read

        flavour, _ = read(file, Flavour)
    else:
        try:
            flavour = msgspec.convert({"name": name, "models": models, "description": description}, Flavour)
        except msgspec.ValidationError as error:
            raise click.UsageError(str(error)) from None
    _show(run(lambda client: client.set_flavour(flavour, if_match)))


@command.command()
@click.argument("name")
@if_match
@shared
def drop(name: str, if_match: int | None) -> None:
    """Remove a flavour that no image names."""
    run(lambda client: client.drop_flavour(name, if_match))
    said(f"flavour {name} is gone", flavour=name, dropped=True)


def _show(view: FlavourView) -> None:
    if current().json:
        print_json(view)
    else:
        models = ", ".join(view.flavour.models) or "no model"
        click.echo(f"flavour {view.flavour.name}: {models}  (revision {view.revision})")
