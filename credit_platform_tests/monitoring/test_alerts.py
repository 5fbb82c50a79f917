"""Alerts: one JSON line each, whoever writes, and nothing about clients."""

import json
import subprocess
import sys
from datetime import datetime
from pathlib import Path

from credit_platform.monitoring.alerts import Alert, drift_alert, log_path, raise_alert
from credit_platform.monitoring.drift import ColumnDrift, Verdict
from credit_platform.settings import Settings

MOVED = [ColumnDrift(f"F{i}", 0.5, 0.0, 0.0, 0.0, ("values moved (PSI 0.50)",)) for i in range(7)]
STILL = [ColumnDrift(f"S{i}", 0.0, 0.0, 0.0, 0.0, ()) for i in range(13)]


def verdict(columns: list[ColumnDrift]) -> Verdict:
    share = sum(column.drifted for column in columns) / len(columns)
    return Verdict("2025-03", "4", tuple(columns), 0.313, share, 0.2, True)


def settings(folder: Path) -> Settings:
    return Settings(_env_file=None, data_dir=folder)


def lines(folder: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in log_path(settings(folder)).read_text("utf-8").splitlines()]


def test_an_alert_is_one_json_line_whatever_its_message_holds(tmp_path: Path) -> None:
    for message in ("plain", 'two\nlines and "quotes"', "Größe  und\u2028mehr"):
        raise_alert(settings(tmp_path), Alert("run_failure", "critical", "train", message, "the UI"))
    found = lines(tmp_path)
    assert [line["message"] for line in found] == ["plain", 'two\nlines and "quotes"', "Größe  und\u2028mehr"]
    assert all(set(line) == {"at", "kind", "severity", "subject", "message", "where"} for line in found)
    assert all(datetime.fromisoformat(line["at"]).tzinfo for line in found)


def test_a_drift_alert_names_the_cohort_its_share_and_the_strongest_columns(tmp_path: Path) -> None:
    alert = drift_alert(verdict([*MOVED, *STILL]).as_json(), Path("reports/2025-03.html"))
    assert alert.message == (
        "cohort 2025-03 has drifted: 35% of 20 watched features moved (limit 20%), score PSI 0.31; "
        "F0, F1, F2, F3, F4 and 2 more"
    )
    assert (alert.kind, alert.severity, alert.subject) == ("drift", "warn", "2025-03")
    assert alert.where == "reports/2025-03.html"


def test_a_drift_of_the_scores_alone_names_no_feature() -> None:
    assert drift_alert(verdict(STILL).as_json(), Path("x")).message.endswith("score PSI 0.31")


def test_two_processes_that_write_at_once_never_mix_their_lines(tmp_path: Path) -> None:
    program = (
        "import sys; from credit_platform.monitoring.alerts import Alert, raise_alert; "
        "from credit_platform.settings import Settings; "
        "settings = Settings(_env_file=None, data_dir=sys.argv[1]); "
        "[raise_alert(settings, Alert('drift', 'warn', sys.argv[2], sys.argv[2] * 20_000)) for _ in range(100)]"
    )
    writers = [subprocess.Popen([sys.executable, "-c", program, str(tmp_path), name]) for name in "ab"]
    assert [writer.wait(60) for writer in writers] == [0, 0]
    found = lines(tmp_path)
    assert len(found) == 200
    assert all(line["message"] == line["subject"] * 20_000 for line in found)
