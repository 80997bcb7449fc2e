"""What the tests of the sagas share."""

import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

# Hand-made disk images are kept beside the tests of the connector, whose folder has the name of the package under test.
sys.path.insert(0, str(Path(__file__).parents[1] / "connector"))

from harness.house import House, house
from harness.nats import server_url


@pytest.fixture(scope="module")
def lasting_nats_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a real nats-server for the tests of one file."""
    with server_url(tmp_path_factory.mktemp("nats")) as url:
        yield url


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def home(lasting_nats_url: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    """A house with three pods for the tests of one file, each of which uses VMs and images of its own."""
    async with house(lasting_nats_url, tmp_path_factory.mktemp("house")) as found:
        yield found
