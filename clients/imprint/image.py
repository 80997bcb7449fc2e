"""``imprint image``: list, show and latest; and all that is done with images, versions, publishes and files."""

import click

from contracts.views import ImageView
from imprint import definition, importing, lives, placement, publishing, transfer, versions
from imprint.client import Client
from imprint.copies import why
from imprint.fields import Tag
from imprint.naming import image_and_number
from imprint.options import current, run, shared
from imprint.output import print_json, print_table, show, size, when
from imprint.plain import plain
from imprint.terms import Pair


@click.group(name="image")
@shared
def command() -> None:
    """Images and their versions. An IMAGE is named GALLERY/NAME, or by its id."""


@command.command(name="list")
@click.option("--gallery", help="Only the images of this gallery.")
@click.option("--state", help="Only images in this state.")
@click.option("--text", help="Only those whose gallery/name or description contain this.")
@click.option("--tag", "tags", type=Tag(), multiple=True, metavar="KEY[=VALUE]", help="Only those with this tag.")
@click.option("--pod", help="Only those of which a version is AVAILABLE on this pod.")
@click.option("--owner", metavar="TENANT", help="Only those of this tenant.")
@click.option(
    "--visibility", type=click.Choice(["private", "shared", "community", "public"]),
    help="Only those; shared: those of others that you accepted.",
)  # fmt: skip
@click.option(
    "--member-status", type=click.Choice(["accepted", "pending", "rejected", "all"]),
    help="With --visibility shared: those that you answered like this.",
)  # fmt: skip
@click.option(
    "--where", type=Pair(), multiple=True, metavar="FIELD=VALUE",
    help="Only those with this value: os_type=linux, min_versions=2, end_of_life_before=TIME, …; may be repeated.",
)  # fmt: skip
@click.option("--sort", metavar="[-]FIELD", help="By this field, with - downwards [default: gallery and name].")
@click.option("--hidden", is_flag=True, help="Also those that are hidden.")
@shared
def list_(
    gallery: str | None,
    state: str | None,
    text: str | None,
    tags: tuple[tuple[str, str], ...],
    pod: str | None,
    owner: str | None,
    visibility: str | None,
    member_status: str | None,
    where: tuple[tuple[str, str], ...],
    sort: str | None,
    hidden: bool,
) -> None:
    """All images; of several filters each must hold."""
    images = run(
        lambda client: client.images(
            gallery,
            state,
            text=text,
            tags=dict(tags),
            pod=pod,
            owner=owner,
            visibility=visibility,
            member_status=member_status,
            hidden=hidden,
            where=dict(where),
            sort=sort,
        )
    )
    whose = visibility not in (None, "private")
    rows = [
        (f"{i.gallery}/{i.name}", *((i.tenant,) if whose else ()), i.state, i.latest or "-", i.os_type,
         when(i.created), i.id)
        for i in images
    ]  # fmt: skip
    columns = ("IMAGE", *(("OWNER",) if whose else ()), "STATE", "LATEST", "OS", "CREATED", "ID")
    show(images, columns, rows, empty="There are no images.")


@command.command(name="show")
@click.argument("image", metavar="IMAGE[:VERSION]")
@shared
def show_(image: str) -> None:
    """An image with its versions; or, with a number, a version with its disks and copies."""
    name, number = image_and_number(image)
    if number:
        _show_version(name, number)
        return

    async def act(client: Client) -> object:
        view, versions = await client.image(name), await client.versions(name)
        if current().json:
            print_json({"image": view, "versions": versions})
            return None
        click.echo(f"{view.gallery}/{view.name}  {view.state}  {view.os_type} {view.architecture}  id {view.id}")
        _say(view)
        rows = [
            (v.number, v.state, f"{v.copies.available} of {v.copies.wanted}", _size(v.manifest), when(v.updated))
            for v in versions
        ]
        print_table(("VERSION", "STATE", "AVAILABLE", "SIZE", "UPDATED"), rows, empty="It has no versions yet.")
        return None

    run(act)


def _say(view: ImageView) -> None:
    """What else is worth knowing of an image, a line each; warnings on stderr."""
    identifier = view.identifier
    facts = {
        "class": view.image_class if view.image_class != "custom" else "",
        "desktop": view.desktop_kind,
        "dedicated to": view.flavour,
        "identifier": "" if identifier is None else f"{identifier.publisher}/{identifier.offer}/{identifier.sku}",
        "tags": ", ".join(f"{key}={value}" for key, value in sorted(view.tags.items())),
        "end of life": when(view.details.end_of_life),
        "next version": view.next_number,
        "new use": "only of versions that were validated" if view.details.hold_until_validated else "",
        "protected until": when(view.protected_until) or ("its protection is ended" if view.protected else ""),
        "visibility": f"{view.visibility} {view.member_status}".strip() if view.visibility != "private" else "",
        "owner": "" if not view.member_status else view.tenant,
        "description": view.description,
    }
    for name, text in facts.items():
        if text:
            click.echo(plain(f"{name}: {text}"))
    for warning in view.warnings:
        click.echo(f"Warning: {plain(warning)}", err=True)


def _size(manifest: object) -> str:
    found = getattr(manifest, "size", None)
    return "" if found is None else size(found)


def _show_version(name: str, number: str) -> None:
    async def act(client: Client) -> None:
        version = await client.version(name, number)
        copies = await client.copies(version.image, version.number)
        if current().json:
            print_json({"version": version, "copies": copies})
            return
        click.echo(f"{version.gallery}/{version.name} {version.number}  {version.state}  id {version.id}")
        for warning in version.warnings:
            click.echo(f"Warning: {plain(warning)}", err=True)
        if version.markers:
            click.echo(f"named by {', '.join(version.markers)}")
        if version.purge is not None:
            click.echo(f"deleted; goes for good {when(version.purge)}")
        if version.failure is not None:
            click.echo(f"{version.failure.text} ({version.failure.code}) {version.failure.hint}")
        if version.manifest is not None:
            signed = "is signed by the hub" if version.manifest.signature else "is signed when it is published"
            click.echo(f"Its content {signed}.")
        if version.signature is not None:
            with_ = f"{version.signature.key_type}, certificate {version.signature.certificate}"
            click.echo(f"It came with a signature that holds ({with_}).")
        if version.deactivated:
            click.echo("Its data is denied to all but operators.")
        for one in version.validations:
            click.echo(plain(f"validation {one.kind}: {one.status}  {one.detail}".rstrip()))
        disks = version.manifest.disks if version.manifest is not None else ()
        print_table(
            ("DISK", "ROLE", "FORMAT", "SIZE", "VIRTUAL", "SHA-256"),
            [(d.lun, d.role, d.format, size(d.size), size(d.virtual_size), d.sha256) for d in disks],
        )
        columns = ("POD", "STATE", "DATASTORE", "ATTEMPT", "RECEIVED", "REUSED", "WHY")
        rows = [
            (c.pod, c.state, c.datastore, c.attempt, size(c.bytes_network), size(c.bytes_reused), why(c))
            for c in copies
        ]
        print_table(columns, rows, empty="It was never published.")

    run(act)


@command.command()
@click.argument("image", metavar="IMAGE")
@click.option("--pod", help="The latest of those that are AVAILABLE on this pod.")
@shared
def latest(image: str, pod: str | None) -> None:
    """The number that ``latest`` stands for now."""
    version = run(lambda client: client.version(image, "latest", pod=pod))
    if current().json:
        print_json(version)
    else:
        click.echo(version.number)


for part in (
    importing.import_, definition.create, definition.edit, definition.tag,
    lives.delete, lives.restore, lives.disable, lives.enable, lives.deactivate, lives.reactivate,
    lives.protect, lives.unprotect, lives.deprecate,
    versions.versions, versions.lineage, versions.users, versions.validate,
    publishing.publish, publishing.republish, publishing.publish_many, publishing.unpublish, publishing.cancel,
    placement.placement, placement.copies, placement.pause, placement.resume, placement.repair, placement.remove_copy,
    transfer.upload, transfer.export,
):  # fmt: skip
    command.add_command(part)
