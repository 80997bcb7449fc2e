"""The certificate of the HTTP API: what is made where none is given, who believes in it, and how it is replaced."""

import asyncio
import shutil
import ssl
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from cli.test_installation import prepared
from gateway.tls import Certificate
from imprint import trust
from imprint.__main__ import main
from imprint.local import https
from imprint.local.authority import AuthorityError
from imprint.local.certificates import ISSUED, due, names, read

NOW = datetime.now(UTC).replace(microsecond=0)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folders of the authority and of the gateway, with what is made by itself."""
    https.make(tmp_path / "authority", tmp_path / "gateway", now=NOW)
    return tmp_path


def contents(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def certificate(folder: Path, shown: str = "shown.pem") -> Certificate:
    return Certificate(folder / "gateway" / https.CERTIFICATE, folder / "gateway" / https.KEY, folder / shown)


async def greeted(server: ssl.SSLContext, client: ssl.SSLContext, host: str | None) -> bytes:
    """What a client hears that calls a server by this name. Raises ssl.SSLError."""

    async def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"welcome")
        writer.close()

    async with await asyncio.start_server(greet, "127.0.0.1", 0, ssl=server) as listening:
        port = listening.sockets[0].getsockname()[1]
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=client, server_hostname=host)
        found = await reader.read(-1)
        writer.close()
        return found


def strict(file: Path) -> ssl.SSLContext:
    context = trust.vouched(file)
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    return context


@pytest.mark.parametrize("host", https.NAMES)
async def test_who_trusts_the_authority_believes_in_the_door_under_each_of_its_names(folder: Path, host: str) -> None:
    client = strict(folder / "gateway" / https.TRUST)
    assert await greeted(certificate(folder).context, client, host) == b"welcome"


@pytest.mark.parametrize("host", ["imprint.test", "127.0.0.2"])
async def test_nobody_believes_in_it_under_another_name(folder: Path, host: str) -> None:
    with pytest.raises(ssl.SSLError):
        await greeted(certificate(folder).context, strict(folder / "gateway" / https.TRUST), host)


async def test_the_authority_can_vouch_for_nothing_but_the_doors_names(folder: Path) -> None:
    client = strict(folder / "gateway" / https.TRUST)
    https.make(folder / "authority", folder / "gateway", ["imprint.test"], NOW)
    assert names_of(folder) == ["imprint.test"]
    with pytest.raises(ssl.SSLError, match="permitted subtree"):
        await greeted(certificate(folder).context, client, "imprint.test")
    again = strict(folder / "gateway" / https.TRUST)
    assert await greeted(certificate(folder).context, again, "imprint.test") == b"welcome"


def names_of(folder: Path) -> list[str]:
    found = read(folder / "gateway" / https.CERTIFICATE)
    assert found is not None
    return names(found)


def test_what_is_there_and_good_stays_and_what_is_due_is_made_anew_with_the_same_key(folder: Path) -> None:
    before = contents(folder)
    https.make(folder / "authority", folder / "gateway", now=NOW)
    assert contents(folder) == before
    later = NOW + ISSUED - timedelta(days=100)
    https.make(folder / "authority", folder / "gateway", now=later)
    changed = {name for name, content in contents(folder).items() if content != before[name]}
    assert changed == {"gateway/https.crt"}
    renewed = read(folder / "gateway" / https.CERTIFICATE)
    assert renewed is not None
    assert not due(renewed, later)


def test_secrets_are_for_their_owner_alone_and_a_key_that_others_read_is_not_used(folder: Path) -> None:
    for file in folder.rglob("*.key"):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    (folder / "gateway" / https.KEY).chmod(0o644)
    with pytest.raises(AuthorityError, match="chmod 600"):
        https.make(folder / "authority", folder / "gateway")


async def test_a_client_on_the_machine_believes_in_the_one_certificate_that_is_shown(
    folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    own = certificate(folder)
    pinned = trust.pinned(folder / "shown.pem")
    assert await greeted(own.context, pinned, None) == b"welcome"
    other = tmp_path_factory.mktemp("other")
    shutil.copytree(folder / "authority", other / "authority")
    https.make(other / "authority", other / "gateway")  # of the same authority, for the same names
    with pytest.raises(ssl.SSLError):
        await greeted(certificate(other).context, pinned, None)


async def test_a_new_certificate_is_shown_without_a_restart_and_half_a_pair_is_not(folder: Path) -> None:
    own = certificate(folder)
    (folder / "gateway" / https.KEY).unlink()
    shown = (folder / "shown.pem").read_bytes()
    (folder / "gateway" / "https.key").write_bytes((folder / "authority" / https.AUTHORITY_KEY).read_bytes())
    own.look()
    assert (folder / "shown.pem").read_bytes() == shown
    assert await greeted(own.context, trust.pinned(folder / "shown.pem"), None) == b"welcome"
    (folder / "gateway" / https.KEY).unlink()
    https.make(folder / "authority", folder / "gateway")
    own.look()
    assert (folder / "shown.pem").read_bytes() != shown
    assert await greeted(own.context, trust.pinned(folder / "shown.pem"), None) == b"welcome"


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion")
async def test_old_versions_of_tls_are_not_spoken(folder: Path) -> None:
    client = strict(folder / "gateway" / https.TRUST)
    client.minimum_version = ssl.TLSVersion.TLSv1
    client.maximum_version = ssl.TLSVersion.TLSv1_1
    client.set_ciphers("DEFAULT@SECLEVEL=0")
    with pytest.raises((ssl.SSLError, ConnectionError)):
        await greeted(certificate(folder).context, client, "localhost")


def test_a_certificate_that_was_given_is_the_gateways(folder: Path, tmp_path: Path) -> None:
    pair = folder / "gateway" / https.CERTIFICATE, folder / "gateway" / https.KEY
    *_, [gateway] = prepared(tmp_path / "data", https=pair).services()
    assert gateway.environment["IMPRINT_HTTPS_CERTIFICATE_FILE"] == str(pair[0])
    assert gateway.environment["IMPRINT_HTTPS_KEY_FILE"] == str(pair[1])
    result = CliRunner().invoke(main, ["up", "--certificate", str(pair[0])])
    assert (result.exit_code, "go together" in result.output) == (2, True)
