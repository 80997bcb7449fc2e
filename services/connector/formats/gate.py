"""The gate every disk file passes before a byte of it is kept.

First the content is recognised by oslo.utils' inspectors, which know the attacks of the past; then come the checks that
they leave open (reliability.md 2.1): fixed VHD, truncated files, bounded virtual size, what only looks like raw, and a
declared format that is not the content's. Any exception on the way is a refusal.
"""

import logging
import os
import stat
from typing import IO, Any, Final, Literal, cast

import msgspec
import structlog

from connector.failures import Refused, refused
from connector.formats import magic, qcow2, vhd
from contracts.manifest import Blocks, Format

STEP: Final = "inspect"
MAX_VIRTUAL_SIZE: Final = 2 * 1024**4
"""Bytes; the default limit. VHD itself ends at 2,040 GiB, and a larger claim is more likely an attack than a disk."""
PROBED: Final = 2 * 1024 * 1024
"""Bytes handed to the inspectors: all that the importable formats are recognised by, and more."""
IMPORTABLE: Final[tuple[Format, ...]] = ("raw", "qcow2", "vhd")

log = structlog.get_logger()


class Recognised(msgspec.Struct, frozen=True):
    """A disk file that passed. ``virtual_size`` in bytes is the disk's as a guest sees it.

    ``grid`` is how it is cut into chunks (`contracts.manifest.Disk`); ``warnings`` are for whoever imports it.
    """

    format: Format
    virtual_size: int
    grid: Literal["file"] | Blocks = "file"
    warnings: tuple[str, ...] = ()


def inspect(fd: int, declared: str | None, max_virtual_size: int = MAX_VIRTUAL_SIZE) -> Recognised:
    """Recognise the file behind ``fd`` and hold it against ``declared`` (None: whatever it is).

    Raises:
        Refused: ``file_empty``, ``file_truncated``, ``file_unreadable``, ``format_unknown``, ``format_mismatch``,
            ``format_unsafe``, ``backing_file``, ``external_data_file``, ``virtual_size``.
        OSError: the file cannot be read.
    """
    try:
        return _inspect(fd, declared, max_virtual_size)
    except (Refused, OSError):
        raise
    except Exception as error:
        log.warning("inspection_failed", error=repr(error))
        raise refused("format_unsafe", STEP, "The file's structure cannot be read") from error


def _inspect(fd: int, declared: str | None, limit: int) -> Recognised:
    status = os.fstat(fd)
    if not stat.S_ISREG(status.st_mode):
        raise refused("file_unreadable", STEP, "It is not a regular file")
    length = status.st_size
    if length == 0:
        raise refused("file_empty", STEP)
    if declared is not None and declared not in IMPORTABLE:
        raise refused("format_unknown", STEP, f"{declared} is not a format that can be imported")
    head = os.pread(fd, magic.HEAD, 0)
    tail = os.pread(fd, magic.TAIL, max(0, length - magic.TAIL))
    found = _importable_format(magic.recognise(head, tail), declared)
    grid: Literal["file"] | Blocks = "file"
    warnings: tuple[str, ...] = ()
    if found == "qcow2":
        header = qcow2.header(head)  # before the inspectors, which take a cut-off header for raw
        _hold_against(declared, found)
        virtual_size = header.size
        _bounded(virtual_size, limit)
        warnings = qcow2.check(header, fd, length)
    elif found == "vhd":
        _hold_against(declared, found)
        layout = vhd.check(head, tail, fd, length)
        virtual_size, grid, warnings = layout.virtual_size, layout.grid, layout.warnings
    else:
        virtual_size = length
    if not (found == "vhd" and not head.startswith(b"conectix")):  # the inspectors do not know fixed VHD
        _ask_inspectors(fd, found)
    _hold_against(declared, found)
    _bounded(virtual_size, limit)
    return Recognised(found, virtual_size, grid, warnings)


def _importable_format(name: str | None, declared: str | None) -> Format:
    """The format by magic, raw for none. Raises Refused: ``format_unknown`` and says what it is instead."""
    for known in IMPORTABLE:
        if name == known:
            return known
    if name is None:
        return "raw"
    text = f"The content is {name}" + (f", not {declared}" if declared else "")
    raise refused("format_unknown", STEP, text)


def _hold_against(declared: str | None, found: str) -> None:
    if declared is not None and declared != found:
        raise refused(
            "format_mismatch",
            STEP,
            f"The file is declared {declared} and its content is {found}",
            hint=f"Import it as {found}, or convert it to {declared} first.",
        )


def _bounded(virtual_size: int, limit: int) -> None:
    if not 0 < virtual_size <= limit:
        raise refused(
            "virtual_size", STEP, f"The virtual size is {virtual_size} bytes", hint=f"The limit is {limit} bytes."
        )


def _ask_inspectors(fd: int, found: Format) -> None:
    """Hold what the inspectors see against what we see, and let their safety checks speak."""
    # Imported at the first use: an idle connector has no need of it.
    from oslo_utils.imageutils import format_inspector

    # They log at warning what a refusal says anyway, with content of the file in it.
    logging.getLogger(format_inspector.__name__).setLevel(logging.CRITICAL)
    wrapper = format_inspector.InspectWrapper(cast("IO[bytes]", _Beginning(fd)))
    while wrapper.read(256 * 1024):
        continue
    wrapper.close()
    matches: list[Any] = list(wrapper.formats or ())
    names = sorted("raw" if str(match) == "gpt" else str(match) for match in matches)
    if "iso" in names:
        raise refused("format_unknown", STEP, "The content is ISO 9660 or UDF")
    if len(matches) != 1:
        raise refused("format_unsafe", STEP, f"The content is several formats at once: {', '.join(names)}")
    if names[0] not in IMPORTABLE:
        raise refused("format_unknown", STEP, f"The content is {names[0].upper()}")
    if names[0] != found:
        raise refused("format_unsafe", STEP, f"The content is {names[0]} at one place and {found} at another")
    try:
        matches[0].safety_check()
    except format_inspector.SafetyCheckFailed as error:
        failed = set(error.failures)
        code = "format_unsafe"
        if failed == {"backing_file"}:
            code = "backing_file"
        elif failed == {"data_file"}:
            code = "external_data_file"
        raise refused(code, STEP, f"The file failed the safety check: {', '.join(sorted(failed))}") from None


class _Beginning:
    """The first `PROBED` bytes of a file as a stream; it never moves the file's own position."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._at = 0

    def read(self, size: int) -> bytes:
        data = os.pread(self._fd, min(size, PROBED - self._at), self._at)
        self._at += len(data)
        return data
