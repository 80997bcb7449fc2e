"""Histories in which an image is shared, delivered and taken back at any moment, and in which the member leaves its
account and comes back, with sharing as it is.

One pod is the member's alone: its owner publishes nothing there, so that every copy on it is a delivery's.
"""

from dataclasses import dataclass, field
from typing import Any

from catalog.documents import JOB, POD
from contracts.events import Speaker
from contracts.events.hub import (
    CopyAvailable,
    ShareAccepted,
    ShareDeliveryRequested,
    ShareOffered,
    ShareRejected,
    ShareResumed,
    ShareRevoked,
    ShareSuspended,
    TenantSet,
)
from contracts.events.to_pods import CopyRequested
from contracts.principals import above
from contracts.requests import (
    Actor,
    AnswerOffer,
    Command,
    OfferImages,
    RevokeOffers,
    SetAccount,
    SetPodTenants,
    SetTenant,
    SuspendSharing,
)
from core.driver import Driver
from core.simulation import ACTOR, MEDDLING, Simulation
from core.truth import ENDED, Violation
from runtime.work import Emitted, Message
from sharing.directory import accounts, tenants
from sharing.directory.documents import TENANT
from sharing.handlers import reactions
from sharing.settings import SharingSettings

THEIRS = "pod-3"
MEMBER = "beta"
ACCOUNT = "bees"
OPERATOR = Actor(tenant="default", name="root", roles=("operator",))
OFFERED_TO = above(MEMBER, ACCOUNT)


@dataclass
class Shared:
    """Whether the image is the member's to use, by the words that were heard, whatever their order."""

    offers: dict[str, tuple[int, int, bool]] = field(default_factory=dict)
    """By principal: since which revision, the latest one, whether it holds."""
    answer: tuple[int, bool] = (0, False)
    """The latest revision, and whether it blocks."""
    suspended: tuple[int, bool] = (0, False)
    principals: tuple[int, tuple[str, ...]] = (0, OFFERED_TO)
    """The latest revision, and what the member is."""

    def hear(self, event: Any) -> None:
        """Take a word in."""
        match event:
            case ShareOffered() | ShareRevoked():
                since, latest, holds = self.offers.get(event.member, (0, 0, False))
                if event.revision > latest:
                    on = isinstance(event, ShareOffered)
                    self.offers[event.member] = (since if holds else event.revision, event.revision, on)
            case ShareAccepted() | ShareRejected():
                if event.revision > self.answer[0]:
                    self.answer = (event.revision, isinstance(event, ShareRejected) and event.blocks)
            case ShareSuspended() | ShareResumed():
                if event.revision > self.suspended[0]:
                    self.suspended = (event.revision, isinstance(event, ShareSuspended))
            case TenantSet():
                if event.revision > self.principals[0]:
                    self.principals = (event.revision, event.principals)

    @property
    def usable(self) -> bool:
        """Whether it is."""
        after = self.answer[0] if self.answer[1] else -1
        offers = [self.offers[one] for one in self.principals[1] if one in self.offers]
        return not self.suspended[1] and any(holds and since > after for since, _, holds in offers)


class SharedSimulation(Simulation):
    """One history, which breaks a rule when a copy is made for somebody who has lost the image."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed, MEDDLING)
        settings = SharingSettings(data="", reject_blocks_use=seed % 2 == 0)
        who_is_who = accounts.reactions() | tenants.reactions()
        self.sharing = self.hub[Speaker.SHARING] = Driver(reactions(settings) | who_is_who, ids="5a")
        self.sharing.ask(SetAccount(actor=OPERATOR, id=self.sharing.new_id(), name=ACCOUNT))
        self.sharing.ask(
            self._move(ACCOUNT, self.sharing.new_id())
        )  # the others never hear of it, as of tenants of long ago
        self.shared = Shared()
        """What the replicator has heard."""
        self.deliveries: set[str] = set()
        self._bound = False

    def _heard(self, to: Speaker, message: Message[Any]) -> None:
        if to is Speaker.REPLICATOR:
            self.shared.hear(message.body)

    def _said(self, said: list[Emitted]) -> None:
        for one in said:
            event = one.event
            if isinstance(event, CopyAvailable | CopyRequested) and event.pod == THEIRS and not self.shared.usable:
                raise Violation(f"{event.words()} on {THEIRS}, and the image is not the member's any more")
            if isinstance(event, ShareDeliveryRequested):
                self.deliveries.add(event.delivery)
        super()._said(said)

    def _jobs(self) -> set[str]:
        return super()._jobs() | self.deliveries

    def _over(self) -> bool:
        return super()._over() and all(isinstance(job, ENDED) for job in self.catalog.all(JOB).values())

    def _targets(self) -> list[str]:
        return [pod for pod in sorted(self.pods) if pod != THEIRS]

    def _user(self) -> None:
        if not self._bound:
            pod = self.catalog.get(POD, THEIRS)
            self._bound = pod is not None and pod.tenants == (MEMBER,)
        if self._bound:
            super()._user()
        elif self.replicator.documents.get(("pod", THEIRS)) and not self._said_so:
            bind = SetPodTenants(actor=OPERATOR, id=self._id(), pod=THEIRS, tenants=(MEMBER,))
            self._tell(bind, Speaker.REPLICATOR)

    def _meddle(self) -> None:
        super()._meddle()
        for _ in range(3):  # nothing can be offered before a copy is AVAILABLE
            begin = self.rng.uniform(0, 120)
            self.later(begin, lambda: self._share(OfferImages, members=(self._member(),), acknowledged=True))
            self.later(begin + self.rng.uniform(0, 20), self._accept)
            if self._chance(0.2):
                self.later(begin + self.rng.uniform(5, 40), self._change_account)
        for _ in range(self.rng.randint(0, 8)):
            self.later(self.rng.uniform(0, 250), self._change_sharing)

    def _change_sharing(self) -> None:
        match self.rng.randint(0, 8):
            case 0:
                self._share(OfferImages, members=(self._member(),), acknowledged=True)
            case 1 | 2:
                self._share(RevokeOffers, members=(self._member(),))
            case 3 | 4:
                self._accept()
            case 5:
                self._answer(AnswerOffer(actor=self._bob(), id=self._id(), image=self._image(), answer="reject"))
            case 6:
                self._answer(
                    SuspendSharing(actor=ACTOR, id=self._id(), image=self._image(), suspended=self._chance(0.5))
                )
            case 7 | 8:
                self._change_account()

    def _change_account(self) -> None:
        self._answer(self._move(ACCOUNT if self._chance(0.4) else "", self._id()))

    def _move(self, account: str, id: str) -> SetTenant:
        return SetTenant(actor=OPERATOR, id=id, name=MEMBER, account=account)

    def _bob(self) -> Actor:
        """Somebody of the member, as the directory knows it now."""
        tenant = self.sharing.get(TENANT, MEMBER)
        principals = above(MEMBER, "" if tenant is None else tenant.account)
        return Actor(tenant=MEMBER, name="bob", roles=("owner",), principals=principals)

    def _accept(self) -> None:
        accept = AnswerOffer(actor=self._bob(), id=self._id(), image=self._image(), answer="accept", pods=(THEIRS,))
        self._answer(accept)

    def _share(self, kind: type[Command], **fields: Any) -> None:
        self._answer(kind(actor=ACTOR, id=self._id(), **{"images": (self._image(),)} | fields))

    def _answer(self, command: Command) -> None:
        self._tell(command, Speaker.SHARING)

    def _member(self) -> str:
        return self.rng.choice(OFFERED_TO)

    def _image(self) -> str:
        return self.accepted[self.commands[0].id].image
