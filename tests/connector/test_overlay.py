"""Overlays that are written by hand: qemu takes them for its own, over every container and of every size."""

import json
import os
import shutil
import struct
import subprocess
from pathlib import Path

import disk_images as images
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connector.failures import Refused
from connector.formats.overlay import CLUSTER, driver, write

GIB, TIB = 1024**3, 1024**4
MIB = 1024**2

needs_qemu = pytest.mark.skipif(shutil.which("qemu-img") is None, reason="there is no qemu-img here")


def qemu(*words: str) -> str:
    return subprocess.run(["qemu-img", *words], check=True, capture_output=True, text=True, timeout=60).stdout


def overlay(path: Path, size: int, backing: str, known: str) -> Path:
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC)
    try:
        write(fd, size, backing, known)
    finally:
        os.close(fd)
    return path


def geometry(image: bytes, creator: bytes, cylinders: int, heads: int, sectors: int) -> bytes:
    """A VHD that says who made it and what its geometry is."""

    def changed(footer: bytes) -> bytes:
        said = bytearray(footer)
        said[28:32] = creator
        struct.pack_into(">HBB", said, 56, cylinders, heads, sectors)
        said[64:68] = bytes(4)
        struct.pack_into(">I", said, 64, ~sum(said) & 0xFFFF_FFFF)
        return bytes(said)

    first = changed(image[:512]) if image.startswith(b"conectix") else image[:512]
    return first + image[512:-512] + changed(image[-512:])


FIXED, DYNAMIC = images.fixed_vhd(os.urandom(MIB)), images.dynamic_vhd()
BASES: dict[str, tuple[str, bytes, int, str | None]] = {
    "raw": ("raw", b"\x07" * 300_032, 300_032, "raw"),
    "raw of an odd size": ("raw", b"\x07" * 300_000, 300_000, "raw"),
    "qcow2": ("qcow2", images.qcow2(data_clusters=3), 10 * CLUSTER, "qcow2"),
    "fixed VHD": ("vhd", FIXED, MIB, "raw"),
    "fixed VHD of a geometry": ("vhd", geometry(FIXED, b"vpc ", 30, 4, 17), MIB, "raw"),
    "dynamic VHD without a geometry": ("vhd", DYNAMIC, 4 * MIB, None),
    "dynamic VHD that is larger than its geometry": ("vhd", geometry(DYNAMIC, b"vpc ", 120, 4, 17), 4 * MIB, None),
    "dynamic VHD of its geometry": ("vhd", geometry(DYNAMIC, b"vpc ", 128, 4, 16), 4 * MIB, "vpc"),
    "dynamic VHD by its size": ("vhd", geometry(DYNAMIC, b"win ", 120, 4, 17), 4 * MIB, "vpc"),
}


@needs_qemu
@pytest.mark.parametrize(("format", "content", "size", "known"), BASES.values(), ids=BASES)
def test_an_overlay_shows_all_that_lies_beneath_and_takes_no_room(
    format: str, content: bytes, size: int, known: str | None, tmp_path: Path
) -> None:
    (tmp_path / "base").write_bytes(content)
    with (tmp_path / "base").open("rb") as file:
        assert driver(file.fileno(), format, size) == known
    if known is None:
        seen = json.loads(qemu("info", "-f", "vpc", "--output=json", str(tmp_path / "base")))["virtual-size"]
        assert seen < size, "it would be cut short"
        return
    found = overlay(tmp_path / "over", size, "base", known)
    info = json.loads(qemu("info", "-f", "qcow2", "--output=json", str(found)))
    assert (info["backing-filename"], info["backing-filename-format"]) == ("base", known)
    assert info["virtual-size"] == -(-size // 512) * 512
    assert info["format-specific"]["data"]["corrupt"] is False
    assert "No errors" in qemu("check", "-f", "qcow2", str(found))
    assert found.stat().st_size <= 4 * CLUSTER
    qemu("convert", "-f", "qcow2", "-O", "raw", str(found), str(tmp_path / "seen"))
    beneath = content
    if known != "raw":
        qemu("convert", "-f", known, "-O", "raw", str(tmp_path / "base"), str(tmp_path / "beneath"))
        beneath = (tmp_path / "beneath").read_bytes()
        assert len(beneath) == size
    assert (tmp_path / "seen").read_bytes() == beneath[:size].ljust(info["virtual-size"], b"\0")


def test_an_overlay_never_grows_over_the_footer_of_a_fixed_vhd(tmp_path: Path) -> None:
    for content, known in ((FIXED, None), (geometry(FIXED, b"win ", 1, 1, 1), "vpc")):
        (tmp_path / "base").write_bytes(content)
        with (tmp_path / "base").open("rb") as file:
            assert driver(file.fileno(), "vhd", MIB, grows=True) == known


@needs_qemu
@given(size=st.one_of(st.integers(1, 2 * GIB), st.sampled_from([512 * 1024**2, 512 * 1024**2 + 1, 4 * TIB, 64 * TIB])))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_an_overlay_of_any_size_is_a_sound_qcow2(size: int, tmp_path: Path) -> None:
    (tmp_path / "base").write_bytes(b"x" * 512)
    found = overlay(tmp_path / "over", size, "base", "raw")
    assert "No errors" in qemu("check", "-f", "qcow2", str(found))
    info = json.loads(qemu("info", "-f", "qcow2", "--output=json", str(found)))
    assert 0 <= info["virtual-size"] - size < 512


@pytest.mark.parametrize(
    ("size", "backing"),
    [(0, "base"), (2**62, "base"), (512, "b" * 1024)],
)
def test_what_no_overlay_can_be_is_refused(size: int, backing: str, tmp_path: Path) -> None:
    with pytest.raises(Refused, match="seat_failed"):
        overlay(tmp_path / "over", size, backing, "raw")
