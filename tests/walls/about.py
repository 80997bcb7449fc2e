"""Requests about a thing, of every kind that is about an image, a version or a gallery, in a form that does no harm.

Whoever may do it is refused for another reason (a revision that is long past, a number that is taken, a pod that is not
there) or does what changes nothing: so a thousand of them can be asked about the same things.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from contracts import requests as r
from contracts.events.hub import Targets
from contracts.manifest import Source
from contracts.requests import Actor, Command, Request
from runtime.ids import new_id
from walls.land import MARKER, NUMBER, Thing

PAST = 10**6
"""A revision that nothing is at."""
IMAGE = VERSION = ("image_not_found",)
PLACEMENT = ("placement_not_found", "version_not_found")
COPY = ("copy_not_found",)
GALLERY = ("gallery_not_found",)
SHARE = ("share_not_found",)
"""By which codes it is said that such a thing is not there."""


class About(NamedTuple):
    """A request about a thing: what it looks ``on``, its fields by the thing, and by which codes it is hidden. Where
    somebody may do it, ``harmless`` is what is asked instead."""

    kind: type[Request]
    on: str
    hidden: tuple[str, ...]
    fields: Callable[[Thing], dict[str, Any]]
    harmless: Callable[[Thing], dict[str, Any]] = lambda _: {}

    def of(self, actor: Actor, thing: Thing, *, allowed: bool) -> Request:
        """The request of somebody."""
        id = {"id": new_id()} if issubclass(self.kind, Command) else {}
        return self.kind(**id, actor=actor, **(self.fields(thing) | (self.harmless(thing) if allowed else {})))


def _image(kind: type[Request], /, **more: Any) -> About:
    return About(kind, "image", IMAGE, lambda thing: {"image": thing.image, **more})


def _version(kind: type[Request], harmless: dict[str, Any] | None = None, /, **more: Any) -> About:
    named = {"number": NUMBER, **more}
    return About(kind, "version", VERSION, lambda thing: {"image": thing.image, **named}, lambda _: harmless or {})


def _placed(kind: type[Request], **more: Any) -> About:
    return About(kind, "version", PLACEMENT, lambda thing: {"version": thing.version, **more})


def _copy(kind: type[Request]) -> About:
    return About(
        kind, "version", COPY, lambda thing: {"version": thing.version, "pod": "pod-1"}, lambda _: {"replica": 7}
    )


def _gallery(kind: type[Request], **more: Any) -> About:
    return About(kind, "gallery", GALLERY, lambda thing: {"gallery": thing.gallery, **more})


def _share(kind: type[Request], **more: Any) -> About:
    return About(kind, "share", SHARE, lambda thing: {"image": thing.image, **more})


NOWHERE = {"number": "9.9.9"}
"""A version that no image has."""
ABOUT = (
    About(r.RegisterImage, "gallery", GALLERY, lambda thing: {"gallery": thing.gallery, "name": f"zq{thing.name}"}),
    _image(r.ImportVersion, source=Source(pod="pod-1", name="golden"), number=NUMBER),
    About(
        r.ImportVersion, "origin", VERSION,
        lambda thing: {
            "image": "mine", "create": True, "origin": r.Origin(image=thing.image, number=NUMBER, pod="pod-1")
        },
        lambda thing: {"origin": r.Origin(image=thing.image, number=NUMBER, pod="nowhere")},
    ),
    _version(r.PublishVersion, NOWHERE, targets=Targets(kind="list", pods=("nowhere",))),
    _version(r.UnpublishVersion, NOWHERE),
    _version(r.CancelPublish, NOWHERE),
    _image(r.EditImage, changes={"description": "mine"}, revision=PAST),
    _image(r.EditTags, set={"mine": "yes"}, revision=PAST),
    _version(r.EditVersion, changes={"description": "mine"}, revision=PAST),
    _version(r.RecordValidation, NOWHERE, kind="boot", status="Succeeded"),
    _version(r.RestoreVersion, NOWHERE),
    _image(r.SetEnabled, enabled=False, revision=PAST),
    _version(r.SetEnabled, enabled=False, revision=PAST),
    _version(r.SetDataAccess, active=False, revision=PAST),
    _image(r.SetProtection, protected=True, revision=PAST),
    _version(r.SetProtection, protected=True, revision=PAST),
    _image(r.SetDeprecation, state="DEPRECATED", revision=PAST),
    _version(r.SetDeprecation, state="DEPRECATED", revision=PAST),
    _version(r.DeleteVersion, revision=PAST),
    _image(r.DeleteImage, revision=PAST),
    _image(r.MoveMarker, marker=MARKER, number="9.9.9"),
    _image(r.RollbackMarker, marker=MARKER, revision=PAST),
    _image(r.SteerRollout, marker="nothing", verb="halt"),
    _image(r.DropMarker, marker=MARKER, revision=PAST),
    _image(r.GetImage),
    _image(r.ListVersions),
    _version(r.GetVersion),
    _version(r.GetLineage),
    _version(r.GetUsers),
    _image(r.ListMarkers),
    _image(r.GetMarker, marker=MARKER),
    _image(r.GetSharingStatus),
    _gallery(r.GetSharingStatus),
    _gallery(r.EditGallery, changes={"description": "mine"}, revision=PAST),
    _gallery(r.DropGallery, revision=PAST),
    _gallery(r.GetGallery),
    _version(r.CreateAssignment, name="desks", pods=("nowhere",)),
    _placed(r.ListCopies),
    _placed(r.GetPlacement),
    _placed(r.EditPlacement, replicas=1, revision=PAST),
    About(
        r.PausePlacement, "version", PLACEMENT, lambda thing: {"version": thing.version}, lambda _: {"resume": True}
    ),
    _copy(r.RemoveCopy),
    _copy(r.RepairCopy),
    _placed(r.AdmitExport, bearer="bearer"),
    About(
        r.OfferImages, "image", IMAGE,
        lambda thing: {"images": (thing.image,), "members": ("zmine",), "acknowledged": True},
        lambda _: {"acknowledged": False},
    ),
    About(r.RevokeOffers, "image", IMAGE, lambda thing: {"images": (thing.image,), "members": ("zmine",)}),
    About(
        r.SuspendSharing, "image", IMAGE, lambda thing: {"image": thing.image, "suspended": True},
        lambda thing: {"suspended": thing.name == "suspended"},
    ),
    About(r.ListMembers, "members", IMAGE, lambda thing: {"image": thing.image}),
    _share(r.GetShare),
    _share(r.AnswerOffer, answer="reject", pods=("nowhere",)),
    _gallery(r.ShareGallery, sharing="private", revision=PAST),
    _gallery(r.GetGallerySharing),
    _image(r.SetGrant, principal="user:zmine/jo", roles=("owner",)),
    _version(r.SetGrant, principal="user:zmine/jo", roles=("owner",)),
    _gallery(r.SetGrant, principal="user:zmine/jo", roles=("owner",)),
    _image(r.DropGrant, principal="user:nobody/jo"),
    _version(r.DropGrant, principal="user:nobody/jo"),
    _gallery(r.DropGrant, principal="user:nobody/jo"),
    _image(r.ListGrants),
    _version(r.ListGrants),
    _gallery(r.ListGrants),
)  # fmt: skip
"""Every request that is about an image, a version or a gallery."""
