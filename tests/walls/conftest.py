"""One land for all tests of the walls."""

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio
from msgspec.structs import replace

from gateway.server import gateway
from harness.house import HUB, house
from harness.nats import server_url
from notifier.definition import definition
from notifier.settings import NotifierSettings
from runtime.service import service
from walls.doorway import Door, opened
from walls.land import Land, settled


@pytest.fixture(scope="package")
def walls_nats_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a real nats-server for the tests of the walls."""
    with server_url(tmp_path_factory.mktemp("nats")) as url:
        yield url


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def land(walls_nats_url: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Land]:
    """A house with three pods and a notifier, and the land in it."""
    folder = tmp_path_factory.mktemp("house")
    notifier = NotifierSettings(data=str(folder / "notifier"), nats_url=walls_nats_url)
    async with house(walls_nats_url, folder, pods=3) as home, service(definition(notifier), notifier):
        yield await settled(home)


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def door(land: Land, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Door]:
    """A door in front of the land."""
    settings = replace(
        land.home.door_settings(tmp_path_factory.mktemp("door")),
        forwarded_for=True,
        hub_services=",".join((*HUB, "notifier")),
    )
    async with gateway(settings) as running, opened(land, running) as found:
        yield found
