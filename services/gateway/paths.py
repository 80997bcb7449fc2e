"""How an image is named in a path: by id, or as ``gallery/name``.

Routes have one segment ``{image}``. A gallery and a name are two segments for people (``/v1/images/default/debian``)
and one with an encoded slash for generated clients (``/v1/images/default%2Fdebian``); both become the latter here,
before routing.
"""

import re
from urllib.parse import quote, unquote

from contracts.names import ID, NAME

_ID, _NAME = (pattern.removeprefix("^").removesuffix("$").removesuffix(r"(?!\n)") for pattern in (ID, NAME))
IMAGE = rf"^({_ID}|{_NAME}/{_NAME})(?!\n)$"
"""An id, or ``gallery/name``."""
SLASH = "%2F"
PREFIX = "/v1/images/"
FIRST = 3
"""Place of the image among the segments of a path."""
BELOW = frozenset({"versions", "markers", "tags", "disable", "enable", "protect", "unprotect", "deprecate"})
"""What follows an image in a path. An image of such a name is reached by its id or with the encoded slash."""

_id = re.compile(ID)
_image = re.compile(IMAGE)
_patched = re.compile(r"/v1/(galleries|images|assignments)/[^/]+|/v1/images/[^/]+/versions/[^/]+")


def routed(raw_path: str) -> str:
    """The path to route by, from the path as it came over the wire (percent-encoded); encoded slashes part nothing."""
    segments = [_decoded(segment) for segment in raw_path.split("/")]
    if raw_path.startswith(PREFIX) and len(segments) > FIRST + 1:
        image, below = segments[FIRST : FIRST + 2]
        if below and below not in BELOW and SLASH not in image and not _id.match(image):
            segments[FIRST : FIRST + 2] = [f"{image}{SLASH}{below}"]
    return "/".join(segments)


def _decoded(segment: str) -> str:
    return SLASH.join(unquote(part) for part in re.split("%2f", segment, flags=re.IGNORECASE))


def named(segment: str) -> str | None:
    """The image that a routed segment names (an id, or ``gallery/name``); None when it can name none."""
    image = segment.replace(SLASH, "/")
    return image if _image.match(image) else None


def path_of(image: str, number: str | None = None) -> str:
    """The path of an image (an id, or ``gallery/name``), or of one of its versions."""
    found = f"{PREFIX}{quote(image, safe='')}"
    return found if number is None else f"{found}/versions/{number}"


def takes_patch(method: str, path: str) -> bool:
    """Whether a JSON merge patch is what the route takes."""
    return method == "PATCH" and _patched.fullmatch(path) is not None
