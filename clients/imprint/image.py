"""``imprint image``: import, list, show and latest; and the commands about publishes, placements and files."""

from pathlib import Path

import click

from contracts.requests import Accepted
from contracts.views import JobView
from imprint import files, placement, publishing, transfer
from imprint.client import Client
from imprint.copies import why
from imprint.naming import image_and_number
from imprint.options import current, run, shared
from imprint.output import print_json, print_table, show, size, when
from imprint.watch import finish, patience, report, waiting


@click.group(name="image")
@shared
def command() -> None:
    """Images and their versions. An IMAGE is named GALLERY/NAME, or by its id."""


@command.command(name="import")
@click.argument("image", metavar="GALLERY/NAME")
@click.option("--pod", required=True, help="The pod that has the source.")
@click.option("--vm", help="A VM of the pod, with all its disks.")
@click.option("--file", "file", help="A disk file in the pod's incoming folder.")
@click.option(
    "--upload", "upload", type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A disk file of this machine: it is sent to the pod first, and removed there once the version is durable.",
)  # fmt: skip
@click.option("--number", help="Version number, such as 1.1.0 [default: the next].")
@click.option(
    "--mode", type=click.Choice(["clone", "convert"]), default="clone", show_default=True,
    help="clone keeps the source; convert deletes it once the version is durable.",
)  # fmt: skip
@click.option("--file-type", type=click.Choice(["raw", "qcow2", "vhd"]), help="The format that the disks must have.")
@click.option("--os-disk-only", is_flag=True, help="Leave the VM's data disks out.")
@click.option("--os-type", type=click.Choice(["linux", "windows"]), default="linux", show_default=True)
@click.option("--datastore", help="Where on the pod the version is kept [default: the pod chooses].")
@click.option("--existing", is_flag=True, help="Refuse when there is no such image, instead of making it.")
@waiting
@patience
@shared
def import_(
    image: str,
    pod: str,
    vm: str | None,
    file: str | None,
    upload: Path | None,
    number: str | None,
    mode: str,
    file_type: str | None,
    os_disk_only: bool,
    os_type: str,
    datastore: str | None,
    existing: bool,
    wait: bool,
    timeout: float | None,
) -> None:
    """Import a VM or a disk file of a pod as a new version of an image."""
    if sum(source is not None for source in (vm, file, upload)) != 1:
        raise click.UsageError("Name the source: either --vm VM, --file FILE or --upload FILE.")
    name = vm or file or transfer.named(upload, None)  # type: ignore[arg-type] # one of them is there
    mode = "convert" if upload is not None else mode

    async def act(client: Client) -> Accepted | JobView:
        if upload is not None:
            with transfer.bar("upload") as advance:
                await files.upload(client, upload, pod, name, advance)
        accepted = await client.import_version(
            image,
            pod=pod,
            name=name,
            kind="vm" if vm is not None else "file",
            disks="os" if os_disk_only else "all",
            mode=mode,
            number=number,
            file_type=file_type,
            datastore=datastore,
            create=not existing,
            os_type=os_type,
        )
        return await finish(client, accepted, wait=wait, timeout=timeout)

    report(run(act))


@command.command(name="list")
@click.option("--gallery", help="Only the images of this gallery.")
@click.option("--state", help="Only images in this state.")
@shared
def list_(gallery: str | None, state: str | None) -> None:
    """All images."""
    images = run(lambda client: client.images(gallery, state))
    rows = [(f"{i.gallery}/{i.name}", i.state, i.latest or "-", i.os_type, when(i.created), i.id) for i in images]
    show(images, ("IMAGE", "STATE", "LATEST", "OS", "CREATED", "ID"), rows, empty="There are no images yet.")


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
        rows = [
            (v.number, v.state, f"{v.copies.available} of {v.copies.wanted}", _size(v.manifest), when(v.updated))
            for v in versions
        ]
        print_table(("VERSION", "STATE", "AVAILABLE", "SIZE", "UPDATED"), rows, empty="It has no versions yet.")
        return None

    run(act)


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
        if version.failure is not None:
            click.echo(f"{version.failure.text} ({version.failure.code}) {version.failure.hint}")
        if version.manifest is not None:
            signed = "is signed by the hub" if version.manifest.signature else "is signed when it is published"
            click.echo(f"Its content {signed}.")
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
    publishing.publish, publishing.republish, publishing.publish_many, publishing.unpublish, publishing.cancel,
    placement.placement, placement.copies, placement.pause, placement.resume, placement.repair, placement.remove_copy,
    transfer.upload, transfer.export,
):  # fmt: skip
    command.add_command(part)
