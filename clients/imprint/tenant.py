"""``imprint tenant``: tenants, and whose they are."""

from typing import Any

import click

from contracts.views import TenantView
from imprint.client import Client
from imprint.exits import ImprintError
from imprint.options import current, run, shared
from imprint.output import print_json, show, when
from imprint.plain import plain


@click.group(name="tenant")
@shared
def command() -> None:
    """Tenants. Operators keep them; everybody sees his own."""


@command.command(name="list")
@click.option("--account", help="Only those of this account.")
@shared
def list_(account: str | None) -> None:
    """All tenants, to operators and auditors; to others their own."""
    found = run(lambda client: client.tenants(account))
    rows = [(one.name, one.account, one.unit, _state(one), one.description, when(one.created)) for one in found]
    columns = ("TENANT", "ACCOUNT", "UNIT", "STATE", "DESCRIPTION", "CREATED")
    show(found, columns, rows, empty="There are no such tenants.")


@command.command(name="show")
@click.argument("tenant")
@shared
def show_(tenant: str) -> None:
    """A tenant, and what it belongs to."""
    _say(run(lambda client: client.tenant(tenant)))


@command.command(name="set")
@click.argument("tenant")
@click.option("--account", help="Whose it is; an empty one: nobody's.")
@click.option("--description", help="What it is for.")
@shared
def set_(tenant: str, account: str | None, description: str | None) -> None:
    """Make a tenant, or change what is named; what was shared with the account it leaves, it loses."""
    _set(tenant, account=account, description=description)


@command.command()
@click.argument("tenant")
@shared
def disable(tenant: str) -> None:
    """Let nobody of a tenant ask anything; its desktops run on."""
    _set(tenant, disabled=True)


@command.command()
@click.argument("tenant")
@shared
def enable(tenant: str) -> None:
    """Let a tenant ask again."""
    _set(tenant, disabled=False)


def _set(tenant: str, **changes: Any) -> None:
    async def act(client: Client) -> TenantView:
        kept = await _known(client, tenant)
        given = {name: value for name, value in changes.items() if value is not None}
        return await client.set_tenant(tenant, **{**kept, **given})

    _say(run(act))


async def _known(client: Client, tenant: str) -> dict[str, Any]:
    """What is said of a tenant already."""
    try:
        view = await client.tenant(tenant)
    except ImprintError as error:
        if error.problem.code != "tenant_not_found":
            raise
        return {}
    return {"account": view.account, "description": view.description, "disabled": view.disabled}


def _state(view: TenantView) -> str:
    return "disabled" if view.disabled else ""


def _say(view: TenantView) -> None:
    if current().json:
        print_json(view)
        return
    of = f"of account {view.account}" if view.account else "of no account"
    within = f" in {view.unit}" if view.unit else ""
    click.echo(plain("  ".join(filter(None, (view.name, of + within, _state(view), view.description)))))
