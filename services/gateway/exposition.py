"""Figures in Prometheus' text format 0.0.4: what a scraper reads.

Written here and not with a library: the format is six lines of rules, and ours are figures that a service counted, not
counters of this process.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

MEDIA_TYPE = "text/plain; version=0.0.4"

Value = int | float
_ESCAPES = str.maketrans({"\\": "\\\\", "\n": "\\n", '"': '\\"'})


@dataclass(frozen=True)
class Sample:
    """A value with the labels that tell it from the others of its family; ``suffix`` is ``_bucket`` and the like."""

    value: Value
    labels: Mapping[str, str] = field(default_factory=dict)
    suffix: str = ""


@dataclass(frozen=True)
class Family:
    """Samples of one name."""

    name: str
    kind: Literal["gauge", "counter", "histogram"]
    help: str
    samples: tuple[Sample, ...]


def one(name: str, kind: Literal["gauge", "counter"], help: str, value: Value) -> Family:
    """A family of one sample."""
    return Family(name, kind, help, (Sample(value),))


def by(label: str, name: str, kind: Literal["gauge", "counter"], help: str, values: Mapping[str, Value]) -> Family:
    """A family with a sample for each value of a label, in their order."""
    return Family(name, kind, help, tuple(Sample(value, {label: key}) for key, value in sorted(values.items())))


def histogram(name: str, help: str, buckets: Iterable[tuple[float | None, int]], total: float) -> Family:
    """Cumulative counts by upper bound, the last one infinite (None); ``total`` is the sum of what was observed."""
    found = [Sample(count, {"le": "+Inf" if bound is None else repr(bound)}, "_bucket") for bound, count in buckets]
    count = found[-1].value if found else 0
    if not found:
        found.append(Sample(0, {"le": "+Inf"}, "_bucket"))
    return Family(name, "histogram", help, (*found, Sample(total, suffix="_sum"), Sample(count, suffix="_count")))


def text(families: Iterable[Family]) -> str:
    """The families as a scraper reads them; each ends with a line feed."""
    lines = []
    for family in families:
        lines.append(f"# HELP {family.name} {_escaped(family.help)}")
        lines.append(f"# TYPE {family.name} {family.kind}")
        lines += [f"{family.name}{one.suffix}{_labels(one.labels)} {one.value!r}" for one in family.samples]
    return "".join(f"{line}\n" for line in lines)


def _labels(labels: Mapping[str, str]) -> str:
    if not labels:
        return ""
    pairs = (f'{name}="{value.translate(_ESCAPES)}"' for name, value in labels.items())
    return "{" + ",".join(pairs) + "}"


def _escaped(help: str) -> str:
    return help.replace("\\", "\\\\").replace("\n", "\\n")
