"""Whether an assignment and a version fit: what is refused, and what is only said (features.md H1, H5, G7, B6, d.5).

Hard requirements refuse; recommendations that do not hold are warnings. Sources of the rules: features.md "Settled"
(security types, osProfile, switching), table d.2.
"""

from collections.abc import Iterator, Sequence

import msgspec

from catalog.domain import definition
from catalog.domain.image import Image
from contracts.definition import PurchasePlan, Range, SecurityType
from contracts.desktops import MOST_SEATS, Customisation, DataDisk, Endpoint, Shape
from contracts.errors import Problem
from contracts.manifest import Manifest

GIB = 2**30
LABEL = 63
"""Letters of a host name (RFC 1123)."""
NETBIOS = 15
"""Letters of a Windows computer name, which longer ones are cut to."""

KINDS: dict[SecurityType, frozenset[str]] = {
    "Standard": frozenset({"standard"}),
    "TrustedLaunch": frozenset({"trusted_launch"}),
    "TrustedLaunchSupported": frozenset({"standard", "trusted_launch"}),
    "ConfidentialVM": frozenset({"confidential"}),
    "ConfidentialVMSupported": frozenset({"standard", "confidential"}),
    "TrustedLaunchAndConfidentialVmSupported": frozenset({"standard", "trusted_launch", "confidential"}),
}
"""The kinds of VM that may be made from an image of each security type."""


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What an assignment asks for, as far as an image has a say in it."""

    seats: int = 1
    endpoints: tuple[Endpoint, ...] = ()
    customisation: Customisation | None = None
    shape: Shape = Shape()
    disks: tuple[DataDisk, ...] = ()
    pods: int = 1


def objection(
    asked: Asked, image: Image, number: str, manifest: Manifest, models: Sequence[str] | None
) -> Problem | None:
    """Why no such assignment can be made of version ``number``; ``models`` are those of the image's flavour, None:
    any."""
    return (
        objection_to_kind(asked, image)
        or _objection_to_vm(asked.shape, image, number)
        or objection_to_customisation(asked, image)
        or _objection_to_size(asked.shape, image, manifest)
        or objection_to_disks(asked.disks, manifest)
        or _objection_to_models(asked.endpoints, models)
    )


def warnings(asked: Asked, image: Image, models: Sequence[str] | None) -> tuple[str, ...]:
    """Recommendations that do not hold, and what else whoever asks for it should know."""
    return tuple(_warnings(asked, image, models))


def objection_to_terms(image: Image, *, accept_eula: bool, plan: PurchasePlan | None) -> Problem | None:
    """Why whoever wants to use the image may not: its EULA is to be accepted (H5), its plan to be named (G7)."""
    details = image.details
    if details.require_eula and not accept_eula:
        return Problem(
            code="eula_not_accepted",
            detail=f"{image.name} is used under its EULA, which was not accepted",
            hint="Read the EULA of the image, then say accept_eula.",
            data={"eula_uri": details.eula_uri},
        )
    if plan != details.purchase_plan:
        own = details.purchase_plan
        return Problem(
            code="plan_mismatch",
            detail=f"{image.name} has no purchase plan" if own is None else f"{image.name} has another purchase plan",
            hint="Leave the plan out." if own is None else "Name the plan that the image shows, in all its parts.",
            data={} if own is None else {"name": own.name, "publisher": own.publisher, "product": own.product},
        )
    return None


def endpoints_of(image: Image) -> bool:
    """Whether the image is distributed to endpoints, rather than VMs made from it (features.md G4)."""
    return image.desktop_kind == "VOI"


def objection_to_kind(asked: Asked, image: Image) -> Problem | None:
    """Endpoints for a VOI image, seats for any other."""
    names = [one.name for one in asked.endpoints]
    if endpoints_of(image):
        if not names:
            return _endpoints(
                f"{image.name} goes to endpoints, and none was named", "Name endpoints with their models."
            )
    elif names:
        return _endpoints(
            f"{image.name} ({image.desktop_kind or 'no desktop kind'}) takes seats", "Give a number of seats."
        )
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        return _endpoints(f"endpoint {twice} is named twice", "Name each endpoint once.")
    return None


def objection_to_customisation(asked: Asked, image: Image) -> Problem | None:
    """Required for seats of a generalized image, refused for a specialized one; endpoints have names of their own."""
    given = asked.customisation
    if image.os_state == "specialized":
        if given is None:
            return None
        return Problem(
            code="customisation_refused",
            detail=f"{image.name} is specialized: its seats keep accounts and host name",
            hint="Leave the customisation out, or use a generalized image.",
        )
    if given is None:
        if endpoints_of(image):
            return None
        return Problem(
            code="customisation_required",
            detail=f"{image.name} is generalized: its seats need a host name and accounts",
            hint="Give a customisation with at least host_name, such as desk-{n}.",
        )
    return _objection_to_host_name(given.host_name, max(asked.seats, len(asked.endpoints), 1))


def objection_to_disks(disks: Sequence[DataDisk], manifest: Manifest) -> Problem | None:
    """Each disk has a lun of its own, also beside those of the version."""
    taken = {disk.lun for disk in manifest.disks}
    for disk in disks:
        if disk.lun in taken:
            return Problem(
                code="disk_exists",
                detail=f"there is a disk at lun {disk.lun} already",
                hint="Choose a lun that is free.",
                data={"lun": disk.lun},
            )
        taken.add(disk.lun)
    return None


def objection_to_switch(image: Image, manifest: Manifest, other: Image, others: Manifest) -> Problem | None:
    """Why seats of ``image`` cannot become seats of ``other``: the same OS type, generation, OS state and disk layout
    are asked for."""
    differing = [
        (name, getattr(image, name), getattr(other, name))
        for name in ("os_type", "generation", "os_state")
        if getattr(image, name) != getattr(other, name)
    ]
    if endpoints_of(image) != endpoints_of(other):
        differing.append(("desktop_kind", image.desktop_kind, other.desktop_kind))
    if _layout(manifest) != _layout(others):
        differing.append(("disks", _layout(manifest), _layout(others)))
    if not differing:
        return None
    field, mine, theirs = differing[0]
    return Problem(
        code="switch_incompatible",
        detail=f"{field} differs: {mine} here, {theirs} there",
        hint="Make a new assignment of the other image.",
        data={"field": field, "here": str(mine), "there": str(theirs)},
    )


def _layout(manifest: Manifest) -> str:
    return ", ".join(f"{disk.role} {disk.lun}" for disk in manifest.disks)


def _objection_to_vm(shape: Shape, image: Image, number: str) -> Problem | None:
    kind = definition.security_type(image, number)
    if shape.vm_kind in KINDS[kind]:
        return None
    return Problem(
        code="security_type_mismatch",
        detail=f"from security type {kind} no VM of the kind {shape.vm_kind} can be made",
        hint=f"Choose {' or '.join(sorted(KINDS[kind]))} as shape.vm_kind.",
        data={"security_type": kind, "vm_kind": shape.vm_kind},
    )


def _objection_to_size(shape: Shape, image: Image, manifest: Manifest) -> Problem | None:
    details = image.details
    if shape.memory_mib is not None:
        if shape.memory_mib < details.min_ram_mib:
            return _unmet("memory_mib", shape.memory_mib, f"at least {details.min_ram_mib} MiB")
        if details.max_ram_mib is not None and shape.memory_mib > details.max_ram_mib:
            return _unmet("memory_mib", shape.memory_mib, f"at most {details.max_ram_mib} MiB")
    if shape.disk_gib is not None:
        if shape.disk_gib < details.min_disk_gib:
            return _unmet("disk_gib", shape.disk_gib, f"at least {details.min_disk_gib} GiB")
        system = max((disk.virtual_size for disk in manifest.disks if disk.role == "os"), default=0)
        if shape.disk_gib * GIB < system:
            return _unmet(
                "disk_gib", shape.disk_gib, f"at least {-(-system // GIB)} GiB, as large as the version's disk"
            )
    return None


def _unmet(field: str, value: int, what: str) -> Problem:
    return Problem(
        code="requirements_not_met",
        detail=f"shape.{field} is {value}; the image asks for {what}",
        hint="Give the seats what the image asks for, or leave it to the pod.",
        data={"field": f"shape.{field}", "value": value},
    )


def _objection_to_models(endpoints: Sequence[Endpoint], models: Sequence[str] | None) -> Problem | None:
    """Endpoints of other models are skipped; where all are, nothing would be done at all."""
    if models is None or not endpoints or any(one.model in models for one in endpoints):
        return None
    return Problem(
        code="flavour_mismatch",
        detail="the image is dedicated to other models than those of the endpoints",
        hint=f"The models of its flavour are {', '.join(models[:8]) or 'none'}.",
        data={"model": endpoints[0].model},
    )


def _objection_to_host_name(pattern: str, seats: int) -> Problem | None:
    name = pattern.replace("{n}", str(seats)).replace("{pod}", "p")
    if "{" in name or "}" in name:
        return _host_name("only {n} and {pod} stand for something", "Write the seat's number as {n}.")
    if len(name) > LABEL:
        return _host_name(f"with seat {seats} the host name is longer than {LABEL} letters", "Shorten it.")
    if seats > 1 and "{n}" not in pattern:
        return _host_name("seats would share a host name", "Put the seat's number into it as {n}.")
    return None


def _host_name(detail: str, hint: str) -> Problem:
    return Problem(code="validation_failed", detail=detail, hint=hint, data={"field": "customisation.host_name"})


def _endpoints(detail: str, hint: str) -> Problem:
    return Problem(code="endpoints_invalid", detail=detail, hint=hint, data={"limit": MOST_SEATS})


def _warnings(asked: Asked, image: Image, models: Sequence[str] | None) -> Iterator[str]:
    details, shape = image.details, asked.shape
    yield from _outside("vCPUs", shape.vcpus, details.vcpus)
    yield from _outside("MiB of memory", shape.memory_mib, details.memory_mib)
    if models is not None:
        skipped = [one.name for one in asked.endpoints if one.model not in models]
        if skipped:
            yield f"{len(skipped)} endpoints are skipped, as the image is not offered to their models: {skipped[0]}, …"
    if image.os_state == "specialized" and asked.pods * asked.seats > 1 and not asked.endpoints:
        yield "seats of a specialized image share accounts and host name"
    given = asked.customisation
    if given is not None:
        if asked.pods > 1 and "{pod}" not in given.host_name:
            yield "host names repeat on each pod: {pod} in host_name tells them apart"
        longest = given.host_name.replace("{n}", str(asked.seats)).replace("{pod}", "p")
        if image.os_type == "windows" and len(longest) > NETBIOS:
            yield f"Windows cuts host names of more than {NETBIOS} letters"


def _outside(what: str, given: int | None, range_: Range) -> Iterator[str]:
    if given is None:
        return
    if range_.min is not None and given < range_.min:
        yield f"{given} {what}: the image recommends {range_.min} or more"
    if range_.max is not None and given > range_.max:
        yield f"{given} {what}: the image recommends {range_.max} or fewer"
