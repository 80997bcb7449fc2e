"""The whole installation as real processes, each of which is killed in the middle of an import and a publish."""

import asyncio
import os
import random
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
import pytest_asyncio
from nats.aio.msg import Msg

from contracts.manifest import CHUNK
from contracts.requests import Accepted
from contracts.views import JobView, VersionView
from harness.asking import ENDED
from harness.installed import http_of
from harness.site import Site
from harness.wait import until
from imprint.local import child as child_module
from imprint.local import ports
from imprint.local.installation import Installation
from runtime.connection import connect
from runtime.ids import new_id
from saga.disks import raw

pytestmark = pytest.mark.asyncio(loop_scope="module")

PODS = ("pod-1", "pod-2", "pod-3")
VICTIMS = ("nats", "catalog", "replicator", "sharing", "gateway", "pod-1", "pod-2")
SEED = os.environ.get("IMPRINT_TEST_SEED") or str(random.randrange(10**6))
"""Chooses the moments of death; a failing test prints it."""
EVENTS = 15
"""At least so many events of the hub make up an import and a publish to three pods."""
BETWEEN = 0.05
"""Seconds after an event within which death comes."""
AWAY = (HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT)


@dataclass(frozen=True)
class Moment:
    """So many seconds after so many events."""

    events: int
    seconds: float


@dataclass
class Town:
    """A running installation, its API, and the subjects of the events of its hub."""

    installation: Installation
    http: httpx.AsyncClient
    heard: list[str] = field(default_factory=list)
    imported: int = 0
    over: bool = False
    """The saga came to its end. What was said while the server was away from the listener was never heard."""

    async def take(self, message: Msg) -> None:
        if not message.subject.startswith("event.pod."):
            self.heard.append(message.subject)

    def site(self, pod: str) -> Site:
        return Site(self.installation.pod_root(pod))

    async def send(self, method: str, path: str, kind: Any, **options: Any) -> Any:
        """A request, repeated word for word for as long as whoever should answer is away."""
        answers: list[str] = []
        try:
            async with asyncio.timeout(30):
                while True:
                    try:
                        response = await self.http.request(method, path, **options)
                    except httpx.TransportError as error:
                        answers.append(repr(error))
                    else:
                        if response.status_code not in AWAY:
                            assert response.is_success, response.text
                            return msgspec.json.decode(response.content, type=kind)
                        answers.append(response.text)
                    await asyncio.sleep(0.1)
        except TimeoutError:
            raise AssertionError(f"{method} {path}: {answers[-3:]}") from None

    async def post(self, path: str, body: dict[str, Any], key: str) -> Accepted:
        accepted: Accepted = await self.send("POST", path, Accepted, json=body, headers={"Idempotency-Key": key})
        return accepted

    async def ended(self, job: str) -> JobView:
        async def look() -> JobView | None:
            await asyncio.sleep(0.05)
            view: JobView = await self.send("GET", f"/v1/jobs/{job}", JobView)
            return view if view.state in ENDED else None

        found: JobView = await until(look, 40)
        return found

    async def kill(self, victim: str, moment: "Moment") -> None:
        """Kill a process at that moment from now, or when the saga is over."""
        wanted = len(self.heard) + moment.events
        await until(lambda: len(self.heard) >= wanted or self.over, 40)
        await asyncio.sleep(moment.seconds)
        child = self.installation.children[victim]
        await until(lambda: child.pid is not None)  # it may be on its way up from an earlier death
        child.send(signal.SIGKILL)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def town(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Town]:
    """An installation with three pods; the first has a VM."""
    folder = tmp_path_factory.mktemp("town")
    async with installed(folder) as found:
        yield found


@asynccontextmanager
async def installed(folder: Path) -> AsyncIterator[Town]:
    installation = Installation(folder, pods=3, port=ports.any_free(), notice=print)
    async with (
        installation,
        connect(installation.settings, "listener") as client,
        http_of(installation, timeout=15) as http,
    ):
        found = Town(installation, http)
        await client.subscribe("event.>", cb=found.take)
        await client.flush()
        found.site("pod-1").vm("golden", raw(40), raw(30, seed=2))
        yield found


async def saga(town: Town, *deaths: tuple[str, Moment]) -> None:
    """Change the VM, import and publish it, while processes are killed."""
    change = random.Random(f"{SEED}/{town.imported}").randbytes(3 * CHUNK)
    town.site("pod-1").change("golden", 0, (town.imported % 30 + 1) * CHUNK, change)
    town.imported += 1
    town.over = False
    killing = [asyncio.create_task(town.kill(victim, moment)) for victim, moment in deaths]
    source = {"pod": "pod-1", "kind": "vm", "name": "golden"}
    versions = "/v1/images/default%2Fdebian/versions"
    body, key = {"source": source, "create": True}, new_id()
    accepted = await town.post(versions, body, key)
    job = await town.ended(accepted.job)
    assert job.state == "SUCCESS", job
    publish, key_of_publish = f"{versions}/{accepted.number}/publish", new_id()
    published = await town.post(publish, {}, key_of_publish)
    job = await town.ended(published.job)
    assert job.state == "SUCCESS", job
    town.over = True
    await asyncio.gather(*killing)

    version: VersionView = await town.send("GET", f"{versions}/{accepted.number}", VersionView)
    assert version.state == "AVAILABLE"
    assert version.manifest is not None
    for pod in PODS:
        site = town.site(pod)
        assert site.holds(version.id, version.manifest), pod
        assert len(site.items()) == town.imported, pod
        await until(lambda site=site: site.staging() == site.locks() == [])  # type: ignore[misc]
    assert await town.post(versions, body, key) == accepted  # the same answer, whoever has died meanwhile
    assert await town.post(publish, {}, key_of_publish) == published


@pytest.mark.parametrize("victim", VICTIMS)
async def test_a_version_becomes_available_everywhere_although_a_process_is_killed(town: Town, victim: str) -> None:
    chance = random.Random(f"{SEED}/{victim}")
    moment = Moment(chance.randrange(1, EVENTS), chance.uniform(0, BETWEEN))
    print(f"{victim} dies {moment} (IMPRINT_TEST_SEED={SEED})")
    child = town.installation.children[victim]
    deaths = child.deaths
    await saga(town, (victim, moment))
    await until(lambda: child.deaths == deaths + 1)
    await town.send("GET", "/health/ready", Any)


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_versions_become_available_everywhere_however_often_processes_are_killed(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(child_module, "PAUSES", (0.2,))
    chance = random.Random(SEED)
    for _ in range(15):
        victims = chance.sample([*VICTIMS, "pod-3"], 2)
        deaths = [(victim, Moment(chance.randrange(1, EVENTS), chance.uniform(0, BETWEEN))) for victim in victims]
        print(f"{deaths} (IMPRINT_TEST_SEED={SEED})")
        await saga(town, *deaths)
        await town.send("GET", "/health/ready", Any)
