"""The figures for scrapers: their text, where they come from, and what is left when a service is away."""

import re
from pathlib import Path

import pytest

from api import views
from api.backend import backend
from api.conftest import SERVICES
from api.house import House, client_of
from contracts import requests as contract
from contracts.errors import Problem
from gateway import figures
from gateway.exposition import Family, Sample, by, histogram, one, text
from gateway.server import gateway
from gateway.settings import GatewaySettings

module_loop = pytest.mark.asyncio(loop_scope="module")
LINE = re.compile(r'[a-z_]+(\{[a-z]+="(?:[^"\\\n]|\\[\\n"])*"(,[a-z]+="(?:[^"\\\n]|\\[\\n"])*")*\})? [0-9.e+-]+')


def test_a_family_is_written_with_its_help_its_kind_and_a_line_for_each_sample() -> None:
    assert text([one("a_total", "counter", "All of it.", 3), by("k", "b", "gauge", "By k.", {"y": 1.5, "x": 0})]) == (
        "# HELP a_total All of it.\n# TYPE a_total counter\na_total 3\n"
        '# HELP b By k.\n# TYPE b gauge\nb{k="x"} 0\nb{k="y"} 1.5\n'
    )


def test_what_would_end_a_label_or_a_line_is_escaped() -> None:
    family = Family("a", "gauge", "one\\two\nthree", (Sample(1, {"k": 'say "no"\\\n'}),))
    assert text([family]) == '# HELP a one\\\\two\\nthree\n# TYPE a gauge\na{k="say \\"no\\"\\\\\\n"} 1\n'


def test_a_histogram_ends_with_its_infinite_bucket_its_sum_and_its_count() -> None:
    lines = text([histogram("h", "H.", ((0.5, 1), (10.0, 3), (None, 4)), 12.5)]).splitlines()
    assert lines[2:] == [
        'h_bucket{le="0.5"} 1', 'h_bucket{le="10.0"} 3', 'h_bucket{le="+Inf"} 4', "h_sum 12.5", "h_count 4"
    ]  # fmt: skip


def test_a_histogram_of_nothing_is_one_too() -> None:
    lines = text([histogram("h", "H.", (), 0.0)]).splitlines()
    assert lines[2:] == ['h_bucket{le="+Inf"} 0', "h_sum 0.0", "h_count 0"]


@module_loop
async def test_the_figures_of_the_house_are_given_as_text(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(figures, "KEPT", 0.0)
    response = await house.http.get("/metrics")
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("text/plain; version=0.0.4")
    lines = response.text.splitlines()
    assert all(line.startswith("# ") or LINE.fullmatch(line) for line in lines), lines
    assert {
        'imprint_copies{state="AVAILABLE"} 8',
        'imprint_pods{state="CONNECTED"} 3',
        'imprint_copy_network_bytes_total{source="pod-2"} 512',
        "imprint_copy_reused_bytes_total 1024",
        "imprint_lag_copies 2",
        "imprint_lag_seconds 61.5",
        'imprint_converge_seconds_bucket{le="60.0"} 3',
        'imprint_converge_seconds_bucket{le="+Inf"} 4',
        "imprint_converge_seconds_count 4",
        'imprint_queued_publishes{tenant="default"} 2',
        "imprint_gateway_live 1",
        *(f'imprint_up{{service="{name}"}} 1' for name in SERVICES),
    } <= set(lines)
    assert re.search(r"^process_resident_memory_bytes [0-9]{6,}$", response.text, re.MULTILINE)


@module_loop
async def test_scrapers_that_come_together_cost_as_much_as_one(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as fresh:
        fresh.setattr(figures, "KEPT", 0.0)
        await house.http.get("/metrics")
    assert [type(asked) for asked in house.services.asked] == [contract.GetMetrics]
    monkeypatch.setattr(figures, "KEPT", 3600.0)
    for _ in range(3):
        assert (await house.http.get("/metrics")).status_code == 200
    assert len(house.services.asked) == 1


@module_loop
async def test_a_service_that_does_not_answer_is_a_figure_and_no_failure(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(figures, "KEPT", 0.0)
    house.services.silent.add("replicator")
    house.services.answers[contract.GetMetrics] = lambda _: Problem(code="timeout", detail="No answer.")
    house.services.well["catalog"] = contract.HealthView(service="catalog", ready=False, reasons=("x",), at=views.AT)
    response = await house.http.get("/metrics")
    assert response.status_code == 200
    lines = response.text.splitlines()
    assert 'imprint_up{service="replicator"} 0' in lines
    assert 'imprint_ready{service="catalog"} 0' in lines
    assert 'imprint_up{service="catalog"} 1' in lines
    assert "imprint_lag_copies" not in response.text


async def test_with_no_service_but_the_one_that_knows_who_asks_there_are_figures_of_the_gateway(
    nats_url: str, tmp_path: Path
) -> None:
    settings = GatewaySettings(data=str(tmp_path / "door"), nats_url=nats_url, port=0, plain_http=True)
    async with backend(nats_url, "sharing"), gateway(settings) as door, client_of(door) as http:
        response = await http.get("/metrics")
    assert response.status_code == 200
    assert response.text.count("imprint_up{") == len(SERVICES)
    assert 'imprint_up{service="notifier"} 0' in response.text
    assert "process_cpu_seconds_total" in response.text
