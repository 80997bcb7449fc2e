"""``imprint image upload`` and ``export``: disk files to a pod and from it, with a bar while bytes move."""

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from contracts.names import NAME
from imprint import files
from imprint.client import Client
from imprint.exits import CommandFailure, Exit
from imprint.options import current, run, shared
from imprint.output import print_json, size


@contextmanager
def bar(title: str) -> Iterator[files.Advance]:
    """Draw how far a transfer is, where there is a terminal to draw on."""
    if current().json or not sys.stderr.isatty():
        yield lambda _, __: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    columns = (
        TextColumn("{task.description:<10}"), BarColumn(bar_width=32), DownloadColumn(binary_units=True),
        TransferSpeedColumn(), TimeRemainingColumn(),
    )  # fmt: skip
    with Progress(*columns, console=Console(stderr=True)) as display:
        task = display.add_task(title, total=None)
        yield lambda done, total: display.update(task, completed=done, total=total)


@contextmanager
def here() -> Iterator[None]:
    """What this machine's files refuse (a full disk, a folder that is not there) ends the command in a line."""
    try:
        yield
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        hint = "Make room or name another place; the same command goes on with what is there."
        title = "A file on this machine cannot be used"
        raise CommandFailure(Exit.FAILED, title, detail=f"{place}{error.strerror or error}", hint=hint) from None


def named(file: Path, name: str | None) -> str:
    """The name of a file on the pod: its own, unless another is given."""
    found = name or file.name
    if re.match(NAME, found) is None or len(found) > 80:
        raise click.UsageError(f"{found!r} cannot be a file's name on a pod: give another one with --name.")
    return found


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--pod", required=True, help="Where to send it.")
@click.option("--name", help="Its name in the pod's incoming folder [default: the file's own].")
@shared
def upload(file: Path, pod: str, name: str | None) -> None:
    """Send a disk file to a pod, to be imported from there. Called again it goes on where it was cut."""
    target = named(file, name)

    async def act(client: Client) -> files.Sent:
        with here(), bar("upload") as advance:
            return await files.upload(client, file, pod, target, advance)

    sent = run(act)
    if current().json:
        print_json(sent)
    else:
        click.echo(f"{sent.name} is on {sent.pod}: {size(sent.size)}, SHA-256 {sent.sha256}")


@click.command()
@click.argument("image", metavar="IMAGE")
@click.argument("version", metavar="VERSION")
@click.option(
    "--to", "target", required=True, type=click.Path(dir_okay=False, path_type=Path), help="The file to make."
)
@click.option("--disk", "lun", type=click.IntRange(min=0), help="The lun of the disk [default: the OS disk].")
@click.option("--force", is_flag=True, help="Replace the file when there is one.")
@shared
def export(image: str, version: str, target: Path, lun: int | None, force: bool) -> None:
    """Write a disk of a version to a file, sparse and verified. Called again it goes on where it was cut."""

    async def act(client: Client) -> files.Got:
        with here(), bar("export") as advance:
            return await files.export(client, image, version, lun, target, force=force, advance=advance)

    got = run(act)
    if current().json:
        print_json(got)
    else:
        click.echo(f"{got.file}: disk {got.lun} of {image} {got.version}, {size(got.size)}, SHA-256 {got.sha256}")
