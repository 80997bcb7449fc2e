"""What is measured: by the replicator for the house, by every service of itself, by the gateway of its own process.

A service that does not answer is itself a figure (``imprint_up`` 0); what only it knows is left out meanwhile.
"""

import asyncio
import os
import resource
import time
from math import inf
from pathlib import Path

from contracts.errors import Problem
from contracts.requests import Actor, GetHealth, GetMetrics, HealthView
from contracts.views import MetricsView
from gateway.exposition import Family, by, histogram, one, text
from gateway.live import Hub
from runtime.requests import Requests

KEPT = 5.0
"""Seconds for which figures are given again: several scrapers cost as much as one."""
PATIENCE = 1.0
"""Seconds that a service may take to say how it is."""
MEASURING = 5.0
"""Seconds that the replicator may take to count."""
_STARTED = time.time()
_PAGE = os.sysconf("SC_PAGE_SIZE")


async def health(requests: Requests, service: str, actor: Actor) -> HealthView | Problem:
    """How a service is; a Problem when it does not answer."""
    reply = await requests.ask(GetHealth(actor=actor), service=service, timeout=PATIENCE)
    if isinstance(reply, HealthView | Problem):
        return reply
    raise TypeError(f"health of {service} was answered with {type(reply).__name__}")


class Figures:
    """The text for scrapers, made anew when it is older than `KEPT` seconds."""

    def __init__(self, requests: Requests, hub: Hub, services: tuple[str, ...]) -> None:
        self._requests = requests
        self._hub = hub
        self._services = services
        self._made = -inf
        self._text = ""
        self._making = asyncio.Lock()

    async def text(self, actor: Actor) -> str:
        """What a scraper reads."""
        async with self._making:
            if time.monotonic() - self._made >= KEPT:
                self._text = text(await self._measure(actor))
                self._made = time.monotonic()
            return self._text

    async def _measure(self, actor: Actor) -> list[Family]:
        asked = [health(self._requests, name, actor) for name in self._services]
        metrics = self._requests.ask(GetMetrics(actor=actor), timeout=MEASURING)
        found, *replies = await asyncio.gather(metrics, *asked)
        services = dict(zip(self._services, replies, strict=True))
        measured = house(found) if isinstance(found, MetricsView) else []
        return [*standing(services), *measured, *process(), *self._door()]

    def _door(self) -> list[Family]:
        return [
            one("imprint_gateway_streams", "gauge", "Clients that follow events.", self._hub.clients),
            one("imprint_gateway_live", "gauge", "Whether events come in.", int(self._hub.live)),
        ]


def standing(services: dict[str, HealthView | Problem]) -> list[Family]:
    """Which services answer, and which of them are ready."""
    up = {name: int(isinstance(reply, HealthView)) for name, reply in services.items()}
    ready = {name: int(isinstance(reply, HealthView) and reply.ready) for name, reply in services.items()}
    return [
        by("service", "imprint_up", "gauge", "Whether a service answers.", up),
        by("service", "imprint_ready", "gauge", "Whether a service's consumers and relay move.", ready),
    ]


def house(view: MetricsView) -> list[Family]:
    """What the replicator measures, over all tenants."""
    received = "Bytes that copies moved over the network, by the pod that served them."
    return [
        by("state", "imprint_copies", "gauge", "Copies by state.", view.copies),
        by("state", "imprint_pods", "gauge", "Pods by state.", view.pods),
        by("source", "imprint_copy_network_bytes_total", "counter", received, view.bytes_network),
        one("imprint_copy_reused_bytes_total", "counter", "Bytes that pods had already.", view.bytes_reused),
        one("imprint_lag_copies", "gauge", "Copies that are wanted and not AVAILABLE.", view.lag),
        one("imprint_lag_seconds", "gauge", "How long the oldest of them has been wanted.", view.lag_seconds),
        histogram(
            "imprint_converge_seconds", "Seconds from a publish to its last copy.", view.converged, view.converged_sum
        ),
        by("tenant", "imprint_queued_publishes", "gauge", "Publishes that wait, by tenant.", view.queued),
    ]  # fmt: skip


def process() -> list[Family]:
    """What this process takes, under the names that every exporter uses."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    found = [
        one("process_cpu_seconds_total", "counter", "CPU seconds spent.", used.ru_utime + used.ru_stime),
        one("process_start_time_seconds", "gauge", "When the process began, in seconds since 1970.", _STARTED),
    ]
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        files = len(os.listdir("/proc/self/fd"))
    except FileNotFoundError:  # no Linux
        return found
    return [
        *found,
        one("process_resident_memory_bytes", "gauge", "Bytes of memory in use.", pages * _PAGE),
        one("process_open_fds", "gauge", "Open files and connections.", files),
    ]
