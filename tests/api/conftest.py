"""A real door in front of a real server, with canned services behind it: for one test, or for a whole table of them."""

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import httpx
import nats
import pytest
import pytest_asyncio

from api.backend import Backend, backend
from api.house import House, client_of
from api.listening import Speaker, speaker
from contracts.topology import STREAM_BY_NAME
from gateway.server import Gateway, gateway
from gateway.settings import GatewaySettings
from harness.nats import server_url
from runtime.topology import stream_config

SERVICES = ("catalog", "replicator", "sharing", "notifier")


async def add_streams(url: str) -> None:
    """Make the stream of events."""
    client = await nats.connect(url)
    await client.jetstream().add_stream(stream_config(STREAM_BY_NAME["EVENTS"]))
    await client.close()


@pytest.fixture
async def streams(nats_url: str) -> str:
    """The URL of a server that has the stream of events."""
    await add_streams(nats_url)
    return nats_url


@pytest.fixture
async def services(streams: str) -> AsyncIterator[Backend]:
    """The services behind the door."""
    async with backend(streams, *SERVICES) as found:
        yield found


@pytest.fixture
def settings(tmp_path: Path, nats_url: str) -> GatewaySettings:
    """Settings of the door under test."""
    return GatewaySettings(
        data=str(tmp_path / "gateway"), nats_url=nats_url, port=0, plain_http=True, request_timeout=5.0
    )


@pytest.fixture
async def door(settings: GatewaySettings, services: Backend) -> AsyncIterator[Gateway]:
    """The door under test."""
    async with gateway(settings) as found:
        yield found


@pytest.fixture
async def http(door: Gateway) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the door."""
    async with client_of(door) as client:
        yield client


@pytest.fixture
async def say(services: Backend, nats_url: str) -> AsyncIterator[Speaker]:
    """One who says events and progress."""
    async with speaker(nats_url) as found:
        yield found


# --- one door for all tests of a module (they are marked with the module's event loop) --------------------------------


@pytest.fixture(scope="module")
def module_nats(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a real server for the tests of a module."""
    with server_url(tmp_path_factory.mktemp("nats")) as url:
        yield url


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def standing(module_nats: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    """A house that stands for a module."""
    folder = str(tmp_path_factory.mktemp("gateway"))
    settings = GatewaySettings(data=folder, nats_url=module_nats, port=0, plain_http=True, request_timeout=5.0)
    async with AsyncExitStack() as stack:
        await add_streams(module_nats)
        services = await stack.enter_async_context(backend(module_nats, *SERVICES))
        door = await stack.enter_async_context(gateway(settings))
        http = await stack.enter_async_context(client_of(door))
        yield House(door, http, services)


@pytest_asyncio.fixture(loop_scope="module")
async def house(standing: House) -> House:
    """The module's house, as if new: nothing was asked, and the answers are the canned ones."""
    standing.services.reset()
    return standing
