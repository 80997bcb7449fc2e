"""A server that comes back without its data folder (reliability F3): what it had taken and nobody had heard is said
again, and every pod gets its durable back."""

import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from nats.errors import Error as NatsError

from harness.house import House, house
from harness.nats import NatsServer
from harness.toy import outsider
from harness.wait import until
from runtime import audit
from saga.disks import raw

FIRST, PODS = "pod-1", ("pod-1", "pod-2", "pod-3")


async def test_a_publish_that_only_the_lost_streams_knew_of_is_carried_out(
    nats_server: NatsServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit, "EVERY", 0.5)
    async with house(nats_server.url, tmp_path) as home:
        home.site(FIRST).vm("golden", raw(8))
        version = await home.imported()
        await home.quiet()
        await home.stop("replicator")
        await home.publish("1.0.0")
        await until(lambda: _all_said(home))
        nats_server.kill()
        shutil.rmtree(nats_server.folder / "js")
        nats_server.start()
        async with outsider(nats_server.url):
            pass  # which brings the server to the topology, as `imprint admin topology apply` does
        await home.start("replicator")
        await until(lambda: _available(home, version.id), timeout=60)
        for pod in PODS:
            assert home.site(pod).holds(version.id, version.manifest)


async def _all_said(home: House) -> bool:
    (last,) = await home.running["catalog"].reader.rows("SELECT max(n) FROM outbox")
    return bool(await home.running["catalog"].store.sent_through() == last[0])


async def _available(home: House, version: str) -> Any:
    with suppress(NatsError, TimeoutError):
        copies = await home.copies(version)
        return len(copies) == len(PODS) and all(copy.state == "AVAILABLE" for copy in copies.values())
    return False
