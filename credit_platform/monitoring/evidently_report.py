"""Evidently's picture of a cohort's drift: an HTML page and its JSON. The verdict is `judging.py`'s, on full data.

Evidently is imported inside, it takes seconds, and it is told not to report home. Column types are always given:
inference drops columns it does not know. Its own numeric PSI bins are moved by a single outlier, so the reference
deciles are registered as a method of their own, and picture and verdict agree.
"""

import os
import re
from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from credit_platform.features.schema import FeatureSchema, model_frame
from credit_platform.lake import atomic, table_path
from credit_platform.model.profile import quantile_edges
from credit_platform.model.reference import draw, read_reference
from credit_platform.monitoring.observed import Observed
from credit_platform.monitoring.reports import report_path

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

METHOD = "psi_reference_deciles"
SUMMARISED = 10
"""Most important features that are summarised: each takes half a second."""


def write_report(
    reference: "pa.Table",
    current: "pa.Table",
    schema: FeatureSchema,
    psi_limit: float,
    share_limit: float,
    html: Path,
    json: Path,
    verdict: str = "",
) -> dict[str, float]:
    """Draws the drift of the schema's columns between two samples, with the full-data `verdict` at the top of the page.

    Returns Evidently's PSI by column.
    """
    os.environ["DO_NOT_TRACK"] = "1"
    from evidently import DataDefinition, Dataset, Report
    from evidently.presets import DataDriftPreset, DataSummaryPreset

    _register_method()
    numeric = [f.name for f in schema.features if f.kind == "numeric"]
    frames = [model_frame(table, schema) for table in (reference, current)]
    usable = [n for n in schema.names if n not in numeric or all(np.isfinite(frame[n]).any() for frame in frames)]
    definition = DataDefinition(
        numerical_columns=[n for n in numeric if n in usable],
        categorical_columns=schema.category_names,
        text_columns=[],
        datetime_columns=[],
        unknown_columns=[],
        list_columns=[],
    )
    before, after = (Dataset.from_pandas(frame[usable], data_definition=definition) for frame in frames)
    preset = DataDriftPreset(
        columns=usable,
        drift_share=share_limit,
        num_method=METHOD,
        num_threshold=psi_limit,
        cat_method="psi",
        cat_threshold=psi_limit,
    )
    summary = DataSummaryPreset(columns=usable[:SUMMARISED])
    snapshot = Report([preset, summary]).run(after, before)
    _save(snapshot, html, json, verdict, "Judged on all clients. Evidently draws a sample of them below.")
    return {
        metric["config"]["column"]: float(metric["value"])
        for metric in snapshot.dict()["metrics"]
        if metric["config"]["type"].endswith(":ValueDrift")
    }


def write_outcomes_report(
    defaulted: NDArray[np.float64],
    probability: NDArray[np.float64],
    threshold: float,
    html: Path,
    json: Path,
    verdict: str = "",
) -> None:
    """Draws what outcomes (0 or 1) say of probabilities, both of shape (n,), and of the decisions at the cut-off."""
    os.environ["DO_NOT_TRACK"] = "1"
    import pandas as pd
    from evidently import BinaryClassification, DataDefinition, Dataset, Report
    from evidently.presets import ClassificationPreset

    of = BinaryClassification(target="defaulted", prediction_probas="probability_of_default", pos_label=1)
    definition = DataDefinition(
        numerical_columns=["probability_of_default"],
        categorical_columns=["defaulted"],
        text_columns=[],
        datetime_columns=[],
        unknown_columns=[],
        list_columns=[],
        classification=[of],
    )
    rows = pd.DataFrame({"defaulted": defaulted.astype(int), "probability_of_default": probability})
    # At its own cut-off of 0.5 Evidently would find nearly everybody a good client.
    preset = ClassificationPreset(probas_threshold=threshold)
    snapshot = Report([preset]).run(Dataset.from_pandas(rows, data_definition=definition), None)
    _save(snapshot, html, json, verdict, "Clients whose outcome is known, and whom the version was not fitted to.")


def _save(snapshot: Any, html: Path, json: Path, verdict: str, note: str) -> None:
    html.parent.mkdir(parents=True, exist_ok=True)
    json.parent.mkdir(parents=True, exist_ok=True)
    with atomic(html) as beside:
        snapshot.save_html(str(beside))
        if verdict:
            beside.write_text(_with_headline(beside.read_text("utf-8"), verdict, note), "utf-8")
    with atomic(json) as beside:
        snapshot.save_json(str(beside))


def _with_headline(page: str, verdict: str, note: str) -> str:
    headline = (
        '<div style="font: 16px/1.5 sans-serif; margin: 16px; padding: 12px 16px; border-left: 6px solid #1f5fa8; '
        f'background: #eef4fb; color: #16324f"><strong>Verdict: {escape(verdict)}</strong><br>{note}</div>'
    )
    return re.sub(r"<body[^>]*>", lambda body: body[0] + headline, page, count=1)


def _register_method() -> None:
    from evidently.legacy.calculations.stattests import StatTest, register_stattest
    from evidently.legacy.core import ColumnType

    def psi(reference: "pd.Series[Any]", current: "pd.Series[Any]", _kind: Any, threshold: float) -> tuple[float, bool]:
        before, after = reference.to_numpy(float), current.to_numpy(float)
        edges = quantile_edges(before)
        shares = []
        for values in (before, after):
            counts = np.bincount(np.searchsorted(edges, values, side="left"), minlength=len(edges) + 1) + 0.5
            shares.append(counts / counts.sum())
        value = float(((shares[1] - shares[0]) * np.log(shares[1] / shares[0])).sum())
        return value, value >= threshold

    register_stattest(
        StatTest(METHOD, "PSI on reference deciles", [ColumnType.Numerical], 0.1),
        default_impl=psi,
    )


def draw_report(observed: Observed, verdict: Mapping[str, Any]) -> dict[str, float]:
    """Draws a cohort's report where it is looked for: the most important features and those that moved, and the score.

    Returns Evidently's PSI by column.

    Raises:
        MissingTableError: the cohort has no mart.
    """
    import pyarrow.parquet as pq

    settings, scorer = observed.settings, observed.scorer
    if scorer is None or observed.folder is None:
        return {}
    shown = dict.fromkeys([*list(verdict["reasons"])[: settings.drift_columns], *observed.important])
    features = tuple(f for f in scorer.schema.features if f.name in list(shown)[: settings.drift_columns])
    mart = pq.read_table(
        table_path(settings, "client_mart", observed.cohort), columns=[feature.name for feature in features]
    )
    return write_report(
        draw(read_reference(observed.folder), settings.drift_sample, settings.seed),
        draw(mart, settings.drift_sample, settings.seed),
        FeatureSchema(features, ()),
        settings.drift_psi,
        settings.drift_share,
        report_path(settings, observed.cohort),
        report_path(settings, observed.cohort, "evidently.json"),
        verdict["sentence"],
    )


def draw_outcomes(observed: Observed, verdict: Mapping[str, Any]) -> bool:
    """Draws what outcomes say of a cohort's scores, where they are known; whether they are."""
    scored = observed.scored
    if scored is None or not verdict["realised"]:
        return False
    write_outcomes_report(
        scored.defaulted[scored.known],
        scored.probability[scored.known],
        scored.threshold,
        report_path(observed.settings, observed.cohort, "outcomes.html"),
        report_path(observed.settings, observed.cohort, "outcomes.json"),
        verdict["sentence"],
    )
    return True
