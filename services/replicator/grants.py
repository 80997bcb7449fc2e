"""Leave for the gateway to go through pods' doors: to send a file to one, to read a version from who holds it.

Nothing is written down. An upload is known by its name, which the hub signed; what has arrived of it the pod knows.
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from contracts.errors import Problem
from contracts.names import copy_id
from contracts.requests import AdmitExport, AdmitUpload
from contracts.views import ExportGrantView, HolderView, UploadGrantView
from replicator import sight
from replicator.config import Config
from replicator.documents import PLACEMENT, POD
from replicator.domain import denied
from replicator.domain.pod import Draining, Pod, Removed, reporting
from replicator.domain.sources import choose
from replicator.domain.tenancy import known_to
from replicator.views import no_pod
from runtime.tickets import Ticket, TicketError
from runtime.upload_tickets import Upload, UploadTicket
from runtime.work import Get, Message, Ref, Work

EXPORT_SECONDS: Final = 900.0
"""The longest time for which a ticket of an export opens doors. A reader that is at it for longer asks again, and is
told no if the data was denied meanwhile (features.md F6)."""


def upload_keys(message: Message[AdmitUpload], _: Get) -> Iterator[Ref]:
    """The pod that is to have the file."""
    yield POD(message.body.pod)


def upload(message: Message[AdmitUpload], work: Work, config: Config) -> UploadGrantView | Problem:
    """Admit a new upload, or one that is to go on: then its name must be the hub's, and the caller's tenant its own."""
    command = message.body
    if config.uploads is None:
        return Problem(code="unavailable", detail="This replicator has no key for uploads.")
    if command.upload is None:
        found = Upload(
            tenant=command.actor.tenant, pod=command.pod, name=command.name, size=command.size, id=work.new_id()
        )
    else:
        try:
            found = config.uploads.named(command.upload)
        except TicketError:
            return _no_upload()
        if (found.tenant, found.pod, found.name, found.size) != (
            command.actor.tenant, command.pod, command.name, command.size,
        ):  # fmt: skip
            return _no_upload()
    pod = work.get(POD, command.pod)
    objection = _closed(pod, command)
    if pod is None or objection is not None:
        return objection or no_pod(command.pod)
    expires = message.at + timedelta(seconds=config.ticket_seconds)
    ticket = UploadTicket(
        bearer=command.bearer, pod=pod.name, name=found.name, size=found.size, id=found.id, expires=expires
    )
    return UploadGrantView(
        upload=config.uploads.name(found), pod=pod.name, address=pod.address,
        ticket=config.uploads.ticket(ticket), expires=expires,
    )  # fmt: skip


def _closed(pod: Pod | None, command: AdmitUpload) -> Problem | None:
    """Why the pod takes no file now, if it does not. What was begun may come to its end on a pod that is DRAINING."""
    if pod is None or isinstance(pod, Removed) or not known_to(pod, command.actor):
        return no_pod(command.pod)
    if isinstance(pod, Draining) and command.upload is None:
        return Problem(
            code="pod_draining",
            detail=f"pod {pod.name} accepts nothing new",
            hint="Send the file to another pod.",
            data={"pod": pod.name},
        )
    if not reporting(pod) or not pod.address:
        return Problem(
            code="pod_offline",
            detail=f"pod {pod.name} does not report at present",
            hint="See whether its connector runs, then go on with the upload.",
            data={"pod": pod.name},
        )
    return None


def _no_upload() -> Problem:
    return Problem(
        code="upload_not_found",
        detail="there is no such upload",
        hint="Begin a new one; an upload that nobody continues is removed after some days.",
    )


def export_keys(message: Message[AdmitExport], get: Get) -> Iterator[Ref]:
    """The placement and those who may hold the version; a bounded number, however many pods there are."""
    version = message.body.version
    yield PLACEMENT(version)
    placement = get(PLACEMENT, version)
    if placement is not None:
        yield from sight.refs(placement)
        for name in placement.known:
            yield POD(name)
    if message.body.pod is not None:
        yield POD(message.body.pod)


def export(message: Message[AdmitExport], work: Work, config: Config) -> ExportGrantView | Problem:
    """Admit to the doors of those who hold the version and are in touch. What the actor may not read is not found, and
    a pod that is not there for him holds nothing."""
    command = message.body
    placement = work.get(PLACEMENT, command.version)
    if placement is None or placement.deleted or "read" not in sight.rights(work.get, command.actor, placement):
        return Problem(
            code="version_not_found",
            detail="no such version was ever published",
            hint="Publish it to a pod first: what a version is made of is known to the pods from then on.",
        )
    if (problem := denied.objection(placement, operator=command.actor.operator)) is not None:
        return problem
    names = placement.known if command.pod is None else tuple(n for n in placement.known if n == command.pod)
    pods = {name: pod for name in names if known_to(pod := work.get(POD, name), command.actor)}
    id = copy_id(command.version, command.bearer, 0)
    attempt = message.at.microsecond  # another holder first each time: nobody counts what exports cost them
    holders = [
        HolderView(pod=pod.name, address=pod.address)
        for pod in choose(None, pods, {}, attempt, id, placement.source)
        if reporting(pod)
    ]
    if not holders:
        where = "no pod" if command.pod is None else f"pod {command.pod[:32]!r}"
        return Problem(
            code="export_unavailable",
            detail=f"{where} that is in touch holds this version",
            hint="See which pods have it AVAILABLE, and whether they are CONNECTED.",
        )
    expires = message.at + timedelta(seconds=min(config.ticket_seconds, EXPORT_SECONDS))
    roots = tuple(disk.root for disk in placement.manifest.disks)
    ticket = config.sign(Ticket(pod=command.bearer, version=command.version, roots=roots, expires=expires))
    return ExportGrantView(holders=tuple(holders), ticket=ticket, expires=expires)
