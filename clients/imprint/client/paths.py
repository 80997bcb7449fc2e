"""Where things are: paths from names that come from outside, of which nothing can leave its segment."""

from urllib.parse import quote


def segment(name: str) -> str:
    """A name as one segment of a path."""
    return quote(name, safe="")


def image_path(image: str) -> str:
    """The path of an image given by id or as ``gallery/name``."""
    return f"/v1/images/{segment(image)}"


def version_path(image: str, number: str) -> str:
    """The path of a version of an image."""
    return f"{image_path(image)}/versions/{segment(number)}"
