"""What people see: pods and what they hold."""

from datetime import datetime

from contracts.events.from_pods import Datastore, VmDisk
from contracts.limits import Limits
from contracts.views.base import View


class PodView(View, frozen=True, kw_only=True, tag="pod"):
    """A pod and when it was last heard of."""

    name: str
    state: str
    hypervisor: str
    family: str
    connector_version: str
    address: str
    formats: tuple[str, ...]
    labels: dict[str, str]
    datastores: tuple[Datastore, ...]
    dead_letters: int
    last_seen: datetime
    limits: Limits = Limits()
    limits_revision: int = 0
    own_labels: dict[str, str] = {}
    """What its operator in the hub said; ``labels`` are the effective ones, these over the announced."""
    labels_revision: int = 0
    open: bool = True
    """Whether copies may move bytes now, by its windows."""
    opens: datetime | None = None
    receiving: int = 0
    queued: int = 0
    """Copies under way, and copies that wait for a slot."""
    rate: float | None = None
    """Bytes a second that it received at lately."""
    inventory_at: datetime | None = None
    drift: int = 0
    """Items in its library that nobody asked for, or that the hub does not know."""
    capabilities: tuple[str, ...] = ()
    """What its hosts can do, as its connector says: ``trusted_launch``, ``gpu.nvidia``."""
    tenants: tuple[str, ...] = ()
    """Who may use it; none named: every tenant."""
    tenants_revision: int = 0


class VmView(View, frozen=True, kw_only=True, tag="vm"):
    """A VM on a pod, or another source that could be imported: ``kind`` is ``vm``, ``disk``, ``snapshot``,
    ``template``."""

    name: str
    os_type: str
    power: str
    locked: bool
    disks: tuple[VmDisk, ...]
    kind: str = "vm"
    capabilities: tuple[str, ...] = ()


class ItemView(View, frozen=True, kw_only=True, tag="item"):
    """A version in a pod's content library; ``state`` INTACT or CORRUPT."""

    version: str
    datastore: str
    digest: str
    size: int
    state: str = "INTACT"
    standing: str = ""
    """``wanted``, ``source``, ``surplus`` (a copy that nobody wants) or ``unknown`` (a version that the hub does not
    know)."""


class EnrolmentView(View, frozen=True, kw_only=True, tag="enrolment"):
    """A token with which the pod may join, until ``expires``. It is shown once."""

    pod: str
    token: str
    labels: dict[str, str]
    expires: datetime
