"""Organisations with their units, accounts in them, tenants in those.

A tenant that nobody made is a tenant all the same, without an account: images and users name it by its name alone.
"""

from datetime import datetime

import msgspec


class Unit(msgspec.Struct, frozen=True, kw_only=True):
    """An organisation, or a unit of one. ``units`` and ``accounts`` count what is directly in it."""

    description: str = ""
    units: int = 0
    accounts: int = 0
    revision: int = 1


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """An account; ``unit`` is the path of the unit it is in, empty: none. ``tenants`` counts its own."""

    unit: str = ""
    description: str = ""
    tenants: int = 0
    revision: int = 1


class Tenant(msgspec.Struct, frozen=True, kw_only=True):
    """A tenant; ``account`` is the one it belongs to, empty: none. Nobody of a ``disabled`` tenant may ask anything."""

    account: str = ""
    description: str = ""
    disabled: bool = False
    created: datetime
    revision: int = 1


def parent(path: str) -> str:
    """The path of the unit above, empty above an organisation."""
    return path.rpartition("/")[0]
