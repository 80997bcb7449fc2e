"""How results are printed: tables for people, JSON for programs."""

import sys
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import click
import msgspec

from imprint.options import current
from imprint.plain import plain

WIDE = 240
"""Columns when the output is no terminal: nothing is cut off for a program that reads tables after all."""
STEP = 1024


def size(bytes: float) -> str:
    """Bytes as people read them: ``412.3 MiB``."""
    if bytes < STEP:
        return f"{int(bytes)} B"
    value, units = bytes / STEP, ["TiB", "GiB", "MiB", "KiB"]
    while value >= STEP and len(units) > 1:
        value /= STEP
        units.pop()
    return f"{value:.1f} {units[-1]}"


def when(at: datetime | None) -> str:
    """A time in the zone of whoever reads it, to the second."""
    return "" if at is None else at.astimezone().strftime("%Y-%m-%d %H:%M:%S")


def lasting(seconds: float | None) -> str:
    """A span of time as people read it: ``42 s``, ``3 min``, ``1 h 5 min``."""
    if seconds is None:
        return ""
    if seconds < 120:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60} min"


def print_json(value: Any) -> None:
    """One JSON document on stdout."""
    click.echo(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, empty: str = "") -> None:
    """A table on stdout; ``empty`` is said instead, on stderr, when there are no rows."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for column in columns:
        table.add_column(column, no_wrap=True)
    for row in rows:
        table.add_row(*(Text("" if cell is None else plain(str(cell))) for cell in row))
    if not table.row_count and empty:
        click.echo(empty, err=True)
        return
    Console(width=None if sys.stdout.isatty() else WIDE).print(table)


def show(value: Any, columns: Sequence[str], rows: Iterable[Sequence[object]], *, empty: str = "") -> None:
    """``value`` as JSON or ``rows`` as a table, as asked for with ``--output``."""
    if current().json:
        print_json(value)
    else:
        print_table(columns, rows, empty=empty)
