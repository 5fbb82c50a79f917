"""Where reports lie, and the picture of a verdict."""

import json
from pathlib import Path

from credit_platform.monitoring.drift import ColumnDrift, Verdict
from credit_platform.monitoring.plots import drift_bars
from credit_platform.monitoring.reports import report_path, reports_dir, verdict_path, verdicts
from credit_platform.settings import Settings


def test_verdicts_come_oldest_cohort_first_and_evidentlys_numbers_are_not_among_them(tmp_path: Path) -> None:
    settings = Settings(_env_file=None, data_dir=tmp_path)
    assert verdicts(settings) == []
    for cohort in ("2025-03", "2025-01"):
        for path in (verdict_path(settings, cohort), report_path(settings, cohort, "evidently.json")):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps({"cohort": cohort}), "utf-8")
    (reports_dir(settings) / ".2025-02.json.half-written").write_text("{", "utf-8")
    assert [verdict["cohort"] for verdict in verdicts(settings)] == ["2025-01", "2025-03"]


def test_drift_bars_show_the_features_that_moved_most() -> None:
    columns = tuple(ColumnDrift(f"F{i}", i / 10, 0, 0, 0, ("moved",) if i > 3 else ()) for i in range(6))
    axes = drift_bars(Verdict("2025-03", "4", columns, 0.1, 0.3, 0.2, True), top=4).axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["F2", "F3", "F4", "F5"]
    assert [bool(bar.get_hatch()) for bar in axes.patches] == [False, False, True, True]


def test_a_verdict_without_features_is_drawn_all_the_same() -> None:
    assert drift_bars(Verdict("2025-03", "4", (), 0.1, 0.0, 0.2, False)).axes[0].get_title()
