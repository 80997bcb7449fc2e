"""``imprint token``: by which people and programs say who they are."""

from pathlib import Path

import click
import msgspec

from contracts.views import TokenView
from imprint.exits import CommandFailure, Exit
from imprint.local.secret_files import write_secret
from imprint.options import current, run, shared
from imprint.output import print_json, print_table, show, when
from imprint.saying import said
from imprint.user import ROLES, tenancy


@click.group(name="token")
@shared
def command() -> None:
    """Local API tokens. Commands send the one of IMPRINT_TOKEN, of the file IMPRINT_TOKEN_FILE, or of the data
    folder."""


@command.command()
@click.option("--user", help="For this user or service account of the tenant [default: yourself].")
@click.option("--role", "roles", type=click.Choice(ROLES), multiple=True, help="Only these roles; may be repeated.")
@click.option(
    "--hours", type=click.FloatRange(min=0, min_open=True), metavar="HOURS", help="How long it opens [default: 720]."
)
@click.option("--description", default="", help="What it is for.")
@click.option("--file", type=click.Path(dir_okay=False, path_type=Path), help="Write it there, readable by you only.")
@tenancy
@shared
def create(
    user: str | None,
    roles: tuple[str, ...],
    hours: float | None,
    description: str,
    file: Path | None,
    tenant: str | None,
) -> None:
    """Make a token, and print it: nobody shows it again."""
    view = run(
        lambda client: client.create_token(user=user, roles=roles, hours=hours, description=description, tenant=tenant)
    )
    if file is not None:
        view = _kept(view, file)
    if current().json:
        print_json(view)
        return
    click.echo(str(file) if file is not None else view.secret)
    click.echo(
        f"It is {view.user}'s ({', '.join(view.roles)}) until {when(view.until)}; its id is {view.id}.", err=True
    )


@command.command(name="list")
@click.option("--user", help="Only those of this user.")
@tenancy
@shared
def list_(user: str | None, tenant: str | None) -> None:
    """Your tokens; to owners all of the tenant."""
    found = run(lambda client: client.tokens(user, tenant))
    rows = [(one.id, one.user, ", ".join(one.roles), _state(one), when(one.created), one.description) for one in found]
    show(found, ("TOKEN", "USER", "ROLES", "STATE", "CREATED", "DESCRIPTION"), rows, empty="There are no tokens.")


@command.command()
@click.argument("token")
@tenancy
@shared
def revoke(token: str, tenant: str | None) -> None:
    """Revoke a token, by its id: it opens nothing any more."""
    run(lambda client: client.revoke_token(token, tenant))
    said(f"token {token} is revoked", token=token, revoked=True)


@command.command()
@shared
def whoami() -> None:
    """Who you are to Imprint, and what you may do."""
    view = run(lambda client: client.whoami())
    if current().json:
        print_json(view)
        return
    click.echo(f"{view.tenant}/{view.name}")
    rows = [
        ("kind", "service account" if view.kind == "service" else ""),
        ("roles", ", ".join(view.roles)),
        ("account", view.account),
        ("unit", view.unit),
        ("known as", ", ".join(view.principals)),
        ("until", when(view.until)),
    ]
    print_table(("", "VALUE"), [(name, text) for name, text in rows if text])


def _kept(view: TokenView, file: Path) -> TokenView:
    """A token whose secret is in a file, and nowhere else from then on."""
    try:
        write_secret(file, f"{view.secret}\n")
    except OSError as error:
        hint = f"Revoke it (imprint token revoke {view.id}), and make another."
        raise CommandFailure(Exit.FAILED, f"{file} cannot be written", detail=str(error), hint=hint) from None
    return msgspec.structs.replace(view, secret="")


def _state(view: TokenView) -> str:
    return f"revoked {when(view.revoked)}" if view.revoked else f"until {when(view.until)}"
