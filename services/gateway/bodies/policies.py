"""The body of a placement policy."""

from typing import Annotated, Literal

import msgspec

from contracts.terms import Policy, Replicas
from gateway.bodies.base import Body, convert
from gateway.bodies.publishing import LabelsToMatch


class PolicyToSet(Body, frozen=True, kw_only=True):
    """Where published versions belong, also on pods that join later.

    ``images`` names image ids, none: all of the tenant. The newest ``versions`` published versions of each are put on
    the pods that ``selector`` matches. SOFT: they may be elsewhere too. HARD: nowhere else.
    """

    images: Annotated[tuple[Annotated[str, msgspec.Meta(max_length=64)], ...], msgspec.Meta(max_length=256)] = ()
    selector: LabelsToMatch
    kind: Literal["SOFT", "HARD"] = "SOFT"
    versions: Annotated[int, msgspec.Meta(ge=1, le=100)] = 1
    replicas: Replicas = 1
    suspended: bool = False

    def policy(self) -> Policy:
        """The same in the language of the services."""
        return convert(self, Policy)
