"""``imprint image import``: a new version, from something on a pod or of this machine, or from another version."""

from datetime import datetime
from pathlib import Path
from typing import Any

import click

from contracts.definition import Capsule, Uefi
from contracts.requests import Accepted
from contracts.views import JobView
from imprint import files, transfer
from imprint.client import Client
from imprint.defining import kind_options
from imprint.naming import version_of
from imprint.options import run, shared
from imprint.preparing import prepared, preparing
from imprint.terms import Moment
from imprint.watch import finish, patience, report, waiting

KINDS = ("disk", "snapshot", "template", "upload")
"""What --source names; a VM and a file have options of their own."""
NO_BACKUP = "The snapshot is no backup: it lies with the VM's own disks, and is lost with them."
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command(name="import")
@click.argument("image", metavar="GALLERY/NAME")
@click.option("--pod", help="The pod that has the source.")
@click.option("--vm", help="A VM of the pod, with all its disks.")
@click.option("--file", "file", help="A disk file in the pod's incoming folder.")
@click.option("--source", help="Something else of the pod, by name; --kind says what.")
@click.option("--kind", type=click.Choice(KINDS), help="Of --source: a volume, a snapshot, a template or an upload.")
@click.option(
    "--upload", "upload", type=FILE,
    help="A disk file of this machine: it is sent to the pod first, and removed there once the version is durable.",
)  # fmt: skip
@click.option(
    "--from-version", metavar="IMAGE:VERSION",
    help="Another version, of this or another image: the new one is independent. --pod says where it is read.",
)  # fmt: skip
@click.option("--number", help="Version number, such as 1.1.0 [default: the next].")
@click.option(
    "--mode", type=click.Choice(["clone", "convert"]),
    help="clone keeps the source [default]; convert deletes a VM once the version is durable.",
)  # fmt: skip
@click.option("--convert", is_flag=True, help="The same as --mode convert.")
@click.option("--snapshot", metavar="NAME", help="Also make a snapshot of the VM, which is no backup.")
@click.option("--file-type", type=click.Choice(["raw", "qcow2", "vhd"]), help="The format that the disks must have.")
@click.option("--os-disk-only", is_flag=True, help="Leave the data disks out.")
@kind_options
@click.option("--datastore", help="Where on the pod the version is kept [default: the pod chooses].")
@click.option("--existing", is_flag=True, help="Refuse when there is no such image, instead of making it.")
@click.option("--description", help="What is in it.")
@click.option("--release-notes", help="What is new in it.")
@click.option("--exclude-from-latest", is_flag=True, help="`latest` never means this version.")
@click.option("--end-of-life", type=Moment(), metavar="TIME", help="As 2027-01-31T22:00.")
@click.option("--capsule", "capsule_file", type=FILE, help="Of a capsule: a YAML or JSON file with its components.")
@click.option("--uefi", "uefi_file", type=FILE, help="A YAML or JSON file with the UEFI keys that go with it.")
@preparing
@waiting
@patience
@shared
def import_(
    image: str,
    *,
    pod: str | None,
    vm: str | None,
    file: str | None,
    source: str | None,
    kind: str | None,
    upload: Path | None,
    from_version: str | None,
    number: str | None,
    mode: str | None,
    convert: bool,
    file_type: str | None,
    os_disk_only: bool,
    datastore: str | None,
    existing: bool,
    wait: bool,
    timeout: float | None,
    **more: Any,
) -> None:
    """Import something on a pod, or another version, as a new version of an image."""
    if sum(given is not None for given in (vm, file, source, upload, from_version)) != 1:
        raise click.UsageError(
            "Name the source: one of --vm VM, --file FILE, --source NAME, --upload FILE and --from-version VERSION."
        )
    if (kind is None) != (source is None):
        raise click.UsageError("--source and --kind belong together.")
    if pod is None and from_version is None:
        raise click.UsageError("Name the pod that has the source: --pod.")
    if convert and mode == "clone":
        raise click.UsageError("--convert and --mode clone contradict each other.")
    wanted = _wanted(**more)
    if from_version is not None:
        path, version = version_of(from_version)
        wanted["origin"] = {"image": path, "number": version} | ({"pod": pod} if pod else {})
    name = vm or file or source or ("" if upload is None else transfer.named(upload, None))
    chosen = "convert" if convert or upload is not None else mode or "clone"

    async def act(client: Client) -> Accepted | JobView:
        if upload is not None:
            with transfer.bar("upload") as advance:
                await files.upload(client, upload, str(pod), name, advance)
        accepted = await client.import_version(
            image,
            pod=pod or "",
            name=name,
            kind="vm" if vm is not None else kind or "file",
            disks="os" if os_disk_only else "all",
            mode=chosen,
            number=number,
            file_type=file_type,
            datastore=datastore,
            create=not existing,
            wanted=wanted,
        )
        return await finish(client, accepted, wait=wait, timeout=timeout)

    result = run(act)
    if wanted.get("snapshot"):
        click.echo(NO_BACKUP, err=True)
    report(result)


def _wanted(
    *,
    snapshot: str | None,
    exclude_from_latest: bool,
    end_of_life: datetime | None,
    capsule_file: Path | None,
    uefi_file: Path | None,
    plugins: tuple[str, ...],
    no_plugins: bool,
    signature_file: Path | None,
    certificate: str | None,
    key_type: str | None,
    **fields: str | None,
) -> dict[str, Any]:
    """What else the API takes, as far as it was given. Raises CommandFailure, UsageError."""
    from imprint.reading import read

    given: dict[str, Any] = {
        **fields,
        "snapshot": True if snapshot else None,
        "snapshot_name": snapshot,
        "exclude_from_latest": exclude_from_latest or None,
        "end_of_life": None if end_of_life is None else end_of_life.isoformat(),
        "capsule": None if capsule_file is None else read(capsule_file, Capsule)[1],
        "uefi": None if uefi_file is None else read(uefi_file, Uefi)[1],
        **prepared(
            plugins,
            no_plugins=no_plugins,
            signature_file=signature_file,
            certificate=certificate,
            key_type=key_type,
        ),
    }
    return {name: value for name, value in given.items() if value is not None}
