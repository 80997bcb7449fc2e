"""``imprint user``: users and service accounts of a tenant, and what they may do."""

from typing import Any

import click

from contracts.views import PersonView
from imprint.client import Client
from imprint.options import current, run, shared
from imprint.output import print_json, show, when
from imprint.saying import said

ROLES = ("reader", "publisher", "sharer", "owner", "operator", "auditor")
tenancy = click.option("--tenant", help="Of this tenant, for operators [default: your own].")


@click.group(name="user")
@shared
def command() -> None:
    """Users and service accounts. Owners of a tenant keep them; nobody gives roles that he does not have."""


@command.command(name="list")
@tenancy
@shared
def list_(tenant: str | None) -> None:
    """All users and service accounts of the tenant."""
    found = run(lambda client: client.tenant_users(tenant))
    rows = [
        (one.name, one.kind, ", ".join(one.roles), ", ".join(one.groups), "disabled" if one.disabled else "",
         when(one.updated))
        for one in found
    ]  # fmt: skip
    columns = ("USER", "KIND", "ROLES", "GROUPS", "STATE", "UPDATED")
    show(found, columns, rows, empty="The tenant has no users yet.")


@command.command(name="set")
@click.argument("user")
@click.option("--role", "roles", type=click.Choice(ROLES), multiple=True, help="All of its roles; may be repeated.")
@click.option("--no-roles", is_flag=True, help="Take all roles away.")
@click.option("--group", "groups", multiple=True, help="All of its groups; may be repeated.")
@click.option("--service", is_flag=True, help="It is a service account.")
@tenancy
@shared
def set_(
    user: str, roles: tuple[str, ...], no_roles: bool, groups: tuple[str, ...], service: bool, tenant: str | None
) -> None:
    """Make a user or a service account, or change what is named; that holds at once, also for its tokens."""
    if roles and no_roles:
        raise click.UsageError("Roles are given, or taken away.")
    given: dict[str, Any] = {"roles": roles, "groups": groups, "kind": "service" if service else ""}
    given = {name: value for name, value in given.items() if value}
    _set(user, tenant, {**given, **({"roles": ()} if no_roles else {})})


@command.command()
@click.argument("user")
@tenancy
@shared
def disable(user: str, tenant: str | None) -> None:
    """Let a user ask nothing; its tokens open nothing."""
    _set(user, tenant, {"disabled": True})


@command.command()
@click.argument("user")
@tenancy
@shared
def enable(user: str, tenant: str | None) -> None:
    """Let a user ask again."""
    _set(user, tenant, {"disabled": False})


@command.command()
@click.argument("user")
@tenancy
@shared
def remove(user: str, tenant: str | None) -> None:
    """Delete a user or a service account, and its tokens."""
    run(lambda client: client.drop_user(user, tenant))
    said(f"user {user} is gone", user=user, removed=True)


def _set(user: str, tenant: str | None, changes: dict[str, Any]) -> None:
    async def act(client: Client) -> PersonView:
        known = [one for one in await client.tenant_users(tenant) if one.name == user]
        kept: dict[str, Any] = {}
        if known:
            one = known[0]
            kept = {"kind": one.kind, "roles": one.roles, "groups": one.groups, "disabled": one.disabled}
        return await client.set_user(user, **{**kept, **changes}, tenant=tenant)

    view = run(act)
    if current().json:
        print_json(view)
        return
    state = " (disabled)" if view.disabled else ""
    what = "service account" if view.kind == "service" else "user"
    click.echo(f"{what} {view.tenant}/{view.name}{state}: {', '.join(view.roles) or 'no roles'}")
