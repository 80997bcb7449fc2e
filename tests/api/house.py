"""A door, a client of it, and the services behind it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx

from api.backend import Backend
from gateway.server import Gateway


@dataclass(frozen=True)
class House:
    """What a test talks to, and what stands behind it."""

    door: Gateway
    http: httpx.AsyncClient
    services: Backend


@asynccontextmanager
async def client_of(door: Gateway) -> AsyncIterator[httpx.AsyncClient]:
    """An HTTP client of a door."""
    async with httpx.AsyncClient(base_url=door.url, timeout=20, trust_env=False) as client:
        yield client
