"""Bodies about where a version is to be: publishes, the plan of one, edits of a placement, batches."""

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec

from contracts.names import Name, PodName
from contracts.terms import Label, LabelValue, PodNames, Priority, Replicas, Targets, Terms
from gateway.bodies.base import Body, convert
from gateway.bodies.strict import ImagePath, VersionPath

MONTH = 31 * 86_400.0
MOST_AT_ONCE = 100
"""Publishes in one batch."""

Deadline = Annotated[float, msgspec.Meta(gt=0, le=MONTH)]
Names = Annotated[tuple[Name, ...], msgspec.Meta(max_length=16)]
Values = Annotated[tuple[LabelValue, ...], msgspec.Meta(min_length=1, max_length=64)]
Moment = Annotated[datetime, msgspec.Meta(tz=True)]


class LabelsToMatch(Body, frozen=True, kw_only=True):
    """Pods by label: for each key one of the values. ``match`` asks for every key, or for any one. Beside their labels
    pods are selected by ``pod``, ``hypervisor`` and ``family``."""

    labels: Annotated[dict[Label, Values], msgspec.Meta(min_length=1, max_length=16)]
    match: Literal["all", "any"] = "all"


class TargetsToPublish(Body, frozen=True, kw_only=True):
    """Which pods: all that are enrolled, those listed in ``pods``, or those that ``selector`` matches."""

    kind: Literal["all", "list", "selector"] = "all"
    pods: PodNames = ()
    selector: LabelsToMatch | None = None


class OverrideToSet(Body, frozen=True, kw_only=True):
    """What differs on one pod; what is null is as on the others."""

    replicas: Replicas | None = None
    exclude_from_latest: bool | None = None


class RequirementsToMeet(Body, frozen=True, kw_only=True):
    """What a pod must have to hold the version; a target without it is SKIPPED."""

    hypervisors: Names = ()
    families: Names = ()
    disk_types: Names = ()
    disallowed_disk_types: Names = ()
    capabilities: Names = ()
    gpu_types: Names = ()


Overrides = Annotated[dict[PodName, OverrideToSet], msgspec.Meta(max_length=256)]


class Publication(Body, frozen=True, kw_only=True):
    """How to publish.

    What is left out (or null) is the ordinary thing the first time (all pods, one copy on each, no deadline), and as
    it was the last time when published again. From ``overrides`` on they are terms that belong together: when one is
    given, those left out are the ordinary ones. A copy that is not AVAILABLE ``deadline`` seconds after acceptance is
    FAILED; ``on_deadline`` says what happens when the measured capacity cannot meet it. ``shallow`` moves no bytes.
    """

    targets: TargetsToPublish | None = None
    replicas: Replicas | None = None
    deadline: Deadline | None = None
    overrides: Overrides | None = None
    mode: Literal["full", "shallow"] | None = None
    all_or_nothing: bool | None = None
    exclude_from_latest: bool | None = None
    priority: Priority | None = None
    not_before: Moment | None = None
    on_deadline: Literal["warn", "refuse"] | None = None
    requires: RequirementsToMeet | None = None

    def asked(self) -> dict[str, Any]:
        """The same in the language of the services: targets, replicas, deadline and terms, None where not given."""
        targets = None if self.targets is None else convert(self.targets, Targets)
        given = {name: getattr(self, name) for name in Terms.__struct_fields__}
        given = {name: value for name, value in given.items() if value is not None}
        terms = convert(given, Terms) if given else None
        return {"targets": targets, "replicas": self.replicas, "deadline": self.deadline, "terms": terms}


class Republication(Publication, frozen=True, kw_only=True):
    """As a publish; ``more`` names pods beside those of the last time."""

    more: PodNames = ()

    def asked(self) -> dict[str, Any]:
        """As of a publish, and the pods beside."""
        return {**super().asked(), "more": self.more}


class PublicationInBatch(Republication, frozen=True, kw_only=True):
    """One publish of a batch; ``again`` makes it a republish. ``image`` is an id or gallery/name."""

    image: ImagePath
    version: VersionPath
    again: bool = False


class Publications(Body, frozen=True, kw_only=True):
    """A batch: each publish is accepted or refused by itself."""

    items: Annotated[tuple[PublicationInBatch, ...], msgspec.Meta(min_length=1, max_length=MOST_AT_ONCE)]


class PlacementToEdit(Body, frozen=True, kw_only=True):
    """Changes of what is wanted: pods are added and removed, never replaced. What is left out stays; an override of
    null is taken back."""

    add: PodNames = ()
    remove: PodNames = ()
    replicas: Replicas | None = None
    overrides: Annotated[dict[PodName, OverrideToSet | None], msgspec.Meta(max_length=256)] = {}
    priority: Priority | None = None
