"""The model card of a version: what a validator asks of a model, from what its run and its folder hold.

Markdown for people and machines, HTML for the browser (Mitchell et al., "Model cards for model reporting", 2019). Every
number is read from where it was measured; nothing is measured here. Not here: what the version was made with
(`provenance.py`), and what the card's summary looks for (`findings.py`).
"""

import json
import re
from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from credit_platform.markdown import table
from credit_platform.model import registry, succession
from credit_platform.model.evaluation import METRICS, WITHOUT_A_MODEL
from credit_platform.model.findings import findings
from credit_platform.model.promotion import GateReport
from credit_platform.scoring.scorer import Scorer
from credit_platform.settings import Settings

CARD = "card/model_card"
EVALUATION = "evaluation/report.json"
MADE_WITH, PRICE, SENSITIVITY, TRIALS = (
    f"training/{name}.json" for name in ("made_with", "price", "sensitivity", "trials")
)
_PICTURES = {
    "reliability": "Predicted and observed default rates",
    "strategy": "What each cut-off comes to",
    "roc_curve": "ROC curve",
    "gains": "Cumulative gains",
    "score_distribution": "Scores by outcome",
    "grades": "Default rate by grade",
}
_SHARES = frozenset({"mean_probability", "default_rate", "refusal_rate"})
_LIMITS = (
    "Only loans that were granted have an outcome. How refused applicants would have paid is not known, and nothing "
    "here corrects for it: the model is valid for applicants like those who were granted a loan.",
    "Protected attributes are left out, not what goes with them: a job, a district or a kind of loan may stand in for "
    "one. The audit of approvals by group is there for that.",
    "Kaggle's tables hold no calendar dates: seasons and cycles cannot be seen in them, and a cohort `train` has no "
    "part out of time.",
    "EXT_SOURCE_1 to 3 are scores of unknown making. They matter most, and nobody can say what stands behind them.",
    "Probabilities hold for the population and the time of the window; drift is watched for by the monitoring group.",
    "A missed default is taken to cost a number of refused good clients, whatever the loan's amount. The sensitivity "
    "table says what other numbers would change.",
    "What is not sent counts as missing. A decision on few features is worth little, and the answer lists what lacked.",
    "The intervals say what other clients drawn from the same population would change; they say nothing of another "
    "population, and no two of them were corrected for being looked at together.",
)

Row = Mapping[str, Any]


def model_card_markdown(settings: Settings, version: registry.Version) -> str:
    """The card of a version that has been evaluated. Pictures are links to the evaluation's, beside it in the run.

    Raises:
        LookupError: the version has not been evaluated.
    """
    found = registry.attached(settings, version.number, EVALUATION)
    if found is None:
        raise LookupError(f"version {version.number} has not been evaluated; materialise evaluation first")
    run = registry.client(settings).get_run(version.run_id)
    scorer = Scorer.load(version.folder, version.number)
    trained = {
        path: json.loads(registry.attached(settings, version.number, path) or "null")
        for path in (MADE_WITH, PRICE, SENSITIVITY, TRIALS)
    }
    report, made = json.loads(found), trained[MADE_WITH] or {}
    gate = succession.gate_report(settings, version.number)
    decides = registry.number_under(settings, settings.model_alias) == version.number
    lines = [
        f"# Model card: {settings.model_name}, version {version.number}",
        "",
        *_status(settings, version, made, gate, decides),
        *_in_short(report, scorer),
        *_section(
            "What to look at",
            [
                table(
                    [
                        {"question": f.question, "answer": "yes" if f.holds else "**look at it**", "found": f.found}
                        for f in findings(report, scorer, run.data.metrics, gate)
                    ]
                )
            ],
        ),
        *_purpose(scorer),
        *_data(scorer, run.data.params, made),
        *_judged(report),
        *_threshold(scorer, trained[SENSITIVITY] or []),
        *_grades(scorer),
        *_reasons(scorer, run.data.metrics),
        *_protected(scorer, trained[PRICE] or {}, report),
        *_section("How it was found", [table([_trial(trial) for trial in trained[TRIALS] or []])]),
        *_section("The gate", [gate.markdown() if gate else "It has not been through the gate yet."]),
        *_section("Limits", [f"- {limit}" for limit in _LIMITS]),
        *_rebuilding(version, run.data.params, made, scorer),
        *_sign_off(version),
    ]
    return "\n".join(lines) + "\n"


def pictures_of(settings: Settings, version: registry.Version, markdown: str) -> dict[str, bytes]:
    """The pictures that a card links to, by their links; those that are gone are left out."""
    links = re.findall(r"!\[[^\]]*\]\(\.\./([^)]+)\)", markdown)
    found = {link: registry.attached_bytes(settings, version.number, link) for link in links}
    return {f"../{link}": content for link, content in found.items() if content is not None}


def without_pictures(markdown: str) -> str:
    """The card for where links lead nowhere."""
    return re.sub(r"(?m)^!\[.*\)\n\n?", "", markdown)


def as_html(markdown: str, pictures: Mapping[str, bytes] | None = None) -> str:
    """The card as a page of its own: no scripts, the pictures inside, a table of contents."""
    from markdown_it import MarkdownIt

    for link, content in (pictures or {}).items():
        markdown = markdown.replace(f"]({link})", f"](data:image/png;base64,{b64encode(content).decode()})")
    parser = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = parser.parse(markdown)
    contents = []
    for place, token in enumerate(tokens):
        if token.type == "heading_open" and token.tag == "h2":
            title = tokens[place + 1].content
            token.attrSet("id", name := re.sub(r"\W+", "-", title.lower()))
            contents.append(f'<a href="#{name}">{title}</a>')
    body = re.sub(
        r"(\([-+\d.%]+) to ([-+\d.%]+\))", r"\1&nbsp;to&nbsp;\2", parser.renderer.render(tokens, parser.options, {})
    )
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width"><title>Model card</title>'
        f"<style>{_STYLE}</style></head><body><nav>{' '.join(contents)}</nav><main>{body}</main></body></html>"
    )


_STYLE = """
body{font:16px/1.5 system-ui,sans-serif;color:#1c2430;margin:0 auto;max-width:86rem;display:flex;gap:2.5rem;
padding:1rem 1.5rem}
nav{flex:0 0 11rem;position:sticky;top:1.5rem;align-self:flex-start;font-size:.85rem}
nav a{display:block;padding:.2rem 0;color:#1f5fa8;text-decoration:none}
main{min-width:0;max-width:68rem}
h2{margin-top:2.5rem;border-bottom:2px solid #dfe4ea;padding-bottom:.2rem}
table{border-collapse:collapse;margin:1rem 0;font-size:.875rem;display:block;overflow-x:auto}
td,th{border:1px solid #c5ccd6;padding:.25rem .6rem;vertical-align:top;font-variant-numeric:tabular-nums}
th{background:#eef1f5;text-align:left}
td strong{color:#a3340b}
img{width:49%;min-width:20rem}
@media (max-width:60rem){body{display:block}nav{position:static}}
@media print{nav{display:none}body{display:block;font-size:10pt}h2{break-after:avoid}tr,img{break-inside:avoid}}
"""


def _status(
    settings: Settings, version: registry.Version, made: Mapping[str, Any], gate: GateReport | None, decides: bool
) -> Iterator[str]:
    passed = "has not been through the gate" if gate is None else f"{'passed' if gate.passed else 'failed'} the gate"
    role = "decides" if decides else "does not decide"
    trained = f"Trained {made['at'][:16].replace('T', ' ')} UTC in" if "at" in made else "Trained in"
    yield (
        f"{trained} MLflow run {version.run_id}. When this card was written, {datetime.now(UTC):%Y-%m-%d %H:%M} UTC, "
        f"the version {passed} and {role}; `credit-platform promotions` says what has become of it since. Promotion is "
        f"set to `{settings.promotion}`."
    )


def _in_short(report: Mapping[str, Any], scorer: Scorer) -> Iterator[str]:
    parts = {part.replace("_", " "): of for part, of in report.items()}
    wanted = ("auc", "ks", "mean_probability", "default_rate", "calibration_slope", "refusal_rate", "cost_per_client")
    words = {**METRICS, **WITHOUT_A_MODEL}
    rows = [
        {"what": words[name], **{part: _measured(name, of["metrics"][name]) for part, of in parts.items()}}
        for name in wanted
    ]
    rows += [
        {"what": words[name], **{part: f"{of['without_a_model'][name]:.4f}" for part, of in parts.items()}}
        for name in WITHOUT_A_MODEL
    ]
    costs = scorer.threshold.costs
    yield from _section(
        "In short",
        [
            f"A missed default costs {costs.false_negative:g}, a refused good client {costs.false_positive:g}; who "
            f"reaches a probability of {scorer.threshold.value:.4f} is refused. Intervals of 95 %.",
            "",
            table(rows),
        ],
    )


def _purpose(scorer: Scorer) -> Iterator[str]:
    threshold = scorer.threshold
    yield from _section(
        "What it is for, and what not",
        [
            "It gives the probability that an applicant for a consumer loan will default, and from it points, a grade, "
            "a decision and the reasons for it.",
            "",
            "- For: advice to a lender's analysts, and decisions where the lender lets it. From a probability of "
            f"{threshold.review_low:.4f} to {threshold.review_high:.4f} a person decides.",
            "- Not for: other products than those of the window, amounts and limits, prices, collections, or anything "
            "about a person but this application. Not for applicants unlike those in the data below.",
            "- An applicant who is refused is told why, and may ask a person to decide.",
        ],
    )


def _data(scorer: Scorer, params: Mapping[str, str], made: Mapping[str, Any]) -> Iterator[str]:
    parts = [
        {
            "part": row["part"].replace("_", " "),
            "cohorts": ", ".join(row["cohorts"]),
            "clients": f"{row['clients']:,}",
            "defaults": f"{row['defaults']:,}",
            "default rate": f"{row['defaults'] / row['clients']:.2%}",
        }
        for row in made.get("parts", ())
    ]
    calibration = scorer.calibration
    weighted = {"True": "yes", "False": "no"}.get(params.get("weighted", ""), "unknown")
    yield from _section(
        "Data, and how it was trained",
        [
            f"The window is {', '.join(scorer.schema.cohorts)}: applications with a known outcome. A person lies in "
            "one part, whatever number of applications they made; rows of history that became known after the "
            "application are left out. Train is fitted on, valid explains and prices, test and out of time only judge.",
            "",
            table(parts),
            "",
            table(
                [
                    {"fact": "family", "value": params.get("family", "unknown")},
                    {"fact": "features read", "value": len(scorer.schema.features)},
                    {
                        "fact": "calibration of the log-odds, out of fold",
                        "value": f"intercept {calibration.intercept:.4f}, slope {calibration.slope:.4f}",
                    },
                    {"fact": "trained with class weights", "value": weighted},
                ]
            ),
        ],
    )


def _judged(report: Mapping[str, Any]) -> Iterator[str]:
    for part, of in report.items():
        metrics = [
            {"metric": _called(name), "value": _measured(name, of["metrics"][name]), "what it is": words}
            for name, words in METRICS.items()
        ]
        links = [f"![{words}](../evaluation/{part}_{name}.png)" for name, words in _PICTURES.items()]
        beside = [
            {
                "metric": _called(row["metric"]),
                "model": f"{row['model']:.4f}",
                "scorecard": f"{row['scorecard']:.4f}",
                "model minus scorecard": _span(row["difference"], row["low"], row["high"], "+.4f"),
            }
            for row in of.get("beside_the_scorecard", ())
        ]
        yield from _section(
            f"Judged on the {part.replace('_', ' ')} part",
            [
                f"{of['clients']:,} clients that the model was not fitted on; intervals of 95 % by bootstrap. PSI of "
                f"the score against the valid part: {of['score_psi']:.4f}.",
                "",
                table(metrics),
                "",
                *(line for i in range(0, len(links), 2) for line in (" ".join(links[i : i + 2]), "")),
                "Beside the scorecard, on the same clients:",
                "",
                table(beside),
                "",
                "Calibration by tenths of the clients, lowest probabilities first:",
                "",
                table(
                    [
                        {
                            "tenth": row["decile"],
                            "clients": f"{row['clients']:,}",
                            "predicted": f"{row['predicted']:.2%}",
                            "observed": _span(row["observed"], row["low"], row["high"], ".2%"),
                        }
                        for row in of["deciles"]
                    ]
                ),
                "",
                "By segment and cohort:",
                "",
                table([_group(row) for row in (*of["segments"], *of["cohorts"])]),
            ],
        )


def _group(row: Row) -> Row:
    return {
        "by": row["by"],
        "group": row["group"],
        "clients": f"{row['clients']:,}",
        "AUC": _span(row["AUC"], row["AUC low"], row["AUC high"], ".3f"),
        "predicted": f"{row['predicted']:.1%}",
        "observed": _span(row["observed"], row["low"], row["high"], ".1%"),
        "approved": f"{row['approval rate']:.1%}",
        "cost per client": _span(row["cost per client"], row["cost low"], row["cost high"], ".3f"),
    }


def _threshold(scorer: Scorer, sensitivity: Sequence[Row]) -> Iterator[str]:
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
            table(
                [
                    {
                        "missed default costs": f"{row['missed default costs']:g}",
                        "best cut-off in theory": f"{row['in theory']:.4f}",
                        "best cut-off found": f"{row['best cut-off']:.4f}",
                        "cost per client": f"{row['cost per client']:.4f}",
                        "at the present cut-off": f"{row['cost at the present cut-off']:.4f}",
                    }
                    for row in sensitivity
                ]
            ),
        ],
    )


def _grades(scorer: Scorer) -> Iterator[str]:
    scale = scorer.scale
    yield from _section(
        "Points and grades",
        [
            f"{scale.points:g} points at odds of {scale.odds:g} good clients to a bad one, {scale.points_to_double:g} "
            "more for twice the odds. Bands of the probability, merged until the rates observed out of fold rise:",
            "",
            table(
                [
                    {
                        "grade": grade.name,
                        "probability": f"{grade.low:.1%} to {grade.high:.1%}",
                        "points": f"{scale.score(grade.high)} and more" if grade.high < 1 else "fewer",
                        "clients": f"{grade.clients:,}",
                        "default rate": f"{grade.default_rate:.2%}",
                    }
                    for grade in scale.grades
                ]
            ),
        ],
    )


def _reasons(scorer: Scorer, metrics: Mapping[str, float]) -> Iterator[str]:
    reasons = scorer.reason_table
    importance = dict(scorer.importance)
    rows: list[dict[str, Any]] = []
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
    rows.sort(key=lambda row: -row["mean abs. contribution"])
    measured = [
        {"measure": words, "value": format(metrics[name], form)}
        for name, words, form in (
            ("additivity_error", "largest gap between contributions and margin, in log-odds", ".1e"),
            ("same_first_reason", "riskiest clients with the same first reason under another seed", ".1%"),
            ("reason_overlap", "mean overlap of their reasons (Jaccard)", ".1%"),
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
            "",
            "The features that move the log-odds most:",
            "",
            "![Features that matter most](../evaluation/importance.png)",
            "",
            table(
                [
                    {"feature": f.name, "mean abs. contribution": importance[f.name], "meaning": f.meaning}
                    for f in scorer.most_important(15)
                ]
            ),
        ],
    )


def _protected(scorer: Scorer, price: Mapping[str, Row], report: Mapping[str, Any]) -> Iterator[str]:
    bring = [
        {"with them, minus without": _called(name), "on the valid part": _span(**of, form="+.4f")}
        for name, of in price.items()
    ]
    audited = [
        {
            "by": row["by"],
            "group": row["group"],
            "clients": f"{row['clients']:,}",
            "approved": f"{row['approval rate']:.1%}",
            "impact ratio": _span(row["impact ratio"], row["low"], row["high"], ".2f"),
            "good clients refused": f"{row['good clients refused']:.1%}",
            "default rate": f"{row['default rate']:.1%}",
        }
        for row in report["test"]["fairness"]
    ]
    yield from _section(
        "Protected attributes",
        [
            "Out of the model, and audited: " + (", ".join(f.name for f in scorer.schema.audited) or "none") + ".",
            "",
            "What they would bring:",
            "",
            table(bring),
            "",
            "Approvals on the test part. The impact ratio is a group's approval rate over that of the most approved "
            "group; below 0.8 the four-fifths rule of thumb asks why. Observed default rates stand beside it.",
            "",
            table(audited),
        ],
    )


def _trial(trial: Row) -> Row:
    return {
        "family": trial["family"],
        "parameters": trial["parameters"],
        "cost per client": f"{trial['cost_per_client']:.4f} ± {trial['cost_std']:.4f}",
        "AUC": f"{trial['auc']:.4f} ± {trial['auc_std']:.4f}",
        "seconds a fit": f"{trial['fit_seconds']:.1f}",
    }


def _rebuilding(
    version: registry.Version, params: Mapping[str, str], made: Mapping[str, Any], scorer: Scorer
) -> Iterator[str]:
    digests = {**made.get("data", {}), "code of credit_platform": made.get("code"), "fitted model": scorer.digest}
    libraries = made.get("libraries", {})
    yield from _section(
        "To rebuild it",
        [
            f"Seed {params.get('seed', 'unknown')}; the same data, code and versions give the same predictions "
            f"({made.get('machine', 'machine unknown')}). `CREDIT_TRAINING_COHORTS` names the window, `credit-platform "
            f"run --job train` trains; run {version.run_id} holds the parameters.",
            "",
            table([{"what": what, "SHA-256": digest or "unknown"} for what, digest in digests.items()]),
            "",
            table([{"library": name, "version": number} for name, number in libraries.items()]),
        ],
    )


def _sign_off(version: registry.Version) -> Iterator[str]:
    yield from _section(
        "Sign-off",
        [
            f"`credit-platform promote {version.number} --by NAME --why TEXT` puts a decision on this version into the "
            "promotion ledger, which names this version's gate report by its hash.",
            "",
            table(
                [
                    {"role": role, "name": "", "date": "", "decision and conditions": ""}
                    for role in ("Model developer", "Independent validation", "Owner of the use")
                ]
            ),
        ],
    )


def _called(metric: str) -> str:
    return {"auc": "AUC", "gini": "Gini", "ks": "KS", "pr_auc": "PR-AUC", "brier": "Brier score"}.get(
        metric, metric.replace("_", " ")
    )


def _measured(name: str, interval: Row) -> str:
    return _span(**interval, form=".2%" if name in _SHARES else ".4f")


def _span(value: float, low: float, high: float, form: str) -> str:
    return f"{value:{form}} ({low:{form}} to {high:{form}})"


def _section(title: str, lines: Iterable[str]) -> list[str]:
    return ["", f"## {title}", "", *lines]
