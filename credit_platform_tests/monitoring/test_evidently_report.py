"""The contract with Evidently: what it draws, what it returns, and that it calls nobody."""

import json
import os
import re
import socket
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from credit_platform.features.schema import Feature, FeatureSchema
from credit_platform.model.profile import Bins
from credit_platform.monitoring.distances import psi
from credit_platform.monitoring.evidently_report import SUMMARISED, write_outcomes_report, write_report

CLIENTS, COLUMNS = 600, 30
SCHEMA = FeatureSchema(
    tuple(Feature(f"F{i}", "category" if i % 6 == 0 else "numeric") for i in range(COLUMNS)), ("2025-01",)
)


def clients(moved: bool, seed: int) -> pa.Table:
    """30 columns, five of them categories; heavy tails, sentinels and gaps among the others."""
    random = np.random.default_rng(seed)
    columns = {}
    for i, feature in enumerate(SCHEMA.features):
        if feature.kind == "category":
            columns[feature.name] = random.choice(
                ["a", "b", "c"], CLIENTS, p=(0.1, 0.3, 0.6) if moved else (0.6, 0.3, 0.1)
            )
            continue
        values = random.lognormal(8 + (0.8 if moved else 0), 1, CLIENTS)
        if i % 5 == 1:
            values[0] = 1e12
        columns[feature.name] = pa.array(values, mask=random.random(CLIENTS) < (0.3 if i % 4 == 1 else 0))
    return pa.table(columns)


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, float], Path, list[str]]:
    """The PSIs returned for 30 moved columns, the folder of the files, and who was called meanwhile."""
    folder = tmp_path_factory.mktemp("report")
    called: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("DO_NOT_TRACK", raising=False)
        patch.setattr(socket, "getaddrinfo", lambda host, *_, **__: called.append(host) or [])
        patch.setattr(socket.socket, "connect", lambda _, address: called.append(str(address)))
        psi = write_report(
            clients(False, 1), clients(True, 2), SCHEMA, 0.1, 0.2, folder / "report.html", folder / "report.json"
        )
    return psi, folder, called


def test_on_data_where_all_30_columns_drift_evidently_says_so_for_all_30(
    report: tuple[dict[str, float], Path, list[str]],
) -> None:
    psi, folder, _ = report
    assert set(psi) == set(SCHEMA.names)
    assert sum(value >= 0.1 for value in psi.values()) == 30
    counted = next(
        metric["value"]
        for metric in json.loads((folder / "report.json").read_text("utf-8"))["metrics"]
        if "DriftedColumnsCount" in metric["config"]["type"]
    )
    assert counted == {"count": 30, "share": 1.0}


def test_the_picture_agrees_with_the_verdict_on_every_numeric_column(
    report: tuple[dict[str, float], Path, list[str]],
) -> None:
    before, after = clients(False, 1), clients(True, 2)
    for feature in SCHEMA.features:
        bins = Bins.fit(before.column(feature.name), feature)
        own = psi(*(bins.count(table.column(feature.name)).values for table in (before, after)))
        assert own.size == pytest.approx(report[0][feature.name], rel=0.15, abs=0.01), feature.name


def test_the_page_loads_nothing_from_elsewhere(report: tuple[dict[str, float], Path, list[str]]) -> None:
    page = (report[1] / "report.html").read_text("utf-8")
    assert len(page) > 10_000
    assert not re.findall(r"<(?:script|link|img|iframe)\b[^>]*\b(?:src|href)\s*=\s*[\"']?(?:https?:)?//", page)


def test_nobody_is_called(report: tuple[dict[str, float], Path, list[str]]) -> None:
    assert report[2] == []
    assert os.environ["DO_NOT_TRACK"] == "1"


def test_columns_without_values_or_without_variation_are_left_out_or_still(tmp_path: Path) -> None:
    schema = FeatureSchema(tuple(Feature(name, "numeric") for name in ("EMPTY", "CONSTANT", "INFINITE", "USUAL")), ())
    table = pa.table(
        {
            "EMPTY": pa.nulls(100, pa.float64()),
            "CONSTANT": [1.0] * 100,
            "INFINITE": [np.inf] * 100,
            "USUAL": np.arange(100.0),
        }
    )
    psi = write_report(table, table, schema, 0.1, 0.2, tmp_path / "a.html", tmp_path / "a.json")
    assert psi == pytest.approx({"CONSTANT": 0, "USUAL": 0})


def test_unseen_and_missing_categories_are_drawn(tmp_path: Path) -> None:
    schema = FeatureSchema((Feature("KIND", "category"),), ())
    before, after = pa.table({"KIND": ["a", "b"] * 50}), pa.table({"KIND": ["a", "new", None, "b"] * 25})
    assert write_report(before, after, schema, 0.1, 0.2, tmp_path / "a.html", tmp_path / "a.json")["KIND"] > 0.1


def test_the_verdict_stands_at_the_top_of_the_page(tmp_path: Path) -> None:
    table = pa.table({"A": [float(i % 50) for i in range(500)]})
    schema = FeatureSchema((Feature("A", "numeric"),), ("2025-01",))
    page = tmp_path / "a.html"
    write_report(table, table, schema, 0.1, 0.2, page, tmp_path / "a.json", verdict="cohort <x> is stable")
    body = page.read_text("utf-8").split("<body", 1)[1]
    assert "Verdict: cohort &lt;x&gt; is stable" in body[:1000]


def test_the_most_important_columns_are_summarised(report: tuple[dict[str, float], Path, list[str]]) -> None:
    metrics = json.loads((report[1] / "report.json").read_text("utf-8"))["metrics"]
    summarised = {m["config"]["column"] for m in metrics if m["config"]["type"].endswith(":MissingValueCount")}
    assert summarised == set(SCHEMA.names[:SUMMARISED])


def test_outcomes_are_drawn_at_the_cut_off_in_force(tmp_path: Path) -> None:
    probability = np.random.default_rng(1).beta(1, 8, 500)
    defaulted = (np.random.default_rng(2).random(500) < probability).astype(float)
    write_outcomes_report(defaulted, probability, 0.1, tmp_path / "a.html", tmp_path / "a.json", "all is well")
    metrics = json.loads((tmp_path / "a.json").read_text("utf-8"))["metrics"]
    recall = next(m["value"] for m in metrics if m["config"]["type"].endswith(":Recall"))
    assert recall == pytest.approx(((probability >= 0.1) & (defaulted == 1)).sum() / defaulted.sum())
    assert "Verdict: all is well" in (tmp_path / "a.html").read_text("utf-8")
