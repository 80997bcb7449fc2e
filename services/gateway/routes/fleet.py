"""The fleet: pods that join, accept nothing new, come back, go, and are looked at."""

from typing import Any, Literal

from litestar import Request, Response, post
from litestar.params import FromPath, RawBody

from contracts.requests import Done, EnrollPod, RequestInventory, SetPodState
from contracts.views import EnrolmentView, PodView
from gateway.answers import Key, does, writes
from gateway.bodies import PodToEnroll, PodToRemove, read
from gateway.door import Door, Services, answer, done, pod_in
from gateway.routes.pods import TAGS
from gateway.shapes import shape

STATE = ("pod_not_found", "pod_state", "forbidden")


@post(
    "/v1/pods",
    operation_id="enroll_pod",
    summary="Enrol a pod",
    tags=TAGS,
    responses=writes(
        201, shape(EnrolmentView), "The token with which the pod joins; it is shown once.", "pod_exists",
        "labels_invalid", "forbidden",
    ),
)  # fmt: skip
async def enroll_pod(
    door: Services, request: Request[Any, Any, Any], body: RawBody, key: Key = None
) -> Response[bytes]:
    """Let a pod of this name join; also one that was removed and is to come back."""
    data = read(PodToEnroll, body)
    asked = EnrollPod(**door.command(request, key), pod=data.pod, labels=data.labels, hours=data.hours)
    view = await door.ask(asked, EnrolmentView)
    return answer(view, 201, {"location": f"/v1/pods/{view.pod}"})


@post(
    "/v1/pods/{pod:str}/drain",
    operation_id="drain_pod",
    summary="Drain a pod",
    tags=TAGS,
    status_code=200,
    responses=writes(200, shape(PodView), "The pod.", *STATE),
)
async def drain_pod(
    door: Services, request: Request[Any, Any, Any], pod: FromPath[str], key: Key = None
) -> Response[bytes]:
    """The pod accepts nothing new; what it has stays, and is served."""
    return await _set_state(door, request, pod, key, "drain")


@post(
    "/v1/pods/{pod:str}/readmit",
    operation_id="readmit_pod",
    summary="Readmit a pod",
    tags=TAGS,
    status_code=200,
    responses=writes(200, shape(PodView), "The pod.", *STATE),
)
async def readmit_pod(
    door: Services, request: Request[Any, Any, Any], pod: FromPath[str], key: Key = None
) -> Response[bytes]:
    """The pod accepts copies again."""
    return await _set_state(door, request, pod, key, "readmit")


@post(
    "/v1/pods/{pod:str}/remove",
    operation_id="remove_pod",
    summary="Remove a pod",
    tags=TAGS,
    status_code=200,
    responses=writes(200, shape(PodView), "The pod.", *STATE, "last_holder"),
)
async def remove_pod(
    door: Services, request: Request[Any, Any, Any], pod: FromPath[str], body: RawBody, key: Key = None
) -> Response[bytes]:
    """The pod is no longer part of the house; refused while it is the only one that holds a version, unless forced."""
    wanted = read(PodToRemove, body) if body else PodToRemove()
    return await _set_state(door, request, pod, key, "remove", force=wanted.force)


@post(
    "/v1/pods/{pod:str}/inventory",
    operation_id="request_inventory",
    summary="Have a pod look at what it holds",
    tags=TAGS,
    status_code=204,
    responses=does("The pod is asked.", *STATE, "pod_offline"),
)
async def request_inventory(
    door: Services, request: Request[Any, Any, Any], pod: FromPath[str], key: Key = None
) -> Response[None]:
    """Have a pod look at its holdings, and compare all of them with what should be there."""
    await door.ask(RequestInventory(**door.command(request, key), pod=pod_in(pod)), Done)
    return done()


async def _set_state(
    door: Door,
    request: Request[Any, Any, Any],
    pod: str,
    key: str | None,
    verb: Literal["drain", "readmit", "remove"],
    *,
    force: bool = False,
) -> Response[bytes]:
    asked = SetPodState(**door.command(request, key), pod=pod_in(pod), verb=verb, force=force)
    return answer(await door.ask(asked, PodView))


HANDLERS = (enroll_pod, drain_pod, readmit_pod, remove_pod, request_inventory)
