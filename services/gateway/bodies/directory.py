"""Bodies about who is who: organisations and units, accounts, tenants, users, tokens."""

from contracts.requests import CreateToken, SetAccount, SetTenant, SetUnit, SetUser
from gateway.bodies.strict import COMMAND, taken

NAMED = COMMAND | {"name"}

UnitToSet = taken(SetUnit, "UnitToSet", COMMAND | {"path"}, "What an organisation, or a unit of one, is for.")
DirectoryAccountToSet = taken(
    SetAccount, "DirectoryAccountToSet", NAMED, "An account; ``unit`` is where it belongs, empty: nowhere."
)
TenantToSet = taken(
    SetTenant, "TenantToSet", NAMED, "A tenant; ``account`` is whose it is, empty: nobody's. One that is ``disabled`` "
    "may ask nothing.",
)  # fmt: skip
UserToSet = taken(
    SetUser,
    "UserToSet",
    NAMED | {"tenant"},
    "A user or a service account, and what it may do. Nobody gives roles that he does not have. ``disabled`` closes "
    "its tokens.",
)
TokenToMake = taken(
    CreateToken,
    "TokenToMake",
    COMMAND | {"digest"},
    "A token for the caller, or by an owner for ``user``. ``roles`` are at most that user's; none named: all of his.",
)
