"""The house's certificate authority: what it issues, to whom, until when, and what it refuses."""

import shutil
import ssl
import stat
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from contracts.names import GATEWAY, bearer_of, door_host
from contracts.permissions import clients
from imprint.__main__ import main
from imprint.exits import Exit
from imprint.local import keys
from imprint.local.authority import Authority, AuthorityError
from imprint.local.certificates import ISSUED, LIFE, due, issued, names, read

NOW = datetime.now(UTC).replace(microsecond=0)
DAY = timedelta(days=1)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "keys"


@pytest.fixture
def authority(folder: Path) -> Authority:
    return Authority.open(folder / "authority", NOW)


def certificate(file: Path) -> x509.Certificate:
    found = read(file)
    assert found is not None
    return found


def request_for(*hosts: str, common: str = "", key: ec.EllipticCurvePrivateKey | None = None) -> bytes:
    """A request for a certificate, as a pod makes it that keeps its key."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)] if common else [])
    builder = x509.CertificateSigningRequestBuilder(subject)
    if hosts:
        builder = builder.add_extension(
            x509.SubjectAlternativeName([x509.DNSName(host) for host in hosts]), critical=False
        )
    signed = builder.sign(key or ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())
    return signed.public_bytes(serialization.Encoding.PEM)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def handshake(server: Path, client: Path, host: str) -> dict[str, object]:
    """Both ends hold the other's certificate against the authority; what the server sees of the client.

    Raises:
        ssl.SSLError: one does not believe the other.
    """
    contexts = []
    for folder, protocol in ((server, ssl.PROTOCOL_TLS_SERVER), (client, ssl.PROTOCOL_TLS_CLIENT)):
        context = ssl.SSLContext(protocol)
        context.verify_mode = ssl.CERT_REQUIRED
        context.verify_flags |= ssl.VERIFY_X509_STRICT
        context.load_cert_chain(folder / "door.crt", folder / "door.key")
        context.load_verify_locations(folder / "authority.crt")
        contexts.append(context)
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [
        contexts[0].wrap_bio(up, down, server_side=True),
        contexts[1].wrap_bio(down, up, server_hostname=host),
    ]
    for _ in range(6):
        for end in ends:
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue
    found = ends[0].getpeercert()
    assert found
    return found


# --- what is issued ---------------------------------------------------------------------------------------------------


def test_two_that_are_enrolled_know_each_other_at_a_door(authority: Authority, folder: Path) -> None:
    authority.enrol(folder / "one", "pod-1")
    authority.enrol(folder / "gateway", GATEWAY)
    seen = handshake(folder / "one", folder / "gateway", door_host("pod-1"))
    assert seen["subjectAltName"] == (("DNS", door_host(GATEWAY)),)
    seen = handshake(folder / "gateway", folder / "one", door_host(GATEWAY))
    assert seen["subjectAltName"] == (("DNS", door_host("pod-1")),)


def test_a_pod_is_no_other_pod(authority: Authority, folder: Path) -> None:
    authority.enrol(folder / "one", "pod-1")
    authority.enrol(folder / "two", "pod-2")
    with pytest.raises(ssl.SSLCertVerificationError, match=r"[Hh]ostname"):
        handshake(folder / "one", folder / "two", door_host("pod-3"))


def test_what_another_authority_issued_counts_for_nothing(authority: Authority, folder: Path) -> None:
    authority.enrol(folder / "one", "pod-1")
    Authority.open(folder / "other").enrol(folder / "two", "pod-2")
    with pytest.raises(ssl.SSLError):
        handshake(folder / "one", folder / "two", door_host("pod-1"))
    with pytest.raises(ssl.SSLError):
        handshake(folder / "two", folder / "one", door_host("pod-2"))


def test_a_certificate_names_one_bearer_for_both_ends_and_397_days(authority: Authority, folder: Path) -> None:
    authority.enrol(folder / "one", "pod-1", NOW)
    found = certificate(folder / "one" / "door.crt")
    assert [bearer_of(name) for name in names(found)] == ["pod-1"]
    usage = found.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert set(usage) == {ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH}
    assert not found.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert found.not_valid_after_utc - NOW == ISSUED
    assert found.not_valid_before_utc < NOW, "clocks differ"


def test_the_authority_can_vouch_for_no_host_outside_the_house(authority: Authority, folder: Path) -> None:
    authority.enrol(folder / "one", "pod-1")
    private = serialization.load_pem_private_key((folder / "authority" / "authority.key").read_bytes(), None)
    assert isinstance(private, ec.EllipticCurvePrivateKey)
    key = ec.generate_private_key(ec.SECP256R1())
    public = key.public_key()
    good = issued("evil", public, private, authority.certificate, NOW)
    builder = x509.CertificateBuilder(
        good.issuer, good.subject, public, 1, good.not_valid_before_utc, good.not_valid_after_utc
    )
    for extension in good.extensions:
        foreign = isinstance(extension.value, x509.SubjectAlternativeName)
        value = x509.SubjectAlternativeName([x509.DNSName("bank.example")]) if foreign else extension.value
        builder = builder.add_extension(value, extension.critical)
    evil = folder / "evil"
    evil.mkdir()
    plain = serialization.NoEncryption()
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    (evil / "door.key").write_bytes(pem)
    (evil / "door.crt").write_bytes(builder.sign(private, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    (evil / "authority.crt").write_bytes((folder / "one" / "authority.crt").read_bytes())
    with pytest.raises(ssl.SSLCertVerificationError, match="permitted subtree violation"):
        handshake(evil, folder / "one", "bank.example")


def test_the_authority_lives_for_ten_years_and_can_make_no_other_authority(authority: Authority) -> None:
    found = authority.certificate
    assert found.not_valid_after_utc - NOW == LIFE
    limits = found.extensions.get_extension_for_class(x509.BasicConstraints)
    assert (limits.value.ca, limits.value.path_length, limits.critical) == (True, 0, True)


# --- doing it again ---------------------------------------------------------------------------------------------------


def test_enrolling_again_changes_nothing(authority: Authority, folder: Path) -> None:
    authority.enrol(folder / "one", "pod-1", NOW)
    before = contents(folder)
    Authority.open(folder / "authority", NOW + 100 * DAY).enrol(folder / "one", "pod-1", NOW + 100 * DAY)
    assert contents(folder) == before


def test_a_certificate_is_renewed_with_its_key_when_a_third_of_its_life_is_left(
    authority: Authority, folder: Path
) -> None:
    authority.enrol(folder / "one", "pod-1", NOW)
    old, key = certificate(folder / "one" / "door.crt"), (folder / "one" / "door.key").read_bytes()
    later = NOW + 270 * DAY
    assert due(old, later)
    authority.enrol(folder / "one", "pod-1", later)
    new = certificate(folder / "one" / "door.crt")
    assert new.not_valid_after_utc == later + ISSUED
    assert (folder / "one" / "door.key").read_bytes() == key
    assert not due(new, later)


def test_the_authority_renews_itself_and_what_it_issued_before_stays_good(authority: Authority, folder: Path) -> None:
    authority.enrol(folder / "one", "pod-1", NOW)
    later = Authority.open(folder / "authority", NOW + LIFE * 0.7)
    assert later.certificate.not_valid_after_utc == NOW + LIFE * 0.7 + LIFE
    certificate(folder / "one" / "door.crt").verify_directly_issued_by(later.certificate)


def test_nothing_outlives_the_authority(authority: Authority, folder: Path) -> None:
    authority.enrol(folder / "one", "pod-1", NOW + LIFE - 10 * DAY)
    assert certificate(folder / "one" / "door.crt").not_valid_after_utc == NOW + LIFE


@pytest.mark.parametrize("damage", ["lost", "garbage", "of another pod", "of another authority", "of another key"])
def test_a_certificate_that_is_none_of_ours_is_issued_anew(authority: Authority, folder: Path, damage: str) -> None:
    one = folder / "one"
    authority.enrol(one, "pod-1")
    match damage:
        case "lost":
            (one / "door.crt").unlink()
        case "garbage":
            (one / "door.crt").write_text("-----BEGIN CERTIFICATE-----")
        case "of another pod":
            authority.enrol(folder / "two", "pod-2")
            shutil.copytree(folder / "two", one, dirs_exist_ok=True)
        case "of another authority":
            Authority.open(folder / "other").enrol(folder / "two", "pod-1")
            shutil.copytree(folder / "two", one, dirs_exist_ok=True)
        case "of another key":
            (one / "door.key").unlink()
            authority.enrol(folder / "two", "pod-1")
            (folder / "two" / "door.key").rename(one / "door.key")
    authority.enrol(one, "pod-1")
    authority.enrol(folder / "three", "pod-3")
    assert handshake(one, folder / "three", door_host("pod-1"))


def test_secrets_are_their_owners_alone(authority: Authority, folder: Path) -> None:
    authority.enrol(folder / "one", "pod-1")
    for path in folder.rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path
    (folder / "authority" / "authority.key").chmod(0o640)
    with pytest.raises(AuthorityError, match="chmod 600"):
        Authority.open(folder / "authority")


def test_a_key_that_is_damaged_or_of_another_kind_is_refused(authority: Authority, folder: Path) -> None:
    authority.enrol(folder / "one", "pod-1")
    key, plain = folder / "one" / "door.key", serialization.NoEncryption()
    other = ed25519.Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain
    )
    for content, message in ((b"nothing", "no private key"), (other, "another kind")):
        key.write_bytes(content)
        with pytest.raises(AuthorityError, match=message):
            authority.enrol(folder / "one", "pod-1")


# --- keys that stay on their pod --------------------------------------------------------------------------------------


def test_a_key_that_stays_on_its_pod_gets_a_certificate_that_is_renewed_without_it(
    authority: Authority, folder: Path
) -> None:
    key, own = ec.generate_private_key(ec.SECP256R1()), folder / "connector-pod-9"
    authority.sign(own, "pod-9", request_for(key=key), NOW)
    first = certificate(own / "door.crt")
    authority.enrol(own, "pod-9", NOW + 270 * DAY)
    second = certificate(own / "door.crt")
    assert first.public_key() == second.public_key() == key.public_key()
    assert second.not_valid_after_utc > first.not_valid_after_utc
    assert sorted(path.name for path in own.iterdir()) == ["authority.crt", "door.crt"]


@pytest.mark.parametrize(
    "request_",
    [
        request_for(door_host("pod-2")),
        request_for(door_host("pod-9"), door_host("pod-2")),
        request_for(door_host("pod-9"), "bank.example"),
        request_for(common=door_host(GATEWAY)),
    ],
    ids=["another pod", "one more pod", "a host", "the gateway"],
)
def test_a_request_for_another_name_is_refused(authority: Authority, folder: Path, request_: bytes) -> None:
    with pytest.raises(AuthorityError, match=r"it may name pod-9\.imprint\.internal only"):
        authority.sign(folder / "connector-pod-9", "pod-9", request_)
    assert not (folder / "connector-pod-9").exists()


def test_a_request_that_is_none_or_of_a_weak_key_is_refused(authority: Authority, folder: Path) -> None:
    weak = x509.CertificateSigningRequestBuilder(x509.Name([])).sign(
        rsa.generate_private_key(65537, 1024), hashes.SHA256()
    )
    for request, message in (
        (b"", "cannot be read"),
        (b"-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n", "cannot be read"),
        (weak.public_bytes(serialization.Encoding.PEM), "another kind"),
    ):
        with pytest.raises(AuthorityError, match=message):
            authority.sign(folder / "connector-pod-9", "pod-9", request)


def test_a_pod_whose_key_is_here_is_not_given_a_certificate_for_another_key(authority: Authority, folder: Path) -> None:
    authority.enrol(folder / "connector-pod-1", "pod-1")
    before = contents(folder)
    with pytest.raises(AuthorityError, match=r"door\.key is there"):
        authority.sign(folder / "connector-pod-1", "pod-1", request_for())
    assert contents(folder) == before


# --- the commands -----------------------------------------------------------------------------------------------------


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
def test_a_remote_pod_is_enrolled_with_the_commands_that_the_help_names(folder: Path, tmp_path: Path) -> None:
    text = CliRunner().invoke(main, ["admin", "authority", "sign", "--help"]).output
    (words,) = [line.split() for line in text.splitlines() if line.strip().startswith("openssl")]
    subprocess.run(words, cwd=tmp_path, check=True, capture_output=True)
    arguments = ["admin", "authority", "sign", str(folder), "--pod", "pod-9", "--request", str(tmp_path / "pod.csr")]
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 0, done.output
    made = CliRunner().invoke(main, ["admin", "keys", str(folder), "--pod", "pod-1", "--pod", "pod-9"])
    assert made.exit_code == 0, made.output
    own = folder / "connector-pod-9"
    assert (own / "door.crt").read_text() == done.stdout
    assert not (own / "door.key").exists()
    shutil.copy(tmp_path / "door.key", own / "door.key")
    assert handshake(own, folder / "connector-pod-1", door_host("pod-9"))


def test_who_has_a_certificate_until_when_can_be_listed(folder: Path) -> None:
    keys.make(folder, clients(["pod-1"]))
    done = CliRunner().invoke(main, ["admin", "authority", "list", str(folder)])
    assert done.exit_code == 0
    rows = [line.split()[0] for line in done.stdout.splitlines() if line.strip()]
    assert {"authority", "connector-pod-1", "gateway"} <= set(rows)
    as_json = CliRunner().invoke(main, ["admin", "authority", "list", str(folder), "-o", "json"])
    assert '"pod-1.imprint.internal"' in as_json.stdout
    assert "PRIVATE" not in done.output + as_json.output


def test_a_refused_request_ends_the_command_with_its_reason(folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "pod.csr"
    file.write_bytes(request_for(door_host("pod-2")))
    arguments = ["admin", "authority", "sign", str(folder), "--pod", "pod-9", "--request", str(file)]
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == Exit.FAILED
    assert "may name pod-9.imprint.internal only" in done.output
