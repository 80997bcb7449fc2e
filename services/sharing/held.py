"""Counting what names an account or a unit, and listing what a user has roles on: so that none of it is left behind for
somebody who has the name later.
"""

from collections.abc import Iterable, Iterator

from runtime.work import Ref, Work
from sharing.documents import HELD
from sharing.domain.held import Held

COUNTED = ("account:", "org:")
LISTED = ("user:", "service:")


def refs(principals: Iterable[str]) -> Iterator[Ref]:
    """The documents that change when something is given to one of these, or taken back."""
    for principal in principals:
        if principal.startswith((*COUNTED, *LISTED)):
            yield HELD(principal)


def count(work: Work, principal: str, change: int) -> None:
    """That many more offers, galleries or grants name a principal."""
    if change and principal.startswith(COUNTED):
        _put(work, principal, (work.get(HELD, principal) or Held()).with_change(change))


def note_grant(work: Work, principal: str, key: str, *, before: bool, after: bool) -> None:
    """Note whether a principal has roles on something, after having had some or not."""
    count(work, principal, after - before)
    if principal.startswith(LISTED):
        held = work.get(HELD, principal) or Held()
        _put(work, principal, held.granted(key) if after else held.without(key))


def ends(work: Work, principal: str, key: str) -> bool:
    """Whether a grant is of a user who is gone, and about to be taken back."""
    held = work.get(HELD, principal) if principal.startswith(LISTED) else None
    return held is not None and held.on.get(key, False)


def end_all(work: Work, principal: str) -> None:
    """Mark everything that a user has roles on as to be taken back."""
    held = work.get(HELD, principal)
    if held is not None:
        work.put(HELD, principal, held.all_ending())


def standing(work: Work, principal: str) -> int:
    """How many offers, galleries and grants name an account or a unit."""
    held = work.get(HELD, principal)
    return 0 if held is None else held.count


def _put(work: Work, principal: str, held: Held) -> None:
    work.put(HELD, principal, held if held.count or held.on else None)
