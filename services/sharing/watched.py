"""What the audit log of sharing tells."""

from typing import Any

from runtime.changes import Fields, Watched, owner
from runtime.work import Work
from sharing.documents import IMAGE, VERSION


def _of_owner(_: Work, __: str, state: Any) -> str:
    return str(state.owner)


def _of_nobody(_: Work, __: str, ___: Any) -> str:
    """The provider's: an entry of whoever did it."""
    return ""


def _its_own(_: Work, name: str, __: Any) -> str:
    return name


def _of_granted(work: Work, id: str, _: Any) -> str:
    """The tenant whose gallery, image or version it is that roles are granted on."""
    scope, _, target = id.partition("/")
    if scope == "g":
        return target.partition("/")[0]
    version = work.before(VERSION.name, target) if scope == "v" else None
    image = work.before(IMAGE.name, target if version is None else version.image)
    return "" if image is None else str(image.owner)


def _grants(fields: Fields) -> Fields:
    return {"roles": {principal: grant.roles for principal, grant in fields.get("by", {}).items()}}


def _offer(fields: Fields) -> Fields:
    """By whom it is made to, so that an entry about a part of it tells that too."""
    return {"offers": {fields.pop("member"): fields}}


def _target(id: str, _: Any) -> str:
    return id.partition("/")[2]


def _image(_: str, state: Any) -> str:
    return str(state.image)


WATCHED: dict[str, Watched] = {
    "offer": Watched(
        lambda state: (type(state), getattr(state, "until", None)),
        frozenset({"image", "owner", "updated", "accepted", "rejected", "since", "revision"}),
        _offer,
        about=_image,
        tenant=_of_owner,
    ),
    "answer": Watched(lambda state: state.accepted, frozenset({"updated", "to", "revision"}), about=_image),
    "gallery": Watched(
        lambda state: (state.sharing, state.members, state.community), frozenset({"unfit", "private_only"})
    ),
    "grants": Watched(lambda state: state.by, shape=_grants, about=_target, tenant=_of_granted),
    "unit": Watched(lambda state: state.revision, frozenset({"units", "accounts"}), tenant=_of_nobody),
    "account": Watched(lambda state: state.revision, frozenset({"tenants"}), tenant=_of_nobody),
    "tenant": Watched(lambda state: state.revision, tenant=_its_own),
    "person": Watched(lambda state: state.revision, frozenset({"updated"}), tenant=owner),
    "token": Watched(lambda state: state.revoked, about=lambda _, token: str(token.id)),
}
"""By the kind's name in the store."""
