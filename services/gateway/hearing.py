"""Who may hear which event: what its type tells to whom, before anybody is asked about the thing that it is about.

Operators and auditors hear everything. Others hear what is their own tenant's, what says that something was offered to
them or taken back, and of images, versions and pods that they may know of what a reader of these may know; what the
owner of an image does with it (where to, from what, why it failed) is his own. A type that is not in `HEARD_BY` is
heard by operators and auditors alone.
"""

from typing import Literal, NamedTuple

from contracts.requests import Actor
from gateway.filters import Facts
from gateway.progress import Report

Audience = Literal["tenant", "readers", "member", "share", "owner", "granted", "gallery", "user", "pod"]

HEARD_BY: dict[str, Audience | None] = {
    # images and versions, by whoever may read them
    "image.registered": "readers",
    "image.available": "readers",
    "image.failed": "readers",
    "image.changed": "readers",
    "image.disabled": "readers",
    "image.enabled": "readers",
    "image.deleted": "readers",
    "version.started": "readers",
    "version.replicating": "readers",
    "version.available": "readers",
    "version.partially_available": "readers",
    "version.changed": "readers",
    "version.disabled": "readers",
    "version.enabled": "readers",
    "version.deactivated": "readers",
    "version.reactivated": "readers",
    "version.soft_deleted": "readers",
    "version.restored": "readers",
    "version.deleted": "readers",
    "marker.moved": "readers",
    "marker.deleted": "readers",
    "copy.planned": "readers",
    "copy.started": "readers",
    "copy.delayed": "readers",
    "copy.available": "readers",
    "copy.failed": "readers",
    "copy.lost": "readers",
    "copy.cancelled": "readers",
    "copy.retired": "readers",
    "copy.removed": "readers",
    # what a tenant does with its own: sources, targets, manifests, failures
    "version.requested": "tenant",
    "version.deployed": "tenant",
    "version.stepped": "tenant",
    "version.failed": "tenant",
    "version.publish_requested": "tenant",
    "version.unpublish_requested": "tenant",
    "version.cancel_requested": "tenant",
    "version.withdrawn": "tenant",
    "placement.planned": "tenant",
    "placement.rolled_back": "tenant",
    "gallery.created": "tenant",
    "gallery.changed": "tenant",
    "gallery.deleted": "tenant",
    "assignment.created": "tenant",
    "assignment.updated": "tenant",
    "assignment.settled": "tenant",
    "assignment.deleted": "tenant",
    "rollout.advanced": "tenant",
    "policy.set": "tenant",
    "policy.dropped": "tenant",
    "tenant.set": "tenant",
    # deliveries are the member's
    "share.delivery_requested": "member",
    "version.delivery_requested": "member",
    "delivery.planned": "member",
    "delivery.ended": "member",
    # offers, and what came of them
    "share.offered": "share",
    "share.accepted": "share",
    "share.rejected": "share",
    "share.revoked": "share",
    "share.suspended": "owner",
    "share.resumed": "owner",
    "share.gallery_set": "gallery",
    "share.granted": "granted",
    "token.created": "user",
    "token.revoked": "user",
    # pods
    "pod.enrolled": "pod",
    "pod.connected": "pod",
    "pod.disconnected": "pod",
    "pod.drained": "pod",
    "pod.readmitted": "pod",
    "pod.relabelled": "pod",
    "pod.removed": "pod",
    # between services: `version.withdrawn` tells the tenant of a refusal
    "placement.refused": None,
    "version.sought": None,
}
"""Noun and verb of an event -> who hears it besides operators and auditors."""


class Asked(NamedTuple):
    """What somebody must be allowed to know of so that he hears an event: the ``image`` or the ``version``, and the
    ``pod``. What is empty is no condition."""

    image: str = ""
    version: str = ""
    pod: str = ""


NOTHING = Asked()
"""He hears it, whatever it is about."""


def asked(event: Facts, actor: Actor) -> Asked | None:
    """What ``actor`` must be allowed to know of to hear ``event``; None when it is not for him at all."""
    if "audit" in actor.rights:
        return NOTHING
    reads = "read" in actor.rights
    home = reads and event.tenant == actor.tenant
    match HEARD_BY.get(event.type.rpartition(".")[0]):
        case "readers":
            if home:
                return Asked(pod=event.pod)
            return Asked(event.image, event.version, event.pod) if event.image or event.version else None
        case "tenant" | "gallery":
            heard = home
        case "member":
            heard = reads and event.member == actor.tenant
        case "share":
            heard = reads and (event.owner == actor.tenant or event.member in actor.all)
        case "owner":
            if reads and event.owner == actor.tenant:
                return NOTHING
            return Asked(image=event.image) if event.image else None
        case "granted":
            heard = event.principal in actor.all or (home and "manage" in actor.rights)
        case "user":
            heard = home and ("manage" in actor.rights or event.user == actor.name)
        case "pod":
            return Asked(pod=event.pod) if reads and event.pod else None
        case _:
            heard = False
    return NOTHING if heard else None


def asked_of(report: Report, actor: Actor) -> Asked:
    """What ``actor`` must be allowed to know of to follow how a copy or an import gets on."""
    return NOTHING if "audit" in actor.rights else Asked(version=report.progress.version, pod=report.pod)


def steers(event: Facts, actor: Actor) -> bool:
    """Whether ``event`` may change what ``actor`` may know of."""
    match HEARD_BY.get(event.type.rpartition(".")[0]):
        case "share":
            return event.member in actor.all
        case "granted":
            return event.principal in actor.all
        case "owner" | "gallery":
            return True
    return event.type.startswith("pod.relabelled.")
