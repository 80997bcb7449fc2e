"""The pods that a publish names, and why it is refused because of them."""

from collections import Counter
from collections.abc import Iterator, Mapping

from catalog.domain.asked import Asked
from catalog.domain.pod import Pod, Removed, enrolled, selectable
from catalog.domain.rules import Rules, forbidding
from contracts.errors import Problem
from contracts.requests import PublishVersion
from contracts.terms import MOST_PODS


def named(command: PublishVersion) -> Iterator[str]:
    """The pods that are to have a copy by name; more than a message may hold are refused before they are looked at."""
    if command.targets is not None:
        yield from command.targets.pods[: MOST_PODS + 1]
    yield from command.more[: MOST_PODS + 1]


def overridden(command: PublishVersion) -> Iterator[str]:
    """The pods for which something else holds."""
    if command.terms is not None:
        yield from command.terms.overrides


def objection_to_shape(command: PublishVersion, wanted: Asked) -> Problem | None:
    """Why the targets make no sense, whatever pods there are."""
    targets = wanted.targets
    if targets.kind != "list" and targets.pods:
        return _invalid(
            f"targets name pods although their kind is {targets.kind}",
            'Say {"kind": "list"} to publish to the named pods only, or name pods that are to come on top in "more".',
        )
    if (targets.kind == "selector") != (targets.selector is not None):
        return _invalid(
            "targets of the kind selector have a selector, and no others",
            'Say {"kind": "selector", "selector": {"labels": {"region": ["eu"]}}}, or leave the selector out.',
        )
    if targets.kind == "list" and not (targets.pods or command.more):
        return Problem(code="no_target", detail="the list of targets is empty", hint="Name pods, or publish to all.")
    twice = [pod for pods in (targets.pods, command.more) for pod, times in Counter(pods).items() if times > 1]
    if twice or len(targets.pods) + len(wanted.more) + len(command.more) > MOST_PODS:
        return Problem(
            code="validation_failed",
            detail=f"a publish names up to {MOST_PODS} pods, each once",
            hint="Name each pod once, or publish to all or by labels.",
            data={"field": "targets"},
        )
    return None


def objection_to_pods(
    command: PublishVersion, pods: Mapping[str, Pod | None], rules: Rules | None, image: str, *, any_pod: bool
) -> Problem | None:
    """Why a pod that the command names is none that can be named. Those of the last publish are not named anew."""
    if not any_pod:
        return Problem(code="no_target", detail="no pod is enrolled", hint="Start a connector; it enrols its pod.")
    for name in (*named(command), *overridden(command)):
        if not enrolled(pods.get(name)):
            return Problem(
                code="pod_unknown",
                detail=f"no pod named {name[:40]!r} is enrolled",
                hint="List the pods; a pod is enrolled when its connector first reports.",
                data={"pod": name[:40]},
            )
    for name in named(command):
        pod = pods.get(name)
        if pod is None or isinstance(pod, Removed):
            continue
        if pod.draining:
            return Problem(
                code="pod_draining",
                detail=f"pod {name} is being drained and accepts nothing new",
                hint="Leave it out, or readmit it.",
                data={"pod": name},
            )
        if policy := forbidding(rules, image, selectable(name, pod)):
            return Problem(
                code="policy_forbids",
                detail=f"policy {policy} forbids the image on pod {name}",
                hint="Leave the pod out, change its labels, or change or suspend the policy.",
                data={"pod": name, "policy": policy},
            )
    return None


def _invalid(detail: str, hint: str) -> Problem:
    return Problem(code="targets_invalid", detail=detail, hint=hint, data={"field": "targets"})
