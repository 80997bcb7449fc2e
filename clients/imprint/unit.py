"""``imprint unit``: organisations, and the units of their trees."""

import click

from imprint.options import current, run, shared
from imprint.output import print_json, show
from imprint.saying import said


@click.group(name="unit")
@shared
def command() -> None:
    """Organisations (corp) and their units (corp/europe, corp/europe/sales), eight levels at most. For operators."""


@command.command(name="list")
@click.argument("below", required=False)
@shared
def list_(below: str | None) -> None:
    """All organisations and units; or one, and all BELOW it."""
    found = run(lambda client: client.units(below))
    rows = [(one.path, one.units, one.accounts, one.description) for one in found]
    show(found, ("UNIT", "UNITS", "ACCOUNTS", "DESCRIPTION"), rows, empty="There are no organisations yet.")


@command.command(name="set")
@click.argument("unit")
@click.option("--description", default="", help="What it is for.")
@shared
def set_(unit: str, description: str) -> None:
    """Make an organisation, or a unit whose parent is there; or say what it is for."""
    view = run(lambda client: client.set_unit(unit, description))
    if current().json:
        print_json(view)
    else:
        click.echo(f"unit {view.path}")


@command.command()
@click.argument("unit")
@shared
def remove(unit: str) -> None:
    """Delete a unit that has neither units nor accounts."""
    run(lambda client: client.drop_unit(unit))
    said(f"unit {unit} is gone", unit=unit, removed=True)
