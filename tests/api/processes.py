"""The door as a process of its own, as `imprint up` and a container run it."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from harness.wait import until


@asynccontextmanager
async def process(folder: Path, url: str, **more: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """``python -m gateway`` with these settings."""
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("IMPRINT_")},
        "IMPRINT_DATA": str(folder),
        "IMPRINT_NATS_URL": url,
        "IMPRINT_PORT": "0",
        "IMPRINT_PLAIN_HTTP": "true",
        "IMPRINT_LOG_FORMAT": "json",
        **more,
    }
    found = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "gateway", env=environment, stderr=asyncio.subprocess.PIPE
    )
    try:
        yield found
    finally:
        if found.returncode is None:
            found.kill()
        await found.wait()


async def address(folder: Path) -> str:
    """Where the process listens."""
    await until((folder / "address").exists)
    return (folder / "address").read_text().strip()
