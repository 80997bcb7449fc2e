"""What is done to a source beside reading it, on the command line: import plug-ins, and the check of a signature."""

import base64
import binascii
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, get_args

import click

from contracts.preparation import KeyType, Plugin

F = TypeVar("F", bound=Callable[..., Any])

MOST = 65_536
"""Bytes of a file that a signature may be in: more is something else."""
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_OPTIONS = (
    click.option(
        "--plugin", "plugins", multiple=True, metavar="NAME",
        help=f"What is done on the way, in this order: {', '.join(get_args(Plugin))} [default: as the hub is set].",
    ),
    click.option("--no-plugins", is_flag=True, help="None of them, whatever the hub is set to."),
    click.option(
        "--signature", "signature_file", type=FILE,
        help="A signature over the SHA-256 of the one disk file, as openssl writes it or as base64.",
    ),
    click.option("--certificate", metavar="NAME", help="By which it is checked: imprint certificate list."),
    click.option("--key-type", type=click.Choice(get_args(KeyType)), help="Of the key that signed."),
)  # fmt: skip


def preparing(command: F) -> F:
    """Adds the options; the command hands what they say to `prepared`."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def prepared(
    plugins: tuple[str, ...],
    *,
    no_plugins: bool,
    signature_file: Path | None,
    certificate: str | None,
    key_type: str | None,
) -> dict[str, Any]:
    """The members of an import's body. Raises UsageError."""
    if plugins and no_plugins:
        raise click.UsageError("--plugin and --no-plugins contradict each other.")
    found: dict[str, Any] = {"plugins": list(plugins)} if plugins or no_plugins else {}
    given = (signature_file, certificate, key_type)
    if any(one is not None for one in given):
        if signature_file is None or certificate is None or key_type is None:
            raise click.UsageError("--signature, --certificate and --key-type belong together.")
        value = in_base64(signature_file)
        found["signature"] = {"value": value, "key_type": key_type, "certificate": certificate}
    return found


def in_base64(file: Path) -> str:
    """The signature in a file: what it says in base64, or else its bytes. Raises UsageError."""
    with file.open("rb") as opened:
        content = opened.read(MOST + 1)
    if not content.strip() or len(content) > MOST:
        raise click.UsageError(f"{file} holds no signature.")
    try:
        signature = base64.b64decode(b"".join(content.split()), validate=True)
    except binascii.Error:
        signature = content
    return base64.b64encode(signature).decode()
