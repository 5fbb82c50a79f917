"""Where reports lie, which are kept, and the pictures of a verdict."""

import json
from pathlib import Path

from credit_platform.monitoring.observed import Observed
from credit_platform.monitoring.plots import feature_bars, layer_plots
from credit_platform.monitoring.reports import prune, report_path, reports_dir, verdict_path, verdicts
from credit_platform.monitoring.verdicts import monitor
from credit_platform.settings import Settings
from credit_platform_tests.monitoring.conftest import Land
from credit_platform_tests.worlds import applicants


def test_verdicts_come_oldest_cohort_first_and_evidentlys_numbers_are_not_among_them(tmp_path: Path) -> None:
    settings = Settings(_env_file=None, data_dir=tmp_path)
    assert verdicts(settings) == []
    for cohort in ("2025-03", "2025-01"):
        for path in (verdict_path(settings, cohort), report_path(settings, cohort, "evidently.json")):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps({"cohort": cohort}), "utf-8")
    (reports_dir(settings) / ".2025-02.json.half-written").write_text("{", "utf-8")
    assert [verdict["cohort"] for verdict in verdicts(settings)] == ["2025-01", "2025-03"]


def test_the_reports_of_the_newest_cohorts_are_kept_and_every_verdict(tmp_path: Path) -> None:
    settings = Settings(_env_file=None, data_dir=tmp_path, drift_reports=2)
    for cohort in ("2025-03", "2025-01", "2025-02"):
        for path in (
            verdict_path(settings, cohort),
            report_path(settings, cohort),
            report_path(settings, cohort, "evidently.json"),
        ):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("{}", "utf-8")
    assert prune(settings) == ["2025-01"]
    assert prune(settings) == []
    assert len(verdicts(settings)) == 3
    assert sorted(path.name for path in reports_dir(settings).rglob("2025-01*")) == ["2025-01.json"]


def test_feature_bars_show_the_features_that_moved_most() -> None:
    details = [{"column": f"F{i}", "psi": i / 10, "moved": i > 3} for i in range(6)]
    axes = feature_bars({"cohort": "2025-03", "details": details}, top=4).axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["F2", "F3", "F4", "F5"]
    assert [bool(bar.get_hatch()) for bar in axes.patches] == [False, False, True, True]
    assert feature_bars({"cohort": "2025-03", "details": []}).axes[0].get_title()


def test_every_judged_layer_has_a_picture(land: Land) -> None:
    settings = land(applicants(600, 7), promised=1.0)
    figures = layer_plots(monitor(settings, "2025-03"), Observed.of(settings, "2025-03"))
    assert set(figures) == {"quality", "score", "segments", "outcomes", "features", "multivariate"}
    assert all(figure.axes[0].get_title() for figure in figures.values())
