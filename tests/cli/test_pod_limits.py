"""``imprint pod limits``: what is read, what is sent, and what is shown."""

import json
from typing import Any

import pytest

from cli.conftest import Imprint
from cli.responder import AT, Answer, Gateway, problem
from contracts.limits import Window
from imprint.limits import link, rate, window

SET = {"receive": 50_000_000, "links": {"pod-2": 1_000_000}, "copies": 3, "timezone": "Europe/Berlin"}


def pod(revision: int = 4, **limits: Any) -> dict[str, Any]:
    """A pod as the API shows it."""
    nothing = {
        "receive": None, "send": None, "links": {}, "copies": None, "windows": [], "timezone": "UTC",
        "scrub_days": None,
    }  # fmt: skip
    return {
        "name": "pod-1", "state": "CONNECTED", "hypervisor": "kvm", "family": "kvm", "connector_version": "0.1.0",
        "address": "http://127.0.0.1:1", "formats": ["raw"], "labels": {}, "dead_letters": 0, "last_seen": AT,
        "datastores": [], "limits": nothing | limits, "limits_revision": revision,
    }  # fmt: skip


@pytest.fixture(autouse=True)
def answers(gateway: Gateway) -> None:
    gateway.on("GET", "/v1/pods/pod-1", Answer(body=pod(**SET)))
    gateway.on("PUT", "/v1/pods/pod-1/limits", Answer(body=pod(5)))


@pytest.mark.parametrize(
    ("text", "bytes"),
    [("50MB", 50_000_000), ("50MB/s", 50_000_000), ("1.5GiB", 3 << 29), ("100Mbit", 12_500_000), ("20000", 20_000),
     ("64k", 64_000), ("64 KiB", 65_536), ("none", None)],
)  # fmt: skip
def test_a_rate_is_read_as_it_is_usually_written(text: str, bytes: int | None) -> None:
    assert rate(text) == bytes


@pytest.mark.parametrize("text", ["", "fast", "-5MB", "5 MB MB", "1e6", "MB", "5PB", "8Mb", "8Mbps"])
def test_what_is_no_rate_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no rate"):
        rate(text)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("22:00-06:00", Window(begin="22:00", end="06:00")),
        ("Mon-Fri 22:00-06:00", Window(begin="22:00", end="06:00", days=(0, 1, 2, 3, 4))),
        ("sat,SUN 08:00-20:00", Window(begin="08:00", end="20:00", days=(5, 6))),
        ("Fri-Mon,Wed 00:00-00:00", Window(begin="00:00", end="00:00", days=(0, 2, 4, 5, 6))),
        ("none", None),
    ],
)
def test_a_window_is_read_as_it_is_usually_written(text: str, found: Window | None) -> None:
    assert window(text) == found


@pytest.mark.parametrize("text", ["", "22:00", "25:00-06:00", "Mo 22:00-06:00", "Mon- 22:00-06:00", "22:00-6:00"])
def test_what_is_no_window_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"is no|does not|Expected"):
        window(text)


def test_a_link_names_a_pod_and_a_rate() -> None:
    assert link("pod-2=10MB") == ("pod-2", 10_000_000)
    assert link("pod-2=none") == ("pod-2", None)
    with pytest.raises(ValueError, match="POD=RATE"):
        link("pod-2")


def test_without_options_the_limits_are_shown_and_nothing_is_changed(gateway: Gateway, imprint: Imprint) -> None:
    result = imprint("pod", "limits", "pod-1")
    assert gateway.paths() == ["GET /v1/pods/pod-1"]
    shown = [line.split() for line in result.stdout.splitlines()[2:]]
    assert shown == [["receive", "47.7", "MiB/s"], ["link", "pod-2", "976.6", "KiB/s"], ["copies", "3"]]
    assert json.loads(imprint("pod", "limits", "pod-1", "-o", "json").stdout)["limits"]["copies"] == 3


def test_an_option_changes_what_it_names_under_the_revision_that_was_read(gateway: Gateway, imprint: Imprint) -> None:
    words = ("--send", "5MB", "--receive", "none", "--link", "pod-3=2MB", "--window", "Mon-Fri 22:00-06:00")
    result = imprint("pod", "limits", "pod-1", *words, "--scrub-days", "7")
    assert result.exit_code == 0, result.output
    assert (gateway.asked[-1].method, gateway.asked[-1].headers["if-match"]) == ("PUT", '"4"')
    assert gateway.asked[-1].body == {
        "receive": None, "send": 5_000_000, "links": {"pod-2": 1_000_000, "pod-3": 2_000_000}, "copies": 3,
        "windows": [{"begin": "22:00", "end": "06:00", "days": [0, 1, 2, 3, 4]}], "timezone": "Europe/Berlin",
        "scrub_days": 7.0,
    }  # fmt: skip
    imprint("pod", "limits", "pod-1", "--link", "pod-2=none", "--window", "none")
    assert (gateway.asked[-1].body["links"], gateway.asked[-1].body["windows"]) == ({}, [])


def test_clear_takes_all_limits_away_before_the_options_count(gateway: Gateway, imprint: Imprint) -> None:
    imprint("pod", "limits", "pod-1", "--clear", "--copies", "1")
    assert gateway.asked[-1].body == pod()["limits"] | {"copies": 1}
    result = imprint("pod", "limits", "pod-1", "--clear")
    assert gateway.asked[-1].body == pod()["limits"]
    assert (result.exit_code, result.stderr) == (0, "The pod has no limits.\n")


@pytest.mark.parametrize("words", [("--receive", "fast"), ("--receive", "1B"), ("--copies", "65"), ("--link", "x")])
def test_a_limit_that_cannot_be_is_a_usage_error_and_nothing_is_sent(
    gateway: Gateway, imprint: Imprint, words: tuple[str, ...]
) -> None:
    assert imprint("pod", "limits", "pod-1", *words).exit_code == 2
    assert "PUT /v1/pods/pod-1/limits" not in gateway.paths()


def test_limits_that_somebody_else_changed_meanwhile_are_a_refusal(gateway: Gateway, imprint: Imprint) -> None:
    gateway.on("PUT", "/v1/pods/pod-1/limits", problem(412, "revision_mismatch"))
    result = imprint("pod", "limits", "pod-1", "--copies", "1")
    assert result.exit_code != 0
    assert "Not so." in result.stderr
