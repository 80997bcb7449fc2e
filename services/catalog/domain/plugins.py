"""Import plug-ins: which an import has, and which of them are the hub's turn (features.md B13).

They run in the order in which they are listed. Those of the pod (`AT_POD`) run before it looks at the source; those of
the hub once the source is prepared, or, where one of the pod's comes later, before that one is believed.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final, get_args

import msgspec

from catalog.domain.schema import namespace_of, objection_to_properties
from contracts.definition import Namespace, PropertyValue
from contracts.errors import Problem
from contracts.preparation import AT_POD, Plugin

KNOWN: Final[tuple[str, ...]] = get_args(Plugin)
INJECT: Final = "inject_image_metadata"
MOST_PROPERTIES: Final = 64
"""Properties of an image (`contracts.definition.Properties`)."""


def objection(plugins: Sequence[str]) -> Problem | None:
    """Why there is no such pipeline."""
    for name in plugins:
        if name not in KNOWN:
            return Problem(
                code="plugin_unsupported",
                detail=f"there is no import plug-in {name[:80]!r}",
                hint=f"Give some of: {', '.join(KNOWN)}.",
                data={"plugin": name[:80], "supported": ", ".join(KNOWN)},
            )
    twice = next((name for name, times in Counter(plugins).items() if times > 1), None)
    if twice is None:
        return None
    return Problem(
        code="validation_failed",
        detail=f"the import plug-in {twice} is named twice",
        hint="Name each plug-in once.",
        data={"field": "plugins"},
    )


def due(plugins: Sequence[str], stepped: int, *, prepared: bool) -> tuple[int, ...]:
    """The positions, from 1, of the hub's plug-ins that are to run now, ``stepped`` being the latest that is done."""
    found = []
    for position, name in enumerate(plugins, 1):
        if position <= stepped:
            continue
        if name not in AT_POD and (prepared or any(other in AT_POD for other in plugins[position:])):
            found.append(position)
        elif not prepared:
            break
    return tuple(found)


def stepped(plugins: Sequence[str], before: int, step: str, position: int) -> int:
    """The latest plug-in that is done after a pod's word that its own ``step`` at ``position`` is; the same as
    ``before`` when the word is old, or wrong."""
    wanted = position == before + 1 and position <= len(plugins)
    return position if wanted and step in AT_POD and plugins[position - 1] == step else before


class Injected(msgspec.Struct, frozen=True, kw_only=True):
    """An image's properties after an injection, and why some were left out."""

    properties: dict[str, PropertyValue]
    warnings: tuple[str, ...] = ()


def injected(
    before: Mapping[str, PropertyValue], given: Mapping[str, str], namespaces: Mapping[str, Namespace | None]
) -> Injected:
    """The properties ``before`` with those ``given``. Nobody asked for a single one of them, so that one which does not
    fit a schema, or which only an operator may set, is left out with a warning."""
    found, warnings = dict(before), []
    for key, text in given.items():
        name = namespace_of(key)
        value = _typed(text, key, None if name is None else namespaces.get(name))
        after = {**found, key: value}
        problem = objection_to_properties(found, after, namespaces, operator=False)
        if problem is not None:
            warnings.append(f"{INJECT}: {key} was left out: {problem.detail}")
        elif len(after) > MOST_PROPERTIES:
            warnings.append(f"{INJECT}: {key} was left out: the image has {len(found)} properties")
        else:
            found = after
    return Injected(properties=found, warnings=tuple(warnings))


def _typed(text: str, key: str, namespace: Namespace | None) -> PropertyValue:
    """A setting's text as what the schema of the property wants, where it can be read so."""
    schema = None if namespace is None else namespace.properties.get(key.partition(".")[2])
    if schema is None or schema.type == "string":
        return text
    try:
        value = msgspec.json.decode(text)
    except msgspec.DecodeError:
        return text
    return value if isinstance(value, bool | int | float) else text
