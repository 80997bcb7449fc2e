"""The AsyncAPI 3 document of everything that is said: ``python -m contracts.asyncapi``.

Made from the same tables that the services run on, so that it cannot say anything else than they do.
"""

import json
import sys
from typing import Any

import msgspec

from contracts import topology
from contracts.errors import Problem
from contracts.events import EVENT_TYPES, SPEAKERS, Event, Speaker
from contracts.requests import REPLIES, Command, Request

REF = "#/components/schemas/{name}"
HEADERS = {
    "type": "object",
    "required": ["ce-id", "ce-type", "ce-source", "ce-time", "ce-specversion"],
    "properties": {
        "Nats-Msg-Id": {"type": "string", "description": "The event's id, as ce-id."},
        "correlation_id": {"type": "string", "description": "The saga: the id of its job."},
        "causation_id": {"type": "string", "description": "The message that this one follows from."},
        "traceparent": {"type": "string", "description": "W3C Trace Context; the trace is the saga."},
        "ce-id": {"type": "string"},
        "ce-type": {"type": "string"},
        "ce-source": {"type": "string"},
        "ce-time": {"type": "string", "format": "date-time"},
        "ce-specversion": {"type": "string", "const": "1.0"},
        "content-type": {"type": "string", "const": "application/json"},
    },
}
"""CloudEvents 1.0 in binary mode, and our own headers."""


def document() -> dict[str, Any]:
    """The AsyncAPI 3.0.0 document: channels and operations for all events, commands and queries."""
    types = (*EVENT_TYPES, *REPLIES, *dict.fromkeys(REPLIES.values()), Problem)
    _, schemas = msgspec.json.schema_components(types, ref_template=REF)
    found: dict[str, Any] = {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Imprint",
            "version": "1",
            "description": "Events over NATS JetStream, commands and queries over core NATS.",
        },
        "defaultContentType": "application/json",
        "servers": {"nats": {"host": "localhost:4222", "protocol": "nats"}},
        "channels": {},
        "operations": {},
        "components": {"schemas": schemas, "messages": {}},
    }
    for kind in EVENT_TYPES:
        _add_event(found, kind)
    for request, reply in REPLIES.items():
        _add_request(found, request, reply)
    return found


def _address(kind: type[Event]) -> tuple[str, dict[str, Any]]:
    """The subject with its parameters in braces."""
    stream = topology.STREAM_OF[kind]
    ident = f"{{{kind.about}}}"
    parameters = {kind.about: {"description": "The id of what the event is about."}}
    if stream == "EVENTS":
        return f"event.{kind.words()}.{ident}", parameters
    if stream == "INTAKE":
        return f"intake.{{source}}.{kind.words()}", {"source": {"description": "The system that speaks."}}
    prefix = "to" if stream == "TO_PODS" else "from"
    return f"{prefix}.pod.{{pod}}.{kind.words()}.{ident}", {"pod": {"description": "The pod."}, **parameters}


def _add_event(found: dict[str, Any], kind: type[Event]) -> None:
    name = kind.type_name()
    address, parameters = _address(kind)
    found["components"]["messages"][name] = {
        "name": name,
        "title": (kind.__doc__ or "").strip().splitlines()[0],
        "headers": HEADERS,
        "payload": {"$ref": REF.format(name=kind.__name__)},
    }
    found["channels"][name] = {
        "address": address,
        "parameters": parameters,
        "messages": {name: {"$ref": f"#/components/messages/{name}"}},
    }
    for who, kinds in SPEAKERS.items():
        if kind in kinds:
            _operate(found, who, "send", name)
    for who, kinds in topology.HEARS.items():
        if kind in kinds:
            _operate(found, who, "receive", name)


def _operate(found: dict[str, Any], who: Speaker, action: str, name: str) -> None:
    found["operations"][f"{who}.{action}.{name}"] = {
        "action": action,
        "channel": {"$ref": f"#/channels/{name}"},
        "tags": [{"name": str(who)}],
        "messages": [{"$ref": f"#/channels/{name}/messages/{name}"}],
    }


def _add_request(found: dict[str, Any], request: type[Request], reply: type[msgspec.Struct]) -> None:
    name = request.subject()
    messages = {"request": request.__name__, "reply": reply.__name__, "problem": "Problem"}
    found["channels"][name] = {
        "address": name.replace(".service.", ".{service}."),
        "messages": {
            role: {"name": struct, "payload": {"$ref": REF.format(name=struct)}} for role, struct in messages.items()
        },
    }
    if ".service." in name:
        found["channels"][name]["parameters"] = {"service": {"description": "Any hub service."}}
    found["operations"][f"answer.{name}"] = {
        "action": "receive",
        "title": "command" if issubclass(request, Command) else "query",
        "channel": {"$ref": f"#/channels/{name}"},
        "messages": [{"$ref": f"#/channels/{name}/messages/request"}],
        "reply": {
            "channel": {"$ref": f"#/channels/{name}"},
            "messages": [
                {"$ref": f"#/channels/{name}/messages/reply"},
                {"$ref": f"#/channels/{name}/messages/problem"},
            ],
        },
    }


if __name__ == "__main__":
    json.dump(document(), sys.stdout, indent=2)
    sys.stdout.write("\n")
