"""What names a principal that may go: as long as anything does, nobody else may have its name."""

import msgspec


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """What an account or a unit, or else a user or a service account, was given by name.

    Of the first two ``count``: the offers that hold, the galleries that it is a member of, its grants. They are not
    listed, for they may be many. Of the others ``on``: what they have roles on (keys as of their grants), each with
    whether that is being taken back, because the user is gone.
    """

    count: int = 0
    on: dict[str, bool] = {}

    @property
    def ending(self) -> tuple[str, ...]:
        """What is still to be taken back."""
        return tuple(sorted(key for key, ends in self.on.items() if ends))

    def with_change(self, change: int) -> "Held":
        """With so many more that name it, or fewer."""
        return msgspec.structs.replace(self, count=self.count + change)

    def granted(self, key: str) -> "Held":
        """With roles on one thing more. What is granted anew is not of before."""
        return msgspec.structs.replace(self, on={**self.on, key: False})

    def without(self, key: str) -> "Held":
        """Without roles on this."""
        return msgspec.structs.replace(self, on={one: ends for one, ends in self.on.items() if one != key})

    def all_ending(self) -> "Held":
        """All of it is to be taken back."""
        return msgspec.structs.replace(self, on=dict.fromkeys(self.on, True))
