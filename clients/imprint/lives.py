"""``imprint image delete``, ``restore``, ``disable``, ``enable``, ``deactivate``, ``reactivate``, ``protect``,
``unprotect``, ``deprecate``."""

import click

from contracts.requests import Accepted
from contracts.views import JobView
from imprint.client import Client
from imprint.fields import if_match
from imprint.naming import image_or_version, version_of
from imprint.options import current, run, shared
from imprint.output import print_json, when
from imprint.saying import said
from imprint.watch import finish, patience, report, waiting


@click.command()
@click.argument("image", metavar="IMAGE[:VERSION]")
@click.argument("number", required=False)
@click.option("--for-good", is_flag=True, help="At once, also where the gallery keeps deleted versions a while.")
@click.option("--force", is_flag=True, help="For operators: also a version that is in use.")
@if_match
@waiting
@patience
@shared
def delete(
    image: str,
    number: str | None,
    for_good: bool,
    force: bool,
    if_match: int | None,
    wait: bool,
    timeout: float | None,
) -> None:
    """Delete a version, or an image that has none. Where its gallery says so, a version can be restored."""
    name, version = image_or_version(image, number)
    if version is None:
        if for_good or force or wait:
            raise click.UsageError("--for-good, --force and --wait go with a version.")
        run(lambda client: client.delete_image(name, if_match))
        said(f"image {name} is gone", image=name, deleted=True)
        return

    async def act(client: Client) -> Accepted | JobView:
        accepted = await client.delete_version(
            name, version, bypass_soft_delete=for_good, force=force, revision=if_match
        )  # fmt: skip
        return await finish(client, accepted, wait=wait, timeout=timeout)

    report(run(act))


@click.command()
@click.argument("image", metavar="IMAGE:VERSION")
@shared
def restore(image: str) -> None:
    """Bring a deleted version back that is still there."""
    name, number = version_of(image)
    view = run(lambda client: client.restore_version(name, number))
    if current().json:
        print_json(view)
    else:
        click.echo(f"{view.gallery}/{view.name}:{view.number}  {view.state}")


@click.command()
@click.argument("image", metavar="IMAGE[:VERSION]")
@click.argument("number", required=False)
@if_match
@shared
def disable(image: str, number: str | None, if_match: int | None) -> None:
    """Nobody new may use an image, or one version of it."""
    _enabled(image, number, if_match, enabled=False)


@click.command()
@click.argument("image", metavar="IMAGE[:VERSION]")
@click.argument("number", required=False)
@if_match
@shared
def enable(image: str, number: str | None, if_match: int | None) -> None:
    """Let an image, or one version of it, be used again."""
    _enabled(image, number, if_match, enabled=True)


def _enabled(image: str, number: str | None, revision: int | None, *, enabled: bool) -> None:
    name, version = image_or_version(image, number)
    run(lambda client: client.set_enabled(name, version, enabled=enabled, revision=revision))
    said(f"{_thing(name, version)} is {'enabled' if enabled else 'disabled'}",
         image=name, version=version, enabled=enabled)  # fmt: skip


@click.command()
@click.argument("image", metavar="IMAGE:VERSION")
@if_match
@shared
def deactivate(image: str, if_match: int | None) -> None:
    """Deny the data of a version to all but operators: no export, no version made of it, no new copy. What is there
    stays, and is used as before."""
    _denied(image, if_match, active=False)


@click.command()
@click.argument("image", metavar="IMAGE:VERSION")
@if_match
@shared
def reactivate(image: str, if_match: int | None) -> None:
    """Allow the data of a version again; copies that paused for it go on."""
    _denied(image, if_match, active=True)


def _denied(image: str, revision: int | None, *, active: bool) -> None:
    name, number = version_of(image)
    view = run(lambda client: client.set_data_access(name, number, active=active, revision=revision))
    if current().json:
        print_json(view)
    else:
        words = "is denied to all but operators" if view.deactivated else "is as accessible as before"
        click.echo(f"the data of {view.gallery}/{view.name}:{view.number} {words}")


@click.command()
@click.argument("image", metavar="IMAGE[:VERSION]")
@click.argument("number", required=False)
@click.option("--cool-down", type=click.FloatRange(0, 720), metavar="HOURS", help="It lasts so long after its end.")
@if_match
@shared
def protect(image: str, number: str | None, cool_down: float | None, if_match: int | None) -> None:
    """Let an image, or one version of it, not be deleted."""
    _protected(image, number, if_match, protected=True, cool_down=cool_down)


@click.command()
@click.argument("image", metavar="IMAGE[:VERSION]")
@click.argument("number", required=False)
@if_match
@shared
def unprotect(image: str, number: str | None, if_match: int | None) -> None:
    """End a protection; it lasts for its cool-down yet."""
    _protected(image, number, if_match, protected=False)


def _protected(
    image: str, number: str | None, revision: int | None, *, protected: bool, cool_down: float | None = None
) -> None:
    name, version = image_or_version(image, number)

    async def act(client: Client) -> str:
        await client.set_protection(name, version, protected=protected, cool_down=cool_down, revision=revision)
        if protected:
            return ""
        view = await client.image(name) if version is None else await client.version(name, version)
        return when(view.protected_until)

    until = run(act)
    words = "is protected" if protected else f"is protected until {until} yet" if until else "is protected no more"
    said(f"{_thing(name, version)} {words}", image=name, version=version, protected=protected)


@click.command()
@click.argument("image", metavar="IMAGE[:VERSION]")
@click.argument("number", required=False)
@click.option("--replacement", metavar="IMAGE|NUMBER", help="What to use instead: an image, or a number of this one.")
@click.option("--obsolete", is_flag=True, help="No new use, rather than a warning.")
@click.option("--undo", is_flag=True, help="Take it back.")
@if_match
@shared
def deprecate(
    image: str, number: str | None, replacement: str | None, obsolete: bool, undo: bool, if_match: int | None
) -> None:
    """Say that an image, or one version of it, should be used no more: it warns, and is never `latest`."""
    if undo and (obsolete or replacement):
        raise click.UsageError("--undo goes alone.")
    name, version = image_or_version(image, number)
    state = "ACTIVE" if undo else "OBSOLETE" if obsolete else "DEPRECATED"
    run(
        lambda client: client.set_deprecation(name, version, state=state, replacement=replacement, revision=if_match)
    )  # fmt: skip
    said(f"{_thing(name, version)} is {state}", image=name, version=version, deprecation=state)


def _thing(name: str, version: str | None) -> str:
    return name if version is None else f"{name}:{version}"
