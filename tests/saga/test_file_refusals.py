"""Disk files that are sent to pods that are away, or came back somewhere else."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from connector.doorway import PORT
from gateway.server import gateway
from harness.digests import sha256_of
from harness.house import TOKEN, House, house
from imprint import files
from imprint.client import Client
from imprint.exits import ImprintError
from saga.disks import raw
from saga.test_offline import OFTEN, THIRD, gone

CONTENT = raw(4)


@asynccontextmanager
async def client_of(home: House, folder: Path) -> AsyncIterator[Client]:
    async with gateway(home.door_settings(folder / "gateway")) as door, Client(door.url, token=TOKEN) as client:
        yield client


@pytest.fixture
def source(tmp_path: Path) -> Path:
    file = tmp_path / "late.raw"
    file.write_bytes(CONTENT)
    return file


async def test_a_file_that_an_absent_pod_could_not_take_is_taken_once_the_pod_is_back(
    nats_url: str, tmp_path: Path, source: Path
) -> None:
    async with house(nats_url, tmp_path, more=OFTEN) as home, client_of(home, tmp_path) as client:
        await gone(home, THIRD)
        with pytest.raises(ImprintError, match="pod_offline"):
            await files.upload(client, source, THIRD, "late.raw", lambda _, __: None)
        await home.start(THIRD)
        sent = await files.upload(client, source, THIRD, "late.raw", lambda _, __: None)
        assert sent.sha256 == sha256_of(CONTENT)


async def test_an_upload_goes_on_with_a_pod_that_has_moved(nats_url: str, tmp_path: Path, source: Path) -> None:
    class Killed(Exception):
        pass

    def kill(_: int, __: int) -> None:
        raise Killed

    async with house(nats_url, tmp_path, more=OFTEN) as home, client_of(home, tmp_path) as client:
        with pytest.raises(Killed):
            await files.upload(client, source, THIRD, "late.raw", kill)
        await gone(home, THIRD)
        (home.connector_settings(THIRD).folder / PORT).unlink()
        await home.start(THIRD)
        sent = await files.upload(client, source, THIRD, "late.raw", lambda _, __: None)
        assert sent.sha256 == sha256_of(CONTENT)
