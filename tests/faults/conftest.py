"""The guarded server, for one test; and disks and pods for tests of what a failing machine does to them."""

import os
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "connector"))

from pods import Hub, Pod, served

from faults.disks import MIB, Scene, scene
from faults.guarded import Guarded, guarded


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Guarded]:
    async with guarded(tmp_path / "guarded") as found:
        yield found


@pytest.fixture
def source(tmp_path: Path) -> Iterator[Pod]:
    """A pod with its door open."""
    pod = Pod("source", tmp_path / "source", Hub(tmp_path))
    with served(pod):
        yield pod
    pod.backend.close()


@pytest.fixture
def scenes(tmp_path: Path, source: Pod) -> Callable[..., Scene]:
    """Makes targets for a version, by default of a disk of 6 MiB and a bit, with a hole in it; each has its own."""
    made: list[Scene] = []

    def make(content: bytes = b"") -> Scene:
        content = content or os.urandom(2 * MIB) + bytes(MIB) + os.urandom(3 * MIB + 1234)
        made.append(scene(tmp_path / f"scene-{len(made)}", content, source, f"disk-{len(made)}"))
        return made[-1]

    return make
