"""Everything on one machine, with real processes."""

import asyncio
import os
import signal
import socket
import stat
from importlib import import_module
from pathlib import Path

import pytest

from cli.responder import Answer, serving
from harness.wait import until
from imprint.client import Client
from imprint.local import installation as module
from imprint.local import keys, ports
from imprint.local.broker import BrokerError, answers
from imprint.local.installation import Installation, InstallationError
from runtime.settings import PREFIX, Settings, load


def settings_of(package: str) -> type[Settings]:
    """The settings class of a service."""
    found = [
        kind
        for kind in vars(import_module(f"{package}.settings")).values()
        if isinstance(kind, type) and issubclass(kind, Settings) and kind is not Settings
    ]
    assert len(found) == 1
    return found[0]


async def is_ready(client: Client) -> bool:
    """Whether the gateway says that all is well."""
    return not await client.unready()


@pytest.mark.slow
async def test_it_starts_repairs_itself_and_stops_without_a_trace(tmp_path: Path) -> None:
    said: list[str] = []
    async with Installation(tmp_path, pods=2, port=ports.any_free(), notice=said.append) as installation:
        pids = {name: child.pid for name, child in installation.children.items()}
        assert list(pids) == ["nats", "catalog", "replicator", "sharing", "pod-1", "pod-2", "gateway"]
        assert (tmp_path / "address").read_text().strip() == installation.url
        with pytest.raises(InstallationError, match="already"):
            await Installation(tmp_path, pods=1).__aenter__()
        async with Client(installation.url) as client:
            assert [pod.name for pod in await client.pods()] == ["pod-1", "pod-2"]
            child, old = installation.children["catalog"], pids["catalog"]
            assert old is not None
            child.send(signal.SIGKILL)
            await until(lambda: child.pid not in (None, old))
            await until(lambda: is_ready(client))
        assert [line.split(" (")[0] for line in said] == ["catalog was ended by SIGKILL; starting it again in 0.5 s"]
    for name, pid in pids.items():
        assert pid is not None
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
        assert installation.children[name].pid is None
    assert not (tmp_path / "address").exists()


@pytest.mark.slow
async def test_it_never_takes_another_programs_gateway_for_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving() as other:
        other.on("GET", "/health/ready", Answer(body={"ready": True}))
        monkeypatch.setattr(module, "PORT", int(other.url.rpartition(":")[2]))
        first = iter([True])  # the port seems free when it is chosen, and is taken when it is used
        really = ports.is_free
        monkeypatch.setattr(ports, "is_free", lambda port: next(first, False) or really(port))
        async with Installation(tmp_path, pods=1, notice=lambda _: None) as installation:
            assert installation.url != other.url
            async with Client(installation.url) as client:
                assert [pod.name for pod in await client.pods()] == ["pod-1"]
        assert other.asked == []


def test_every_variable_given_to_a_process_is_one_that_it_reads(tmp_path: Path) -> None:
    installation = Installation(tmp_path, pods=2, port=8080)
    keys.make(tmp_path / "keys")
    ports.remembered(tmp_path / "nats" / "port")
    children = [child for group in installation.services() for child in group]
    assert [child.name for child in children] == ["catalog", "replicator", "sharing", "pod-1", "pod-2", "gateway"]
    for child in children:
        kind = settings_of(child.command[-1])
        given = {name.removeprefix(PREFIX).lower() for name in child.environment if name.startswith(PREFIX)}
        assert given <= set(kind.__struct_fields__), child.name
        assert load(kind, child.environment).nats_user == "imprint"


def test_settings_of_the_caller_do_not_leak_into_the_services(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMPRINT_HEALTH_PORT", "1")
    keys.make(tmp_path / "keys")
    ports.remembered(tmp_path / "nats" / "port")
    groups = Installation(tmp_path, pods=1, port=8080).services()
    assert not [child for group in groups for child in group if "IMPRINT_HEALTH_PORT" in child.environment]


def test_only_the_replicator_gets_the_private_key(tmp_path: Path) -> None:
    keys.make(tmp_path / "keys")
    ports.remembered(tmp_path / "nats" / "port")
    private = str(tmp_path / "keys" / "ticket")
    groups = Installation(tmp_path, pods=2, port=8080).services()
    holders = [child.name for group in groups for child in group if private in child.environment.values()]
    assert holders == ["replicator"]


def test_secrets_are_made_once_and_for_the_owner_alone(tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    keys.make(folder)
    before = {file.name: file.read_bytes() for file in folder.iterdir()}
    keys.make(folder)
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == before
    assert set(before) == {"nats-password", "ticket", "ticket.pub"}
    for name in ("nats-password", "ticket"):
        assert stat.S_IMODE((folder / name).stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    keys.share(folder, tmp_path / "pods")
    assert {file.name for file in (tmp_path / "pods").iterdir()} == {"nats-password", "ticket.pub"}


async def test_a_port_that_was_asked_for_and_is_taken_is_refused(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(InstallationError, match="is taken"):
            async with Installation(tmp_path, port=taken.getsockname()[1]):
                pass


def test_a_port_is_remembered_as_long_as_it_is_free(tmp_path: Path) -> None:
    file = tmp_path / "port"
    first = ports.remembered(file)
    assert ports.remembered(file) == first
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", first))
        taken.listen()
        assert ports.remembered(file) != first
    file.write_text("nonsense")
    assert ports.is_free(ports.remembered(file))


async def test_something_else_on_the_port_is_no_nats_server() -> None:
    async def hello(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail\r\n")
        writer.close()

    server = await asyncio.start_server(hello, "127.0.0.1", 0)
    async with server:
        with pytest.raises(BrokerError, match="not a NATS server"):
            await answers("127.0.0.1", server.sockets[0].getsockname()[1], timeout=1)
    with pytest.raises(BrokerError, match="does not answer"):
        await answers("127.0.0.1", ports.any_free(), timeout=0.1)
