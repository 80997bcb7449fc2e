"""Reactions to what the operator says of pods: which may join, what they are called by, and who may use them."""

from collections.abc import Iterator
from datetime import timedelta

from contracts.errors import Problem
from contracts.requests import EnrollPod, SetPodLabels, SetPodTenants
from contracts.views import EnrolmentView, PodView
from replicator import policies
from replicator.config import Config
from replicator.documents import LIMITS, POD, QUEUE
from replicator.domain.limits import PodLimits
from replicator.domain.pod import Bound, Relabelled, Removed
from replicator.pods import apply
from replicator.views import no_pod, pod_view
from runtime.work import Get, Message, Ref, Work

RESERVED = ("pod", "hypervisor", "family")
"""What a selector asks of every pod is no label (`contracts.terms.Selector`)."""


def enroll_keys(message: Message[EnrollPod], _: Get) -> Iterator[Ref]:
    """The pod, if there is one."""
    yield POD(message.body.pod)


def enroll(message: Message[EnrollPod], work: Work, config: Config) -> EnrolmentView | Problem:
    """Make a token for a pod that is not enrolled, or was removed. It is kept with the reply to this
    command, in case that is asked again, and nowhere else."""
    command = message.body
    pod = work.get(POD, command.pod)
    if pod is not None and not isinstance(pod, Removed):
        return Problem(
            code="pod_exists",
            detail=f"a pod named {command.pod} is enrolled",
            hint="Give the new pod another name, or remove that one first.",
        )
    if wrong := _reserved(command.labels):
        return wrong
    if config.enrolment is None:
        return Problem(code="unavailable", detail="this replicator has no key to sign tokens with")
    # A token counts against a removal only if it is younger, and tokens tell whole milliseconds.
    issued = message.at if pod is None else max(message.at, pod.removed + timedelta(milliseconds=1))
    expires = message.at + timedelta(hours=command.hours)
    try:
        token = config.enrolment.token(command.pod, command.labels, issued, expires)
    except ValueError as error:
        return Problem(code="labels_invalid", detail=str(error), hint="Give fewer or shorter labels.")
    return EnrolmentView(pod=command.pod, token=token, labels=dict(command.labels), expires=expires)


def labels_keys(message: Message[SetPodLabels | SetPodTenants], _: Get) -> Iterator[Ref]:
    """The pod, its limits and its queue, which its view tells too."""
    yield POD(message.body.pod)
    yield LIMITS(message.body.pod)
    yield QUEUE(message.body.pod)


def set_labels(message: Message[SetPodLabels], work: Work, _: Config) -> PodView | Problem:
    """Put the operator's labels in force, or refuse and change nothing. The same labels again are no change."""
    command = message.body
    pod = work.get(POD, command.pod)
    if pod is None or isinstance(pod, Removed):
        return no_pod(command.pod)
    if command.revision is not None and command.revision != pod.labels_revision:
        return _stale(f"the labels of {command.pod} are", pod.labels_revision, command.revision)
    if wrong := _reserved(command.labels):
        return wrong
    if command.labels != pod.own:
        pod = apply(work, pod, pod.name, (Relabelled(dict(command.labels)),))
        policies.joined(work, pod.name)
    limits = work.get(LIMITS, pod.name) or PodLimits()
    return pod_view(pod, limits, work.get(QUEUE, pod.name), actor=command.actor, at=message.at)


def set_tenants(message: Message[SetPodTenants], work: Work, _: Config) -> PodView | Problem:
    """Say who may use a pod, or refuse and change nothing; the same again is no change. Nothing is taken from it: what
    others have there stays, and what is on its way there comes."""
    command = message.body
    pod = work.get(POD, command.pod)
    if pod is None or isinstance(pod, Removed):
        return no_pod(command.pod)
    if command.revision is not None and command.revision != pod.tenants_revision:
        return _stale(f"who may use {command.pod} is", pod.tenants_revision, command.revision)
    tenants = tuple(sorted(set(command.tenants)))
    if tenants != pod.tenants:
        pod = apply(work, pod, pod.name, (Bound(tenants),))
        policies.joined(work, pod.name)
    limits = work.get(LIMITS, pod.name) or PodLimits()
    return pod_view(pod, limits, work.get(QUEUE, pod.name), actor=command.actor, at=message.at)


def _stale(what: str, revision: int, sent: int) -> Problem:
    return Problem(
        code="revision_mismatch",
        detail=f"{what} at revision {revision}, not {sent}",
        hint="Read the pod again, decide anew, and send the revision that it has now.",
        data={"revision": revision},
    )


def _reserved(labels: dict[str, str]) -> Problem | None:
    for key in RESERVED:
        if key in labels:
            return Problem(
                code="labels_invalid",
                detail=f"{key} is not a label: every pod has its own",
                hint="Select by it as it is, and call the label otherwise.",
                data={"label": key},
            )
    return None
