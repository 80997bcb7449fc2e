"""The hub's keys, and its word for the content of a version."""

import shutil
import stat
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from contracts.manifest import Disk, Manifest, Source
from runtime.signing import BadSignatureError, KeyFileError, PrivateKey, PublicKey
from runtime.vouching import verify, vouched

DISK = Disk(role="os", lun=0, format="raw", size=4096, virtual_size=4096, root="a" * 64, sha256="b" * 64)
MANIFEST = Manifest(disks=(DISK,), source=Source(pod="pod-1", name="golden"), created=datetime(2024, 5, 1, tzinfo=UTC))
VERSION = "1" * 32


# --- keys -------------------------------------------------------------------------------------------------------------


def test_a_key_is_made_once_for_its_owner_only_with_the_public_key_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "manifest"
    first, second = PrivateKey.open(path), PrivateKey.open(path)
    assert first.pem == second.pem
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    PublicKey.open(tmp_path / "keys" / "manifest.pub").verify(b"p", b"message", first.sign(b"p", b"message"))
    assert sorted(one.name for one in path.parent.iterdir()) == ["manifest", "manifest.pub"]


def test_a_lost_or_foreign_public_key_is_written_again(tmp_path: Path) -> None:
    key = PrivateKey.open(tmp_path / "key")
    public = tmp_path / "key.pub"
    for damage in (public.unlink, lambda: public.write_bytes(b"something else")):
        damage()
        PrivateKey.open(tmp_path / "key")
        assert public.read_bytes() == key.public.pem


def test_a_key_that_others_may_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "key"
    PrivateKey.open(path)
    path.chmod(0o640)
    with pytest.raises(KeyFileError, match="chmod 600"):
        PrivateKey.open(path)


def test_a_file_that_holds_no_such_key_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "key"
    other = X25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    damaged = b"-----BEGIN PRIVATE KEY-----\nMC4CAQ=A\n-----END PRIVATE KEY-----\n"
    cases = ((b"", "no private"), (b"nothing", "no private"), (damaged, "damaged"), (other, "another kind"))
    for content, message in (*cases, (PrivateKey.generate().pem[:60], "no private key")):
        path.write_bytes(content)
        path.chmod(0o600)
        with pytest.raises(KeyFileError, match=message):
            PrivateKey.open(path)
    with pytest.raises(KeyFileError, match="no public key"):
        PublicKey.open(tmp_path / "absent")
    with pytest.raises(KeyFileError, match="no private key"):
        PrivateKey.open(tmp_path)


def test_a_private_key_is_no_public_one(tmp_path: Path) -> None:
    PrivateKey.open(tmp_path / "key")
    with pytest.raises(KeyFileError, match="no public key"):
        PublicKey.open(tmp_path / "key")


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
def test_the_files_are_those_that_openssl_reads_and_writes(tmp_path: Path) -> None:
    path = tmp_path / "key"
    subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", path], check=True, capture_output=True)
    path.chmod(0o600)
    key = PrivateKey.open(path)
    shown = subprocess.run(["openssl", "pkey", "-in", path, "-pubout"], check=True, capture_output=True)
    assert shown.stdout == key.public.pem
    (tmp_path / "message").write_bytes(b"p" + b"message")
    (tmp_path / "signature").write_bytes(key.sign(b"p", b"message"))
    words = "openssl pkeyutl -verify -pubin -inkey key.pub -rawin -in message -sigfile signature"
    assert subprocess.run(words.split(), cwd=tmp_path, check=False, capture_output=True).returncode == 0


# --- manifests --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def key() -> PrivateKey:
    return PrivateKey.generate()


def test_what_the_hub_vouched_for_is_believed_also_after_a_journey_as_json(key: PrivateKey) -> None:
    sent = msgspec.json.encode(vouched(VERSION, MANIFEST, key))
    verify(VERSION, msgspec.json.decode(sent, type=Manifest), key.public)


def test_vouching_twice_is_the_same_as_once(key: PrivateKey) -> None:
    once = vouched(VERSION, MANIFEST, key)
    assert vouched(VERSION, once, key) == once
    assert once.digest == MANIFEST.digest


def test_nothing_of_a_manifest_can_be_changed(key: PrivateKey) -> None:
    good = vouched(VERSION, MANIFEST, key)
    changes = [
        {"disks": (msgspec.structs.replace(DISK, root="c" * 64),)},
        {"disks": (msgspec.structs.replace(DISK, sha256="c" * 64),)},
        {"disks": (DISK, msgspec.structs.replace(DISK, lun=1, role="data"))},
        {"source": Source(pod="pod-2", name="golden")},
        {"created": datetime(2024, 5, 2, tzinfo=UTC)},
        {"signature": ""},
        {"signature": "ünïcödé"},
        {"signature": good.signature[:-4]},
        {"signature": good.signature[:-2] + "!!"},
        {"signature": "A" * len(good.signature)},
    ]
    for change in changes:
        with pytest.raises(BadSignatureError):
            verify(VERSION, msgspec.structs.replace(good, **change), key.public)


def test_the_content_of_one_version_is_none_for_another(key: PrivateKey) -> None:
    with pytest.raises(BadSignatureError):
        verify("2" * 32, vouched(VERSION, MANIFEST, key), key.public)


def test_another_keys_word_counts_for_nothing(key: PrivateKey) -> None:
    with pytest.raises(BadSignatureError):
        verify(VERSION, vouched(VERSION, MANIFEST, PrivateKey.generate()), key.public)
