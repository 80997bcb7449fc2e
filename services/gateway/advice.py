"""What a view warns of, as headers: seen by clients that read no more of the answer than its status."""

import re
from typing import TypeAlias

from contracts.names import parse_number
from contracts.views import AssignmentView, GalleryView, ImageView, MarkerView, VersionView
from gateway.paths import named, path_of

Thing: TypeAlias = GalleryView | ImageView | VersionView | MarkerView | AssignmentView
"""What can be edited, and so has a revision."""

MOST = 8
"""Warnings in a header; the body has all of them."""
LONGEST = 300

_unfit = re.compile(r"[^\x20-\x7e]")


def advice(view: Thing) -> dict[str, str]:
    """The headers Warning (RFC 7234, 5.5: code 299, meant to last) and Link (RFC 5829: what to use instead)."""
    found = {}
    if isinstance(view, ImageView | VersionView | AssignmentView) and view.warnings:
        found["warning"] = ", ".join(f'299 - "{_quoted(text)}"' for text in view.warnings[:MOST])
    target = _successor(view)
    if target is not None:
        found["link"] = f'<{target}>; rel="successor-version"'
    return found


def _successor(view: Thing) -> str | None:
    """Where the replacement is that a deprecated image or version names."""
    match view:
        case VersionView(replacement=number) if parse_number(number) is not None:
            return path_of(view.image, number)
        case ImageView(replacement=image) | VersionView(replacement=image) if named(image) is not None:
            return path_of(image)
    return None


def _quoted(text: str) -> str:
    """A text as the inside of a quoted string (RFC 9110, 5.6.4)."""
    return _unfit.sub("?", text[:LONGEST]).replace("\\", "\\\\").replace('"', '\\"')
