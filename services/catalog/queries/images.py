"""Lists of images, and one image."""

from datetime import UTC, datetime

import msgspec

from catalog import pages
from catalog.documents import IMAGE
from catalog.domain.image import Image
from catalog.domain.number import normalise, rank, ranked
from catalog.filters import Condition, Field, conditions, order
from catalog.queries import scopes
from catalog.queries.named import LATEST_RANK, RANK_OF, USABLE, find
from catalog.queries.sight import Sight, closed_pods, sight
from catalog.queries.walking import Also, Asked, Key, look
from catalog.references import image_not_found, is_id
from catalog.views import image_view
from contracts.errors import Problem
from contracts.requests import GetImage, ImagePage, ListImages
from contracts.views import ImageView
from runtime.store import Reader

_ONE = Field()
_MANY = Field(sorts=False)
_TIME = Field("time")
_NUMBER = Field("number")
_FLAG = Field("flag")

FIELDS = {
    **dict.fromkeys(("path", "gallery", "name", "tenant", "state", "image_class", "visibility"), _ONE),
    **dict.fromkeys(("os_type", "os_state", "generation", "architecture", "desktop_kind", "flavour"), _ONE),
    **dict.fromkeys(("publisher", "offer", "sku", "project", "deprecation", "replacement"), _ONE),
    **dict.fromkeys(("created", "updated", "end_of_life"), _TIME),
    **dict.fromkeys(("versions", "revision", "min_disk_gib", "min_ram_mib", "max_ram_mib"), _NUMBER),
    **dict.fromkeys(("hidden", "protected", "require_eula"), _FLAG),
    **dict.fromkeys(("hypervisors", "gpu_types", "capabilities", "disallowed_disk_types", "features"), _MANY),
    "usable": Field("flag", sorts=False),
    "latest": _MANY,
}
"""What images can be filtered and sorted by. Those that have many values are met by one of them, ``features`` by
``name=value``; `PROPERTY` and a key filters by a free property."""
PROPERTY = "properties."

# ``+`` takes the affinity of a column away, with which a comparison does not meet an index of expressions.
HOLDS = "coalesce(json_extract({}, '$.details.hold_until_validated'), 0)"
BODIES = f"""
    SELECT d.id, d.body, ({RANK_OF.format(image="+d.id", held=HOLDS.format("d.body"))})
    FROM json_each(?) AS page CROSS JOIN documents AS d ON d.kind = 'image' AND d.id = page.value"""  # noqa: S608 - constants
WITH_USABLE = f"SELECT page.value FROM json_each(?) AS page WHERE EXISTS ({USABLE.replace('?', '+page.value')})"  # noqa: S608
HAS_USABLE = f"EXISTS ({USABLE.replace('?', '+s.image')})"
_HELD = f"(SELECT {HOLDS.format('i.body')} FROM documents AS i WHERE i.kind = 'image' AND i.id = s.image)"  # noqa: S608
HAS_LATEST = f"({RANK_OF.format(image='+s.image', held=_HELD)}) = ?"
ON_POD = """EXISTS (
    SELECT 1 FROM versions AS v WHERE v.image = +s.image AND v.usable = 1 AND EXISTS (
        SELECT 1 FROM copies AS c WHERE c.id > v.id || ? AND c.id < v.id || ? AND c.state = 'AVAILABLE'))"""


async def list_images(query: ListImages, reader: Reader) -> ImagePage | Problem:
    """Images that the actor can see, as `ListImages` says. A page whose filters are met by few of many may be short,
    and still have a next one."""
    limit, cursor = pages.size(query.limit), pages.after(query.cursor, Key)
    if isinstance(limit, Problem):
        return limit
    if isinstance(cursor, Problem):
        return cursor
    asked = _asked(query)
    if isinstance(asked, Problem):
        return asked
    place = await scopes.of(query, reader)
    if isinstance(place, Problem):
        return place
    if query.pod is not None and await closed_pods(query.actor, [query.pod], reader):
        return ImagePage(items=())
    found = await look(place.narrowed(asked), place.scopes, cursor, limit + 1, reader)
    keys = found.keys[:limit]
    ids = msgspec.json.encode([key.image for key in keys]).decode()
    known = {id: (IMAGE.decode(body), latest) for id, body, latest in await reader.rows(BODIES, (ids,))}
    seen = await sight(query.actor, [(id, image) for id, (image, _) in known.items()], reader)
    rows = [
        (key, key.image, *known[key.image])
        for key in keys
        if key.image in known and place.holds(seen, key.image, known[key.image][0])
    ]
    now = datetime.now(UTC)
    none = msgspec.json.encode([id for _, id, _, latest in rows if latest is None]).decode()
    usable = {
        id for (id,) in await reader.rows(WITH_USABLE, (none,))
    }  # of those that have a latest version it is known
    items = tuple(
        _view(seen, id, image, latest, latest is not None or id in usable, now) for _, id, image, latest in rows
    )
    end = keys[-1] if len(found.keys) > limit else found.end
    items, next = pages.fit(items, [row[0] for row in rows], None if end is None else pages.cursor_at(end))
    return ImagePage(items=items, next=next)


async def get_image(query: GetImage, reader: Reader) -> ImageView | Problem:
    """One image that the actor can see."""
    found = await find(query.actor, query.image, reader)
    if found is None:
        return image_not_found(query.image)
    id, image = found
    latest = await reader.rows(LATEST_RANK, (id, image.details.hold_until_validated))
    usable = bool(latest) or bool(await reader.rows(USABLE, (id,)))
    seen = await sight(query.actor, [found], reader)
    return _view(seen, id, image, latest[0][0] if latest else None, usable, datetime.now(UTC))


def _view(seen: Sight, id: str, image: Image, latest: str | None, usable: bool, now: datetime) -> ImageView:
    out = image.life.disabled or image.life.deprecation == "OBSOLETE"
    number = None if latest is None or out else ranked(latest)
    view = image_view(id, image, number, usable=usable, at=now)
    return msgspec.structs.replace(view, visibility=seen.visibility(image), member_status=seen.answered(id))


def _asked(query: ListImages) -> Asked | Problem:
    terms = conditions(query.where, FIELDS, PROPERTY)
    if isinstance(terms, Problem):
        return terms
    sort = order(query.sort, FIELDS)
    if isinstance(sort, Problem):
        return sort
    gallery = None if query.gallery is None or is_id(query.gallery) else query.gallery
    given = {"gallery": gallery, "state": query.state, "tenant": query.owner}
    found = [Condition(field, "=", value) for field, value in given.items() if value is not None]
    found += [Condition("tag", "=", f"{key}={value}" if value else key) for key, value in query.tags.items()]
    also = []
    for one in terms:
        if one.field == "usable":
            also.append(Also(HAS_USABLE if one.value else f"NOT {HAS_USABLE}"))
        elif one.field == "latest":
            also.append(Also(HAS_LATEST, (rank(normalise(str(one.value)) or "0.0.0"),)))
        else:
            found.append(one)
    if query.pod is not None:
        also.append(Also(ON_POD, (f"_{query.pod}_", f"_{query.pod}`"), costly=True))
    text = (query.text or "").replace("\0", "")
    return Asked(found, also, sort, text)
