"""What all tests share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.nats import NatsServer, server_url


@pytest.fixture
def nats_url(tmp_path: Path) -> Iterator[str]:
    """The URL of a real, empty nats-server with JetStream, for this test alone."""
    folder = tmp_path / "nats"
    folder.mkdir()
    with server_url(folder) as url:
        yield url


@pytest.fixture
def nats_server(tmp_path: Path) -> Iterator[NatsServer]:
    """A nats-server that the test may kill and start again; always our own binary."""
    folder = tmp_path / "nats"
    folder.mkdir()
    server = NatsServer(folder).start()
    yield server
    server.stop()
