"""The replicator's settings, and its guard over the connectors' durables on a real server."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import nats
import pytest
from nats.js.api import ConsumerConfig, ConsumerInfo
from nats.js.errors import NotFoundError
from structlog.testing import capture_logs

from contracts.events import Speaker
from contracts.topology import durables
from core.replicating import announcement
from harness.wait import until
from replicator.definition import definition
from replicator.guard import guarding
from replicator.settings import ReplicatorSettings
from runtime.ids import new_id
from runtime.service import service
from runtime.settings import SettingsError, load
from runtime.topology import apply, durable_config, ensure_durables
from runtime.work import Message


def test_settings_come_from_the_environment() -> None:
    settings = load(
        ReplicatorSettings,
        {"IMPRINT_DATA": "/data", "IMPRINT_RETRY_BACKOFF": "0.1, 0.2", "IMPRINT_RETRY_ATTEMPTS": "3"},
    )
    assert (settings.policy.backoff, settings.policy.max_attempts) == ((0.1, 0.2), 3)
    assert settings.key_path == Path("/data/tickets.key")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("RETRY_BACKOFF", "soon"),
        ("RETRY_BACKOFF", ""),
        ("RETRY_BACKOFF", "-1"),
        ("RETRY_ATTEMPTS", "0"),
        ("RETRY_BACKOFF", "nan"),
        ("ENROLMENT", "closed"),
        ("SURPLUS", "burn"),
    ],
)
def test_unusable_settings_are_refused(name: str, value: str) -> None:
    with pytest.raises(SettingsError):
        load(ReplicatorSettings, {"IMPRINT_DATA": "/data", f"IMPRINT_{name}": value})


def _open(tmp_path: Path, nats_url: str, **more: Any) -> ReplicatorSettings:
    return ReplicatorSettings(data=str(tmp_path / "replicator"), nats_url=nats_url, enrolment="open", **more)


async def test_a_pod_gets_its_durable_when_it_enrols_and_gets_it_back_when_it_is_lost(
    tmp_path: Path, nats_url: str
) -> None:
    client = await nats.connect(nats_url)
    await apply(client)
    js = client.jetstream()

    async def exists() -> bool:
        try:
            info = await js.consumer_info("TO_PODS", "connector-pod-1")
        except NotFoundError:
            return False
        return info.config.filter_subject == "to.pod.pod-1.>" or info.config.filter_subjects == ["to.pod.pod-1.>"]

    settings = _open(tmp_path, nats_url, guard_seconds=0.2)
    async with service(definition(settings), settings) as running, guarding(running):
        assert not await exists()
        words = Message(new_id(), "pod:pod-1", datetime.now(UTC), "", announcement())
        await running.processor.ask(words)
        await until(exists)
        await js.delete_consumer("TO_PODS", "connector-pod-1")
        await until(exists)
    await client.close()


async def test_the_guard_goes_on_when_the_server_refuses(tmp_path: Path, nats_url: str) -> None:
    client = await nats.connect(nats_url)
    await apply(client)
    js = client.jetstream()
    settings = _open(tmp_path, nats_url, guard_seconds=0.1)
    async with service(definition(settings), settings) as running, guarding(running):
        await js.delete_stream("TO_PODS")
        with capture_logs() as logs:
            await running.processor.ask(Message(new_id(), "pod:pod-1", datetime.now(UTC), "", announcement()))
            await until(lambda: any(line["event"] == "durable_not_ensured" for line in logs))
        await apply(client)

        async def exists() -> bool:
            return any(one.name == "connector-pod-1" for one in await js.consumers_info("TO_PODS"))

        await until(exists)
    await client.close()


async def test_many_durables_are_looked_at_page_by_page_and_only_what_is_wrong_is_made(nats_url: str) -> None:
    client = await nats.connect(nats_url)
    await apply(client)
    js = client.jetstream()
    wanted = [durable for n in range(300) for durable in durables(Speaker.CONNECTOR, f"pod-{n:03}")]
    assert await ensure_durables(js, "TO_PODS", wanted) == []
    asked: list[str] = []
    made = js.add_consumer

    async def counting(stream: str, config: ConsumerConfig) -> ConsumerInfo:
        asked.append(str(config.durable_name))
        return await made(stream, config)

    js.add_consumer = counting  # type: ignore[method-assign, assignment]
    assert await ensure_durables(js, "TO_PODS", wanted) == []
    assert asked == []
    await js.delete_consumer("TO_PODS", "connector-pod-299")
    await made("TO_PODS", durable_config(replace(wanted[7], filters=("to.pod.other.>",))))
    assert await ensure_durables(js, "TO_PODS", wanted) == []
    assert sorted(asked) == ["connector-pod-007", "connector-pod-299"]
    assert (await js.consumer_info("TO_PODS", "connector-pod-007")).config.filter_subjects == ["to.pod.pod-007.>"]
    await client.close()
