"""The alert log: one JSON line for each message, whoever writes."""

import json
import subprocess
import sys
from datetime import datetime
from pathlib import Path

from credit_platform.alerting.log import write_line
from credit_platform_tests.messages import message


def lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def test_a_message_is_one_json_line_whatever_its_title_holds(tmp_path: Path) -> None:
    path = tmp_path / "monitoring" / "alerts.log"
    titles = ["plain", 'two\nlines and "quotes"', "Größe  und\u2028mehr"]
    for title in titles:
        write_line(path, message(title))
    found = lines(path)
    assert [line["message"] for line in found] == titles
    expected = {"at", "severity", "subject", "kind", "message", "incidents", "where"}
    assert all(set(line) == expected for line in found)
    assert all(datetime.fromisoformat(str(line["at"])).tzinfo for line in found)


def test_two_processes_that_write_at_once_never_mix_their_lines(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from credit_platform.alerting.log import write_line; "
        "from credit_platform_tests.messages import message; "
        "[write_line(Path(sys.argv[1]), message(sys.argv[2] * 20_000, sys.argv[2])) for _ in range(100)]"
    )
    path = tmp_path / "alerts.log"
    writers = [subprocess.Popen([sys.executable, "-c", program, str(path), name]) for name in "ab"]
    assert [writer.wait(60) for writer in writers] == [0, 0]
    found = lines(path)
    assert len(found) == 200
    assert all(line["message"] == str(line["subject"]) * 20_000 for line in found)
