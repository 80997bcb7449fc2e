"""Applies `contracts.topology` to a server, on purpose and showing the differences first.

Nothing here is done by the way (P4, P5): a service only checks that its streams are there, and re-creates nothing but
its own durable.
"""

import asyncio
from dataclasses import dataclass
from typing import Any

from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.api import (
    AckPolicy,
    ConsumerConfig,
    DeliverPolicy,
    DiscardPolicy,
    RetentionPolicy,
    StorageType,
    StreamConfig,
)
from nats.js.errors import NotFoundError

from contracts.permissions import HUB_SERVICES
from contracts.topology import STREAMS, Durable, Stream, durables

LISTED = 256
"""Durables that the server names in one answer."""
AT_ONCE = 16
"""Durables that are made at the same time."""


@dataclass(frozen=True)
class Difference:
    """One thing that the server has otherwise than the table; ``wrong`` is None when the server lacks it."""

    what: str
    field: str
    wanted: Any
    wrong: Any

    def __str__(self) -> str:
        if self.field == "":
            return f"{self.what}: to be created"
        return f"{self.what}: {self.field} is {self.wrong!r}, to become {self.wanted!r}"


class TopologyError(Exception):
    """The server lacks streams or durables, or does not let us make them."""


def stream_config(stream: Stream, replicas: int = 1) -> StreamConfig:
    """The configuration of a stream as the server takes it."""
    return StreamConfig(
        name=stream.name,
        subjects=list(stream.subjects),
        retention=RetentionPolicy.LIMITS,
        storage=StorageType.FILE,
        discard=DiscardPolicy.NEW,
        max_age=stream.max_age,
        max_bytes=stream.max_bytes,
        max_msg_size=stream.max_message,
        duplicate_window=stream.duplicate_window,
        num_replicas=replicas,
        deny_delete=True,
        deny_purge=True,
        allow_direct=False,
        allow_atomic=True,
    )


def durable_config(durable: Durable) -> ConsumerConfig:
    """The configuration of a durable pull consumer as the server takes it."""
    return ConsumerConfig(
        durable_name=durable.name,
        filter_subjects=list(durable.filters),
        deliver_policy=DeliverPolicy.ALL,
        ack_policy=AckPolicy.EXPLICIT,
        ack_wait=durable.ack_wait,
        max_deliver=-1,
        max_ack_pending=durable.max_ack_pending,
    )


_STREAM_FIELDS = (
    "subjects", "retention", "storage", "discard", "max_age", "max_bytes", "max_msg_size", "duplicate_window",
    "num_replicas", "deny_delete", "deny_purge", "allow_atomic",
)  # fmt: skip
_DURABLE_FIELDS = ("ack_policy", "ack_wait", "max_deliver", "max_ack_pending")


def _filters(config: ConsumerConfig) -> list[str]:
    found = list(config.filter_subjects or [])
    if config.filter_subject:
        found.append(config.filter_subject)
    return sorted(found)


async def differences(js: JetStreamContext, wanted: list[Durable], replicas: int = 1) -> list[Difference]:
    """Where the server differs from the table; reads only."""
    found: list[Difference] = []
    for stream in STREAMS:
        config = stream_config(stream, replicas)
        try:
            actual = (await js.stream_info(stream.name)).config
        except NotFoundError:
            found.append(Difference(f"stream {stream.name}", "", stream.name, None))
            continue
        for name in _STREAM_FIELDS:
            if getattr(actual, name) != getattr(config, name):
                found.append(Difference(f"stream {stream.name}", name, getattr(config, name), getattr(actual, name)))
    for durable in wanted:
        label = f"durable {durable.stream}/{durable.name}"
        try:
            actual_ = (await js.consumer_info(durable.stream, durable.name)).config
        except NotFoundError:
            found.append(Difference(label, "", durable.name, None))
            continue
        found += _durable_differences(durable, actual_)
    return found


def _durable_differences(durable: Durable, actual: ConsumerConfig) -> list[Difference]:
    label, config = f"durable {durable.stream}/{durable.name}", durable_config(durable)
    found = []
    if _filters(actual) != sorted(durable.filters):
        found.append(Difference(label, "filter_subjects", sorted(durable.filters), _filters(actual)))
    for name in _DURABLE_FIELDS:
        if getattr(actual, name) != getattr(config, name):
            found.append(Difference(label, name, getattr(config, name), getattr(actual, name)))
    return found


def hub_durables() -> list[Durable]:
    """The durables of the hub services; a pod's is made when it enrols."""
    return [durable for who in HUB_SERVICES for durable in durables(who)]


async def apply(client: Client, *, dry_run: bool = False, replicas: int = 1) -> list[str]:
    """Bring the server to the table and say what differed. With ``dry_run`` only say it."""
    js = client.jetstream()
    found = await differences(js, hub_durables(), replicas)
    if not dry_run:
        missing = {difference.what for difference in found if difference.field == ""}
        changed = {difference.what for difference in found}
        for stream in STREAMS:
            label = f"stream {stream.name}"
            if label in missing:
                await js.add_stream(stream_config(stream, replicas))
            elif label in changed:
                await js.update_stream(stream_config(stream, replicas))
        for durable in hub_durables():
            if f"durable {durable.stream}/{durable.name}" in changed:
                await ensure_durable(js, durable)
    return [str(difference) for difference in found]


async def ensure_durable(js: JetStreamContext, durable: Durable) -> None:
    """Make or correct a durable; its place in the stream is kept when it exists (an upsert, P5).

    Raises:
        TopologyError: the server refuses or does not answer.
    """
    try:
        await js.add_consumer(durable.stream, durable_config(durable))
    except (NatsError, TimeoutError) as error:
        raise TopologyError(f"durable {durable.stream}/{durable.name}: {error!r}") from error


async def ensure_durables(js: JetStreamContext, stream: str, wanted: list[Durable]) -> list[TopologyError]:
    """Make or correct those of ``wanted``, durables of ``stream``, that are not as they should be, some at a time; what
    the server refused. It is asked what it has page by page, however many are right.

    Raises:
        TopologyError: the server does not say what it has.
    """
    wrong = await _wrong(js, stream, wanted) if wanted else []
    refused: list[TopologyError] = []

    async def ensure(durable: Durable) -> None:
        try:
            await ensure_durable(js, durable)
        except TopologyError as error:
            refused.append(error)

    for some in (wrong[at : at + AT_ONCE] for at in range(0, len(wrong), AT_ONCE)):
        await asyncio.gather(*map(ensure, some))
    return refused


async def _wrong(js: JetStreamContext, stream: str, wanted: list[Durable]) -> list[Durable]:
    actual: dict[str, ConsumerConfig] = {}
    offset = 0
    while True:
        try:
            page = await js.consumers_info(stream, offset=offset)
        except (NatsError, TimeoutError) as error:
            raise TopologyError(f"durables of {stream}: {error!r}") from error
        actual.update({info.name: info.config for info in page})
        offset += len(page)
        if len(page) < LISTED:
            break
    return [one for one in wanted if one.name not in actual or _durable_differences(one, actual[one.name])]


async def check(client: Client) -> None:
    """Raise TopologyError naming the streams that the server lacks."""
    js = client.jetstream()
    missing = []
    for stream in STREAMS:
        try:
            await js.stream_info(stream.name)
        except NotFoundError:
            missing.append(stream.name)
    if missing:
        raise TopologyError(f"the server lacks {', '.join(missing)}: run `imprint admin topology apply`")
