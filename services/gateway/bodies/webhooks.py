"""Bodies about webhooks."""

from typing import Annotated

import msgspec

from contracts.names import ID, PodName, Text
from contracts.requests.notifier import Pattern, Secret, Url
from gateway.bodies.base import Body

Events = Annotated[tuple[Pattern, ...], msgspec.Meta(min_length=1, max_length=64)]
Ids = Annotated[tuple[Annotated[str, msgspec.Meta(pattern=ID, max_length=32)], ...], msgspec.Meta(max_length=64)]
Pods = Annotated[tuple[PodName, ...], msgspec.Meta(max_length=256)]


class WebhookToMake(Body, frozen=True, kw_only=True):
    """Events of these types, about these images, versions and pods (none named: any), are posted to ``url``, signed
    with ``secret``; without one a secret is made."""

    url: Url
    events: Events = ("copy.*",)
    images: Ids = ()
    versions: Ids = ()
    pods: Pods = ()
    description: Text = ""
    secret: Secret | None = None


class WebhookToChange(Body, frozen=True, kw_only=True):
    """Changes of a webhook; what is left out stays. A new secret signs from the next delivery on."""

    url: Url | None = None
    events: Events | None = None
    images: Ids | None = None
    versions: Ids | None = None
    pods: Pods | None = None
    description: Text | None = None
    secret: Secret | None = None
    suspended: bool | None = None


class DeliveryToRepeat(Body, frozen=True, kw_only=True):
    """Which delivery that was given up is tried again; none named: all of the webhook."""

    delivery: Annotated[str, msgspec.Meta(min_length=1, max_length=128)] | None = None
