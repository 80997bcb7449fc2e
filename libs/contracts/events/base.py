"""What every event is: a frozen, tagged Struct that knows which of its fields names the thing it is about."""

from typing import ClassVar

import msgspec


class Event(msgspec.Struct, frozen=True, kw_only=True, tag_field="type"):
    """Something that happened. The tag is ``<noun>.<past participle>.v<n>``; each type has exactly one speaker.

    Unknown fields are ignored, so that an additive change (a new field with a default) keeps its version; a breaking
    change is a new class, and the old one stays as ``…V1`` with `upcast`.
    """

    about: ClassVar[str]
    """The field whose value ends the subject: the id of the aggregate that the event is about."""

    @classmethod
    def type_name(cls) -> str:
        """The tag, ``copy.available.v1``."""
        return str(cls.__struct_config__.tag)

    @classmethod
    def words(cls) -> str:
        """Noun and verb without the version, ``copy.available``: what stands in the subject."""
        return cls.type_name().rpartition(".")[0]
