"""What an image is to be, on the command line: its class, what it needs, what may be done with it."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar, get_args

import click
import msgspec

from contracts.definition import (
    Architecture,
    DesktopKind,
    Details,
    Generation,
    Identifier,
    ImageClass,
    OsState,
    OsType,
    SecurityType,
    Tags,
)
from imprint.fields import Field, Tag
from imprint.seats import Plan
from imprint.terms import Moment

F = TypeVar("F", bound=Callable[..., Any])


class ImageFile(msgspec.Struct, frozen=True, kw_only=True):
    """What a file may say of an image beside its name."""

    os_type: OsType | None = None
    os_state: OsState | None = None
    generation: Generation | None = None
    architecture: Architecture | None = None
    description: str = ""
    identifier: Identifier | None = None
    image_class: ImageClass | None = None
    desktop_kind: DesktopKind | None = None
    flavour: str | None = None
    tags: Tags = {}
    details: Details = Details()


class Range(click.ParamType[dict[str, int]]):
    """``MIN-MAX``, of which one may be left out."""

    name = "range"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> dict[str, int]:
        low, dash, high = str(value).partition("-")
        if not dash or not (low or high) or not all(end.isdecimal() for end in (low, high) if end):
            self.fail(f"{value!r} is no MIN-MAX", param, ctx)
        return {name: int(end) for name, end in (("min", low), ("max", high)) if end}


class FeatureOf(click.ParamType[dict[str, str]]):
    """``NAME=VALUE``, or ``NAME=VALUE@1.2.0`` where versions below do not have it."""

    name = "feature"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> dict[str, str]:
        name, equals, text = str(value).partition("=")
        text, _, start = text.partition("@")
        if not (name and equals and text):
            self.fail(f"{value!r} is no NAME=VALUE", param, ctx)
        return {"name": name, "value": text} | ({"starts_at_version": start} if start else {})


def choice(values: Any) -> click.Choice[str]:
    """One of the values of a Literal."""
    return click.Choice(list(get_args(values)), case_sensitive=False)


_WHAT = (
    click.option("--os-type", type=choice(OsType), help="[default: linux]"),
    click.option("--os-state", type=choice(OsState), help="[default: generalized]"),
    click.option("--generation", type=choice(Generation), help="[default: V1]"),
    click.option("--architecture", type=choice(Architecture), help="[default: x64]"),
    click.option("--class", "image_class", type=choice(ImageClass), help="[default: custom]"),
    click.option("--desktop", "desktop_kind", type=choice(DesktopKind), help="The kind of desktop that it is for."),
    click.option("--flavour", metavar="NAME", help="Dedicated to endpoints of these models [default: General]."),
)  # fmt: skip
_MORE = (
    click.option("--description", help="What it is for."),
    click.option("--publisher", help="With --offer and --sku: unique in the gallery."),
    click.option("--offer"),
    click.option("--sku"),
    click.option("--tag", "tags", type=Tag(), multiple=True, metavar="KEY=VALUE", help="May be repeated."),
    click.option("--vcpus", type=Range(), metavar="MIN-MAX", help="Recommended virtual processors."),
    click.option("--memory", "memory_mib", type=Range(), metavar="MIN-MAX", help="Recommended memory, in MiB."),
    click.option("--min-disk", "min_disk_gib", type=click.IntRange(min=0), metavar="GIB", help="Required disk."),
    click.option("--min-ram", "min_ram_mib", type=click.IntRange(min=0), metavar="MIB", help="Required memory."),
    click.option("--max-ram", "max_ram_mib", type=click.IntRange(min=0), metavar="MIB", help="Memory it may have."),
    click.option("--disallow-disk-type", "disallowed_disk_types", multiple=True, metavar="NAME", help="Not on these."),
    click.option("--security-type", type=choice(SecurityType), help="[default: Standard]"),
    click.option(
        "--feature", "features", type=FeatureOf(), multiple=True, metavar="NAME=VALUE[@VERSION]",
        help="As IsHibernateSupported=True@1.2.0; may be repeated.",
    ),
    click.option("--hypervisor", "hypervisors", multiple=True, metavar="NAME", help="It runs on these [default: any]."),
    click.option("--gpu", "gpu_types", multiple=True, metavar="NAME", help="Only pods with one of these."),
    click.option("--capability", "capabilities", multiple=True, metavar="NAME", help="What a pod must be able to do."),
    click.option("--plan", "purchase_plan", type=Plan(), metavar="PUBLISHER/PRODUCT/NAME", help="Its purchase plan."),
    click.option("--eula-uri", metavar="URL"),
    click.option("--require-eula", is_flag=True, default=None, help="Whoever uses it must accept the EULA."),
    click.option("--privacy-uri", metavar="URL"),
    click.option("--release-notes-uri", metavar="URL"),
    click.option("--project", help="For costs and rights."),
    click.option("--property", "properties", type=Field(), multiple=True, metavar="KEY=VALUE", help="Free properties."),
    click.option("--end-of-life", type=Moment(), metavar="TIME", help="As 2027-01-31T22:00."),
    click.option("--enforce-end-of-life", is_flag=True, default=None, help="No new use after it."),
    click.option("--hold-until-validated", is_flag=True, default=None, help="No new use before a validation succeeds."),
    click.option("--block-deletion-before-end-of-life", is_flag=True, default=None),
    click.option(
        "--keep-replicated-locations", is_flag=True, help="Its versions cannot be unpublished or deleted from pods."
    ),
    click.option("--allow-update-image", is_flag=True, default=None, help="Features may be changed later."),
    click.option("--hidden", is_flag=True, default=None, help="Leave it out of lists."),
)  # fmt: skip
_IDENTIFIER = ("publisher", "offer", "sku")
_TOP = frozenset(ImageFile.__struct_fields__) - {"details", "identifier"}


def kind_options(command: F) -> F:
    """Adds what is fixed for all versions of an image, and so may be said at its first import too."""
    for option in reversed(_WHAT):
        command = option(command)
    return command


def image_options(command: F) -> F:
    """Adds all fields of an image; the command hands them to `as_defined`."""
    for option in reversed((*_WHAT, *_MORE)):
        command = option(command)
    return command


def as_defined(file: Path | None, options: dict[str, Any]) -> dict[str, Any]:
    """What a file and options say of an image, options before the file. Raises CommandFailure, UsageError."""
    from imprint.reading import read

    found: dict[str, Any] = {} if file is None else read(file, ImageFile)[1]
    given = {name: _plain(value) for name, value in options.items() if value is not None and value != ()}
    identifier = {name: given.pop(name) for name in _IDENTIFIER if name in given}
    if identifier and len({**(found.get("identifier") or {}), **identifier}) < len(_IDENTIFIER):
        raise click.UsageError("--publisher, --offer and --sku belong together.")
    if given.pop("keep_replicated_locations", False):
        given["allow_deletion_of_replicated_locations"] = False
    if (security := given.pop("security_type", None)) is not None:
        given["features"] = [*given.get("features", ()), {"name": "SecurityType", "value": security}]
    details = {**(found.get("details") or {}), **{name: given[name] for name in given if name not in _TOP}}
    whole = {**found, **{name: given[name] for name in given if name in _TOP}}
    parts = {"identifier": {**(found.get("identifier") or {}), **identifier}, "details": details}
    return whole | {name: value for name, value in parts.items() if value}


def _plain(value: Any) -> Any:
    """An option's value as JSON has it; repeated pairs as an object."""
    if isinstance(value, datetime):
        return value.isoformat()
    if not isinstance(value, tuple):
        return value
    return dict(value) if isinstance(value[0], tuple) else list(value)
