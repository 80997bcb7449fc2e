"""The replicator's settings, and its guard over the connectors' durables on a real server."""

from datetime import UTC, datetime
from pathlib import Path

import nats
import pytest
from nats.js.errors import NotFoundError
from structlog.testing import capture_logs

from core.replicating import announcement
from harness.wait import until
from replicator.definition import definition
from replicator.guard import guarding
from replicator.settings import ReplicatorSettings
from runtime.ids import new_id
from runtime.service import service
from runtime.settings import SettingsError, load
from runtime.topology import apply
from runtime.work import Message


def test_settings_come_from_the_environment() -> None:
    settings = load(
        ReplicatorSettings,
        {"IMPRINT_DATA": "/data", "IMPRINT_RETRY_BACKOFF": "0.1, 0.2", "IMPRINT_RETRY_ATTEMPTS": "3"},
    )
    assert (settings.policy.backoff, settings.policy.max_attempts) == ((0.1, 0.2), 3)
    assert settings.key_path == Path("/data/tickets.key")


@pytest.mark.parametrize(
    ("name", "value"), [("BACKOFF", "soon"), ("BACKOFF", ""), ("BACKOFF", "-1"), ("ATTEMPTS", "0"), ("BACKOFF", "nan")]
)
def test_unusable_settings_are_refused(name: str, value: str) -> None:
    with pytest.raises(SettingsError):
        load(ReplicatorSettings, {"IMPRINT_DATA": "/data", f"IMPRINT_RETRY_{name}": value})


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

    settings = ReplicatorSettings(data=str(tmp_path / "replicator"), nats_url=nats_url, guard_seconds=0.2)
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
    settings = ReplicatorSettings(data=str(tmp_path / "replicator"), nats_url=nats_url, guard_seconds=0.1)
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
