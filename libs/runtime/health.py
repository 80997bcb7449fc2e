"""Health: *live* while the loop turns, *ready* while consumers and relay move (a connection proves little, P2)."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

STUCK = 10.0
"""Seconds without progress after which a relay with waiting rows is not ready."""


class Health:
    """Collects what keeps a service from being ready; each check answers with a reason, or empty."""

    def __init__(self) -> None:
        self._checks: list[Callable[[], str]] = []

    def add(self, check: Callable[[], str]) -> None:
        """Ask ``check`` from now on."""
        self._checks.append(check)

    def reasons(self) -> tuple[str, ...]:
        """Why the service is not ready; empty when it is."""
        return tuple(reason for check in self._checks if (reason := check()))


@asynccontextmanager
async def listen(health: Health, host: str, port: int) -> AsyncIterator[None]:
    """Answer ``GET /health/live`` and ``/health/ready`` while the block runs, for probes; port 0 answers none."""
    if port == 0:
        yield
        return

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            line = await asyncio.wait_for(reader.readline(), 5.0)
            path = line.split(b" ")[1] if line.startswith(b"GET ") and line.count(b" ") >= 2 else b""
            reasons = health.reasons()
            status, body = {
                b"/health/live": ("200 OK", {"live": True}),
                b"/health/ready": (
                    "503 Service Unavailable" if reasons else "200 OK",
                    {"ready": not reasons, "reasons": reasons},
                ),
            }.get(path, ("404 Not Found", {}))
            data = json.dumps(body).encode()
            writer.write(
                f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(data)}\r\n"
                "Connection: close\r\n\r\n".encode()
                + data
            )
            await writer.drain()
        except (TimeoutError, ConnectionError, ValueError, asyncio.LimitOverrunError):
            return  # a probe that does not speak HTTP gets no answer
        finally:
            writer.close()

    server = await asyncio.start_server(answer, host, port, limit=8192)
    async with server:
        yield
