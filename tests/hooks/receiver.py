"""A receiver of webhooks on this machine: keeps what it gets and answers as it is told."""

import asyncio
import base64
import hashlib
import hmac
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import msgspec
from aiohttp import web


@dataclass
class Receiver:
    """``answers`` are statuses for the next requests, then ``usual``; ``hold`` makes each wait while it is clear."""

    usual: int = 200
    answers: list[int] = field(default_factory=list)
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    hold: asyncio.Event = field(default_factory=asyncio.Event)
    headers: dict[str, str] = field(default_factory=dict)
    refuse: Callable[[dict[str, Any]], int | None] = lambda _: None
    port: int = 0
    knocks: int = 0

    def url(self, host: str = "127.0.0.1", scheme: str = "http") -> str:
        return f"{scheme}://{host}:{self.port}/hook"

    @property
    def bodies(self) -> list[Any]:
        return [msgspec.json.decode(body) for _, body in self.got]

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.knocks += 1
        body = await request.read()
        await self.hold.wait()
        self.paths.append(request.path)
        self.got.append(({name.lower(): value for name, value in request.headers.items()}, body))
        status = self.refuse(msgspec.json.decode(body)) or (self.answers.pop(0) if self.answers else self.usual)
        return web.Response(status=status, headers=self.headers, text="thanks")


@asynccontextmanager
async def receiving(
    handle: Callable[[web.Request], Awaitable[web.StreamResponse]] | None = None,
    *,
    tls: ssl.SSLContext | None = None,
    **given: Any,
) -> AsyncIterator[Receiver]:
    """A receiver that listens while the block runs."""
    receiver = Receiver(**given)
    receiver.hold.set()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handle or receiver.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
    await site.start()
    receiver.port = runner.addresses[0][1]
    try:
        yield receiver
    finally:
        receiver.hold.set()
        await runner.cleanup()


def signature(secret: str, headers: dict[str, str], body: bytes) -> str:
    """The signature that a receiver expects, made as the Standard Webhooks specification says."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = b".".join((headers["webhook-id"].encode(), headers["webhook-timestamp"].encode(), body))
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
