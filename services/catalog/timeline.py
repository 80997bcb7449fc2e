"""The timeline of a job: every message and every event of its saga, in the order in which the catalog saw them.

Done once, around all reactions, in the transaction of the reaction itself: a timeline that exists beside the state
would sooner or later tell another story.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

import msgspec

from catalog.documents import JOB
from contracts.events import Event, Speaker
from runtime.work import Handle, Local, Message, Reaction, Work

INSERT = "INSERT INTO timeline (saga, id, at, event, speaker, body) VALUES (?, ?, ?, ?, ?, ?)"

SELF = str(Speaker.CATALOG)

_encode = msgspec.json.Encoder().encode


def recorded(reactions: Mapping[type, Reaction]) -> dict[type, Reaction]:
    """The reactions, each writing its message and its events to the timeline.

    The saga is what the handler left in ``work.saga``. A handler empties it for a report that it does not believe, so
    that no pod can write into the timeline of a job that is not its own. What becomes of something after its job is
    forgotten (`catalog.aging`) has no timeline any more: nobody would ever delete it.
    """
    return {
        kind: dataclasses.replace(reaction, handle=_recording(kind, reaction.handle))
        for kind, reaction in reactions.items()
    }


def _recording(kind: type, handle: Handle) -> Handle:
    """``handle`` and then its rows; commands have none of their own, for the events they cause tell all there is."""
    tag = str(kind.__struct_config__.tag) if issubclass(kind, Event | Local) else None

    def handle_and_record(message: Message[Any], work: Work) -> msgspec.Struct | None:
        reply = handle(message, work)
        saga = work.saga
        if saga and not _forgotten(work, saga):
            at = message.at.timestamp()
            if tag is not None:
                work.write(INSERT, saga, message.id, at, tag, message.speaker, _encode(message.body).decode())
            for said in work.emitted:
                event = said.event
                work.write(INSERT, said.saga, said.id, at, event.type_name(), SELF, _encode(event).decode())
        return reply

    return handle_and_record


def _forgotten(work: Work, saga: str) -> bool:
    """Whether a handler looked for the job of a saga, and there is none any more."""
    return work.looked_for(JOB, saga) and work.get(JOB, saga) is None
