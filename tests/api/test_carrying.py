"""Bodies on their way through the door, from clients that are slow in one way or another."""

import asyncio
from typing import Any

import pytest

from gateway import carrying
from gateway.carrying import GoneError, coming


def client(pieces: int, size: int, pause: float) -> Any:
    """Gives so many pieces, each after a pause."""
    left = pieces

    async def receive() -> dict[str, Any]:
        nonlocal left
        left -= 1
        await asyncio.sleep(pause)
        return {"type": "http.request", "body": b"x" * size, "more_body": left > 0}

    return receive


async def test_a_client_that_drips_counts_as_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(carrying, "SILENCE", 0.2)
    with pytest.raises(GoneError, match="drips"):
        _ = [piece async for piece in coming(client(1000, 1, 0.01))]


async def test_a_client_that_is_merely_slow_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(carrying, "SILENCE", 0.2)
    found = [piece async for piece in coming(client(50, 4096, 0.01))]
    assert sum(map(len, found)) == 50 * 4096
