"""Starts the platform's services together on this machine, and stops them together."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from rich.console import Console

from credit_platform.runner import open_instance
from credit_platform.settings import Settings

_REPOSITORY = Path(__file__).resolve().parent.parent


def serve(settings: Settings, console: Console, dagster_port: int, api_port: int, ui_port: int) -> int:
    """Runs the Dagster UI and daemon, the API and the analyst's UI until one of them ends or Ctrl-C is pressed.

    All listen on localhost only. Returns the exit code of the service that ended first; 0 after Ctrl-C.
    """
    with open_instance(settings):
        pass
    python, local = sys.executable, "127.0.0.1"
    environment = {**os.environ, "CREDIT_API_URL": f"http://{local}:{api_port}"}
    environment |= {"CREDIT_DATA_DIR": str(settings.data_dir), "DO_NOT_TRACK": "1"}
    commands = {
        f"Dagster UI  http://{local}:{dagster_port}": [
            *(python, "-m", "dagster", "dev", "-w", "workspace.yaml", "-h", local, "-p", str(dagster_port)),
        ],
        f"API         http://{local}:{api_port}/docs": [
            *(python, "-m", "serving"),
            *("--host", local, "--port", str(api_port)),
        ],
        f"analyst UI  http://{local}:{ui_port}": [
            *(python, "-m", "streamlit", "run", "ui/app.py", "--server.address", local, "--server.port", str(ui_port)),
            *("--server.headless", "true", "--browser.gatherUsageStats", "false"),
        ],
    }
    started: dict[str, subprocess.Popen[bytes]] = {}
    # A shell that starts this in the background has it ignore SIGINT; nohup has it ignore SIGHUP, and means it.
    signals = [signal.SIGTERM, signal.SIGINT]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        signals.append(signal.SIGHUP)
    for stop in signals:
        signal.signal(stop, signal.default_int_handler)
    try:
        for name, command in commands.items():
            started[name] = subprocess.Popen(command, cwd=_REPOSITORY, env=environment, start_new_session=True)
        for name in commands:
            console.print(name, highlight=False)
        while True:
            for name, process in started.items():
                if process.poll() is not None:
                    console.print(f"{name.split('  ')[0]} ended with code {process.returncode}", style="red")
                    return process.returncode or 1
            time.sleep(0.5)
    except KeyboardInterrupt:
        return 0
    finally:
        _stop(list(started.values()))


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
