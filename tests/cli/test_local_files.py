"""Files of this machine that cannot be written or read: said in a line, with what to do next."""

import errno
import os
import tracemalloc
from pathlib import Path

import httpx
import pytest

from cli.conftest import Imprint
from cli.responder import Answer, Gateway, disk, version
from imprint import files

VERSION = "/v1/images/default%2Fgolden/versions/1.0.0"


def export(imprint: Imprint, target: Path):
    return imprint("image", "export", "default/golden", "1.0.0", "--to", str(target))


def test_a_folder_that_is_not_there_is_named(gateway: Gateway, imprint: Imprint, tmp_path: Path) -> None:
    gateway.on("GET", VERSION, Answer(200, version()))
    done = export(imprint, tmp_path / "none" / "disk.raw")
    assert done.exit_code == 1
    assert isinstance(done.exception, SystemExit)
    assert f"{tmp_path}/none/disk.raw" in done.stderr
    assert "hint:" in done.stderr


def test_a_disk_that_is_full_is_named_and_what_came_stays(
    gateway: Gateway, imprint: Imprint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "pwrite", full)
    gateway.on("GET", VERSION, Answer(200, version()))
    content = gateway_path(version()["image"])
    gateway.on("GET", content, Answer(200, {"so many": "bytes"}))
    done = export(imprint, tmp_path / "disk.raw")
    assert (done.exit_code, type(done.exception)) == (1, SystemExit)
    assert "No space left" in done.stderr
    assert "hint:" in done.stderr
    assert [name for name in os.listdir(tmp_path) if name.endswith(".part")] != []


def gateway_path(image: str) -> str:
    return f"/v1/images/{image}/versions/1.0.0/disks/{disk()['lun']}/content"


def test_a_file_system_without_links_is_no_reason_to_throw_an_export_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def without(*_: object) -> None:
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "link", without)
    part, target = tmp_path / "x.part", tmp_path / "x"
    part.write_bytes(b"all of it")
    files._name(part, target)
    assert (target.read_bytes(), part.exists()) == (b"all of it", False)
    part.write_bytes(b"another")
    with pytest.raises(FileExistsError):
        files._name(part, target)
    assert target.read_bytes() == b"all of it"


def test_a_few_bytes_that_are_gigabytes_of_zeros_take_no_memory(tmp_path: Path) -> None:
    block = (128 * 1024 << 3 | 2).to_bytes(3, "little") + b"\0"  # one byte, 128 Ki times; never the last one
    bomb = b"\x28\xb5\x2f\xfd\x00\x58" + 4000 * block
    with files._Part(tmp_path / "x.part", 1024 * 1024) as part:
        unpack = files._Unpacker(part)
        tracemalloc.start()
        with pytest.raises(httpx.ReadError, match="more came"):
            part.take(bomb, unpack)
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        with pytest.raises(httpx.ReadError, match="no Zstandard"):
            part.take(b"rubbish" * 10, files._Unpacker(part))
    assert most < 8 * 1024 * 1024
