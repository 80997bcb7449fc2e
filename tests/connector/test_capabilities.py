"""What a version asks of a pod's hosts is looked at once more by the connector, before a byte of a copy moves."""

from collections.abc import Callable

import pytest
from pods import Pod

from connector.failures import Refused
from contracts.manifest import Manifest

Pods = Callable[..., Pod]


@pytest.fixture
def one(pods: Pods) -> Pod:
    return pods("pod-1")


@pytest.fixture
def two(pods: Pods) -> Pod:
    return pods("pod-2", door=False)


def published(pod: Pod) -> tuple[str, Manifest]:
    task = pod.import_task(pod.file("disk", b"content" * 10_000))
    return task.version, pod.prepare(task).manifest


@pytest.mark.parametrize(
    ("needs", "has"),
    [
        ({"capabilities": ("secureboot",)}, ()),
        ({"capabilities": ("secureboot", "trusted_launch")}, ("trusted_launch",)),
        ({"gpu_types": ("nvidia", "amd")}, ("gpu.intel", "nvidia")),
        ({"capabilities": ("secureboot",), "gpu_types": ("nvidia",)}, ("secureboot",)),
    ],
)
def test_h6_a_copy_that_asks_for_more_than_the_hosts_have_is_refused_for_good_and_leaves_nothing(
    needs: dict[str, tuple[str, ...]], has: tuple[str, ...], one: Pod, two: Pod
) -> None:
    version, manifest = published(one)
    with pytest.raises(Refused) as refusal:
        two.copy(two.copy_task(version, manifest, one, **needs), capabilities=has)
    assert (refusal.value.failure.code, refusal.value.failure.retry) == ("capability_missing", False)
    assert refusal.value.failure.hint
    assert two.backend.held(version) == []
    assert two.leftovers() == []


@pytest.mark.parametrize(
    ("needs", "has"),
    [
        ({}, ()),
        ({"capabilities": ("secureboot",)}, ("trusted_launch", "secureboot")),
        ({"gpu_types": ("nvidia", "amd")}, ("gpu.amd",)),
    ],
)
def test_h6_a_copy_that_the_hosts_can_run_is_made(
    needs: dict[str, tuple[str, ...]], has: tuple[str, ...], one: Pod, two: Pod
) -> None:
    version, manifest = published(one)
    assert two.copy(two.copy_task(version, manifest, one, **needs), capabilities=has).network > 0
    again = two.copy(two.copy_task(version, manifest, one, capabilities=("confidential",)))
    assert again.network == 0, "what is there already is told, whatever the hosts can do"
