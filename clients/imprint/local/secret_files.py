"""Files that hold secrets: readable by their owner only, and at any time whole."""

import os
from pathlib import Path


def write_secret(file: Path, text: str) -> None:
    """Write a file that only its owner may read; whoever reads it sees all of it or the old one.

    A file that says the same already stays as it is, so that nobody reads it again for nothing.
    """
    if file.exists() and file.stat().st_mode & 0o077 == 0 and file.read_text() == text:
        return
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    new = file.with_name(file.name + ".new")
    new.unlink(missing_ok=True)
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as opened:
        opened.write(text)
        opened.flush()
        os.fsync(descriptor)
    new.replace(file)
