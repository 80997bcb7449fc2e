"""The guarded server, for one test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from faults.guarded import Guarded, guarded


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Guarded]:
    async with guarded(tmp_path / "guarded") as found:
        yield found
