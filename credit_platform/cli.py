"""The command line: simulate a delivery, land one, run the graph. Thin over the modules it calls."""

import logging
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn, cast

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.progress import Progress

from credit_platform.alerting.commands import alerts
from credit_platform.explain.glossary import LANGUAGES, Language
from credit_platform.home_credit.simulator import SCENARIOS
from credit_platform.operations.commands import operations
from credit_platform.settings import settings
from serving.commands import keys

if TYPE_CHECKING:
    from credit_platform.model.succession import Outcome
    from serving.decisions.log import DecisionLog

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Credit scoring on the Home Credit schema, as a graph of Dagster assets.",
)
app.add_typer(keys, name="keys")
app.add_typer(operations)
app.add_typer(alerts, name="alerts")
_PIPED = 160
"""Columns where the output is no terminal; wrapped paths and commands could not be copied."""
console = Console(width=None if sys.stdout.isatty() else _PIPED)
errors = Console(stderr=True)

Scenario = StrEnum("Scenario", {name: name for name in SCENARIOS})  # type: ignore[misc]
_STABLE = Scenario("stable")
Job = StrEnum("Job", {n: n for n in ("build_mart", "train", "score", "monitor", "process_cohort", "everything")})  # type: ignore[misc]
_EVERYTHING = Job("everything")
Spoken = StrEnum("Spoken", {language: language for language in LANGUAGES})  # type: ignore[misc]
_ENGLISH = Spoken("en")


class Format(StrEnum):
    parquet = "parquet"
    csv = "csv"
    csv_gz = "csv.gz"


def _refuse(message: str) -> NoReturn:
    errors.print(message, style="red", markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(1)


@app.command(help="Write simulated deliveries.\n\n" + "\n\n".join(f"{n}: {text}" for n, text in SCENARIOS.items()))
def simulate(
    out: Annotated[Path, typer.Option(help="Folder to write to; must not exist yet.")],
    cohorts: Annotated[int, typer.Option(min=1, help="Months, one delivery each.")] = 6,
    clients: Annotated[int, typer.Option(min=100, help="Applications per month (Kaggle: in train).")] = 5000,
    seed: Annotated[int, typer.Option(help="The same seed gives the same bytes.")] = 20,
    scenario: Annotated[Scenario, typer.Option(help="What happens to the population.")] = _STABLE,
    first_month: Annotated[str, typer.Option(help="First cohort, as YYYY-MM.")] = "2025-01",
    change_month: Annotated[str | None, typer.Option(help="Month from which the scenario acts.")] = None,
    format: Annotated[Format, typer.Option(help="File format.")] = Format.parquet,
) -> None:
    from credit_platform.home_credit.simulator import simulate as write

    with console.status("simulating") as status:
        try:
            written = write(
                out,
                cohorts=cohorts,
                clients=clients,
                seed=seed,
                scenario=scenario.value,
                first_month=first_month,
                change_month=change_month,
                format=format.value,
                threads=settings().threads,
                memory_limit=settings().memory_limit,
                progress=status.update,
            )
        except (ValueError, OSError) as error:
            _refuse(str(error))
    noun = "delivery" if len(written) == 1 else "deliveries"
    console.print(f"wrote {len(written)} {noun} to {out}; take them in with: credit-platform land {out}")


@app.command()
def replay(
    out: Annotated[Path, typer.Option(help="Folder to write to; must not exist yet.")],
    first: Annotated[str, typer.Option("--from", help="First month, as YYYY-MM.")] = "2025-01",
    last: Annotated[str, typer.Option("--to", help="Last month.")] = "2026-12",
    scenario: Annotated[Scenario, typer.Option(help="What happens to the population.")] = _STABLE,
    change_month: Annotated[str, typer.Option(help="Month from which the scenario acts; default: halfway.")] = "",
    clients: Annotated[int, typer.Option(min=500, help="Applications per month.")] = 4000,
    seed: Annotated[int, typer.Option(help="The same seed gives the same months.")] = 20,
    history: Annotated[int, typer.Option(min=2, help="Months that the first champion is made of.")] = 4,
    outcomes_after: Annotated[int, typer.Option(min=1, help="Months until outcomes arrive.")] = 3,
) -> None:
    """Play months one after another, with alerts and retraining, and draw what happened and what it cost."""
    from credit_platform.replay.page import facts
    from credit_platform.replay.run import PAGE, months
    from credit_platform.replay.run import replay as run_replay

    try:
        with Progress(console=errors) as bar:
            task = bar.add_task("starting", total=len(months(first, last)))
            played = run_replay(
                settings(),
                out,
                scenario=scenario.value,
                first=first,
                last=last,
                clients=clients,
                seed=seed,
                change=change_month,
                history=history,
                outcomes_after=outcomes_after,
                progress=lambda done, what: bar.update(task, completed=done, description=what),
            )
    except (ValueError, OSError) as error:
        _refuse(str(error))
    for name, value in facts(played).items():
        console.print(f"{name}: {value}", markup=False, highlight=False)
    console.print(f"the page: {out / PAGE}", highlight=False, soft_wrap=True)


@app.command()
def land(
    source: Annotated[Path, typer.Argument(help="Folder or zip: a cohort, a folder per cohort, or a Kaggle download.")],
    cohort: Annotated[str | None, typer.Option(help="The cohort's name where the delivery does not tell.")] = None,
) -> None:
    """Check a delivery and take it into the landing area, all of it or nothing."""
    from credit_platform.home_credit.delivery import DeliveryError
    from credit_platform.home_credit.landing import has_outcomes
    from credit_platform.home_credit.landing import land as take_in
    from credit_platform.runner import open_instance, register_cohorts

    with console.status("checking") as status:
        try:
            landed = take_in(settings(), source, cohort, progress=status.update)
        except DeliveryError as error:
            _refuse(f"Nothing was landed. {len(error.problems)} problem(s):\n{error}")
        except OSError as error:
            _refuse(f"Nothing was landed: {error}")
        status.update("registering")
        with open_instance(settings()) as instance:
            register_cohorts(instance, settings())
    for result in landed:
        applications = result.rows.get("application", 0)
        rows = f"{applications:,} applications, {sum(result.rows.values()) - applications:,} rows of other tables"
        known = "known" if has_outcomes(settings(), result.cohort) else "not known yet: scored, not trained on"
        console.print(f"landed cohort [bold]{result.cohort}[/bold]: {rows}; outcomes {known}")
        for warning in result.warnings:
            console.print(f"  note: {warning}", markup=False, highlight=False)


@app.command()
def run(
    job: Annotated[Job, typer.Option(help="Which part of the graph.")] = _EVERYTHING,
    cohort: Annotated[str | None, typer.Option(help="One cohort; default: all landed ones.")] = None,
) -> None:
    """Materialise the graph and sum up what came of it."""
    from credit_platform.runner import open_instance, register_cohorts, run_job, step_count
    from credit_platform.summary import print_summary, progress

    with open_instance(settings()) as instance:
        known = register_cohorts(instance, settings())
        if not known:
            _refuse("No cohort has been landed. Simulate one (credit-platform simulate) or land a delivery first.")
        if cohort is not None and cohort not in known:
            _refuse(f"No cohort {cohort!r} has been landed; there are: {', '.join(known)}")
        chosen = [cohort] if cohort else known
        with progress(console, step_count(job.value, settings(), chosen)) as on_step:
            outcome = run_job(job.value, settings(), chosen, instance, on_step)
    for (step, of), message in outcome.errors.items():
        where = f"{step} of {of}" if of else step
        errors.print(f"{where} failed: {message}", style="red", markup=False, highlight=False, soft_wrap=True)
    if outcome.metadata:
        print_summary(console, outcome, settings())
    if not outcome.success:
        raise typer.Exit(1)


@app.command()
def versions(
    table: Annotated[str, typer.Argument(help="A table of the lake, such as raw_bureau, client_mart or scores.")],
    cohort: Annotated[str | None, typer.Argument(help="Its cohort; none for a table without cohorts.")] = None,
) -> None:
    """List the versions of a table that are kept, oldest first, and say which is in force."""
    from credit_platform import lake

    kept = lake.versions(settings(), table, cohort)
    if not kept:
        known = ", ".join(lake.cohorts_of(settings(), table)) or "none"
        _refuse(f"no version of {table} of {cohort or 'no cohort'} is kept; cohorts that have one: {known}")
    in_force = lake.current(settings(), table, cohort)
    for version in kept:
        size = sum(file.size for file in version.files.values())
        console.print(
            f"{version.id}  {version.written_at:%Y-%m-%d %H:%M} UTC, {version.rows:,} rows, {size / 1e6:,.1f} MB"
            f"{', in force' if version == in_force else ''}",
            highlight=False,
            soft_wrap=True,
        )


@app.command()
def restore(
    table: Annotated[str, typer.Argument(help="A table of the lake.")],
    version: Annotated[list[str], typer.Argument(metavar="[COHORT] VERSION", help="As credit-platform versions says.")],
) -> None:
    """Bring an older version of a table back into force."""
    from credit_platform import lake

    *cohorts, identity = version
    if len(cohorts) > 1:
        _refuse("expected: credit-platform restore TABLE [COHORT] VERSION")
    try:
        restored = lake.restore(settings(), table, cohorts[0] if cohorts else None, identity)
    except (LookupError, lake.DamagedTableError) as error:
        _refuse(str(error.args[0]))
    console.print(
        f"{restored} is version [bold]{identity}[/bold] again; materialise what is made from it", highlight=False
    )


@app.command("export-sql")
def write_sql(
    dialect: Annotated[str, typer.Option(help="A dialect that sqlglot knows: spark, bigquery, snowflake, ...")],
    out: Annotated[Path | None, typer.Option(help="File to write to; default: the terminal.")] = None,
) -> None:
    """Write the mart's SQL for the engine that holds the tables."""
    from credit_platform.lake import atomic
    from credit_platform.mart.export import export_sql

    try:
        sql = export_sql(dialect)
        if out is None:
            typer.echo(sql, nl=False)
        else:
            with atomic(out) as beside:
                beside.write_text(sql, "utf-8")
            console.print(f"wrote {out}", highlight=False, soft_wrap=True)
    except (ValueError, OSError) as error:
        _refuse(str(error))


@app.command()
def dictionary() -> None:
    """Write the data dictionary of the mart, as Markdown, to the terminal."""
    from credit_platform.mart.dictionary import dictionary_markdown

    typer.echo(dictionary_markdown(), nl=False)


@app.command("quarantine")
def list_quarantine() -> None:
    """List the cohorts that are set aside, since when, and why."""
    from credit_platform import quarantine

    held = quarantine.quarantined(settings())
    for cohort in held:
        for asset, fault in quarantine.record(settings(), cohort).held_by.items():
            console.print(f"[bold]{cohort}[/bold]: found by {asset}, since {fault.since}", highlight=False)
            for reason in fault.reasons:
                console.print(f"  {reason}", markup=False, highlight=False, soft_wrap=True)
    if not held:
        console.print("no cohort is in quarantine")


@app.command()
def release(
    cohort: Annotated[str, typer.Argument(help="The cohort in quarantine.")],
    by: Annotated[str, typer.Option(help="Who decides.")],
    why: Annotated[str, typer.Option(help="The reason; it is kept.")],
    from_now_on: Annotated[bool, typer.Option("--from-now-on", help="Later cohorts may be like it.")] = False,
) -> None:
    """Let a cohort pass as it is, for this very delivery; another one like it is held again."""
    from credit_platform import quarantine

    try:
        overruled = quarantine.release(settings(), cohort, by, why, from_now_on)
    except ValueError as error:
        _refuse(str(error))
    console.print(f"cohort {cohort} may pass, as {by} decided in spite of:", markup=False, highlight=False)
    for reason in overruled:
        console.print(f"  {reason}", markup=False, highlight=False, soft_wrap=True)
    console.print(f"go on with: credit-platform run --job build_mart --cohort {cohort}", highlight=False)


@app.command()
def promote(
    version: Annotated[str, typer.Argument(help="Number of the version in the registry.")],
    by: Annotated[str, typer.Option(help="Who decides.")],
    why: Annotated[str, typer.Option(help="The reason, for the ledger.")],
    override: Annotated[bool, typer.Option("--override", help="Even though the gate speaks against it.")] = False,
) -> None:
    """Let a version that has passed its gate decide; the promotion ledger keeps who and why."""
    from credit_platform.model import succession

    with _refusing():
        _announce(succession.promote(settings(), version, by, why, override))


@app.command()
def rollback(
    by: Annotated[str, typer.Option(help="Who decides.")],
    why: Annotated[str, typer.Option(help="The reason, for the ledger.")],
    to: Annotated[str | None, typer.Option(help="An earlier champion; default: the one before this.")] = None,
) -> None:
    """Let the champion before the present one decide again; the promotion ledger keeps who and why."""
    from credit_platform.model import succession

    with _refusing():
        _announce(succession.roll_back(settings(), by, why, to))


@app.command()
def promotions() -> None:
    """Show the promotion ledger: which version decides since when, who said so, and why."""
    from credit_platform.model import succession
    from credit_platform.summary import print_promotions

    with _refusing():
        lines, notes = succession.history(settings())
    _warn(notes)
    print_promotions(console, lines)


@contextmanager
def _refusing() -> Iterator[None]:
    """Says why, where a decision about the champion can't be made."""
    from credit_platform.model.ledger import LedgerError
    from credit_platform.model.registry import NoModelError
    from credit_platform.model.succession import PromotionError

    try:
        yield
    except (PromotionError, NoModelError, LedgerError) as error:
        _refuse(str(error))


def _announce(outcome: "Outcome") -> None:
    _warn(outcome.notes)
    console.print(f"{outcome.result} version [bold]{outcome.version}[/bold]; it decides now", highlight=False)


def _warn(notes: Iterable[str]) -> None:
    for note in notes:
        errors.print(f"note: {note}", style="yellow", markup=False, highlight=False, soft_wrap=True)


@app.command()
def score(
    out: Annotated[Path, typer.Option(help="File to write to, .csv or .parquet.")],
    file: Annotated[
        Path | None, typer.Argument(help="Clients as .csv, .csv.gz or .parquet: mart rows or features.")
    ] = None,
    cohort: Annotated[str | None, typer.Option(help="A cohort's mart, in place of a file.")] = None,
    reasons: Annotated[int, typer.Option(min=0, max=4, help="Reasons for each client.")] = 0,
    language: Annotated[Spoken, typer.Option(help="Language of the reasons.")] = _ENGLISH,
) -> None:
    """Score the clients of a file or of a cohort's mart by the champion; nothing is put on record."""
    from credit_platform.lake import DamagedTableError, MissingTableError
    from credit_platform.model import registry
    from credit_platform.model.registry import NoModelError
    from credit_platform.scoring.batch import score_file, score_mart
    from credit_platform.scoring.scorer import Scorer
    from credit_platform.scoring.tabular import TableError

    if (file is None) == (cohort is None):
        _refuse("expected either a file or --cohort")
    try:
        version = registry.fetch(settings())
        scorer = Scorer.load(version.folder, version.number)
        with Progress(console=errors) as bar:
            task = bar.add_task("scoring", total=1.0)
            how = (out, cast(Language, language.value), reasons, lambda share: bar.update(task, completed=share))
            if file is not None:
                count = score_file(scorer, file, *how)
            else:
                count = score_mart(settings(), scorer, str(cohort), *how)
    except TableError as error:
        _refuse(f"{file or cohort} {error}")
    except (NoModelError, MissingTableError, DamagedTableError, ValueError, OSError) as error:
        _refuse(str(error.args[0] if isinstance(error, LookupError) else error))
    console.print(f"scored {count:,} clients by version {version.number} into {out}", highlight=False, soft_wrap=True)


@app.command("verify-log")
def verify_log(
    head: Annotated[list[Path] | None, typer.Option(help="A head of the log that was kept elsewhere.")] = None,
) -> None:
    """Prove that the decision log is what was written, or name the first entry that is not right."""
    from serving.decisions.verification import verify

    with _decision_log() as log, Progress(console=errors) as bar:
        task = bar.add_task("checking", total=None)
        report = verify(log, head or (), lambda done, total: bar.update(task, completed=done, total=total))
    if report.problem:
        _refuse(f"The decision log is not what was written: {report.problem}.")
    console.print(
        f"the log is whole: {report.entries:,} entries, {report.decisions:,} decisions, {report.erased:,} of them "
        f"erased, {report.heads} heads compared; newest hash {report.newest}",
        highlight=False,
        soft_wrap=True,
    )


@app.command("erase-client")
def erase_client(
    client: Annotated[str, typer.Argument(help="SK_ID_CURR, or the caller's own reference.")],
    by: Annotated[str, typer.Option(help="Who orders it; stays on record.")],
) -> None:
    """Make what decisions on a client were made from unreadable for ever; the decisions stay."""
    from serving.decisions.erasure import erase

    with _decision_log() as log:
        erased = erase(log, int(client) if client.isdecimal() else client, by)
    if not erased.receipts:
        _refuse("The decision log knows of no such client, or has erased them before.")
    proof = ", ".join(receipt.id for receipt in erased.receipts)
    console.print(f"erased {erased.decisions:,} decisions; proof: {proof}", highlight=False, soft_wrap=True)


@app.command("retain-decisions")
def retain_decisions() -> None:
    """Make unreadable what decisions older than CREDIT_KEEP_DECISIONS_DAYS were made from; the decisions stay."""
    from serving.decisions.erasure import retain

    with _decision_log() as log:
        erased = retain(log, settings().keep_decisions_days)
    console.print(
        f"{erased.decisions:,} decisions are older than {settings().keep_decisions_days:,} days", highlight=False
    )


@app.command()
def migrate(
    grant: Annotated[
        str | None, typer.Option(help="A role of PostgreSQL that may add to the log from then on.")
    ] = None,
) -> None:
    """Bring the tables of the decision log to this version, or make them; run it before the API is started anew."""
    with _decision_log(create=True) as log:
        if grant:
            log.database.grant(grant)
    console.print("the decision log is up to date")


@contextmanager
def _decision_log(*, create: bool = False) -> Iterator["DecisionLog"]:
    """The log there is; says why, where something can't be done with it."""
    from serving.decisions.errors import DecisionLogError
    from serving.decisions.log import DecisionLog

    try:
        with DecisionLog.open(settings(), create=create) as log:
            yield log
    except DecisionLogError as error:
        _refuse(str(error))


@app.command()
def up(
    dagster_port: Annotated[int, typer.Option(help="Port of the Dagster UI.")] = 3000,
    api_port: Annotated[int, typer.Option(help="Port of the API.")] = 8000,
    ui_port: Annotated[int, typer.Option(help="Port of the analyst's UI.")] = 8501,
) -> None:
    """Start the Dagster UI and daemon, the API and the analyst's UI; stop them together with Ctrl-C."""
    from credit_platform.services import serve

    sys.exit(serve(settings(), console, dagster_port, api_port, ui_port))


def main() -> None:
    """The console script.

    It leaves without the interpreter's teardown, in which DuckDB's bindings report leaks that are none: after a run
    some library still holds its module.
    """
    try:
        app()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    except ValidationError as error:
        for problem in error.errors():
            setting = "_".join(["CREDIT", *map(str, problem["loc"])]).upper()
            errors.print(f"{setting}: {problem['msg']}", style="red", markup=False, highlight=False)
        code = 2
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
