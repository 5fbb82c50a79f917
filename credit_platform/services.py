"""Starts the platform's services together on this machine, and stops them together."""

import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from credit_platform.runner import open_instance
from credit_platform.settings import Settings

_REPOSITORY = Path(__file__).resolve().parent.parent
_LOCAL = "127.0.0.1"


@dataclass(frozen=True)
class Service:
    """A process to run, the port it listens on, and the address a person opens."""

    name: str
    port: int
    address: str
    command: tuple[str, ...]


def serve(settings: Settings, console: Console, dagster_port: int, api_port: int, ui_port: int) -> int:
    """Runs the Dagster UI and daemon, the API and the analyst's UI until one of them ends or Ctrl-C is pressed.

    All listen on localhost only and log to files. Returns the exit code of the service that ended first; 0 after
    Ctrl-C; 1 where a port is taken.
    """
    services = _services(dagster_port, api_port, ui_port)
    taken = [service for service in services if _answers(service.port)]
    for service in taken:
        console.print(f"port {service.port} of {service.name} is taken; choose another (credit-platform up --help)")
    if taken:
        return 1
    with open_instance(settings):
        pass
    logs = settings.data_dir / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    environment = {**os.environ, "CREDIT_API_URL": f"http://{_LOCAL}:{api_port}"}
    environment |= {"CREDIT_DATA_DIR": str(settings.data_dir), "DO_NOT_TRACK": "1"}
    # A shell that starts this in the background has it ignore SIGINT; nohup has it ignore SIGHUP, and means it.
    signals = [signal.SIGTERM, signal.SIGINT]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        signals.append(signal.SIGHUP)
    for stop in signals:
        signal.signal(stop, signal.default_int_handler)
    started: dict[str, subprocess.Popen[bytes]] = {}
    try:
        for service in services:
            with (logs / f"{service.name}.log").open("ab") as log:
                started[service.name] = subprocess.Popen(
                    service.command, cwd=_REPOSITORY, env=environment, stdout=log, stderr=log, start_new_session=True
                )
        waiting = list(services)
        console.print(f"starting; logs are in {logs}, Ctrl-C stops everything", highlight=False)
        while True:
            for service in [service for service in waiting if _answers(service.port)]:
                console.print(f"{service.name:12} {service.address}", highlight=False)
                waiting.remove(service)
            for name, process in started.items():
                if process.poll() is not None:
                    console.print(f"{name} ended with code {process.returncode}; see {logs / name}.log", style="red")
                    return process.returncode or 1
            time.sleep(0.5)
    except KeyboardInterrupt:
        return 0
    finally:
        _stop(list(started.values()))


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
