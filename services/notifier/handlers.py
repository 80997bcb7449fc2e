"""Everything that the notifier reacts to."""

from collections.abc import Callable
from functools import partial
from typing import Any

import msgspec

from contracts.events import Speaker
from contracts.requests import CreateHook, DropHook, Redeliver, TestHook, UpdateHook
from contracts.topology import HEARS
from notifier import events, hooks, outcomes, shares
from notifier.hooks import Config
from notifier.messages import Attempted, Purge, Revive, Shed
from runtime.work import Keys, Reaction


def reactions(config: Config) -> dict[type, Reaction]:
    """Type of message -> reaction."""

    def bound(keys: Keys, handle: Callable[..., msgspec.Struct | None]) -> Reaction:
        return Reaction(keys, partial(_call, handle, config))

    heard = Reaction(events.keys, events.on_event)
    return {
        **dict.fromkeys(HEARS[Speaker.NOTIFIER], heard),
        **dict.fromkeys(shares.EVENTS, Reaction(shares.keys, shares.on_share)),
        CreateHook: bound(hooks.create_keys, hooks.on_create),
        UpdateHook: bound(hooks.keys, hooks.on_update),
        DropHook: bound(hooks.keys, hooks.on_drop),
        TestHook: bound(hooks.keys, hooks.on_test),
        Redeliver: bound(hooks.keys, hooks.on_redeliver),
        Attempted: bound(outcomes.attempted_keys, outcomes.on_attempted),
        Shed: bound(outcomes.listed_keys, outcomes.on_shed),
        Revive: bound(outcomes.listed_keys, outcomes.on_revive),
        Purge: bound(outcomes.purge_keys, outcomes.on_purge),
    }


def _call(handle: Callable[..., Any], config: Config, message: Any, work: Any) -> Any:
    return handle(message, work, config)
