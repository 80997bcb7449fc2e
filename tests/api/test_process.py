"""The door as a process of its own: how it starts, how it stops, and how much memory it takes."""

import asyncio
import signal
import socket
from pathlib import Path

import httpx
import psutil
import pytest

from api.backend import TOKEN, Backend
from api.listening import listen
from api.processes import address, process

BEARER = {"Authorization": f"Bearer {TOKEN}"}
MIB = 1024 * 1024
IDLE = 90 * MIB
"""The most memory that an idle door may take."""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_open_streams_and_then_the_process_in_order(
    services: Backend, nats_url: str, tmp_path: Path, number: signal.Signals
) -> None:
    folder = tmp_path / "door"
    async with (
        process(folder, nats_url) as door,
        httpx.AsyncClient(base_url=await address(folder), headers=BEARER, timeout=30, trust_env=False) as http,
    ):
        assert (await http.get("/health/ready")).json()["ready"] is True
        async with listen(http) as listener:
            door.send_signal(number)
            assert await listener.next() is None
            assert listener.comments[-1].startswith("closing")
        assert await door.wait() == 0
        assert door.stderr is not None
        assert b"Traceback" not in await door.stderr.read()
    assert not (folder / "address").exists()


async def test_an_idle_door_is_small(services: Backend, nats_url: str, tmp_path: Path) -> None:
    folder = tmp_path / "door"
    async with (
        process(folder, nats_url) as door,
        httpx.AsyncClient(base_url=await address(folder), headers=BEARER, timeout=30, trust_env=False) as http,
    ):
        for path in ("/v1/images", "/openapi.json", "/health/ready"):
            assert (await http.get(path)).status_code == 200
        assert psutil.Process(door.pid).memory_info().rss <= IDLE


async def test_without_settings_it_says_which_one_is_missing_and_ends(tmp_path: Path) -> None:
    async with process(tmp_path, "nats://127.0.0.1:1", IMPRINT_PORT="http") as door:
        _, errors = await door.communicate()
    assert door.returncode == 1
    assert errors.decode().strip() == "IMPRINT_PORT is missing or has an unusable value"


async def test_on_a_port_that_is_taken_it_says_so_and_ends(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        async with process(tmp_path, "nats://127.0.0.1:1", IMPRINT_PORT=port) as door:
            _, errors = await door.communicate()
    assert door.returncode == 1
    assert b"cannot_start" in errors
    assert b"Traceback" not in errors


async def test_a_signal_while_the_broker_is_not_there_yet_ends_the_process(tmp_path: Path) -> None:
    async with process(tmp_path, "nats://127.0.0.1:1") as door:
        assert door.stderr is not None
        assert b"nats" in await door.stderr.readline()
        door.send_signal(signal.SIGTERM)
        async with asyncio.timeout(20):
            assert await door.wait() == 0
