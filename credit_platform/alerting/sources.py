"""What there is to alert about, as signals: what monitoring and the quarantine say of a cohort, and failed runs.

Not here: what becomes of a signal (`incidents.py`), and how anything is found (`monitoring`, `quality`).
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from hashlib import sha256

from credit_platform import quarantine
from credit_platform.alerting.incidents import Run, Signal
from credit_platform.lake import current
from credit_platform.monitoring.findings import STATES, Cause, Finding
from credit_platform.monitoring.reports import findings, verdict_paths
from credit_platform.quality.reports import TABLE as QUALITY_REPORT
from credit_platform.quality.reports import results_of
from credit_platform.settings import Settings

_BROKEN_RULES = frozenset({"gone", "lost", "unit"})


def run_of(settings: Settings, cohort: str) -> Run | None:
    """What is known of a cohort: why it is set aside, or what monitoring found; None where nobody has looked yet."""
    faults = faults_of(settings, cohort)
    if faults:
        return run_from(cohort, faults)
    found = findings(settings, cohort)
    scores = current(settings, "scores", cohort)
    if scores is not None:
        # Outcomes speak of the version that scored the cohort, which may not be the one that decides by now.
        scored_by = str(scores.facts["model_version"])
        found = tuple(replace(f, model_version=scored_by) if f.layer == "outcomes" else f for f in found)
    return run_from(cohort, found) if found else None


def cohorts_of(settings: Settings) -> list[str]:
    """The cohorts of which anything is known, in order."""
    reported = {path.stem for path in verdict_paths(settings)}
    return sorted(reported | set(quarantine.quarantined(settings)))


def of_layers(run: Run, layers: Collection[str]) -> Run:
    """What a run says of some layers alone."""
    signals = tuple(signal for signal in run.signals if signal.kind in layers)
    return replace(run, signals=signals, judged=run.judged & frozenset(layers))


def digest(run: Run) -> str:
    """The same for runs that say the same."""
    return sha256(repr((run.signals, sorted(run.judged), sorted(run.held))).encode()).hexdigest()


def run_from(cohort: str, found: Iterable[Finding]) -> Run:
    """Findings of one cohort as a run.

    What an earlier layer explains is neither good nor bad, and its layer says nothing. Of what the gravest finding of a
    layer stands for only that one is told.
    """
    told = list(found)
    plain = [finding for finding in told if not finding.explained_by]
    beside = [finding for finding in told if finding.explained_by == finding.layer]
    blind = {finding.layer for finding in told if finding.explained_by not in ("", finding.layer)}
    return Run(
        subject=cohort,
        signals=tuple(_one_for_each(plain, beside)),
        judged=frozenset({finding.layer for finding in plain} - blind),
        held=frozenset(finding.fingerprint for finding in told if finding.explained_by)
        - {finding.fingerprint for finding in plain},
        model_version=next((finding.model_version for finding in told if finding.model_version), ""),
    )


def faults_of(settings: Settings, cohort: str) -> list[Finding]:
    """Why a cohort is in quarantine, as findings; empty where it is not."""
    held = quarantine.record(settings, cohort).held_by
    found = [
        Finding(
            cohort, "", "quality", "contract", "critical", " ".join(fault.reasons), table=asset, cause="broken feed"
        )
        for asset, fault in held.items()
        if asset != QUALITY_REPORT
    ]
    if QUALITY_REPORT in held:
        for result in results_of(settings, cohort):
            if result.passed or result.severity != "block":
                continue
            cause: Cause = "broken feed" if result.rule in _BROKEN_RULES else ""
            found.append(
                Finding(
                    cohort,
                    "",
                    "quality",
                    result.rule,
                    "critical",
                    f"{cohort} is set aside: {result.sentence}",
                    result.measure.value,
                    result.limit,
                    table=result.key.table,
                    column=result.key.column,
                    cause=cause,
                )
            )
    return found


def failure(job: str, cohort: str, sentence: str, run_id: str) -> Run:
    """A failed run of a job, of a cohort where it has one."""
    subject = f"{job} {cohort}".strip()
    signal = Signal(_key("run_failure", subject), "run_failure", subject, "critical", sentence, f"run {run_id}")
    return Run(subject, (signal,))


def success(job: str, cohort: str) -> Run:
    """A run that went well, after which what it failed at before is over."""
    subject = f"{job} {cohort}".strip()
    return Run(subject, (Signal(_key("run_failure", subject), "run_failure", subject, "ok", ""),))


def operational(kind: str, subject: str, sentence: str) -> Signal:
    """A signal about the platform itself: `silence`, `stopped` or `alarm_test`."""
    return Signal(_key(kind, subject), kind, subject, "critical", sentence, subject)


def _one_for_each(found: Iterable[Finding], beside: Sequence[Finding]) -> Iterable[Signal]:
    """One signal for each cause: its worst finding, which also says how many more there are.

    `beside` are the findings that the gravest one of their layer stands for.
    """
    groups: dict[str, list[Finding]] = {}
    for finding in found:
        groups.setdefault(finding.fingerprint, []).append(finding)
    for group in groups.values():
        worst = max(group, key=lambda finding: STATES.index(finding.state))
        bad = [finding for finding in group if finding.state in ("warn", "critical")]
        stands_for = {other.fingerprint for other in beside if bad and other.layer == worst.layer}
        signal = replace(Signal.of(worst), stands_for=tuple(sorted(stands_for - {worst.fingerprint})))
        others = sorted({finding.column for finding in bad if finding.column} - {worst.column})
        if others:
            named = ", ".join(others[:4]) + (f" and {len(others) - 4} more" if len(others) > 4 else "")
            signal = replace(signal, sentence=f"{signal.sentence.rstrip('.')}; likewise {named}.")
        yield signal


def _key(kind: str, subject: str) -> str:
    return sha256(f"{kind}\x1f{subject}".encode()).hexdigest()[:16]
