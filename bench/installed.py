"""K3, K4 and K5: latency, memory and start-up of a whole installation with real connectors."""

import asyncio
import json
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

import psutil

from bench.processes import module, nats_server, wait_for
from bench.report import Figure, median
from bench.sagas import Bench
from imprint.local import ports
from imprint.local.installation import Installation
from runtime.requests import Requests
from runtime.topology import apply

QUIET = 1.0
"""Seconds before each idle publish: the pods tell their new inventory half a second after a copy."""


def source_vm(root: Path) -> None:
    """A VM with one tiny disk on a pod with the directory backend."""
    folder = root / "vms" / "golden"
    folder.mkdir(parents=True)
    (folder / "os.raw").write_bytes(bytes(range(256)) * 256)
    disk = {"file": "os.raw", "format": "raw", "role": "os", "lun": 0}
    (folder / "vm.json").write_text(json.dumps({"name": "golden", "os_type": "linux", "power": "off", "disks": [disk]}))


async def idle_publishes(count: int) -> tuple[list[float], dict[str, float]]:
    """Seconds of each of ``count`` publishes, one at a time; and MiB resident of each process before them, idle."""
    with tempfile.TemporaryDirectory(prefix="imprint-bench-") as name:
        async with Installation(Path(name), pods=3) as installation:
            source_vm(installation.pod_root("pod-1"))
            await asyncio.sleep(3)
            resident = {
                child.name: psutil.Process(child.pid).memory_info().rss / 2**20
                for child in installation.children.values()
            }
            async with Requests.connect(installation.settings_of("gateway"), "bench") as requests:
                import nats

                from runtime.connection import options

                client = await nats.connect(**options(installation.settings, "bench-events"))
                bench = Bench(requests, client, [])
                numbers = await bench.import_versions("default/tiny", count + 3)
                took = []
                for number in numbers:
                    await asyncio.sleep(QUIET)
                    took.append(await bench.publish_one("default/tiny", number))
                await client.close()
    return took[3:], resident


def memory(resident: dict[str, float]) -> list[Figure]:
    """K4: the largest service, and the gateway."""
    services = {name: size for name, size in resident.items() if name not in ("nats", "gateway")}
    largest = max(services, key=lambda name: services[name])
    return [
        Figure(
            id="K4",
            measure="resident memory at idle: largest service / gateway",
            value=f"{services[largest]:.0f} / {resident['gateway']:.0f}",
            unit="MiB",
            reach="<= 60 / 90 MiB",
            baseline="none",
            rounds=1,
            note=", ".join(f"{name} {size:.0f}" for name, size in sorted(resident.items())),
        )
    ]


def start_up(rounds: int) -> Figure:
    """K5: from process start to ready, the catalog with a database that exists already."""
    took = []
    with tempfile.TemporaryDirectory(prefix="imprint-bench-") as name:
        folder = Path(name)
        with nats_server(folder, "always") as (_, url):
            asyncio.run(_apply(url))
            for _ in range(rounds + 1):
                port = ports.any_free()
                start = time.perf_counter()
                running = module("catalog", folder, data=str(folder / "catalog"), nats_url=url, health_port=str(port))
                wait_for(lambda port=port: _ready(port))
                took.append(time.perf_counter() - start)
                running.stop()
    return Figure(
        id="K5",
        measure="start-up of a service, process start to ready (the catalog)",
        value=median(took[1:]),
        unit="s",
        reach="<= 1.5 s",
        baseline="none",
        rounds=rounds,
        spread=(min(took[1:]), max(took[1:])),
    )


async def _apply(url: str) -> None:
    import nats

    client = await nats.connect(url)
    await apply(client)
    await client.close()


def _ready(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health/ready", timeout=1) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False
