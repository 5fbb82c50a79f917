"""What a person sees of a run on the command line: progress while it goes, a summary when it is done."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from credit_platform.alerting.log import log_path
from credit_platform.model.ledger import Line
from credit_platform.monitoring.reports import reports_dir, verdicts
from credit_platform.quarantine import quarantined, reasons
from credit_platform.runner import Outcome
from credit_platform.settings import Settings


@contextmanager
def progress(console: Console, steps: int) -> Iterator[Callable[[str, str], None]]:
    """A progress bar over steps; yields the function to call with each step's name and state."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=False) as bar:
        task = bar.add_task("starting", total=steps)

        def on_step(step: str, state: str) -> None:
            if state == "started":
                bar.update(task, description=step)
            else:
                bar.update(task, advance=1, description=f"{step} {state}")

        yield on_step


def print_summary(console: Console, outcome: Outcome, settings: Settings) -> None:
    """Cohorts and rows, the champion and its numbers, drift verdicts, seconds by stage, and where to look."""
    found = outcome.metadata
    table = Table(show_header=False, box=None, pad_edge=False)
    if "client_mart" in found:
        marts = [of for of in found["client_mart"].values() if "columns" in of]
        rows, made = sum(of["dagster/partition_row_count"] for of in marts), len(marts)
        unchanged = sum(of["unchanged_buckets"] == of["buckets"] for of in marts)
        kept = f", {unchanged} of them unchanged" if unchanged else ""
        cohorts = f"{made} cohort{'s' * (made != 1)}"
        table.add_row("client mart", f"{rows:,} clients x {marts[0]['columns']} columns; {cohorts}{kept}")
    if "feature_splits" in found:
        splits = found["feature_splits"][None]
        learned = f"cohorts {splits['cohorts']} to learn from, out of time {splits['out_of_time']}"
        table.add_row("labelled", f"{splits['dagster/row_count']:,} clients: {learned}")
    if "evaluation" in found:
        judged = found["evaluation"][None]
        table.add_row("AUC on the test part", f"{judged['auc']:.3f} (KS {judged['ks']:.3f})")
        table.add_row("threshold", f"{judged['threshold']:.4f} (refuses {judged['refusal_rate']:.0%})")
        table.add_row(
            "cost on the test part",
            f"{judged['cost_per_client']:.3f} (approve all {judged['cost_approve_all']:.3f}, "
            f"refuse all {judged['cost_refuse_all']:.3f})",
        )
    if "champion" in found:
        chosen = found["champion"][None]
        table.add_row("champion", f"version {chosen['version']}; challenger {chosen['challenger']}: {chosen['reason']}")
    if "scores" in found:
        scored = list(found["scores"].values())
        rows = sum(of["dagster/partition_row_count"] for of in scored)
        table.add_row("scored", f"{rows:,} clients by version {scored[0]['version']}")
    if "drift_report" in found:
        for verdict in verdicts(settings):
            table.add_row(f"monitoring {verdict['cohort']}", escape(verdict["sentence"]))
    for cohort in quarantined(settings):
        table.add_row(f"quarantine {cohort}", escape(" ".join(reasons(settings, cohort))), style="red")
    console.print(table)
    if outcome.warnings:
        console.print(f"checks to look at: {', '.join(outcome.warnings)}", style="yellow")
    stages = _seconds_by_stage(outcome)
    console.print("seconds: " + ", ".join(f"{stage} {seconds:.0f}" for stage, seconds in stages.items()))
    console.print(f"where to look: {', '.join(_places(settings))};")
    console.print("  make up opens the Dagster UI, the API and the analyst's UI")


def _places(settings: Settings) -> Iterator[str]:
    """Where there is something to see by now."""
    yield f"{settings.lake_dir} (tables)"
    if reports_dir(settings).is_dir():
        yield f"{reports_dir(settings)} (drift reports)"
    if log_path(settings).exists():
        yield f"{log_path(settings)} (alerts)"
    if settings.mlflow_tracking_uri or (settings.data_dir / "mlflow").is_dir():
        yield f"{settings.tracking_uri} (MLflow)"


def print_promotions(console: Console, lines: Iterable[Line]) -> None:
    """The promotion ledger as a table, oldest first."""
    table = Table("when (UTC)", "what", "from", "to", "state", "who", "why", "gate report", box=None, pad_edge=False)
    for entry, state in lines:
        versions = (entry.from_version or "none", entry.to_version or "none")
        what = f"{entry.kind}, overridden" if entry.overridden else entry.kind
        cells = (f"{entry.at:%Y-%m-%d %H:%M}", what, *versions, state, entry.by, entry.why, entry.gate_report)
        table.add_row(*map(escape, cells))
    console.print(table if table.row_count else "no version has been promoted, refused or rolled back yet")


def _seconds_by_stage(outcome: Outcome) -> dict[str, float]:
    stages = {
        "raw": ("raw_",),
        "quality": ("quality_report",),
        "mart": ("client_mart",),
        "features": ("feature_splits",),
        "model": ("candidate", "evaluation", "champion"),
        "explain": ("shap_summary", "population"),
        "scoring": ("scores",),
        "monitoring": ("drift_report",),
    }
    return {
        stage: sum(seconds for step, seconds in outcome.seconds.items() if step.startswith(prefixes))
        for stage, prefixes in stages.items()
        if any(step.startswith(prefixes) for step in outcome.seconds)
    }
