"""A webhook: whose it is, where it posts to, and which events it gets (features.md c14)."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from contracts.errors import Problem
from contracts.events import Speaker
from contracts.requests import CreateHook, UpdateHook
from contracts.topology import HEARS
from notifier.domain.address import Network, UnusableError, parse, refusal

KNOWN = frozenset(kind.words() for kind in HEARS[Speaker.NOTIFIER])
"""What can be subscribed to: ``copy.available``."""
NOUNS = frozenset(words.partition(".")[0] for words in KNOWN)


class Version(msgspec.Struct, frozen=True, kw_only=True):
    """Whose a version is; most events name it by its id only."""

    tenant: str
    image: str


class Hooks(msgspec.Struct, frozen=True, kw_only=True):
    """The ids of a tenant's webhooks, oldest first."""

    ids: tuple[str, ...] = ()


class Secret(msgspec.Struct, frozen=True, kw_only=True):
    """What a webhook's deliveries are signed with. Apart from the webhook, so that only what signs ever loads it."""

    value: str

    def __repr__(self) -> str:
        return "Secret(…)"


class Hook(msgspec.Struct, frozen=True, kw_only=True):
    """What its owner wants of a webhook. Empty filters let everything of the tenant through."""

    tenant: str
    url: str
    events: tuple[str, ...]
    images: tuple[str, ...] = ()
    versions: tuple[str, ...] = ()
    pods: tuple[str, ...] = ()
    description: str = ""
    suspended: bool = False
    redeliver: datetime | None = None
    """Every delivery that was DEAD by then is to be tried again."""
    created: datetime
    revision: int = 1


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What filters look at; ``version`` is empty and ``pod`` is None for events that are not about one."""

    words: str
    version: str
    image: str
    pod: str | None = None


def wants(hook: Hook, facts: Facts) -> bool:
    """Whether an event passes the filters. A filter for pods holds back only events that are about another pod: who
    asked for ``version.available`` beside one pod's copies gets both."""
    noun = facts.words.partition(".")[0]
    return (
        not hook.suspended
        and any(pattern in (facts.words, f"{noun}.*") for pattern in hook.events)
        and (not hook.images or facts.image in hook.images)
        and (not hook.versions or facts.version in hook.versions)
        and (not hook.pods or facts.pod is None or facts.pod in hook.pods)
    )


def decide_create(
    command: CreateHook, existing: int, most: int, allowed: Sequence[Network], at: datetime
) -> Hook | Problem:
    """A new webhook, unless the tenant has ``most`` already or it asks for what cannot be."""
    if existing >= most:
        return Problem(
            code="hook_limit",
            detail=f"the tenant has {existing} webhooks and may have {most}",
            hint="Remove a webhook, or let one get more events.",
            data={"limit": most, "hooks": existing},
        )
    hook = Hook(
        tenant=command.actor.tenant,
        url=command.url,
        events=command.events,
        images=command.images,
        versions=command.versions,
        pods=command.pods,
        description=command.description,
        created=at,
    )
    return unusable(hook, allowed) or hook


def decide_update(hook: Hook, command: UpdateHook, allowed: Sequence[Network]) -> Hook | Problem:
    """The webhook as it is to be; what the command leaves out stays."""
    if command.revision is not None and command.revision != hook.revision:
        return Problem(
            code="revision_mismatch",
            detail=f"the webhook has revision {hook.revision}, not {command.revision}",
            hint="Read it again and repeat the change.",
            data={"revision": hook.revision},
        )
    named = ("url", "events", "images", "versions", "pods", "description", "suspended")
    given = {name: value for name in named if (value := getattr(command, name)) is not None}
    changed = msgspec.structs.replace(hook, **given, revision=hook.revision + 1)
    return unusable(changed, allowed) or changed


def unusable(hook: Hook, allowed: Sequence[Network]) -> Problem | None:
    """What is wrong with an address or with patterns. A host's name is looked up at each delivery only: what it stands
    for may change."""
    for pattern in hook.events:
        noun, _, verb = pattern.partition(".")
        if pattern not in KNOWN and not (verb == "*" and noun in NOUNS):
            return Problem(
                code="validation_failed",
                detail=f"there are no events {pattern!r}",
                hint=f"Name some of {', '.join(sorted(KNOWN))}, or all of a noun as in copy.*.",
                data={"field": "events"},
            )
    try:
        address = parse(hook.url)
        reason = refusal(address.host, allowed) if address.literal else ""
    except UnusableError as error:
        reason = str(error)
    if not reason:
        return None
    return Problem(
        code="hook_url",
        detail=f"events cannot be posted there: {reason}",
        hint="Use an http or https address on the internet, or have the operator allow its network"
        " (IMPRINT_HOOK_NETWORKS).",
        data={"field": "url"},
    )
