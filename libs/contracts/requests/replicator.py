"""What the replicator is asked: pods, copies, leave to go through pods' doors."""

from typing import Annotated, Literal

import msgspec

from contracts.limits import Limits
from contracts.manifest import Size
from contracts.names import Name, PodName
from contracts.principals import Member
from contracts.requests.base import Command, Request
from contracts.terms import Labels


class ListPods(Request, frozen=True, kw_only=True, tag="query.replicator.pods"):
    """All enrolled pods by name."""

    limit: int = 100
    cursor: str | None = None


class GetPod(Request, frozen=True, kw_only=True, tag="query.replicator.pod"):
    """A pod by name."""

    pod: str


class GetPodVms(Request, frozen=True, kw_only=True, tag="query.replicator.vms"):
    """The VMs of a pod as of its last inventory, by name."""

    pod: str
    limit: int = 10_000
    cursor: str | None = None


class GetPodLibrary(Request, frozen=True, kw_only=True, tag="query.replicator.library"):
    """The content library of a pod as of its last inventory, by version and datastore."""

    pod: str
    limit: int = 10_000
    cursor: str | None = None


class ListCopies(Request, frozen=True, kw_only=True, tag="query.replicator.copies"):
    """The copies of a version (by the version's id)."""

    version: str
    limit: int = 500
    cursor: str | None = None


class SetPodLimits(Command, frozen=True, kw_only=True, tag="command.replicator.set_limits"):
    """Bound what a pod moves, and when. With ``revision`` only if that is the one in force (412 otherwise)."""

    pod: str
    limits: Limits
    revision: int | None = None


class AdmitUpload(Command, frozen=True, kw_only=True, tag="command.replicator.admit_upload"):
    """Leave to send a disk file of ``size`` bytes to a pod's incoming folder as ``name``.

    ``upload`` continues an earlier one, whose grant may have expired; None begins a new one. ``bearer`` is who will
    knock at the pod's door, by its certificate.
    """

    pod: str
    name: Name
    size: Size
    upload: str | None = None
    bearer: str


class AdmitExport(Command, frozen=True, kw_only=True, tag="command.replicator.admit_export"):
    """Leave to read the disks of a version (by its id), from ``pod`` or from whoever holds it."""

    version: str
    pod: str | None = None
    bearer: str


class EnrollPod(Command, frozen=True, kw_only=True, tag="command.replicator.enroll_pod"):
    """Make an enrolment token with which a pod of this name may join within ``hours``, and the operator's labels for
    it, which stand above those that it announces. Also for a pod that was removed and is to come back."""

    pod: PodName
    labels: Labels = {}
    hours: Annotated[float, msgspec.Meta(gt=0, le=24 * 30)] = 24.0


class SetPodLabels(Command, frozen=True, kw_only=True, tag="command.replicator.set_labels"):
    """The operator's labels of a pod, all of them. With ``revision`` only if that is the one in force (412
    otherwise)."""

    pod: str
    labels: Labels
    revision: int | None = None


class SetPodTenants(Command, frozen=True, kw_only=True, tag="command.replicator.set_tenants"):
    """Operator: who may use a pod, as principals of tenants, accounts or organisations; none named: every tenant.

    To all others it does not exist: they see nothing of it, import nothing from it and publish nothing to it.
    """

    pod: str
    tenants: Annotated[tuple[Member, ...], msgspec.Meta(max_length=64)]
    revision: int | None = None


class SetPodState(Command, frozen=True, kw_only=True, tag="command.replicator.set_state"):
    """``drain``: accept nothing new. ``readmit``: accept again. ``remove``: no longer part of the house; refused while
    it is the only pod that holds a version, unless ``force``."""

    pod: str
    verb: Literal["drain", "readmit", "remove"]
    force: bool = False


class RequestInventory(Command, frozen=True, kw_only=True, tag="command.replicator.request_inventory"):
    """Have a pod look at its holdings now, and compare all of them with what should be there."""

    pod: str


class GetMetrics(Request, frozen=True, kw_only=True, tag="query.replicator.metrics"):
    """Copies by state, bytes by source, the lag between desired and observed, the time to converge; over all
    tenants."""
