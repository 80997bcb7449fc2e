"""The half of nats-server's configuration that says who may log in and what each may do: `contracts.permissions`."""

import json
from collections.abc import Iterable, Mapping, Sequence

from contracts.permissions import Account, Client, Export, exports

HEAD = "# Made by `imprint admin keys` and `imprint up` from contracts/permissions.py; holds passwords.\n"


def accounts(clients: Sequence[Client], passwords: Mapping[str, str]) -> str:
    """The ``accounts`` block for ``clients``; ``passwords`` has one for each by name. JetStream is HUB's alone."""
    found = exports()
    blocks = []
    for account in Account:
        offered = found if account is Account.HUB else ()
        taken = [export for export in found if export.account is account]
        lines = [
            *(["    jetstream: enabled"] if account is Account.HUB else []),
            *_list("users", (_user(client, passwords) for client in clients if client.account is account)),
            *_list("exports", map(_export, offered)),
            *_list("imports", map(_import, taken)),
            *_mappings(taken),
        ]
        blocks.append("\n".join([f"  {account} {{", *lines, "  }"]))
    return f"{HEAD}accounts {{\n" + "\n".join(blocks) + "\n}\n"


def _list(name: str, items: Iterable[str]) -> list[str]:
    """One item a line: the server's parser takes a line feed for a comma."""
    return [f"    {name}: [", *(f"      {item}" for item in items), "    ]"]


def _user(client: Client, passwords: Mapping[str, str]) -> str:
    """JSON strings are strings of the configuration's language too; quoted, a ``$`` names no variable."""
    publish, subscribe = (json.dumps({"allow": subjects}) for subjects in (client.publish, client.subscribe))
    login = f"user: {json.dumps(client.name)}, password: {json.dumps(passwords[client.name])}"
    return f"{{ {login}, permissions: {{ publish: {publish}, subscribe: {subscribe} }} }}"


def _export(export: Export) -> str:
    answers = ", response_type: stream" if export.many else ""
    return f"{{ service: {json.dumps(export.subject)}{answers}, accounts: [{export.account}] }}"


def _import(export: Export) -> str:
    alias = f", to: {json.dumps(export.local)}" if export.local != export.subject else ""
    return f"{{ service: {{ account: {Account.HUB}, subject: {json.dumps(export.subject)} }}{alias} }}"


def _mappings(taken: Sequence[Export]) -> list[str]:
    """From the name that clients use to the local one, where there is such."""
    found = [export for export in taken if export.local != export.subject]
    if not found:
        return []
    lines = (f"      {json.dumps(export.subject)}: {json.dumps(export.local.replace('*', '$1'))}" for export in found)
    return ["    mappings: {", *lines, "    }"]
