"""Folders of the library: removed while somebody still writes into them."""

import os
from pathlib import Path
from typing import Any

import pytest

from connector.backends import folders


def test_a_folder_goes_also_when_a_file_in_it_went_or_came_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "item").mkdir()
    for disk in range(3):
        (tmp_path / "item" / f"disk-{disk}.raw").write_bytes(b"x")
    unlink, meddled = os.unlink, list[str]()

    def meddling(name: Any, *, dir_fd: int | None = None) -> None:
        """Somebody renames a note into place: what was listed is gone, and another file is there."""
        unlink(name, dir_fd=dir_fd)
        if not meddled:
            meddled.append(name)
            (tmp_path / "item" / "checked").write_bytes(b"{}")
            raise FileNotFoundError(name)

    monkeypatch.setattr(os, "unlink", meddling)
    top = folders.open_folder(str(tmp_path))
    try:
        folders.remove_tree("item", top)
        assert list(tmp_path.iterdir()) == []
        folders.remove_tree("item", top)  # none there is fine
    finally:
        os.close(top)
    assert meddled
