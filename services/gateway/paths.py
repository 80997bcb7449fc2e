"""How an image is named in a path: by id, or as ``gallery/name``.

Routes have one segment ``{image}``. A gallery and a name are two segments for people (``/v1/images/default/debian``)
and one with an encoded slash for generated clients (``/v1/images/default%2Fdebian``); both become the latter here,
before routing. So do the slashes of a unit (``/v1/units/corp/europe``), which nothing follows.
"""

import re
from urllib.parse import quote, unquote

from contracts.names import ID, NAME
from contracts.principals import UNIT, is_principal

_ID, _NAME = (pattern.removeprefix("^").removesuffix("$").removesuffix(r"(?!\n)") for pattern in (ID, NAME))
IMAGE = rf"^({_ID}|{_NAME}/{_NAME})(?!\n)$"
"""An id, or ``gallery/name``."""
SLASH = "%2F"
PREFIX = "/v1/images/"
UNITS = "/v1/units/"
LONGEST_UNIT = 200
FIRST = 3
"""Place of the image among the segments of a path."""
BELOW = frozenset({
    "versions", "markers", "tags", "disable", "enable", "protect", "unprotect", "deprecate", "members", "sharing",
    "grants",
})  # fmt: skip
"""What follows an image in a path. An image of such a name is reached by its id or with the encoded slash."""

_id = re.compile(ID)
_image = re.compile(IMAGE)
_unit = re.compile(UNIT)
_patched = re.compile(r"/v1/(galleries|images|assignments)/[^/]+|/v1/images/[^/]+/versions/[^/]+")


def routed(raw_path: str) -> str:
    """The path to route by, from the path as it came over the wire (percent-encoded); encoded slashes part nothing."""
    segments = [_decoded(segment) for segment in raw_path.split("/")]
    if raw_path.startswith(PREFIX) and len(segments) > FIRST + 1:
        image, below = segments[FIRST : FIRST + 2]
        if below and below not in BELOW and SLASH not in image and not _id.match(image):
            segments[FIRST : FIRST + 2] = [f"{image}{SLASH}{below}"]
    if raw_path.startswith(UNITS):
        segments[FIRST:] = [SLASH.join(segments[FIRST:])]
    return "/".join(segments)


def _decoded(segment: str) -> str:
    return SLASH.join(unquote(part) for part in re.split("%2f", segment, flags=re.IGNORECASE))


def named(segment: str) -> str | None:
    """The image that a routed segment names (an id, or ``gallery/name``); None when it can name none."""
    image = segment.replace(SLASH, "/")
    return image if _image.match(image) else None


def principal(segment: str) -> str | None:
    """The principal that a routed segment names; None when it can name none."""
    text = segment.replace(SLASH, "/")
    return text if is_principal(text) else None


def unit(segment: str) -> str | None:
    """The organisation or unit that a routed segment names; None when it can name none."""
    path = segment.replace(SLASH, "/")
    return path if _unit.match(path) and len(path) <= LONGEST_UNIT else None


def path_of(image: str, number: str | None = None) -> str:
    """The path of an image (an id, or ``gallery/name``), or of one of its versions."""
    found = f"{PREFIX}{quote(image, safe='')}"
    return found if number is None else f"{found}/versions/{number}"


def takes_patch(method: str, path: str) -> bool:
    """Whether a JSON merge patch is what the route takes."""
    return method == "PATCH" and _patched.fullmatch(path) is not None
