"""``imprint account``: what tenants belong to."""

from typing import Any

import click

from contracts.views import AccountView
from imprint.client import Client
from imprint.options import current, run, shared
from imprint.output import print_json, show
from imprint.saying import said


@click.group(name="account")
@shared
def command() -> None:
    """Accounts: they have tenants, and may belong to a unit of an organisation. For operators."""


@command.command(name="list")
@click.option("--unit", help="Only those of this unit.")
@shared
def list_(unit: str | None) -> None:
    """All accounts."""
    found = run(lambda client: client.accounts(unit))
    rows = [(one.name, one.unit, one.tenants, one.description) for one in found]
    show(found, ("ACCOUNT", "UNIT", "TENANTS", "DESCRIPTION"), rows, empty="There are no accounts yet.")


@command.command(name="set")
@click.argument("account")
@click.option("--unit", help="Where it belongs: corp, corp/europe; an empty one: nowhere.")
@click.option("--description", help="What it is for.")
@shared
def set_(account: str, unit: str | None, description: str | None) -> None:
    """Make an account, or change what is named; what was shared with the unit it leaves, its tenants lose."""
    given: dict[str, Any] = {"unit": unit, "description": description}
    given = {name: value for name, value in given.items() if value is not None}

    async def act(client: Client) -> AccountView:
        known = [one for one in await client.accounts() if one.name == account]
        kept = {"unit": known[0].unit, "description": known[0].description} if known else {}
        return await client.set_account(account, **{**kept, **given})

    view = run(act)
    if current().json:
        print_json(view)
    else:
        click.echo(f"account {view.name} {f'in {view.unit}' if view.unit else 'of no unit'}")


@command.command()
@click.argument("account")
@shared
def remove(account: str) -> None:
    """Delete an account without tenants."""
    run(lambda client: client.drop_account(account))
    said(f"account {account} is gone", account=account, removed=True)
