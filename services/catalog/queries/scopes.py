"""Where a list of images looks: which of all images somebody who asks has in it (Glance's rules, features.md d.3)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from catalog.domain.image import Image
from catalog.filters import Condition
from catalog.queries.named import home
from catalog.queries.sight import Sight, reached
from catalog.queries.walking import EVERYBODY, OFFERED, Asked, Scope
from catalog.references import is_id
from catalog.shares import ACCEPTED, GRANTED
from contracts.errors import Problem
from contracts.requests import ListImages
from runtime import access
from runtime.store import Reader

COMMUNITY, PUBLIC = "*community", "*public"
"""Under what the galleries of everybody are reached."""

Status = Literal["PENDING", "ACCEPTED", "REJECTED"]


@dataclass(frozen=True, slots=True)
class Place:
    """Where to look, and what of it is seen: ``status`` are the answers that images which are offered may have,
    ``private`` leaves out what its gallery shows to others."""

    scopes: Sequence[Scope]
    only: tuple[Condition, ...] = ()
    status: tuple[Status, ...] = ("ACCEPTED",)
    private: bool = False

    def narrowed(self, asked: Asked) -> Asked:
        """What is asked for, of this place alone."""
        return replace(asked, conditions=[*asked.conditions, *self.only])

    def holds(self, seen: Sight, id: str, image: Image) -> bool:
        """Whether an image that was found is to be seen: what a list was made of may have been taken back since."""
        if not seen.reads(id, image) or (self.private and seen.visibility(image) != "private"):
            return False
        return image.tenant == seen.actor.tenant or seen.answered(id) in self.status or seen.opened(id, image)


async def of(query: ListImages, reader: Reader) -> Place | Problem:
    """Where the images of a query are."""
    tenant, principals = query.actor.tenant, query.actor.all
    if query.visibility == "shared" and query.member_status != "accepted":
        return _offered(query)
    own = [] if query.owner not in (None, tenant) else [Scope(tenant)]
    everybody, accepted = Scope(EVERYBODY), Scope(ACCEPTED + tenant)
    granted = [Scope(GRANTED + one) for one in principals]
    only: tuple[Condition, ...] = ()
    if query.gallery is not None and is_id(query.gallery):
        place = await home(tenant, query.gallery, reader)
        if place is None:
            return Place([])
        only = (Condition("tenant", "=", place[0]), Condition("gallery", "=", place[1]))
        there = [Scope(place[0])] if place[0] == tenant or await _open(query, place, reader) else []
        found = [*there, everybody, accepted, *granted]
    else:
        match query.visibility:
            case None:
                found = [*own, everybody, accepted, *_galleries(await reached([PUBLIC], reader), tenant)]
            case "private":
                found = [scope._replace(only=(Condition("visibility", "=", "private"),)) for scope in own]
            case "public":
                found = [everybody, *_galleries(await reached([PUBLIC], reader), "")]
            case "community":
                found = _galleries(await reached([COMMUNITY], reader), "")
            case "shared":
                found = [accepted, *granted, *_galleries(await reached(principals, reader), tenant)]
    if query.hidden or "hidden" in query.where:
        found += [scope.hidden for scope in found]
    return Place(found, only, private=query.visibility == "private")


def _offered(query: ListImages) -> Place | Problem:
    """Everything that is offered to somebody, whatever he answered; of it only the paths are kept."""
    if query.sort.lstrip("-") != "path":
        return Problem(
            code="validation_failed",
            detail="what was not accepted is listed by its path alone",
            hint="Sort by path, or leave member_status out.",
            data={"field": "sort"},
        )
    found = [Scope(OFFERED + one) for one in query.actor.all]
    if query.hidden or "hidden" in query.where:
        found += [scope.hidden for scope in found]
    answers: dict[str, tuple[Status, ...]] = {
        "pending": ("PENDING",),
        "rejected": ("REJECTED",),
        "all": ("PENDING", "ACCEPTED", "REJECTED"),
    }
    return Place(found, status=answers[query.member_status])


def _galleries(found: Sequence[tuple[str, str]], but: str) -> list[Scope]:
    """The images of galleries, those of the tenant ``but`` left out."""
    return [Scope(tenant, (Condition("gallery", "=", name),)) for tenant, name in found if tenant != but]


async def _open(query: ListImages, place: tuple[str, str], reader: Reader) -> bool:
    """Whether the actor can read all that is in a gallery."""
    rights = await access.read_rights(reader, query.actor, tenant=place[0], image="", gallery=place[1])
    return "read" in rights
