"""``imprint grant``: what somebody of any tenant may do on a gallery, an image, or a version."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

from imprint.naming import image_and_number
from imprint.options import current, run, shared
from imprint.output import print_json, show, when
from imprint.saying import said
from imprint.sharing import PRINCIPAL, ROLES

F = TypeVar("F", bound=Callable[..., Any])


@click.group(name="grant")
@shared
def command() -> None:
    """Role grants. A PRINCIPAL is a user (user:acme/jo), a service account (service:acme/ci), a group of users
    (group:acme/devs), a tenant (acme), an account (account:x) or an organisation (org:corp)."""


def _target(command: F) -> F:
    """Adds the options that say on what."""
    image = click.option("--image", metavar="IMAGE[:VERSION]", help="On this image, or on this version of it alone.")
    return image(click.option("--gallery", help="On this gallery and all that is in it.")(command))


def _on(image: str | None, gallery: str | None) -> dict[str, Any]:
    if (image is None) == (gallery is None):
        raise click.UsageError("Name an --image, or a --gallery.")
    if image is None:
        return {"gallery": gallery}
    name, number = image_and_number(image)
    return {"image": name, "number": number or None}


@command.command(name="list")
@_target
@shared
def list_(image: str | None, gallery: str | None) -> None:
    """Who has which roles there."""
    on = _on(image, gallery)
    found = run(lambda client: client.grants(**on))
    rows = [(one.principal, ", ".join(one.roles), f"{one.scope} {one.name}", when(one.updated)) for one in found]
    show(found, ("PRINCIPAL", "ROLES", "ON", "SINCE"), rows, empty="Nobody was granted anything there.")


@command.command(name="set")
@click.argument("principal", type=PRINCIPAL)
@click.option("--role", "roles", type=click.Choice(ROLES), multiple=True, required=True, help="May be repeated.")
@_target
@shared
def set_(principal: str, roles: tuple[str, ...], image: str | None, gallery: str | None) -> None:
    """Grant roles, in place of those that the principal has there."""
    on = _on(image, gallery)
    view = run(lambda client: client.set_grant(principal, roles, **on))
    if current().json:
        print_json(view)
    else:
        click.echo(f"{view.principal} is {', '.join(view.roles)} of {view.scope} {view.name}")


@command.command()
@click.argument("principal", type=PRINCIPAL)
@_target
@shared
def remove(principal: str, image: str | None, gallery: str | None) -> None:
    """Take all roles of a principal there back."""
    on = _on(image, gallery)
    run(lambda client: client.drop_grant(principal, **on))
    said(f"{principal} has no roles there any more", principal=principal, removed=True)
