"""Everything on one machine, with real processes."""

import asyncio
import os
import signal
import socket
import stat
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from cli.responder import Answer, serving
from contracts.permissions import clients
from harness.wait import until
from imprint.__main__ import main
from imprint.client import Client
from imprint.local import installation as module
from imprint.local import keys, ports
from imprint.local.broker import BrokerError, answers
from imprint.local.installation import Installation, InstallationError
from runtime.enrolment import EnrolmentSigner
from runtime.settings import PREFIX, Settings, load
from runtime.signing import PrivateKey


def settings_of(package: str) -> type[Settings]:
    """The settings class of a service."""
    found = [
        kind
        for kind in vars(import_module(f"{package}.settings")).values()
        if isinstance(kind, type) and issubclass(kind, Settings) and kind.__module__ == f"{package}.settings"
    ]
    assert len(found) == 1
    return found[0]


async def is_ready(client: Client) -> bool:
    """Whether the gateway says that all is well."""
    return not await client.unready()


def prepared(folder: Path, pods: int = 2, **more: Any) -> Installation:
    """An installation that has its secrets and its port, and does not run."""
    installation = Installation(folder, pods=pods, port=8080, **more)
    keys.make(folder / "keys", installation.clients)
    ports.remembered(folder / "nats" / "port")
    return installation


@pytest.mark.slow
async def test_it_starts_repairs_itself_and_stops_without_a_trace(tmp_path: Path) -> None:
    said: list[str] = []
    async with Installation(tmp_path, pods=2, port=ports.any_free(), notice=said.append) as installation:
        pids = {name: child.pid for name, child in installation.children.items()}
        assert list(pids) == [
            "nats", "catalog", "replicator", "sharing", "notifier", "pod-1", "pod-2", "gateway"
        ]  # fmt: skip
        assert (tmp_path / "address").read_text().strip() == installation.url
        with pytest.raises(InstallationError, match="already"):
            await Installation(tmp_path, pods=1).__aenter__()
        async with installation.client() as client:
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
async def test_a_pod_that_drains_or_was_removed_does_not_hold_the_start_up_and_returns_with_a_new_token(
    tmp_path: Path,
) -> None:
    async with Installation(tmp_path, pods=2, notice=lambda _: None) as house, house.client() as client:
        await client.set_pod_state("pod-1", "drain")
        await client.set_pod_state("pod-2", "remove")
        enrolment = await client.enroll_pod("pod-2", {"region": "eu"}, hours=1.0)
    said: list[str] = []
    async with Installation(tmp_path, pods=2, notice=said.append) as house, house.client() as client:
        assert {pod.name: pod.state for pod in await client.pods()} == {"pod-1": "DRAINING", "pod-2": "REMOVED"}
    assert said == ["pod-2 was removed and is left alone; to have it back: imprint pod enroll pod-2"]
    (tmp_path / "keys" / "connector-pod-2" / keys.ENROLMENT).write_text(enrolment.token)
    async with Installation(tmp_path, pods=2, notice=lambda _: None) as house, house.client() as client:
        found = client

        async def is_back() -> bool:
            return (await found.pod("pod-2")).state == "CONNECTED"

        await until(is_back)
        assert (await client.pod("pod-2")).labels == {"region": "eu"}


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
            async with installation.client() as client:
                assert [pod.name for pod in await client.pods()] == ["pod-1"]
        assert other.asked == []


def test_every_variable_given_to_a_process_is_one_that_it_reads(tmp_path: Path) -> None:
    children = [child for group in prepared(tmp_path).services() for child in group]
    names = [child.name for child in children]
    assert names == ["catalog", "replicator", "sharing", "notifier", "pod-1", "pod-2", "gateway"]
    for child in children:
        kind = settings_of(child.command[-1])
        given = {name.removeprefix(PREFIX).lower() for name in child.environment if name.startswith(PREFIX)}
        assert given <= set(kind.__struct_fields__), child.name
        load(kind, child.environment)


def test_every_process_gets_its_own_login_and_no_other_secret(tmp_path: Path) -> None:
    children = [child for group in prepared(tmp_path).services() for child in group]
    for child in children:
        user = f"connector-{child.name}" if child.name.startswith("pod-") else child.name
        assert child.environment["IMPRINT_NATS_USER"] == user
        secrets = [value for value in child.environment.values() if str(tmp_path / "keys") in value]
        assert secrets
        assert {Path(secret).parent.name for secret in secrets} == {user}
        assert all(Path(secret).exists() for secret in secrets)


def test_settings_of_the_caller_do_not_leak_into_the_services(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMPRINT_HEALTH_PORT", "1")
    groups = prepared(tmp_path, pods=1).services()
    assert not [child for group in groups for child in group if "IMPRINT_HEALTH_PORT" in child.environment]


def test_networks_for_webhooks_are_the_notifiers_alone(tmp_path: Path) -> None:
    groups = prepared(tmp_path, hook_networks=["127.0.0.0/8", "10.1.0.0/16"]).services()
    told = {
        child.name: load(settings_of("notifier"), child.environment)
        for group in groups
        for child in group
        if "IMPRINT_HOOK_NETWORKS" in child.environment
    }
    assert list(told) == ["notifier"]
    assert told["notifier"].hook_networks == "127.0.0.0/8,10.1.0.0/16"
    result = CliRunner().invoke(main, ["up", "--hook-network", "home"])
    assert (result.exit_code, "--hook-network" in result.output) == (2, True)


def test_each_private_key_is_given_to_the_one_that_signs_with_it(tmp_path: Path) -> None:
    groups = prepared(tmp_path, pods=1).services()
    children = [child for group in groups for child in group]
    for key, owner in {
        "replicator/ticket": "replicator",
        "catalog/manifest": "catalog",
        "connector-pod-1/door.key": "pod-1",
        "gateway/door.key": "gateway",
        "gateway/https.key": "gateway",
        "sharing/admin-token.sha256": "sharing",
    }.items():
        file = str(tmp_path / "keys" / key)
        assert [child.name for child in children if file in child.environment.values()] == [owner]
    assert not [child for child in children if "authority.key" in " ".join(child.environment.values())]


def test_secrets_are_made_once_and_for_the_owner_alone(tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    everyone = clients(["pod-1", "pod-2"], ["jenkins"])
    keys.make(folder, everyone)
    before = contents(folder)
    keys.make(folder, everyone)
    assert contents(folder) == before
    assert set(before) == {
        "nats/accounts.conf",
        "replicator/ticket",
        "replicator/ticket.pub",
        "catalog/manifest",
        "catalog/manifest.pub",
        "authority/authority.key",
        "authority/authority.crt",
        "authority/https.key",
        "authority/https.crt",
        "gateway/https.key",
        "gateway/https.crt",
        "gateway/https-authority.crt",
        "admin/https-authority.crt",
        "admin/token",
        "sharing/admin-token.sha256",
        *(f"connector-{pod}/enrolment" for pod in ("pod-1", "pod-2")),
        *(f"connector-{pod}/{name}.pub" for pod in ("pod-1", "pod-2") for name in ("ticket", "manifest")),
        *(
            f"{client}/{name}"
            for client in ("connector-pod-1", "connector-pod-2", "gateway")
            for name in ("door.key", "door.crt", "authority.crt")
        ),
        *(f"{client.name}/nats-password" for client in everyone),
    }
    for name in before:
        if name not in {"replicator/ticket.pub", "catalog/manifest.pub"}:
            assert stat.S_IMODE((folder / name).stat().st_mode) == 0o600, name
    for path in (folder, *(path for path in folder.iterdir())):
        assert stat.S_IMODE(path.stat().st_mode) == 0o700
    passwords = [text for name, text in before.items() if name.endswith("nats-password")]
    assert len(set(passwords)) == len(everyone)
    assert all(len(text.strip()) >= 32 for text in passwords)


def test_a_pod_that_is_named_may_join_and_a_lost_or_foreign_token_is_made_anew(tmp_path: Path) -> None:
    keys.make(tmp_path, clients(["pod-1"]))
    signer = EnrolmentSigner(PrivateKey.open(tmp_path / "replicator" / "ticket"))
    file = tmp_path / "connector-pod-1" / "enrolment"
    now = datetime.now(UTC)
    assert signer.check(file.read_text().strip(), now).pod == "pod-1"
    other = EnrolmentSigner(PrivateKey.open(tmp_path / "other"))
    for wrong in ("", "nonsense", other.token("pod-1", {}, now, now + timedelta(days=1))):
        file.write_text(wrong)
        keys.make(tmp_path, clients(["pod-1"]))
        assert signer.check(file.read_text().strip(), now).pod == "pod-1"


def test_who_is_no_longer_named_is_not_let_in_and_keeps_its_password_for_later(tmp_path: Path) -> None:
    keys.make(tmp_path, clients(["pod-1", "pod-2"]))
    before = contents(tmp_path)
    keys.make(tmp_path, clients(["pod-1"]))
    now = contents(tmp_path)
    assert now["connector-pod-2/nats-password"] == before["connector-pod-2/nats-password"]
    assert '"connector-pod-1"' in now["nats/accounts.conf"]
    assert "connector-pod-2" not in now["nats/accounts.conf"]
    keys.make(tmp_path, clients(["pod-1", "pod-2"]))
    assert contents(tmp_path) == before


def test_a_password_file_that_is_empty_gets_a_password(tmp_path: Path) -> None:
    (tmp_path / "catalog").mkdir()
    (tmp_path / "catalog" / "nats-password").write_text("\n")
    keys.make(tmp_path, clients([]))
    assert contents(tmp_path)["catalog/nats-password"].strip()
    assert 'password: ""' not in contents(tmp_path)["nats/accounts.conf"]


@pytest.mark.parametrize("arguments", [["up", "--intake", "a.b"], ["admin", "keys", "x", "--pod", "Pod/1"]])
def test_a_name_that_fits_no_subject_is_refused(arguments: list[str]) -> None:
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 2
    assert "lower-case letters" in result.output


def contents(folder: Path) -> dict[str, str]:
    """Every file below ``folder``."""
    return {str(file.relative_to(folder)): file.read_text() for file in folder.rglob("*") if file.is_file()}


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
