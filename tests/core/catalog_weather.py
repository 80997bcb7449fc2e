"""A catalog in which everything happens at once: what people ask for is decided by a seed alone."""

from datetime import timedelta
from typing import Any

from catalog.documents import IMAGE, JOB, MARKERS, VERSION
from contracts.desktops import Customisation
from contracts.events.hub import Targets
from contracts.keeping import Quota, Retention, Rule
from contracts.manifest import Source
from contracts.requests import (
    CancelJob,
    CancelPublish,
    CreateAssignment,
    DeleteImage,
    DeleteVersion,
    DropAssignment,
    DropGallery,
    DropMarker,
    EditAssignment,
    EditGallery,
    EditImage,
    EditTags,
    EditVersion,
    ImportVersion,
    MoveMarker,
    Origin,
    PublishVersion,
    RecordValidation,
    RestoreVersion,
    RetryJob,
    RollbackMarker,
    RunRetention,
    SetDataAccess,
    SetDeprecation,
    SetEnabled,
    SetProtection,
    SetQuota,
    SetRetention,
    SteerRollout,
    UnpublishVersion,
)
from contracts.requests.lives import Ring
from contracts.terms import Terms
from core import catalog_invariants as invariants
from core.catalog_bus import PODS, Bus
from core.lives_world import DAY

RINGS = (Ring(pods=("pod-1",)), Ring())


class Weather(Bus):
    """`Bus` with people of its own, who do what comes to their minds."""

    def act(self) -> None:
        """Somebody asks for something."""
        pick = self.chance
        known = [(id, one) for id, one in self.all(VERSION).items() if invariants.exists(one) or pick.random() < 0.1]
        usable = [one for one in known if one[1].usable]
        choice = pick.choice(usable if usable and pick.random() < 0.4 else known) if known else None
        if choice is None or pick.random() < 0.12:
            self._import(None if choice is None else choice[1])
            return
        id, version = choice
        image = self.get(IMAGE, version.image)
        of = {"image": version.image}
        one = of | {"number": version.number}
        own = {"revision": version.revision - pick.choice((0, 0, 1))} if pick.random() < 0.2 else {}
        known_at = 1 if image is None else image.revision - pick.choice((0, 0, 1))
        whole = of | ({"revision": known_at} if pick.random() < 0.2 else {})
        marker, name = {"marker": pick.choice(("prod", "test"))}, {"assignment": pick.choice(("one", "two"))}
        sometimes = pick.random() < 0.3
        soon = (self.now + timedelta(days=2)).isoformat()
        gallery = {"gallery": pick.choice(("lab", "default"))}
        policy = Retention(
            name=pick.choice("xy"),
            action=pick.choice(("DELETE", "DELETE", "DISABLE", "DEPRECATE")),
            rule=Rule(by=pick.choice(("COUNT", "AGE")), value=pick.choice((1, 3))),
        )
        again = not invariants.under_way(version) and self.state(id) != "DEPLOYMENT_DONE"
        fewer = {"targets": Targets(kind="list", pods=tuple(pick.sample(PODS, 2)))} if sometimes else {}
        terms = {"terms": Terms(exclude_from_latest=pick.random() < 0.5)} if pick.random() < 0.3 else {}
        edits = (
            {"exclude_from_latest": pick.random() < 0.5},
            {"hidden": sometimes},
            {"block_deletion_before_end_of_life": sometimes},
            {"end_of_life": soon},
            {"size": 3},
        )
        fixed = pick.choice(
            (
                {"allow_deletion_of_replicated_locations": pick.random() < 0.7},
                {"hold_until_validated": pick.random() < 0.4},
            )
        )
        result = {"kind": pick.choice(("boot", "scan")), "status": pick.choice(("Succeeded", "Succeeded", "Failed"))}
        bound = {"marker": "prod"} if pick.random() < 0.7 else {"number": version.number}
        desks: dict[str, Any] = {"customisation": Customisation(host_name="d-{n}"), "pods": tuple(pick.sample(PODS, 2))}
        orders: list[tuple[type, dict[str, Any]]] = [
            *[(PublishVersion, one | fewer | terms | {"again": again})] * 4,
            *[(DeleteVersion, one | own | {"bypass_soft_delete": sometimes, "force": pick.random() < 0.15})] * 4,
            *[(RestoreVersion, one), (UnpublishVersion, one), (CancelPublish, one)],
            *[(kind, {"job": pick.choice(sorted(self.all(JOB)))}) for kind in (CancelJob, RetryJob)],
            (SetEnabled, (whole if sometimes else one | own) | {"enabled": pick.random() < 0.6}),
            (SetProtection, (whole if sometimes else one) | {"protected": pick.random() < 0.4, "cool_down": 5.0}),
            (SetDeprecation, (whole if sometimes else one) | {"state": pick.choice(("ACTIVE", "ACTIVE", "OBSOLETE"))}),
            *[(RecordValidation, one | result)] * 2,
            (SetDataAccess, one | own | {"active": pick.random() < 0.7}),
            (EditVersion, one | own | {"changes": pick.choice(edits)}),
            (EditImage, whole | {"changes": {"details": fixed}}),
            (EditTags, whole | {"set": {"k": str(pick.random())[:6]}}),
            (DeleteImage, whole),
            (DropGallery, gallery),
            (EditGallery, gallery | {"changes": {"quota": {"versions": pick.choice((None, 2, 4))}}}),
            (EditGallery, gallery | {"changes": {"soft_delete": {"enabled": pick.random() < 0.6}}}),
            (SetQuota, {"tenant": "acme", "quota": Quota(versions=pick.choice((None, 6)), bytes=2**15)}),
            *[(SetRetention, {"retention": policy}), (RunRetention, {"name": policy.name})],
            *[(MoveMarker, one | marker | ({"rings": RINGS} if sometimes else {}))] * 2,
            *[(kind, of | marker) for kind in (RollbackMarker, DropMarker)],
            (SteerRollout, of | marker | {"verb": pick.choice(("halt", "resume", "cancel"))}),
            *[(CreateAssignment, of | bound | desks | {"name": pick.choice(("one", "two"))})] * 2,
            (EditAssignment, name | {"changes": pick.choice(({"seats": 3}, {"number": version.number}, bound))}),
            (DropAssignment, name | {"force": pick.random() < 0.7}),
        ]
        kind, given = pick.choice(orders)
        self.order(kind, **given)

    def _import(self, other: Any) -> None:
        pick = self.chance
        given: dict[str, Any] = {"source": Source(pod=pick.choice(PODS), name="golden")}
        if other is not None and pick.random() < 0.2:
            given = {"origin": Origin(image=other.image, number=other.number)}
        elif pick.random() < 0.1:
            given["mode"] = "convert"
        if pick.random() < 0.2:
            given["number"] = pick.choice(("1.0.0", "2.0.0"))
        image = pick.choice(("default/a", "lab/a", "lab/b"))
        self.order(ImportVersion, image=image, create=True, exclude_from_latest=pick.random() < 0.2, **given)

    def step(self) -> None:
        """Some time of a busy day."""
        self.act()
        if self.chance.random() < 0.8:
            self.work()
        self.arrive(self.chance.randrange(12))
        self.pass_time(self.chance.choice((0, 0, 0, 1, 60, 3600, DAY / 2)))
        self.listen()
        invariants.check_users(self)

    def settle(self) -> None:
        """The weather is over: whoever has something to do does it well."""
        for image, markers in self.all(MARKERS).items():
            for name, marker in markers.by.items():
                if marker.rollout is not None and marker.rollout.state == "HALTED":
                    self.order(SteerRollout, image=image, marker=name, verb="cancel")
        for seconds in (*[300] * 22, *[3 * 3600] * 3):
            self.work(calm=True)
            self.arrive(len(self.on_the_way))
            self.pass_time(seconds)
            self.listen()
        invariants.check_users(self)
