"""How images, versions and copies are named on the command line."""

import click


def image_and_number(text: str) -> tuple[str, str]:
    """``gallery/name:1.0.0`` as image and number; the number may be left out and is empty then."""
    image, _, number = text.partition(":")
    if not image:
        raise click.BadParameter("an image is named GALLERY/NAME, or by its id", param_hint="IMAGE")
    return image, number


def version_of(text: str) -> tuple[str, str]:
    """``gallery/name:1.0.0`` as image and number, both of which must be there."""
    image, number = image_and_number(text)
    if not number:
        raise click.BadParameter("a version is named GALLERY/NAME:1.0.0", param_hint="IMAGE:VERSION")
    return image, number


def copy_on(text: str) -> tuple[str, int]:
    """``pod-1`` or ``pod-1/2``: a pod, and which of its copies, counted from 0."""
    pod, slash, replica = text.partition("/")
    if not pod or (slash and not replica.isdecimal()):
        raise click.BadParameter("a copy is named by its pod: pod-1, or pod-1/2", param_hint="POD")
    return pod, int(replica or 0)


def image_or_version(image: str, number: str | None) -> tuple[str, str | None]:
    """``gallery/name`` alone, or a version of it: as ``gallery/name:1.0.0``, or with the number beside it."""
    name, within = image_and_number(image)
    if within and number:
        raise click.BadParameter("the version is named twice", param_hint="NUMBER")
    return name, within or number or None
