"""Everything that the directory reacts to."""

from runtime.work import Reaction
from sharing import leavers
from sharing.directory import accounts, tenants, tokens, units, users
from sharing.directory.bootstrap import Bootstrap
from sharing.directory.tokens import TokenAged
from sharing.leavers import GrantsEnd

LOCAL = TokenAged | GrantsEnd
"""What the directory says to itself."""


def reactions(bootstrap: Bootstrap) -> dict[type, Reaction]:
    """Type of message -> reaction."""
    return {
        **units.reactions(),
        **accounts.reactions(),
        **tenants.reactions(),
        **users.reactions(bootstrap),
        **tokens.reactions(bootstrap),
        **leavers.reactions(),
    }
