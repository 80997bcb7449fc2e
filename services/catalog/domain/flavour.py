"""Flavours: sets of endpoint models that a *Dedicated* image is offered to (features.md B6; Settled: Dedicated)."""

import msgspec

from contracts.definition import Flavour
from contracts.errors import Problem

MOST_FLAVOURS = 64
"""Self-defined flavours of a tenant."""
LARGEST = 12 * 1024
"""Bytes of one, as JSON: all of a tenant's are one answer, which has to fit into a message."""


def _system(name: str, description: str, *models: str) -> Flavour:
    return Flavour(name=name, models=models, description=description, system=True)


SYSTEM: dict[str, Flavour] = {
    one.name: one
    for one in (
        _system("thin-client", "Small terminals without a disk of their own", "TC100", "TC200", "TC300", "C100V"),
        _system("fat-client", "Terminals with a disk, which run the desktop themselves", "FC400", "FC500", "C200V"),
        _system("all-in-one", "Screens with a computer in them", "AIO22", "AIO24", "AIO27"),
        _system("mini-pc", "Small desktop computers", "MP10", "MP20", "MP40"),
        _system("notebook", "Portable computers", "NB13", "NB14", "NB15"),
        _system("workstation", "Computers with a graphics card", "WS500", "WS700"),
    )
}
"""The system defaults, which nobody changes. A house with other models defines flavours of its own."""


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """A flavour that is self-defined, or a system default that an image names; ``images`` counts those that do.
    ``revision`` tells what was said of it, not what names it; a system default has none."""

    flavour: Flavour
    images: int = 0
    revision: int = 0


def known(name: str, kept: Kept | None) -> Kept | None:
    """The flavour of this name, where ``kept`` is what the tenant has under it; None when there is none."""
    if name in SYSTEM:
        return Kept(flavour=SYSTEM[name], images=0 if kept is None else kept.images)
    return kept


def models_of(name: str | None, kept: Kept | None) -> tuple[str, ...] | None:
    """The models that an image with flavour ``name`` is offered to; None: any (*General*)."""
    if name is None:
        return None
    found = known(name, kept)
    return () if found is None else found.flavour.models


def counted(name: str, kept: Kept | None, more: int) -> Kept | None:
    """What is kept after ``more`` images name the flavour, or fewer. None: nothing has to be."""
    found = known(name, kept)
    if found is None:
        return None
    images = max(found.images + more, 0)
    return None if found.flavour.system and not images else msgspec.structs.replace(found, images=images)


def objection_to_name(name: str | None, kept: Kept | None) -> Problem | None:
    """Why an image cannot name this flavour."""
    if name is None or known(name, kept) is not None:
        return None
    return not_found(name)


def objection_to_set(flavour: Flavour, kept: Kept | None, there: int) -> Problem | None:
    """Why the flavour cannot be made or replaced; ``there`` counts the tenant's own."""
    if flavour.name in SYSTEM:
        return _system_default(flavour.name)
    twice = next((one for one in flavour.models if flavour.models.count(one) > 1), None)
    if not flavour.models or twice is not None:
        return Problem(
            code="validation_failed",
            detail=f"model {twice!r} is named twice"
            if flavour.models
            else "a flavour without models is offered to none",
            hint="Name each model of endpoint once, and one at least.",
            data={"field": "models"},
        )
    if (size := len(msgspec.json.encode(flavour))) > LARGEST:
        return Problem(
            code="validation_failed",
            detail=f"the flavour takes {size} bytes, {LARGEST} are allowed",
            hint="Name fewer models, or divide them among several flavours.",
            data={"field": "models", "limit": LARGEST},
        )
    if kept is None and there >= MOST_FLAVOURS:
        return Problem(
            code="limit_exceeded",
            detail=f"there are {there} flavours already",
            hint="Replace or delete one of them.",
            data={"limit": MOST_FLAVOURS, "use": there},
        )
    return None


def objection_to_drop(name: str, kept: Kept | None) -> Problem | None:
    """Why the flavour cannot be forgotten."""
    if name in SYSTEM:
        return _system_default(name)
    if kept is None:
        return not_found(name)
    if kept.images:
        return Problem(
            code="flavour_in_use",
            detail=f"{kept.images} images name the flavour {name}",
            hint="Delete these images first; the flavour of an image is fixed.",
            data={"flavour": name, "images": kept.images},
        )
    return None


def not_found(name: str) -> Problem:
    """The refusal when there is no flavour of this name."""
    return Problem(
        code="flavour_not_found",
        detail=f"there is no flavour {name[:80]!r}",
        hint="List the flavours, or define it first.",
        data={"flavour": name[:80]},
    )


def _system_default(name: str) -> Problem:
    return Problem(
        code="flavour_system",
        detail=f"{name} is a system default",
        hint="Choose another name for a flavour of your own.",
        data={"flavour": name},
    )
