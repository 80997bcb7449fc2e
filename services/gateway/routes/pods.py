"""Pods: what their connectors last said of them, and what the operator allows them."""

from typing import Any

from litestar import Request, Response, get, put
from litestar.params import FromPath, RawBody

from contracts.requests import (
    GetPod,
    GetPodLibrary,
    GetPodVms,
    ItemPage,
    ListPods,
    PodPage,
    SetPodLabels,
    SetPodLimits,
    SetPodTenants,
    VmPage,
)
from contracts.views import PodView
from gateway.answers import Cursor, IfMatch, Key, Limit, etag, reads, revision_in, writes
from gateway.bodies import LabelsToSet, LimitsToSet, TenantsToSet, read
from gateway.door import Services, answer, pod_in
from gateway.shapes import shape

TAGS = ["pods"]


@get(
    "/v1/pods",
    operation_id="list_pods",
    summary="List pods",
    tags=TAGS,
    responses=reads(shape(PodPage), "A page of pods, by name."),
)
async def list_pods(
    door: Services, request: Request[Any, Any, Any], limit: Limit = 100, cursor: Cursor = None
) -> Response[bytes]:
    """All enrolled pods."""
    return answer(await door.ask(ListPods(actor=door.actor(request), limit=limit, cursor=cursor), PodPage))


@get(
    "/v1/pods/{pod:str}",
    operation_id="get_pod",
    summary="Show a pod",
    tags=TAGS,
    responses=reads(shape(PodView), "The pod.", "pod_not_found"),
)
async def get_pod(door: Services, request: Request[Any, Any, Any], pod: FromPath[str]) -> Response[bytes]:
    """A pod and when it was last heard of."""
    return answer(await door.ask(GetPod(actor=door.actor(request), pod=pod_in(pod)), PodView))


@get(
    "/v1/pods/{pod:str}/vms",
    operation_id="list_pod_vms",
    summary="List the VMs of a pod",
    tags=TAGS,
    responses=reads(shape(VmPage), "A page of the VMs as of the pod's last inventory.", "pod_not_found"),
)
async def list_pod_vms(
    door: Services, request: Request[Any, Any, Any], pod: FromPath[str], limit: Limit = 500, cursor: Cursor = None
) -> Response[bytes]:
    """What could be imported from a pod; `at` is the time of the inventory."""
    asked = GetPodVms(actor=door.actor(request), pod=pod_in(pod), limit=limit, cursor=cursor)
    return answer(await door.ask(asked, VmPage))


@get(
    "/v1/pods/{pod:str}/library",
    operation_id="list_pod_library",
    summary="List the content library of a pod",
    tags=TAGS,
    responses=reads(shape(ItemPage), "A page of the library as of the pod's last inventory.", "pod_not_found"),
)
async def list_pod_library(
    door: Services, request: Request[Any, Any, Any], pod: FromPath[str], limit: Limit = 500, cursor: Cursor = None
) -> Response[bytes]:
    """The versions that a pod holds; `at` is the time of the inventory."""
    asked = GetPodLibrary(actor=door.actor(request), pod=pod_in(pod), limit=limit, cursor=cursor)
    return answer(await door.ask(asked, ItemPage))


@put(
    "/v1/pods/{pod:str}/limits",
    operation_id="set_pod_limits",
    summary="Set the limits of a pod",
    tags=TAGS,
    responses=writes(
        200,
        shape(PodView),
        "The pod with the limits that are in force now.",
        "pod_not_found",
        "limits_invalid",
        "revision_mismatch",
    ),
)
async def set_pod_limits(
    door: Services,
    request: Request[Any, Any, Any],
    pod: FromPath[str],
    body: RawBody,
    key: Key = None,
    if_match: IfMatch = None,
) -> Response[bytes]:
    """Bound what a pod moves, and when; it takes effect at once, also on copies under way."""
    asked = SetPodLimits(
        **door.command(request, key),
        pod=pod_in(pod),
        limits=read(LimitsToSet, body).limits(),
        revision=revision_in(if_match),
    )
    view = await door.ask(asked, PodView)
    return answer(view, headers=etag(view.limits_revision))


@put(
    "/v1/pods/{pod:str}/labels",
    operation_id="set_pod_labels",
    summary="Set the labels of a pod",
    tags=TAGS,
    responses=writes(
        200, shape(PodView), "The pod with its labels.", "pod_not_found", "pod_state", "labels_invalid",
        "revision_mismatch",
    ),
)  # fmt: skip
async def set_pod_labels(
    door: Services,
    request: Request[Any, Any, Any],
    pod: FromPath[str],
    body: RawBody,
    key: Key = None,
    if_match: IfMatch = None,
) -> Response[bytes]:
    """The operator's labels of a pod, all of them: policies and selectors go by them at once."""
    asked = SetPodLabels(
        **door.command(request, key),
        pod=pod_in(pod),
        labels=read(LabelsToSet, body).labels,
        revision=revision_in(if_match),
    )
    view = await door.ask(asked, PodView)
    return answer(view, headers=etag(view.labels_revision))


@put(
    "/v1/pods/{pod:str}/tenants",
    operation_id="set_pod_tenants",
    summary="Set who may use a pod",
    tags=TAGS,
    responses=writes(
        200, shape(PodView), "The pod with its tenants.", "pod_not_found", "pod_state", "principal_invalid",
        "revision_mismatch",
    ),
)  # fmt: skip
async def set_pod_tenants(
    door: Services,
    request: Request[Any, Any, Any],
    pod: FromPath[str],
    body: RawBody,
    key: Key = None,
    if_match: IfMatch = None,
) -> Response[bytes]:
    """For operators: the tenants, accounts or organisations that may use a pod, all of them; to all others it is not
    there. None named: every tenant may."""
    data = read(TenantsToSet, body)
    asked = door.order(SetPodTenants, request, key, data, pod=pod_in(pod), revision=revision_in(if_match))
    view = await door.ask(asked, PodView)
    return answer(view, headers=etag(view.tenants_revision))


HANDLERS = (list_pods, get_pod, list_pod_vms, list_pod_library, set_pod_limits, set_pod_labels, set_pod_tenants)
