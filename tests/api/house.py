"""A door, a client of it, and the services behind it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from api.backend import TOKEN, Backend
from gateway.server import Gateway


@dataclass(frozen=True)
class House:
    """What a test talks to, and what stands behind it."""

    door: Gateway
    http: httpx.AsyncClient
    services: Backend


@asynccontextmanager
async def client_of(door: Gateway, token: str | None = TOKEN, **more: Any) -> AsyncIterator[httpx.AsyncClient]:
    """An HTTP client of a door; it shows a token, unless that is None."""
    headers = {} if token is None else {"authorization": f"Bearer {token}"}
    options = {"timeout": 20, "trust_env": False} | more
    async with httpx.AsyncClient(base_url=door.url, headers=headers, **options) as client:
        yield client
