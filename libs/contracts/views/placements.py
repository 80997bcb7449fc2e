"""What people see: what is wanted, what is there, and how far apart the two are."""

from datetime import datetime

import msgspec

from contracts.errors import Failure
from contracts.terms import Policy, Targets, Terms
from contracts.views.base import View


class CopyView(View, frozen=True, kw_only=True, tag="copy"):
    """A copy of a version on a pod. Bytes and rate are those of the latest attempt; ``eta`` in seconds."""

    id: str
    version: str
    pod: str
    replica: int
    datastore: str | None
    state: str
    attempt: int
    digest: str | None
    bytes_total: int
    bytes_done: int = 0
    bytes_network: int = 0
    bytes_reused: int = 0
    rate: float | None = None
    eta: float | None = None
    failure: Failure | None
    history: tuple[Failure, ...] = ()
    next_attempt: datetime | None
    reason: str = ""
    """Why it is SKIPPED or CANCELLED, or what a PENDING copy waits for: ``slot``, ``source``, ``turn``, ``window``,
    ``pod_offline``, ``paused``, ``data_denied``, ``not_before``."""
    excluded: bool = False
    estimate: datetime | None = None
    wanted: bool = True
    """Whether it belongs to the desired state; a copy that is going is not."""
    source: str = ""
    """The pod that most bytes of the latest attempt came from."""
    publication: int = 0
    updated: datetime


class PlanRow(msgspec.Struct, frozen=True, kw_only=True):
    """What a publish would do on a pod: ``copy``, ``keep`` (it is AVAILABLE there) or ``skip`` for ``reason``.

    ``sources`` are the pods that it would come from, the best first; ``estimate`` in seconds from now.
    """

    pod: str
    replica: int
    action: str
    reason: str = ""
    sources: tuple[str, ...] = ()
    estimate: float | None = None


class PlacementView(View, frozen=True, kw_only=True, tag="placement"):
    """What is wanted of a version (``targets`` to ``terms``), and how it stands (the rest).

    ``state``: WAITING for its ``not_before``, QUEUED behind other publishes of the tenant (``position`` counts from 1),
    RUNNING, PAUSED, SETTLED (nothing is on its way), WITHDRAWN (nothing is wanted). ``copies`` counts them by state.
    """

    version: str
    image: str
    tenant: str
    publication: int
    targets: Targets
    pods: tuple[str, ...]
    replicas: int
    terms: Terms
    deadline: datetime
    state: str
    position: int | None = None
    copies: dict[str, int]
    wanted: int
    estimate: datetime | None = None
    warning: Failure | None = None
    policies: tuple[str, ...] = ()
    """The policies that put it somewhere."""
    denied: bool = False
    """The data of the version is denied (features.md F6): no copy is made, whoever resumes it."""
    revision: int


class PolicyView(View, frozen=True, kw_only=True, tag="policy"):
    """A tenant's placement policy; ``pods`` match it now."""

    name: str
    policy: Policy
    pods: tuple[str, ...] = ()
    revision: int
    updated: datetime


class MetricsView(View, frozen=True, kw_only=True, tag="metrics"):
    """What the replicator measures. Seconds and bytes; ``converged`` are (upper bound, count) of a histogram of the
    seconds from a publish to its last copy, cumulative, the last bound infinite (None)."""

    copies: dict[str, int]
    pods: dict[str, int]
    bytes_network: dict[str, int]
    """Bytes that were moved, by the pod that served them."""
    bytes_reused: int
    lag: int
    """Copies that are wanted and not AVAILABLE, those SKIPPED aside."""
    lag_seconds: float
    """How long the oldest of them has been wanted."""
    converged: tuple[tuple[float | None, int], ...]
    converged_sum: float
    queued: dict[str, int]
    """Publishes that wait, by tenant."""


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """Live progress on ``progress.pod.<pod>.<copy or version>``: never stored. Bytes, bytes a second, seconds."""

    id: str
    version: str
    step: str
    bytes_done: int
    bytes_total: int
    bytes_network: int = 0
    bytes_reused: int = 0
    rate: float | None = None
    eta: float | None = None
