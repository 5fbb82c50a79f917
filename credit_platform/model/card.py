"""The model card of a version: what a validator asks of a model, from what its run and its folder hold.

Markdown for people and machines, HTML for the browser (Mitchell et al., "Model cards for model reporting", 2019). Every
number is read from where it was measured; nothing is measured here.
"""

import json
import platform
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from hashlib import sha256
from importlib import metadata
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

from credit_platform.lake import current
from credit_platform.markdown import table
from credit_platform.model import registry, succession
from credit_platform.scoring.scorer import Scorer
from credit_platform.settings import Settings

CARD = "card/model_card"
EVALUATION = "evaluation/report.json"
_LIBRARIES = (
    "catboost",
    "scikit-learn",
    "numpy",
    "pandas",
    "pyarrow",
    "duckdb",
    "mlflow",
    "dagster",
    "optbinning",
    "shap",
)
_LIMITS = (
    "Only loans that were granted have an outcome. How refused applicants would have paid is not known, and nothing "
    "here corrects for it.",
    "Kaggle's tables hold no calendar dates: seasons and cycles cannot be seen in them, and a cohort `train` has no "
    "part out of time.",
    "EXT_SOURCE_1 to 3 are scores of unknown making. They matter most, and nobody can say what stands behind them.",
    "Probabilities hold for the population and the time of the window; drift is watched for by the monitoring group.",
    "A missed default is taken to cost a number of refused good clients, whatever the loan's amount. The sensitivity "
    "table says what other numbers would change.",
    "What is not sent counts as missing. A decision on few features is worth little, and the answer lists what lacked.",
)


def model_card_markdown(settings: Settings, version: registry.Version) -> str:
    """The card of a version that has been evaluated.

    Raises:
        LookupError: the version has not been evaluated.
    """
    found = registry.attached(settings, version.number, EVALUATION)
    if found is None:
        raise LookupError(f"version {version.number} has not been evaluated; materialise evaluation first")
    run = registry.client(settings).get_run(version.run_id)
    scorer = Scorer.load(version.folder, version.number)
    attached = {
        name: registry.attached(settings, version.number, f"training/{name}.json") for name in ("sensitivity", "trials")
    }
    tables = {name: json.loads(text) if text else [] for name, text in attached.items()}
    report = succession.gate_report(settings, version.number)
    lines = [
        f"# Model card: {settings.model_name}, version {version.number}",
        *_what(scorer, run.data.params, run.info.run_id),
        *_judged(json.loads(found)),
        *_threshold(scorer, tables["sensitivity"]),
        *_section("Points and grades", [table([vars(grade) for grade in scorer.scale.grades])]),
        *_reasons(scorer, run.data.metrics),
        *_protected(scorer, run.data.metrics, json.loads(found)),
        *_section("How it was found", [table(tables["trials"])]),
        *_section("The gate", [report.markdown() if report else "It has not been through the gate yet."]),
        *_section("Limits", [f"- {limit}" for limit in _LIMITS]),
        *_rebuilding(settings, run.data.params, scorer),
    ]
    return "\n".join(lines) + "\n"


def as_html(markdown: str) -> str:
    """The card as a page of its own, without scripts."""
    from markdown_it import MarkdownIt

    body = MarkdownIt("commonmark", {"html": False}).enable("table").render(markdown)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Model card</title><style>'
        "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1c2430}"
        "table{border-collapse:collapse;margin:1rem 0;font-size:.9rem}"
        "td,th{border:1px solid #c5ccd6;padding:.25rem .6rem}"
        f"th{{background:#eef1f5;text-align:left}}</style></head><body>{body}</body></html>"
    )


def _what(scorer: Scorer, params: Mapping[str, str], run_id: str) -> Iterator[str]:
    calibration = scorer.calibration
    yield from _section(
        "What it is",
        [
            "Probability that an applicant for a consumer loan defaults, and from it a decision with reasons. It "
            "advises lenders' analysts and decides where the lender lets it; clients near the cut-off are left to a "
            "person.",
            "",
            table(
                [
                    {"fact": "family", "value": params.get("family", "unknown")},
                    {"fact": "trained on cohorts", "value": ", ".join(scorer.schema.cohorts)},
                    {"fact": "features", "value": len(scorer.schema.features)},
                    {
                        "fact": "calibration, out of fold",
                        "value": f"intercept {calibration.intercept:.4f}, slope {calibration.slope:.4f}",
                    },
                    {"fact": "trained with class weights", "value": params.get("weighted", "unknown")},
                    {"fact": "MLflow run", "value": run_id},
                ]
            ),
        ],
    )


def _judged(report: Mapping[str, Any]) -> Iterator[str]:
    for part, of in report.items():
        metrics = [
            {"metric": name, "value": f["value"], "low": f["low"], "high": f["high"]}
            for name, f in of["metrics"].items()
        ]
        without = [
            {"metric": name, "value": value, "low": "", "high": ""} for name, value in of["without_a_model"].items()
        ]
        yield from _section(
            f"Judged on the {part.replace('_', ' ')} part",
            [
                f"{of['clients']:,} clients that the model was not fitted on; intervals of 95 % by bootstrap. PSI of "
                f"the score against the valid part: {of['score_psi']:.4f}.",
                "",
                table([*metrics, *without]),
                "",
                "Calibration by tenths of the clients, lowest probabilities first:",
                "",
                table(of["deciles"]),
                "",
                "By segment and cohort:",
                "",
                table([*of["segments"], *of["cohorts"]]),
            ],
        )


def _threshold(scorer: Scorer, sensitivity: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    threshold, costs = scorer.threshold, scorer.threshold.costs
    verdict = "lies within" if threshold.holds_theory else "lies outside"
    yield from _section(
        "The cut-off and its defence",
        [
            f"Refused from a probability of {threshold.value:.4f} on, the cut-off of least cost on out-of-fold "
            f"predictions ({threshold.cost_per_client:.4f} per client). In 95 of 100 bootstrap samples it lies between "
            f"{threshold.low:.4f} and {threshold.high:.4f}. Theory for calibrated probabilities, "
            f"{costs.false_positive:g} / ({costs.false_positive:g} + {costs.false_negative:g}) = "
            f"{costs.theoretical_threshold:.4f}, {verdict} that interval. From {threshold.review_low:.4f} to "
            f"{threshold.review_high:.4f} a person decides.",
            "",
            "If a missed default cost another number of refused good clients:",
            "",
            table(sensitivity),
        ],
    )


def _reasons(scorer: Scorer, metrics: Mapping[str, float]) -> Iterator[str]:
    reasons = scorer.reason_table
    importance = dict(scorer.importance)
    rows = []
    for family in reasons.families:
        members = [feature.name for feature in reasons.features if feature.family == family.code]
        if members:
            rows.append(
                {
                    "code": family.code,
                    "reason": family.title["en"],
                    "features": len(members),
                    "mean abs. contribution": sum(importance.get(name, 0.0) for name in members),
                    "told to applicants": "no" if family.protected else "yes",
                }
            )
    measured = [
        {"measure": words, "value": metrics[name]}
        for name, words in (
            ("additivity_error", "largest gap between contributions and margin, in log-odds"),
            ("same_first_reason", "riskiest clients with the same first reason under another seed"),
            ("reason_overlap", "mean overlap of their reasons (Jaccard)"),
        )
        if name in metrics
    ]
    yield from _section(
        "Reasons",
        [
            "Exact SHAP values in calibrated log-odds against the training population, summed by family; table version "
            f"{reasons.version}, digest {reasons.digest[:12]}. At most four are told, only those that worked against "
            "the applicant.",
            "",
            table(rows),
            "",
            table(measured),
        ],
    )


def _protected(scorer: Scorer, metrics: Mapping[str, float], report: Mapping[str, Any]) -> Iterator[str]:
    price = [
        {"on the valid part": name.removeprefix("price_of_exclusion_"), "with them, minus without": value}
        for name, value in metrics.items()
        if name.startswith("price_of_exclusion_")
    ]
    yield from _section(
        "Protected attributes",
        [
            "Out of the model, and audited: " + (", ".join(f.name for f in scorer.schema.audited) or "none") + ".",
            "",
            table(price),
            "",
            "Approval rates on the test part; the impact ratio is a group's rate over the most approved group's:",
            "",
            table(report["test"]["fairness"]),
        ],
    )


def _rebuilding(settings: Settings, params: Mapping[str, str], scorer: Scorer) -> Iterator[str]:
    data = [
        {"what": f"client_mart of {cohort}", "SHA-256": version.content}
        for cohort in scorer.schema.cohorts
        if (version := current(settings, "client_mart", cohort))
    ]
    rows = [
        *data,
        {"what": "feature splits", "SHA-256": params.get("splits", "unknown")},
        {"what": "fitted model", "SHA-256": scorer.digest},
        {"what": "code of credit_platform", "SHA-256": code_digest()},
    ]
    libraries = [{"library": "Python", "version": platform.python_version()}]
    libraries += [{"library": name, "version": metadata.version(name)} for name in _LIBRARIES]
    yield from _section(
        "To rebuild it",
        [
            f"Seed {params.get('seed', 'unknown')}; the same data, code and versions give the same predictions. "
            "`CREDIT_TRAINING_COHORTS` names the window, `credit-platform run --job train` trains.",
            "",
            table(rows),
            "",
            table(libraries),
        ],
    )


@cache
def code_digest() -> str:
    """SHA-256 of the package's source files, by path and content."""
    digest = sha256()
    for path, content in sorted(_sources(files("credit_platform"), "")):
        digest.update(path.encode() + b"\0" + content + b"\0")
    return digest.hexdigest()


def _sources(folder: Traversable, above: str) -> Iterator[tuple[str, bytes]]:
    for entry in folder.iterdir():
        path = f"{above}/{entry.name}"
        if entry.is_dir():
            yield from _sources(entry, path)
        elif entry.name.endswith((".py", ".sql", ".toml")):
            yield path, entry.read_bytes()


def _section(title: str, lines: Iterable[str]) -> list[str]:
    return ["", f"## {title}", "", *lines]
