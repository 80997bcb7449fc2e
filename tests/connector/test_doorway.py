"""The address of a door: kept over restarts, with the certificate's scheme, and what happens when the port is taken."""

import socket
from pathlib import Path
from typing import Any

import pytest

from connector.doorway import PORT, doorway, identity_of
from connector.settings import ConnectorSettings
from connector.transfer.entry import NotAdmittedError
from connector.transfer.identity import IdentityError
from connector.transfer.server import Door
from runtime.settings import SettingsError, load


class Empty:
    """A shelf without anything."""

    def open(self, root: str) -> None:
        return None


def nobody(*_: object) -> Any:
    raise NotAdmittedError(401, "nobody is let in")


def door_at(port: int) -> Door:
    return Door(Empty(), nobody, "127.0.0.1", port)


def settings(folder: Path, **more: Any) -> ConnectorSettings:
    return ConnectorSettings(
        data=str(folder), pod="pod-1", root="unused", ticket_key_file="unused", manifest_key_file="unused", **more
    )


async def test_a_door_is_opened_where_it_was_before(tmp_path: Path) -> None:
    async with doorway(settings(tmp_path), door_at) as first:
        pass
    async with doorway(settings(tmp_path), door_at) as second:
        assert second == first
        assert second.startswith("http://127.0.0.1:")


async def test_where_another_program_took_the_port_the_door_moves_for_good(tmp_path: Path) -> None:
    async with doorway(settings(tmp_path), door_at) as first:
        pass
    with socket.socket() as other:
        other.bind(("127.0.0.1", int(first.rpartition(":")[2])))
        other.listen()
        async with doorway(settings(tmp_path), door_at) as second:
            assert second != first
    async with doorway(settings(tmp_path), door_at) as third:
        assert third == second


@pytest.mark.parametrize("content", ["", "no number", "80", "70000"])
async def test_a_port_that_cannot_be_ours_is_not_taken_from_the_file(tmp_path: Path, content: str) -> None:
    (tmp_path / PORT).write_text(content)
    async with doorway(settings(tmp_path), door_at) as address:
        assert (tmp_path / PORT).read_text().strip() == address.rpartition(":")[2]


async def test_a_port_that_was_asked_for_is_taken_or_nothing(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        asked = settings(tmp_path, data_port=other.getsockname()[1])
        with pytest.raises(OSError, match="in use"):
            async with doorway(asked, door_at):
                pass
    assert not (tmp_path / PORT).exists()


async def test_what_is_advertised_may_be_another_address(tmp_path: Path) -> None:
    async with doorway(settings(tmp_path, advertise="https://pod-1:8082"), door_at) as address:
        assert address == "https://pod-1:8082"


def test_a_certificate_without_its_key_is_refused_by_name() -> None:
    environment = {
        f"IMPRINT_{name}": "there"
        for name in ("DATA", "ROOT", "TICKET_KEY_FILE", "MANIFEST_KEY_FILE", "CERTIFICATE_FILE")
    } | {"IMPRINT_POD": "pod-1"}
    with pytest.raises(SettingsError, match="certificate_file, private_key_file and authority_file go together"):
        load(ConnectorSettings, environment)


def test_a_certificate_that_is_not_there_is_named(tmp_path: Path) -> None:
    files = {name: str(tmp_path / name) for name in ("certificate_file", "private_key_file", "authority_file")}
    with pytest.raises(IdentityError, match="certificate_file"):
        identity_of(settings(tmp_path, **files))
    assert identity_of(settings(tmp_path)) is None
