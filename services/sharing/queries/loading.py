"""Documents for a query, found as a reaction's are: by following references from one to the next."""

from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from runtime.store import Reader
from runtime.work import Get, Kind, Ref

FOUND = """
    SELECT d.kind, d.id, d.body FROM json_each(?) AS j
    JOIN documents AS d ON d.kind = j.value ->> 0 AND d.id = j.value ->> 1"""


async def load(reader: Reader, refs: Callable[[Get], Iterable[Ref]]) -> Get:
    """What looks into the documents that ``refs`` names, which is asked again after each load, as `Reaction.keys`."""
    documents: dict[tuple[str, str], Any] = {}

    def get(kind: Kind[Any], id: str) -> Any:
        return documents.get((kind.name, id))

    while missing := {(kind.name, id): kind for kind, id in refs(get) if (kind.name, id) not in documents and id}:
        documents.update(dict.fromkeys(missing))
        for name, id, body in await reader.rows(FOUND, (msgspec.json.encode([*missing]).decode(),)):
            documents[name, id] = missing[name, id].decode(body)
    return get
