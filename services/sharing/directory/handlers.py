"""Everything that the directory reacts to."""

from runtime.work import Reaction
from sharing.directory import accounts, tenants, tokens, units, users
from sharing.directory.bootstrap import Bootstrap
from sharing.directory.tokens import TokenAged

LOCAL = TokenAged
"""What the directory says to itself."""


def reactions(bootstrap: Bootstrap) -> dict[type, Reaction]:
    """Type of message -> reaction."""
    return {
        **units.reactions(),
        **accounts.reactions(),
        **tenants.reactions(),
        **users.reactions(bootstrap),
        **tokens.reactions(bootstrap),
    }
