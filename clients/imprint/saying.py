"""How a command says that it did what has no answer of its own."""

from typing import Any

import click

from imprint.options import current
from imprint.output import print_json


def said(line: str, **facts: Any) -> None:
    """``line`` for people, ``facts`` for programs."""
    if current().json:
        print_json(facts)
    else:
        click.echo(line)
