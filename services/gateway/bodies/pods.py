"""Bodies about pods: enrolment, labels, limits, removal."""

from typing import Annotated

import msgspec

from contracts.limits import Clock, Limits, Rate
from contracts.names import PodName
from contracts.terms import Labels
from gateway.bodies.base import Body, convert


class PodToEnroll(Body, frozen=True, kw_only=True):
    """A pod that is to join, with the operator's labels for it; its token is good for so many hours."""

    pod: PodName
    labels: Labels = {}
    hours: Annotated[float, msgspec.Meta(gt=0, le=24 * 30)] = 24.0


class LabelsToSet(Body, frozen=True, kw_only=True):
    """The operator's labels of a pod, all of them; they stand above those that the pod announces."""

    labels: Labels


class PodToRemove(Body, frozen=True, kw_only=True):
    """With ``force`` the pod goes also when it is the only one that holds a version."""

    force: bool = False


class WindowToSet(Body, frozen=True, kw_only=True):
    """Hours in which copies may move bytes, on ``days`` (0 is Monday; none named: on all).

    With ``end`` not after ``begin`` it reaches into the next day; ``days`` then are those on which it begins.
    """

    begin: Clock
    end: Clock
    days: Annotated[tuple[Annotated[int, msgspec.Meta(ge=0, le=6)], ...], msgspec.Meta(max_length=7)] = ()


class LimitsToSet(Body, frozen=True, kw_only=True):
    """All limits of a pod: what is left out is no limit. Rates are bytes a second.

    ``receive`` and ``send`` are over all copies into and out of the pod, ``links`` for what it receives from single
    pods; ``copies`` is how many are made at a time. Outside its ``windows`` (in ``timezone``) copies pause.
    ``scrub_days`` is within how many days each copy at rest is read and checked.
    """

    receive: Rate | None = None
    send: Rate | None = None
    links: Annotated[dict[PodName, Rate], msgspec.Meta(max_length=256)] = {}
    copies: Annotated[int, msgspec.Meta(ge=1, le=64)] | None = None
    windows: Annotated[tuple[WindowToSet, ...], msgspec.Meta(max_length=32)] = ()
    timezone: Annotated[str, msgspec.Meta(min_length=1, max_length=64)] = "UTC"
    scrub_days: Annotated[float, msgspec.Meta(gt=0, le=3650)] | None = None

    def limits(self) -> Limits:
        """The same in the language of the services."""
        return convert(self, Limits)
