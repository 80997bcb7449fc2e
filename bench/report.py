"""The form in which every bench leaves its figures: JSON for programs, a Markdown table for people."""

import json
import statistics
from pathlib import Path
from typing import Any

import msgspec

RESULTS = Path(__file__).parent / "results"


class Figure(msgspec.Struct, kw_only=True):
    """One measured figure. ``reach`` is what was asked for, ``baseline`` what it was measured against."""

    id: str
    measure: str
    value: Any
    reach: str
    baseline: str
    rounds: int
    unit: str = ""
    spread: tuple[float, float] | None = None
    """Smallest and largest of the rounds."""
    note: str = ""


def median(values: list[float]) -> float:
    """The median, to four significant digits."""
    return float(f"{statistics.median(values):.4g}")


def percentile(values: list[float], share: float) -> float:
    """The value below which ``share`` of ``values`` lie."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def write(name: str, figures: list[Figure], notes: list[str], folder: Path = RESULTS) -> None:
    """Leave ``<name>.json`` and ``<name>.md`` in the results folder and print the table."""
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.json").write_text(json.dumps(msgspec.to_builtins(figures), indent=2) + "\n")
    lines = [f"# Bench `{name}`", "", *[f"{note}  " for note in notes], ""]
    lines += ["| id | measure | value | reach | baseline | rounds |", "|---|---|---|---|---|---|"]
    for figure in figures:
        spread = "" if figure.spread is None else f" ({figure.spread[0]:.3g} to {figure.spread[1]:.3g})"
        note = f"<br>{figure.note}" if figure.note else ""
        lines.append(
            f"| {figure.id} | {figure.measure}{note} | **{figure.value}** {figure.unit}{spread} | {figure.reach} |"
            f" {figure.baseline} | {figure.rounds} |"
        )
    text = "\n".join(lines) + "\n"
    (folder / f"{name}.md").write_text(text)
    print(text)
