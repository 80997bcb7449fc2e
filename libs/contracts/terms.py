"""The terms of a publish: where a version is to be, how many times, in what order, and under which conditions.

They are the desired state of a version (features.md C2 to C5, C9, C10, C12, C15); what is there in fact is told by the
copies.
"""

from datetime import datetime
from typing import Annotated, Literal

import msgspec

from contracts.names import Name, PodName

MOST_PODS = 1000
"""Pods named in one message: with their names it stays below 64 KiB. More are addressed as ``all`` or by selector."""
MOST_OVERRIDES = 256
"""Pods on which a placement may differ from what holds for all, those of all its edits together."""
MOST_REPLICAS = 16
"""Copies of a version on one pod: each needs a datastore of its own."""

Label = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9](?:[a-z0-9_.-]{0,38}[a-z0-9])?(?!\n)$")]
"""The key of a label: ``region``, ``rack``, ``disk.tier``."""
LabelValue = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9](?:[A-Za-z0-9_./-]{0,62}[A-Za-z0-9])?(?!\n)$")]
Labels = Annotated[dict[Label, LabelValue], msgspec.Meta(max_length=32)]
Replicas = Annotated[int, msgspec.Meta(ge=1, le=MOST_REPLICAS)]
PodNames = Annotated[tuple[PodName, ...], msgspec.Meta(max_length=MOST_PODS)]
Priority = Literal["low", "normal", "high", "urgent"]
URGENCY: dict[str, int] = {"urgent": 0, "high": 1, "normal": 2, "low": 3}
"""Which priority goes first: the smallest."""


class Selector(msgspec.Struct, frozen=True, kw_only=True):
    """Pods by label: for each key one of the values. ``match`` asks for every key (``all``) or for one (``any``)
    (features.md C12, CATEGORIES_MATCH_ALL and _ANY). Beside the operator's and the pod's own labels, ``pod``,
    ``hypervisor`` and ``family`` can be selected by.
    """

    labels: Annotated[
        dict[Label, Annotated[tuple[LabelValue, ...], msgspec.Meta(min_length=1, max_length=64)]],
        msgspec.Meta(min_length=1, max_length=16),
    ]
    match: Literal["all", "any"] = "all"

    def matches(self, labels: dict[str, str]) -> bool:
        """Whether a pod with these effective labels is meant."""
        met = (labels.get(key) in values for key, values in self.labels.items())
        return all(met) if self.match == "all" else any(met)


class Targets(msgspec.Struct, frozen=True, kw_only=True):
    """Which pods a publish is for: all that are enrolled, those named, or those with certain labels. Resolved by the
    replicator at acceptance; ``pods`` belongs to ``list``, ``selector`` to ``selector``."""

    kind: Literal["all", "list", "selector"] = "all"
    pods: tuple[str, ...] = ()
    selector: Selector | None = None


class Override(msgspec.Struct, frozen=True, kw_only=True):
    """What differs on one pod; None is what holds for all."""

    replicas: Replicas | None = None
    exclude_from_latest: bool | None = None


class Requirements(msgspec.Struct, frozen=True, kw_only=True):
    """What a pod must have to hold the version; a target without it is SKIPPED. Empty asks for nothing."""

    hypervisors: Annotated[tuple[Name, ...], msgspec.Meta(max_length=16)] = ()
    families: Annotated[tuple[Name, ...], msgspec.Meta(max_length=16)] = ()
    disk_types: Annotated[tuple[Name, ...], msgspec.Meta(max_length=16)] = ()
    disallowed_disk_types: Annotated[tuple[Name, ...], msgspec.Meta(max_length=16)] = ()
    """A pod that has only datastores of these types is not eligible (features.md H2)."""
    capabilities: Annotated[tuple[Name, ...], msgspec.Meta(max_length=16)] = ()
    """Everything that the pod must be able to do: ``trusted_launch``, ``confidential``, ``secureboot``."""
    gpu_types: Annotated[tuple[Name, ...], msgspec.Meta(max_length=16)] = ()
    """One of these; a pod says them as capabilities ``gpu.<type>``."""


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """Everything about a publish but its targets, its replicas on each pod, and its deadline.

    ``shallow`` moves no bytes: only the source pod's own copy is finalised. ``all_or_nothing`` takes every new copy
    back when one fails for good. ``not_before`` holds the start back. ``on_deadline`` says what happens when the
    measured capacity cannot meet the deadline: a warning, or a refusal.
    """

    overrides: Annotated[dict[PodName, Override], msgspec.Meta(max_length=MOST_OVERRIDES)] = {}
    mode: Literal["full", "shallow"] = "full"
    all_or_nothing: bool = False
    exclude_from_latest: bool = False
    priority: Priority = "normal"
    not_before: datetime | None = None
    on_deadline: Literal["warn", "refuse"] = "warn"
    requires: Requirements = Requirements()

    def replicas_on(self, pod: str, common: int) -> int:
        """How many copies ``pod`` is to have, where ``common`` is for all."""
        override = self.overrides.get(pod)
        return common if override is None or override.replicas is None else override.replicas

    def excluded_on(self, pod: str) -> bool:
        """Whether ``latest`` on ``pod`` does not mean this version."""
        override = self.overrides.get(pod)
        if override is None or override.exclude_from_latest is None:
            return self.exclude_from_latest
        return override.exclude_from_latest


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """Where a tenant's published versions belong, also on pods that join later (features.md C12).

    ``images`` names image ids, none: all of the tenant. The newest ``versions`` published versions of each are put on
    the pods of ``selector``. SOFT: they may be elsewhere too. HARD: nowhere else.
    """

    images: Annotated[tuple[Annotated[str, msgspec.Meta(max_length=64)], ...], msgspec.Meta(max_length=256)] = ()
    selector: Selector
    kind: Literal["SOFT", "HARD"] = "SOFT"
    versions: Annotated[int, msgspec.Meta(ge=1, le=100)] = 1
    replicas: Replicas = 1
    suspended: bool = False
