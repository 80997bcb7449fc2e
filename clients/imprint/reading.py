"""Files that people write, YAML or JSON (which is YAML too): read strictly, with a place for every complaint.

Nothing in a file can make this do anything but read it: no tags, and no aliases, which let a few lines stand for
gigabytes. What is said twice, or has no meaning where it stands, is refused rather than passed over. Plain scalars are
read by what is expected in their place: a version ``1.10`` is text, not the number 1.1, and ``no`` is no ``false``.
"""

import difflib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import yaml
from msgspec import inspect

from imprint.exits import CommandFailure, Exit

T = TypeVar("T", bound=msgspec.Struct)

MOST_BYTES = 1024 * 1024
DEEPEST = 32
"""Levels of lists and mappings."""

_integer = re.compile(r"[-+]?[0-9]{1,30}")
_decimal = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]{1,3})?")
_CONSTANTS = {"": None, "~": None, "null": None, "true": True, "false": False}
_place = re.compile(r" - at .*?`\$(?P<path>[^`]*)`")


@dataclass
class Node:
    """A value as it stands in the file: text, a list, or pairs of key and value."""

    line: int
    value: "str | list[Node] | list[tuple[Node, Node]]"
    kind: str = "scalar"
    plain: bool = False


class FileError(Exception):
    """What is wrong with a file, and in which line."""

    def __init__(self, line: int, what: str, hint: str = "") -> None:
        super().__init__(what)
        self.line, self.what, self.hint = line, what, hint


def read(path: Path, kind: type[T]) -> tuple[T, Any]:
    """What a file says, as a ``kind``; and as plain values of what is said there, without any default.

    Raises:
        CommandFailure: it cannot be read, or does not say what it must; with file, line and a hint.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise CommandFailure(
            Exit.REFUSED, f"{path} cannot be read", detail=str(error.strerror or error), code="file_unreadable"
        ) from None
    try:
        return understood(content, kind)
    except FileError as fault:
        where = f"{path}:{fault.line}"
        raise CommandFailure(
            Exit.REFUSED, f"{where}: {fault.what}", hint=fault.hint, code="validation_failed"
        ) from None


def understood(content: bytes, kind: type[T]) -> tuple[T, Any]:
    """As `read`, of content that was read already. Raises FileError."""
    if len(content) > MOST_BYTES:
        raise FileError(1, f"The file has more than {MOST_BYTES // 1024} KiB")
    lines: dict[str, int] = {}
    node = _parsed(content)
    value = _fitted(node, inspect.type_info(kind), "", lines)
    try:
        return msgspec.convert(value, kind), value
    except msgspec.ValidationError as error:
        found = _place.search(str(error))
        path = found["path"] if found is not None else ""
        what = str(error).partition(" - at ")[0]
        raise FileError(_line(path, lines, node.line), f"{path.lstrip('.') or 'The file'}: {what}") from None


def _line(path: str, lines: dict[str, int], otherwise: int) -> int:
    """The line of the nearest thing around ``path`` of which the line is known."""
    while path and path not in lines:
        path = path[: max(path.rfind("."), path.rfind("["), 0)]
    return lines.get(path, otherwise)


# --- from bytes to nodes ----------------------------------------------------------------------------------------------


def _parsed(content: bytes) -> Node:
    try:
        return _built(yaml.parse(content, Loader=yaml.SafeLoader))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = 1 if mark is None else mark.line + 1
        raise FileError(line, f"This is no YAML: {error.problem or error.context}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise FileError(1, f"This is no YAML: {str(error).splitlines()[0]}") from None


def _built(events: Iterator[yaml.Event]) -> Node:
    """The one document of a stream of events."""
    root: Node | None = None
    open_: list[tuple[Node, list[Node]]] = []
    for event in events:
        line = 1 if event.start_mark is None else event.start_mark.line + 1
        match event:
            case yaml.AliasEvent():
                raise FileError(line, "Aliases are not taken", f"Write out what *{event.anchor} stands for.")
            case yaml.ScalarEvent() | yaml.SequenceStartEvent() | yaml.MappingStartEvent():
                node = _begun(event, line)
                if len(open_) > DEEPEST:
                    raise FileError(line, f"There are more than {DEEPEST} levels")
                if open_:
                    open_[-1][1].append(node)
                elif root is not None:
                    raise FileError(line, "There is more than one document", "Keep one, without further `---` lines.")
                else:
                    root = node
                if not isinstance(event, yaml.ScalarEvent):
                    open_.append((node, []))
            case yaml.SequenceEndEvent() | yaml.MappingEndEvent():
                node, parts = open_.pop()
                node.value = _pairs(parts) if node.kind == "mapping" else parts
            case _:
                continue
    if root is None:
        raise FileError(1, "The file is empty")
    return root


def _begun(event: yaml.NodeEvent, line: int) -> Node:
    if event.anchor is not None:
        raise FileError(line, "Anchors are not taken", f"Remove &{event.anchor}, and write out what names it.")
    tag = getattr(event, "tag", None)
    if tag not in (None, "!"):
        raise FileError(line, f"The tag {tag} is not taken", "Remove it.")
    if isinstance(event, yaml.ScalarEvent):
        return Node(line, event.value, plain=event.style is None)
    return Node(line, [], "mapping" if isinstance(event, yaml.MappingStartEvent) else "sequence")


def _pairs(parts: list[Node]) -> list[tuple[Node, Node]]:
    seen: dict[str, int] = {}
    pairs = list(zip(parts[::2], parts[1::2], strict=True))
    for key, _ in pairs:
        if not isinstance(key.value, str):
            raise FileError(key.line, "A key must be text")
        if key.value in seen:
            first = seen[key.value]
            raise FileError(key.line, f"{key.value!r} is there twice", f"It is in line {first} already; keep one.")
        seen[key.value] = key.line
    return pairs


# --- from nodes to values ---------------------------------------------------------------------------------------------


def _fitted(node: Node, kind: inspect.Type, path: str, lines: dict[str, int]) -> Any:
    """The value of a node where a ``kind`` is expected. That it fits is left to msgspec, but for keys that nothing
    has."""
    lines[path] = node.line
    kinds = list(_alternatives(kind))
    if node.kind == "mapping":
        return _mapping(node, kinds, path, lines)
    if node.kind == "sequence":
        of = next((one.item_type for one in kinds if isinstance(one, inspect.VarTupleType | inspect.ListType)), None)
        parts = [part for part in node.value if isinstance(part, Node)]
        return [_fitted(part, of or inspect.AnyType(), f"{path}[{n}]", lines) for n, part in enumerate(parts)]
    return _scalar(node, kinds)


def _mapping(node: Node, kinds: list[inspect.Type], path: str, lines: dict[str, int]) -> dict[str, Any]:
    struct = next((one for one in kinds if isinstance(one, inspect.StructType)), None)
    pairs = [pair for pair in node.value if isinstance(pair, tuple)]
    if struct is not None:
        known = {one.encode_name: one.type for one in struct.fields}
        for key, _ in pairs:
            if key.value not in known:
                raise FileError(key.line, f"There is no {key.value!r} here", _meant(str(key.value), list(known)))
        return {str(key.value): _under(key, value, known[str(key.value)], path, lines) for key, value in pairs}
    of = next((one.value_type for one in kinds if isinstance(one, inspect.DictType)), inspect.AnyType())
    return {str(key.value): _under(key, value, of, path, lines) for key, value in pairs}


def _under(key: Node, value: Node, kind: inspect.Type, path: str, lines: dict[str, int]) -> Any:
    """The value of a key; what is wrong with it is told with the key's line."""
    found = _fitted(value, kind, f"{path}.{key.value}", lines)
    lines[f"{path}.{key.value}"] = key.line
    return found


def _scalar(node: Node, kinds: list[inspect.Type]) -> Any:
    text = str(node.value)
    if not node.plain:
        return text
    takes_none = any(isinstance(one, inspect.NoneType) for one in kinds)
    if text in _CONSTANTS and _CONSTANTS[text] is None:
        return None if takes_none or text == "" or not _only_text(kinds) else text
    if _only_text(kinds):
        return text
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if _integer.fullmatch(text):
        return int(text)
    return float(text) if _decimal.fullmatch(text) else text


def _only_text(kinds: list[inspect.Type]) -> bool:
    """Whether no scalar but text (or a time, which is written as text) is expected."""
    others = (inspect.IntType, inspect.FloatType, inspect.BoolType, inspect.AnyType)
    return not any(isinstance(one, others) for one in kinds)


def _alternatives(kind: inspect.Type) -> Iterator[inspect.Type]:
    if isinstance(kind, inspect.Metadata):
        yield from _alternatives(kind.type)
    elif isinstance(kind, inspect.UnionType):
        for one in kind.types:
            yield from _alternatives(one)
    else:
        yield kind


def _meant(key: str, known: list[str]) -> str:
    near = difflib.get_close_matches(key, known, 1)
    return f"Is {near[0]} meant?" if near else f"There are: {', '.join(known)}."
