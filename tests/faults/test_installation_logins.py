"""A whole installation with a login for each process: everything works, nothing is refused, and a pod can be added."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from contracts import codec, permissions
from contracts.events.intake import ImageBuilt
from contracts.manifest import Source
from contracts.views import JobView
from harness.site import Site
from harness.wait import until
from imprint.__main__ import main
from imprint.client import Client
from imprint.local import ports
from imprint.local.installation import Installation
from runtime.connection import connect
from runtime.ids import new_id

IMAGE = "default/debian"


@asynccontextmanager
async def installed(data: Path, pods: int) -> AsyncIterator[tuple[Installation, Client]]:
    """An installation that knows the build system *jenkins*, and a client of its door."""
    running = Installation(data, pods=pods, port=ports.any_free(), intake=["jenkins"], notice=lambda _: None)
    async with running, running.client() as client:
        yield running, client


def refused(data: Path) -> list[str]:
    """The lines of all logs that tell of something that NATS refused."""
    logs = (data / "logs").glob("*.log")
    words = ("nats_refused", "Violation", "permissions violation", "stream_not_read", "cannot_start", "relay_repeats")
    return [line for log in logs for line in log.read_text().splitlines() if any(word in line for word in words)]


async def ended(client: Client, job: str) -> JobView:
    async def look() -> JobView | None:
        found = await client.job(job)
        return found if found.state in ("SUCCESS", "PARTIAL", "FAILURE") else None

    found: JobView = await until(look, timeout=60)
    return found


async def built(running: Installation, name: str) -> None:
    """The build system says that an image lies on pod-1."""
    event = ImageBuilt(image=name, source=Source(pod="pod-1", kind="file", name=f"{name}.raw"))
    async with connect(running.settings_of("intake-jenkins"), "jenkins") as client:
        headers = {"ce-id": new_id()}
        answer = await client.request("intake.jenkins.image.built", codec.encode(event), 5, headers=headers)
        assert json.loads(answer.data)["stream"] == "INTAKE"


def imprint(*arguments: str) -> str:
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    return result.output


@pytest.mark.slow
async def test_every_process_does_its_work_with_its_own_login_and_nothing_is_refused(tmp_path: Path) -> None:
    async with installed(tmp_path, 2) as (running, client):
        logins = {child.environment.get("IMPRINT_NATS_USER") for child in running.children.values()} - {None}
        assert logins == {c.name for c in running.clients if c.name != permissions.ADMIN and "intake" not in c.name}
        site = Site(running.pod_root("pod-1"))
        site.vm("golden", bytes(range(256)) * 4096)
        site.file("nightly.raw", bytes(range(255, -1, -1)) * 4096)
        heard: list[str] = []

        async def listen() -> None:
            async with aclosing(client.events({})) as events:
                async for event in events:
                    heard.append(event.event)

        listening = asyncio.create_task(listen())
        accepted = await client.import_version(IMAGE, pod="pod-1", name="golden")
        assert (await ended(client, accepted.job)).state == "SUCCESS"
        published = await client.publish(IMAGE, "1.0.0")
        assert (await ended(client, published.job)).state == "SUCCESS"
        assert {copy.state for copy in await client.copies(IMAGE, "1.0.0")} == {"AVAILABLE"}
        await until(lambda: "version.available" in " ".join(heard))
        listening.cancel()

        await built(running, "nightly")
        await until(lambda: _deployed(client, "default/nightly"), timeout=60)
        data = str(tmp_path)
        applied = await asyncio.to_thread(imprint, "admin", "topology", "apply", "--dry-run", "--data", data)
        assert "Nothing differs" in applied
        assert "There are none" in await asyncio.to_thread(imprint, "admin", "dead", "--data", data)
        assert await client.unready() == ""

    async with installed(tmp_path, 3) as (running, client):
        accepted = await client.import_version(IMAGE, pod="pod-1", name="golden")
        assert (await ended(client, accepted.job)).state == "SUCCESS"
        published = await client.publish(IMAGE, accepted.number)
        assert (await ended(client, published.job)).state == "SUCCESS"
        copies = {copy.pod: copy.state for copy in await client.copies(IMAGE, accepted.number)}
        assert copies == {"pod-1": "AVAILABLE", "pod-2": "AVAILABLE", "pod-3": "AVAILABLE"}
    assert refused(tmp_path) == []


async def _deployed(client: Client, image: str) -> Any:
    images = {f"{found.gallery}/{found.name}" for found in await client.images()}
    return image in images and [v for v in await client.versions(image) if v.state == "DEPLOYMENT_DONE"]
