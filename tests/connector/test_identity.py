"""Who a connector is: certificates, their renewal, and the names in them."""

import shutil
import socket
import ssl
import threading
from datetime import timedelta
from pathlib import Path

import pytest
import structlog
from cryptography.hazmat.primitives import serialization

from connector.transfer.identity import Identity, IdentityError, bearer
from contracts.names import GATEWAY, door_host
from harness.certificates import TestAuthority


@pytest.fixture
def authority(tmp_path: Path) -> TestAuthority:
    return TestAuthority(tmp_path / "ca")


def shake_hands(server: ssl.SSLContext, client: ssl.SSLContext, host: str = door_host("pod-1")) -> str | None:
    """Whose certificate the server sees. Raises what either end raises."""
    here, there = socket.socketpair()
    here.settimeout(10)
    there.settimeout(10)
    seen: list[str | None] = []
    errors: list[OSError] = []

    def serve() -> None:
        try:
            with server.wrap_socket(here, server_side=True) as found:
                seen.append(bearer(found.getpeercert()))
                found.sendall(b"x")
        except OSError as error:
            errors.append(error)
            here.close()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        with client.wrap_socket(there, server_hostname=host) as found:
            assert found.version() == "TLSv1.3"
            found.recv(1)
    finally:
        there.close()
        thread.join()
    if errors:
        raise errors[0]
    return seen[0]


def test_each_end_knows_the_other_by_its_certificate(authority: TestAuthority) -> None:
    assert shake_hands(authority.identity("pod-1").server(), authority.identity("pod-2").client()) == "pod-2"
    assert shake_hands(authority.identity("pod-1").server(), authority.identity(GATEWAY).client()) == GATEWAY


@pytest.mark.parametrize("life", [timedelta(hours=1), timedelta(seconds=-60)])
def test_a_certificate_counts_only_for_its_name_and_its_time(authority: TestAuthority, life: timedelta) -> None:
    certificate, key = authority.files(door_host("pod-1"), life=life)
    server = Identity.open(certificate, key, authority.path).server()
    client = authority.identity("pod-2").client()
    host = door_host("pod-3") if life > timedelta() else door_host("pod-1")
    with pytest.raises(ssl.SSLCertVerificationError, match="mismatch" if life > timedelta() else "expired"):
        shake_hands(server, client, host)


def test_another_authoritys_certificate_is_refused_at_both_ends(authority: TestAuthority, tmp_path: Path) -> None:
    other = TestAuthority(tmp_path / "other")
    with pytest.raises(ssl.SSLError, match=r"unknown ca|verify failed|self.signed"):
        shake_hands(other.identity("pod-1").server(), authority.identity("pod-2").client())
    certificate, key = other.files(door_host("pod-2"))
    stranger = Identity.open(certificate, key, authority.path)
    with pytest.raises(ssl.SSLError, match=r"(?i)alert|verify failed"):
        shake_hands(authority.identity("pod-1").server(), stranger.client())


def test_nothing_older_than_tls_13_is_spoken(authority: TestAuthority) -> None:
    old = ssl.create_default_context(cafile=str(authority.path))
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    with pytest.raises(ssl.SSLError, match=r"(?i)version"):
        shake_hands(authority.identity("pod-1").server(), old)


def test_renewed_files_count_from_the_next_connection_on(authority: TestAuthority) -> None:
    identity = authority.identity("pod-1")
    client = authority.identity("pod-2").client()
    before = identity.server()
    assert identity.server() is before
    authority.files(door_host("pod-1"), life=timedelta(hours=9))
    assert identity.server() is not before
    assert shake_hands(identity.server(), client) == "pod-2"


def test_an_authority_that_was_replaced_is_not_believed_any_more(authority: TestAuthority, tmp_path: Path) -> None:
    mine = authority.identity("pod-1")
    old = authority.identity("pod-2").client()
    other = TestAuthority(tmp_path / "other")
    for path in other.files(door_host("pod-1")):
        shutil.copy(path, authority.folder / path.name)
    shutil.copy(other.path, authority.path)
    assert shake_hands(mine.server(), other.identity("pod-2").client()) == "pod-2"
    with pytest.raises(ssl.SSLError):
        shake_hands(mine.server(), old)


def test_a_renewal_half_done_changes_nothing_until_it_is_whole(authority: TestAuthority) -> None:
    identity = authority.identity("pod-1")
    before = identity.server()
    certificate, key = (authority.folder / f"{door_host('pod-1')}.{end}" for end in ("pem", "key"))
    kept = key.read_bytes()
    authority.files(door_host("pod-1"))
    renewed = key.read_bytes()
    key.write_bytes(kept)  # the certificate is new, the key is not yet
    with structlog.testing.capture_logs() as lines:
        assert identity.server() is before
        assert identity.server() is before
    assert [line["event"] for line in lines] == ["identity_not_renewed"], "said once"
    key.unlink()
    assert identity.server() is before
    key.write_bytes(renewed)
    assert identity.server() is not before
    assert certificate.exists()


def test_files_that_are_no_identity_are_refused_at_once(authority: TestAuthority, tmp_path: Path) -> None:
    certificate, key = authority.files(door_host("pod-1"))
    rubbish = tmp_path / "rubbish"
    rubbish.write_text("rubbish")
    locked = tmp_path / "locked.key"
    secret = serialization.load_pem_private_key(key.read_bytes(), None).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"secret"),
    )
    locked.write_bytes(secret)
    for files in (
        (tmp_path / "none", key, authority.path),
        (rubbish, key, authority.path),
        (certificate, rubbish, authority.path),
        (certificate, authority.files(door_host("pod-7"))[1], authority.path),
        (certificate, key, rubbish),
        (certificate, locked, authority.path),
    ):
        with pytest.raises(IdentityError):
            Identity.open(*files)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ((("DNS", "pod-1.imprint.internal"),), "pod-1"),
        ((("DNS", "pod-1.imprint.internal"), ("DNS", "elsewhere.example")), "pod-1"),
        ((("DNS", "pod-1.imprint.internal"), ("DNS", "pod-2.imprint.internal")), None),
        ((("DNS", "*.imprint.internal"),), None),
        ((("DNS", "pod-1.imprint.internal.example"),), None),
        ((("URI", "pod-1.imprint.internal"),), None),
        ((), None),
    ],
)
def test_a_certificate_is_a_pods_by_exactly_one_name(names: tuple[tuple[str, str], ...], expected: str | None) -> None:
    assert bearer({"subjectAltName": names}) == expected
    assert bearer(None) is None
