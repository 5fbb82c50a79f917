"""The gate a new version passes before it decides: judged beside the champion, on the same clients, rule by rule.

A gain must be shown, a loss must not: the costs have to be lower than the champion's by more than chance explains, and
neither the ranking, nor the probabilities, nor the reasons may be worse by more than that. As
every rule must hold, a challenger that is no better passes with a chance of (1 - confidence) / 2 at most, however many
rules there are (intersection-union test: Berger, Technometrics 24, 1982).

Two fits of one recipe are not equal: another seed makes other trees, which really are a little cheaper or dearer on
the clients judged. So the gain over the champion has to exceed a share of its cost. Measured on pairs of 24 seeds
(4,000 clients trained on; 6,000, and 60,000, judged): 11 % and 23 % of the pairs passed without that margin, 1.6 % and
1.1 % with a margin of 1 %.

A report holds counts and rates, never a client's id. Not here: what comes of a report (`succession.py`).
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from math import inf, log
from typing import TYPE_CHECKING, Literal, Protocol, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import TypeAdapter

from credit_platform.model.business_cost import Costs
from credit_platform.model.intervals import (
    Draws,
    Interval,
    Measured,
    Statistic,
    auc,
    bootstrap,
    brier,
    calibration_intercept,
    calibration_slope,
    cost,
    mean,
    refusal_rate,
    share,
)
from credit_platform.settings import Settings

if TYPE_CHECKING:
    import pyarrow as pa

Answer = Literal["approve", "refuse"]


@dataclass(frozen=True)
class GateLimits:
    """What the rules ask for.

    `confidence`: of all intervals, two-sided. `minimum_gain`: the share of the champion's cost that the gain exceeds
    with that confidence. `minimum_defaults`: defaulters, and good clients, among the clients judged; with fewer, the
    percentiles of resamples say little. `auc_loss`: a loss of AUC that is refused even where chance explains it.
    `slope`: where the calibration slope may lie. `same_first_reason`: the least share of clients who are told the same
    first reason by champion and challenger; `reason_overlap`: the least mean share of common reasons. `resamples`:
    draws of the bootstrap.
    """

    confidence: float = 0.95
    minimum_gain: float = 0.01
    minimum_defaults: int = 20
    auc_loss: float = 0.01
    slope: tuple[float, float] = (0.8, 1.25)
    same_first_reason: float = 0.5
    reason_overlap: float = 0.4
    resamples: int = 1000

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """The limits with what the settings say of them."""
        return cls(
            confidence=settings.gate_confidence,
            minimum_gain=settings.gate_minimum_gain,
            minimum_defaults=settings.gate_minimum_defaults,
        )


DEFAULT_LIMITS = GateLimits()


@dataclass(frozen=True, eq=False)
class Judged:
    """A model, by its probabilities of default for the clients judged.

    `clients` are their ids and `probability` their probabilities, both of shape (n,); `threshold` is the model's own
    cut-off. Only the challenger is asked for a signature.
    """

    version: str
    clients: NDArray[np.int64]
    probability: NDArray[np.float64]
    threshold: float
    has_signature: bool = False

    @property
    def refuses(self) -> NDArray[np.bool_]:
        return np.asarray(self.probability >= self.threshold)


class ReasonAgreement(Protocol):
    """How far champion and challenger explain the same clients alike (`explain.stability.Agreement`)."""

    @property
    def same_first(self) -> float:
        """Share of clients with the same first reason."""

    @property
    def overlap(self) -> float:
        """Mean share of common reasons among those that either model gives."""


@dataclass(frozen=True)
class Rule:
    """What one rule found: `passed` is None where it could not be judged, which stops nobody."""

    name: str
    passed: bool | None
    sentence: str
    value: Interval | float | None = None
    limit: str = ""


@dataclass(frozen=True)
class Group:
    """The clients whom champion and challenger answer in one way each; two groups of the four are the swap set.

    `default_rate` is None where there is nobody. `cost_effect` is what the group's new answers change in the cost per
    client of all clients judged.
    """

    champion: Answer
    challenger: Answer
    clients: int
    share: float
    default_rate: Interval | None
    cost_effect: Interval


@dataclass(frozen=True)
class GateReport:
    """What the gate found. `rows` is the digest of the clients judged and their outcomes.

    `numbers` are each model's metrics with their intervals; `groups` are empty where there is no champion.
    """

    challenger: str
    champion: str | None
    benchmark: str | None
    at: datetime
    clients: int
    defaults: int
    rows: str
    costs: Costs
    limits: GateLimits
    seed: int
    rules: tuple[Rule, ...]
    numbers: Mapping[str, Mapping[str, Interval]]
    groups: tuple[Group, ...]

    @property
    def failed(self) -> tuple[Rule, ...]:
        return tuple(rule for rule in self.rules if rule.passed is False)

    @property
    def passed(self) -> bool:
        return not self.failed

    @property
    def reason(self) -> str:
        """Why it passed or failed: what the failed rules say, or what it gains."""
        gains = [rule for rule in self.rules if rule.name.startswith("cheaper_than_")]
        return "; ".join(rule.sentence for rule in self.failed or (gains[-1:] if self.champion else gains))

    @property
    def digest(self) -> str:
        """SHA-256 of the report's JSON."""
        return sha256(self.to_json().encode()).hexdigest()

    def to_json(self) -> str:
        return _ADAPTER.dump_json(self, indent=1).decode()

    @classmethod
    def from_json(cls, text: str | bytes) -> "GateReport":
        """Reads what `to_json` wrote.

        Raises:
            ValueError: the text is no gate report.
        """
        return _ADAPTER.validate_json(text)

    def markdown(self) -> str:
        """The report for a person: the rules, the models side by side, the swap set."""
        return "\n".join(_lines(self))


_ADAPTER = TypeAdapter(GateReport)


def compare(
    defaulted: ArrayLike,
    challenger: Judged,
    champion: Judged | None = None,
    benchmark: Judged | None = None,
    *,
    costs: Costs,
    limits: GateLimits = DEFAULT_LIMITS,
    reasons: ReasonAgreement | None = None,
    seed: int = 0,
) -> GateReport:
    """Judges a challenger by its gain over no model, the champion and the benchmark, on clients none was fitted to.

    `defaulted` are their outcomes, 0/1 of shape (n,); `benchmark` is a plain model such as a scorecard, which the
    challenger must not cost more than; `reasons` compares its reasons with the champion's.

    Raises:
        ValueError: outcomes, ids and probabilities of the challenger differ in shape.
    """
    y = np.asarray(defaulted, bool)
    if not y.shape == challenger.clients.shape == challenger.probability.shape:
        raise ValueError(
            f"expected an outcome, an id and a probability for each client; got shapes {y.shape}, "
            f"{challenger.clients.shape} and {challenger.probability.shape}"
        )
    models = {"challenger": challenger, "champion": champion, "benchmark": benchmark}
    present = {name: model for name, model in models.items() if model is not None}
    rules = [_signature(challenger), _same_clients(present), _enough_outcomes(y, limits)]
    numbers: dict[str, dict[str, Interval]] = {}
    groups: tuple[Group, ...] = ()
    if rules[1].passed and rules[2].passed:
        members = _members(challenger, champion) if champion else {}
        drawn = _measure(y, present, members, costs, limits, seed)
        rules += [*_gains(drawn, limits), *_losses(drawn, limits)]
        if champion is not None:
            rules += _reasons(reasons, limits)
        numbers = {
            name: {metric: draws.interval(limits.confidence) for metric, draws in drawn[name].items()}
            for name in present
        }
        groups = tuple(_group(y, answers, of, drawn[_ANSWERS], limits) for answers, of in members.items())
    return GateReport(
        challenger=challenger.version,
        champion=champion.version if champion else None,
        benchmark=benchmark.version if benchmark else None,
        at=datetime.now(UTC),
        clients=len(y),
        defaults=int(y.sum()),
        rows=sha256(challenger.clients.astype("<i8").tobytes() + y.tobytes()).hexdigest(),
        costs=costs,
        limits=limits,
        seed=seed,
        rules=tuple(rules),
        numbers=numbers,
        groups=groups,
    )


def swapped_clients(defaulted: ArrayLike, challenger: Judged, champion: Judged) -> "pa.Table":
    """The clients whose answer changes, one by one: for the lake, not for reports.

    Columns: SK_ID_CURR, TARGET, probability of default and answer of either model.
    """
    import pyarrow as pa

    flipped = challenger.refuses != champion.refuses
    answers = {"champion": champion, "challenger": challenger}
    columns: dict[str, NDArray] = {
        "SK_ID_CURR": challenger.clients[flipped],
        "TARGET": np.asarray(defaulted, int)[flipped],
        **{f"{name}_probability": model.probability[flipped] for name, model in answers.items()},
        **{f"{name}_answer": np.where(model.refuses, "refuse", "approve")[flipped] for name, model in answers.items()},
    }
    return pa.table(columns)


_COST = "cost_per_client"
_ANSWERS = "answers"
"""Measured beside the models: what it costs to answer everyone alike, and what each group's new answers change."""


def _measure(
    y: NDArray[np.bool_],
    models: Mapping[str, Judged],
    members: Mapping[tuple[Answer, Answer], NDArray[np.bool_]],
    costs: Costs,
    limits: GateLimits,
    seed: int,
) -> dict[str, dict[str, Draws]]:
    """All that the rules look at, from the same resamples."""
    measured = {
        name: Measured(
            model.probability,
            {
                _COST: cost(costs, model.threshold),
                "refusal_rate": refusal_rate(model.threshold),
                "auc": auc,
                "brier": brier,
                "calibration_slope": calibration_slope,
                "calibration_intercept": calibration_intercept,
            },
        )
        for name, model in models.items()
    }
    saved = np.where(y, -costs.false_negative, costs.false_positive)
    answers: dict[str, Statistic] = {
        "approving everyone": cost(costs, inf),
        "refusing everyone": cost(costs, -inf),
        **{
            f"{before} to {after}": mean(((after == "refuse") - (before == "refuse")) * saved * of)
            for (before, after), of in members.items()
        },
    }
    measured[_ANSWERS] = Measured(models["challenger"].probability, answers)
    return bootstrap(y, measured, resamples=limits.resamples, seed=seed)


def _members(challenger: Judged, champion: Judged) -> dict[tuple[Answer, Answer], NDArray[np.bool_]]:
    """Whom champion and challenger answer in which way; those who flip first."""
    before, after = champion.refuses, challenger.refuses
    return {
        ("approve", "refuse"): ~before & after,
        ("refuse", "approve"): before & ~after,
        ("approve", "approve"): ~before & ~after,
        ("refuse", "refuse"): before & after,
    }


def _group(
    y: NDArray[np.bool_],
    answers: tuple[Answer, Answer],
    of: NDArray[np.bool_],
    effects: Mapping[str, Draws],
    limits: GateLimits,
) -> Group:
    before, after = answers
    return Group(
        champion=before,
        challenger=after,
        clients=int(of.sum()),
        share=float(of.mean()),
        default_rate=share(int(y[of].sum()), int(of.sum()), limits.confidence) if of.any() else None,
        cost_effect=effects[f"{before} to {after}"].interval(limits.confidence),
    )


def _signature(challenger: Judged) -> Rule:
    sentence = (
        "has a signature" if challenger.has_signature else "has no signature: nothing would check what it is given"
    )
    return Rule("has_signature", challenger.has_signature, sentence, limit="present")


def _same_clients(models: Mapping[str, Judged]) -> Rule:
    clients = models["challenger"].clients
    others = [
        name
        for name, model in models.items()
        if not np.array_equal(clients, model.clients) or model.probability.shape != clients.shape
    ]
    sentence = (
        f"judged on other clients than the {' and the '.join(others)}; score all models on the same table"
        if others
        else f"judged on the same {len(clients):,} clients as all it is compared with"
    )
    return Rule("same_clients", not others, sentence, limit="the same ids in the same order")


def _enough_outcomes(y: NDArray[np.bool_], limits: GateLimits) -> Rule:
    defaults, least = int(y.sum()), limits.minimum_defaults
    passed = min(defaults, len(y) - defaults) >= max(least, 1)
    sentence = f"{defaults:,} defaults among the {len(y):,} clients judged"
    if not passed:
        sentence += f", where {least} of either outcome are needed; more labelled cohorts, or a larger share to test on"
    return Rule("enough_outcomes", passed, sentence, float(defaults), f"at least {least}")


def _gains(drawn: Mapping[str, Mapping[str, Draws]], limits: GateLimits) -> Iterator[Rule]:
    """The rules about costs: what must be less, and what must not be more."""
    rivals = {answer: drawn[_ANSWERS][answer] for answer in ("approving everyone", "refusing everyone")}
    rivals |= {f"the {name}": drawn[name][_COST] for name in ("champion", "benchmark") if name in drawn}
    new = drawn["challenger"][_COST]
    for rival, old in rivals.items():
        difference = (new - old).interval(limits.confidence)
        name = f"{'no_dearer' if rival == 'the benchmark' else 'cheaper'}_than_{rival.removeprefix('the ')}"
        if rival == "the benchmark":
            passed, limit = difference.low <= 0, "not above 0"
            verdict = "not significantly more" if passed else "significantly more"
        elif rival == "the champion" or "champion" in drawn:
            margin = limits.minimum_gain * old.value if rival == "the champion" else 0.0
            passed, limit = difference.high < -margin, f"below {0 - margin:.4g}"
            verdict = "significantly less" if passed else "not significantly less"
            verdict += f" by {limits.minimum_gain:.1%}" if margin else ""
        else:
            # Without a champion the choice is between this model and none: the better guess is taken.
            passed, limit = difference.value < 0, "a value below 0"
            sure = difference.high < 0
            verdict = "significantly less" if sure else "less, which more clients would have to confirm"
            verdict = verdict if passed else "no less"
        sentence = f"costs {new.value:.4f} per client, {rival} {old.value:.4f}; {difference:+.4f}: {verdict}"
        yield Rule(name.replace(" ", "_"), passed, sentence, difference, limit)
    if "benchmark" not in drawn:
        yield Rule("no_dearer_than_benchmark", None, "there is no benchmark to compare with", limit="not above 0")


def _losses(drawn: Mapping[str, Mapping[str, Draws]], limits: GateLimits) -> Iterator[Rule]:
    """The rules about ranking and probabilities."""
    new, old = drawn["challenger"], drawn.get("champion")
    if old is not None:
        ranking = (new["auc"] - old["auc"]).interval(limits.confidence)
        lost, far = ranking.high < 0, ranking.value < -limits.auc_loss
        verdict = "a significant loss" if lost else "too large a loss" if far else "no significant loss"
        sentence = f"AUC {new['auc'].value:.4f}, the champion {old['auc'].value:.4f}; {ranking:+.4f}: {verdict}"
        limit = f"not below 0, at least {-limits.auc_loss:g}"
        yield Rule("auc_kept", not (lost or far), sentence, ranking, limit)

        error = (new["brier"] - old["brier"]).interval(limits.confidence)
        verdict = "a significant loss" if error.low > 0 else "no significant loss"
        sentence = (
            f"Brier score {new['brier'].value:.4f}, the champion {old['brier'].value:.4f}; {error:+.4f}: {verdict}"
        )
        yield Rule("brier_kept", error.low <= 0, sentence, error, "not above 0")
    yield _slope(new, old, limits)


def _slope(new: Mapping[str, Draws], old: Mapping[str, Draws] | None, limits: GateLimits) -> Rule:
    low, high = limits.slope
    slope = new["calibration_slope"].interval(limits.confidence)
    sentence, passed = f"calibration slope {slope:.3f}", slope.high >= low and slope.low <= high
    if not passed:
        sentence += f", significantly outside {low:g} to {high:g}"
        if old is not None:
            before = old["calibration_slope"].interval(limits.confidence)
            passed = (before.high < low or before.low > high) and _off(slope) <= _off(before)
            sentence += f"; the champion's {before:.3f}" + (", no closer to 1" if passed else "")
    return Rule("calibration_slope", passed, sentence, slope, f"{low:g} to {high:g}")


def _off(slope: Interval) -> float:
    """How far a slope is from 1, as a ratio."""
    return abs(log(slope.value)) if slope.value > 0 else inf


def _reasons(found: ReasonAgreement | None, limits: GateLimits) -> Iterator[Rule]:
    rules = {
        "first_reason_kept": ("same_first", limits.same_first_reason, "of clients keep their first reason"),
        "reasons_kept": ("overlap", limits.reason_overlap, "of the reasons a client is told are kept, on average"),
    }
    for name, (attribute, least, what) in rules.items():
        limit = f"at least {least:g}"
        if found is None:
            yield Rule(name, None, "reasons were not compared", limit=limit)
        else:
            value = float(getattr(found, attribute))
            yield Rule(name, value >= least, f"{value:.0%} {what}; {least:.0%} are asked for", value, limit)


_VERDICTS = {True: "passed", False: "**failed**", None: "not judged"}


def _lines(report: GateReport) -> Iterator[str]:
    against = f"the champion, version {report.champion}" if report.champion else "no champion"
    yield f"Version {report.challenger} against {against}: {'passed' if report.passed else '**failed**'}."
    yield ""
    yield from _table(
        ("rule", "result", "value", "limit", "in words"),
        (
            (rule.name.replace("_", " "), _VERDICTS[rule.passed], _value(rule.value), rule.limit, rule.sentence)
            for rule in report.rules
        ),
    )
    if report.numbers:
        yield ""
        yield from _table(
            ("metric", *report.numbers),
            (
                (metric.replace("_", " "), *(f"{of[metric]:.4f}" for of in report.numbers.values()))
                for metric in report.numbers["challenger"]
            ),
        )
    if report.groups:
        worth = report.costs.theoretical_threshold
        yield ""
        yield f"Whom they answer differently; refusing pays where more than {worth:.1%} default:"
        yield ""
        yield from _table(
            ("champion", "challenger", "clients", "share", "observed default rate", "change of the cost per client"),
            (
                (
                    group.champion,
                    group.challenger,
                    f"{group.clients:,}",
                    f"{group.share:.1%}",
                    f"{group.default_rate:.1%}" if group.default_rate else "",
                    f"{group.cost_effect:+.4f}" if group.champion != group.challenger else "",
                )
                for group in report.groups
            ),
        )
    yield ""
    yield (
        f"{report.clients:,} clients, {report.defaults:,} defaults; {report.limits.confidence:.0%} intervals "
        f"from {report.limits.resamples:,} resamples."
    )


def _table(header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    yield f"| {' | '.join(header)} |"
    yield "|---" * len(header) + "|"
    for row in rows:
        yield f"| {' | '.join(row)} |"


def _value(value: Interval | float | None) -> str:
    return "" if value is None else format(value, ".4g")
