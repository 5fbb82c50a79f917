"""Starts the platform's services together on this machine, keeps them running, and stops them together.

A service that ends is started again, later each time it ends soon; one that never came up ends all, because what is
wrong with it will be wrong again. Not here: containers, which have supervisors of their own.
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console

from credit_platform.runner import open_instance
from credit_platform.settings import Settings

_REPOSITORY = Path(__file__).resolve().parent.parent
_LOCAL = "127.0.0.1"
_LOOK_SECONDS = 0.5
_FIRST_WAIT_SECONDS, _LONGEST_WAIT_SECONDS, _STEADY_SECONDS = 1.0, 60.0, 300.0


@dataclass(frozen=True)
class Service:
    """A process to run, the port it listens on, and the address a person opens."""

    name: str
    port: int
    address: str
    command: tuple[str, ...]


@dataclass
class _Running:
    """A service while it is kept running. Times are those of the monotonic clock."""

    service: Service
    log: Path
    environment: dict[str, str]
    process: subprocess.Popen[bytes] = field(init=False)
    answers: bool = False
    came_up: bool = False
    since: float = 0.0
    wait: float = _FIRST_WAIT_SECONDS
    due: float | None = None

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.service.command,
                cwd=_REPOSITORY,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.since, self.due, self.answers = time.monotonic(), None, False

    def plan_restart(self) -> float:
        """Sees to a new start, in seconds that double unless it had run for a while. Returns how many."""
        now = time.monotonic()
        if now - self.since > _STEADY_SECONDS:
            self.wait = _FIRST_WAIT_SECONDS
        wait, self.wait = self.wait, min(2 * self.wait, _LONGEST_WAIT_SECONDS)
        self.due = now + wait
        return wait


def serve(settings: Settings, console: Console, dagster_port: int, api_port: int, ui_port: int) -> int:
    """Runs the Dagster UI and daemon, the API and the analyst's UI until Ctrl-C is pressed.

    All listen on localhost only and log to files. Returns 0 after Ctrl-C; 1 where a port is taken; the exit code of a
    service that ended before it ever answered.
    """
    with open_instance(settings):
        pass
    environment = {"CREDIT_API_URL": f"http://{_LOCAL}:{api_port}", "CREDIT_DATA_DIR": str(settings.data_dir)}
    return keep_running(_services(dagster_port, api_port, ui_port), settings, console, environment)


def keep_running(
    services: Sequence[Service], settings: Settings, console: Console, environment: Mapping[str, str]
) -> int:
    """Runs services until Ctrl-C or SIGTERM, or until one of them ends before it ever answered; see `serve`."""
    taken = [service for service in services if _answers(service.port)]
    for service in taken:
        console.print(f"port {service.port} of {service.name} is taken; choose another (credit-platform up --help)")
    if taken:
        return 1
    logs = settings.data_dir / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    # A shell that starts this in the background has it ignore SIGINT; nohup has it ignore SIGHUP, and means it.
    signals = [signal.SIGTERM, signal.SIGINT]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        signals.append(signal.SIGHUP)
    for stop in signals:
        signal.signal(stop, signal.default_int_handler)
    whole = {**os.environ, **environment, "DO_NOT_TRACK": "1"}
    running = [_Running(service, logs / f"{service.name}.log", whole) for service in services]
    started: list[_Running] = []
    try:
        for each in running:
            each.start()
            started.append(each)
        console.print(f"starting; logs are in {logs}, Ctrl-C stops everything", highlight=False)
        while True:
            for each in running:
                if (code := _look_after(each, console)) is not None:
                    return code
                _rotate(each.log, settings.log_bytes, settings.log_files)
            time.sleep(_LOOK_SECONDS)
    except KeyboardInterrupt:
        return 0
    finally:
        _stop([each.process for each in started])


def _look_after(each: _Running, console: Console) -> int | None:
    """One look at a service. Returns the exit code with which all is to end, None where all goes on."""
    service = each.service
    if each.due is not None:
        if time.monotonic() >= each.due:
            each.start()
    elif (code := each.process.poll()) is not None:
        _kill_group(each.process)  # what it had started itself, and would find in its way
        if not each.came_up:
            console.print(f"{service.name} ended with code {code} before it answered; see {each.log}", style="red")
            return code or 1
        console.print(
            f"{service.name} ended with code {code}; it starts again in {each.plan_restart():g} s", style="yellow"
        )
    elif not each.answers and _answers(service.port):
        each.answers = each.came_up = True
        console.print(f"{service.name:12} {service.address}", highlight=False)
    return None


def _rotate(log: Path, most: int, files: int) -> None:
    """Moves the content of a log that has grown too large to `.1`, that of `.1` to `.2`, and so on.

    The service goes on writing to the same file, to its end, wherever that is; what it writes between copying and
    emptying is lost.
    """
    if not log.exists() or log.stat().st_size <= most:
        return
    for number in range(files - 1, 0, -1):
        with suppress(FileNotFoundError):
            os.replace(f"{log}.{number}", f"{log}.{number + 1}")
    shutil.copyfile(log, f"{log}.1")
    os.truncate(log, 0)


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


def _services(dagster_port: int, api_port: int, ui_port: int) -> tuple[Service, ...]:
    python = sys.executable
    return (
        Service(
            "dagster",
            dagster_port,
            f"http://{_LOCAL}:{dagster_port}",
            (python, "-m", "dagster", "dev", "-w", "workspace.yaml", "-h", _LOCAL, "-p", str(dagster_port)),
        ),
        Service(
            "api",
            api_port,
            f"http://{_LOCAL}:{api_port}/health",
            (python, "-m", "serving", "--host", _LOCAL, "--port", str(api_port)),
        ),
        Service(
            "analyst-ui",
            ui_port,
            f"http://{_LOCAL}:{ui_port}",
            (
                *(python, "-m", "streamlit", "run", "ui/app.py", "--server.headless", "true"),
                *("--server.address", _LOCAL, "--server.port", str(ui_port), "--browser.gatherUsageStats", "false"),
            ),
        ),
    )


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex((_LOCAL, port)) == 0


def _stop(processes: list[subprocess.Popen[bytes]]) -> None:
    """Asks every service and its children to end, and ends those that have not after ten seconds."""
    for ask in (signal.SIGTERM, signal.SIGKILL):
        for process in processes:
            try:
                os.killpg(process.pid, ask)
            except ProcessLookupError:
                continue
        deadline = time.monotonic() + 10
        for process in processes:
            try:
                process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                continue
