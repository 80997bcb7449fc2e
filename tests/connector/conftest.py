"""What the connector's tests share.

Their folder has the name of the package under test, so its helpers are found by their own names.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from pods import Hub, Pod, served

from connector.transfer.identity import Identity


@pytest.fixture
def hub(tmp_path: Path) -> Hub:
    """The hub as pods know it: a key."""
    return Hub(tmp_path)


@pytest.fixture
def pods(tmp_path: Path, hub: Hub) -> Iterator[Callable[..., Pod]]:
    """Makes pods by name, by default with their doors open."""
    with ExitStack() as stack:

        def make(name: str, *, door: bool = True, identity: Identity | None = None) -> Pod:
            pod = Pod(name, tmp_path / name, hub, identity=identity)
            stack.callback(pod.backend.close)
            return stack.enter_context(served(pod)) if door else pod

        yield make
