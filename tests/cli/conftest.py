"""What the tests of the command line share."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cli.responder import Gateway, serving
from imprint.__main__ import main

Imprint = Callable[..., Result]


@pytest.fixture(autouse=True)
def nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A folder and an environment in which no server is known."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("IMPRINT_SERVER", raising=False)


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    """Something that answers as the gateway does."""
    with serving() as found:
        yield found


@pytest.fixture
def imprint(gateway: Gateway) -> Imprint:
    """Runs the command against the responder."""

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(main, ["--server", gateway.url, *arguments])

    return run
