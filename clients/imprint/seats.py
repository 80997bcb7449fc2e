"""What the seats of an assignment are to be, on the command line."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click
import msgspec

from contracts.definition import PurchasePlan
from contracts.desktops import Customisation, DataDisk, Endpoint, Shape

F = TypeVar("F", bound=Callable[..., Any])
VM_KINDS = ("standard", "trusted_launch", "confidential")


class AssignmentFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a file may say of an assignment beside its name, image and pods."""

    seats: int | None = None
    endpoints: tuple[Endpoint, ...] = ()
    customisation: Customisation | None = None
    shape: Shape | None = None
    disks: tuple[DataDisk, ...] = ()
    accept_eula: bool = False
    plan: PurchasePlan | None = None


class Plan(click.ParamType[dict[str, str]]):
    """``PUBLISHER/PRODUCT/NAME``."""

    name = "plan"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> dict[str, str]:
        parts = str(value).split("/")
        if len(parts) != 3 or not all(parts):
            self.fail(f"{value!r} is no PUBLISHER/PRODUCT/NAME", param, ctx)
        return dict(zip(("publisher", "product", "name"), parts, strict=True))


class Device(click.ParamType[dict[str, str]]):
    """``NAME=MODEL``."""

    name = "endpoint"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> dict[str, str]:
        name, equals, model = str(value).partition("=")
        if not (name and equals and model):
            self.fail(f"{value!r} is no NAME=MODEL", param, ctx)
        return {"name": name, "model": model}


class Disk(click.ParamType[dict[str, int]]):
    """``LUN=GIB``."""

    name = "disk"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> dict[str, int]:
        lun, _, gib = str(value).partition("=")
        if not (lun.isdecimal() and gib.isdecimal()):
            self.fail(f"{value!r} is no LUN=GIB", param, ctx)
        return {"lun": int(lun), "size_gib": int(gib)}


_SEATS = (
    click.option("--seats", type=click.IntRange(0, 200), metavar="N", help="Desktops on each pod [default: 1]."),
    click.option(
        "--endpoint", "endpoints", type=Device(), multiple=True, metavar="NAME=MODEL",
        help="Of a VOI image, instead of --seats: a device that it goes to; may be repeated.",
    ),
    click.option("--host-name", metavar="PATTERN", help="Of a generalized image: as desk-{n}, n counts the seats."),
    click.option("--vcpus", type=click.IntRange(min=1), metavar="N", help="Virtual processors of each seat."),
    click.option("--memory", type=click.IntRange(min=1), metavar="MIB", help="Memory of each seat."),
    click.option("--disk-size", type=click.IntRange(min=1), metavar="GIB", help="Size of each seat's OS disk."),
    click.option("--vm-kind", type=click.Choice(VM_KINDS), help="Must fit the image's security type."),
    click.option(
        "--disk", "disks", type=Disk(), multiple=True, metavar="LUN=GIB", help="An empty data disk; may be repeated."
    ),
)  # fmt: skip
_USE = (
    click.option("--accept-eula", is_flag=True, help="Accept the EULA of the image, where it asks for that."),
    click.option("--plan", type=Plan(), metavar="PUBLISHER/PRODUCT/NAME", help="The purchase plan of the image."),
)


def seat_options(command: F) -> F:
    """Adds the options of an assignment's seats; the command hands them to `as_given`."""
    for option in reversed(_SEATS):
        command = option(command)
    return command


def use_options(command: F) -> F:
    """Adds ``--accept-eula`` and ``--plan``."""
    for option in reversed(_USE):
        command = option(command)
    return command


def terms_of_use(accept_eula: bool, plan: dict[str, str] | None) -> dict[str, Any]:
    """What was accepted of the terms of an image."""
    return ({"accept_eula": True} if accept_eula else {}) | ({"plan": plan} if plan else {})


def as_given(file: Path | None, options: dict[str, Any]) -> dict[str, Any]:
    """What a file and options say of an assignment; options go before the file. Raises CommandFailure."""
    from imprint.reading import read

    found: dict[str, Any] = {} if file is None else read(file, AssignmentFile)[1]
    given = dict(options)
    shape = {"vcpus": given.pop("vcpus"), "memory_mib": given.pop("memory"), "disk_gib": given.pop("disk_size"),
             "vm_kind": given.pop("vm_kind")}  # fmt: skip
    if (host_name := given.pop("host_name")) is not None:
        given["customisation"] = {**found.get("customisation", {}), "host_name": host_name}
    if shape := {key: value for key, value in shape.items() if value is not None}:
        given["shape"] = {**found.get("shape", {}), **shape}
    found |= terms_of_use(given.pop("accept_eula"), given.pop("plan"))
    values = {key: list(value) if isinstance(value, tuple) else value for key, value in given.items()}
    return found | {key: value for key, value in values.items() if value is not None and value != []}
