"""Challenger beside champion on the same clients: who would be answered otherwise, and what became of them."""

import streamlit as st

from ui import charts, curves
from ui.answers import dossier
from ui.answers.dossier import Gate, SwapGroup
from ui.parts.judged import written, written_share
from ui.problems import ApiError
from ui.texts import Texts
from ui.visit import Visit


def show(visit: Visit) -> None:
    t = visit.t
    try:
        gate = dossier.gate(visit.api)
    except ApiError as error:
        if error.key != "not-found":
            raise
        st.info(t("swap.none"), icon=":material/inbox:")
        return
    _headline(t, gate)
    if gate.groups:
        _groups(visit, gate)
    else:
        st.info(t("swap.alone", version=gate.challenger), icon=":material/info:")
    rules, numbers = st.tabs([t("swap.rules"), t("swap.numbers")])
    with rules:
        _rules(t, gate)
    with numbers:
        _numbers(t, gate)


def _headline(t: Texts, gate: Gate) -> None:
    verdict = "passed" if gate.passed else "failed"
    said = t(
        f"swap.{verdict}",
        version=gate.challenger,
        at=t.moment(gate.at),
        clients=t.number(gate.clients),
        defaults=t.number(gate.defaults),
    )
    colour, icon = ("blue", "check_circle") if gate.passed else ("orange", "cancel")
    st.markdown(f":{colour}[:material/{icon}:] {said}")


def _groups(visit: Visit, gate: Gate) -> None:
    t, costs = visit.t, visit.model.threshold.costs
    st.caption(t("swap.what", champion=gate.champion, challenger=gate.challenger))
    st.dataframe(
        {
            t("swap.champion"): [_answer(t, group.champion) for group in gate.groups],
            t("swap.challenger"): [_answer(t, group.challenger) for group in gate.groups],
            t("swap.clients"): [t.number(group.clients) for group in gate.groups],
            t("swap.share"): [t.percent(group.share) for group in gate.groups],
            t("swap.default_rate"): [_rate(t, group) for group in gate.groups],
            t("swap.cost_effect"): [written(t, group.cost_effect) for group in gate.groups],
        },
        hide_index=True,
        width="stretch",
    )
    rows = [
        curves.Measured(_name(t, group), rate.value, rate.low, rate.high, _rate(t, group), t.percent(rate.value))
        for group in gate.groups
        if (rate := group.default_rate) is not None
    ]
    break_even = costs.false_positive / (costs.false_positive + costs.false_negative)
    figure = curves.measured(
        visit.palette,
        rows,
        t("swap.default_rate"),
        break_even,
        t("swap.break_even", rate=t.percent(break_even)),
        percent=True,
    )
    charts.draw(figure, t("swap.described"), "swap_rates")


def _rules(t: Texts, gate: Gate) -> None:
    import pandas as pd

    marks = {True: "yes", False: "no", None: "unknown"}
    rules = pd.DataFrame(
        {
            t("swap.holds"): [t(f"swap.marks.{marks[rule.passed]}") for rule in gate.rules],
            t("swap.rule"): [t.get(f"swap.rule_names.{rule.name}", rule.name.replace("_", " ")) for rule in gate.rules],
            t("swap.found"): [rule.sentence for rule in gate.rules],
            t("swap.asked"): [rule.limit for rule in gate.rules],
        }
    )
    st.table(rules.set_index(t("swap.holds")))


def _numbers(t: Texts, gate: Gate) -> None:
    present = [name for name in ("champion", "challenger", "benchmark") if name in gate.numbers]
    metrics = list(gate.numbers[present[-1]]) if present else []
    titles = {"champion": gate.champion, "challenger": gate.challenger}
    st.dataframe(
        {
            t("swap.metric"): [t.get(f"metrics.{metric}", metric) for metric in metrics],
            **{
                t(f"swap.models.{name}", version=titles.get(name, "")): [
                    written(t, gate.numbers[name][metric]) for metric in metrics
                ]
                for name in present
            },
        },
        hide_index=True,
        width="stretch",
    )


def _rate(t: Texts, group: SwapGroup) -> str:
    rate = group.default_rate
    return t("swap.nobody") if rate is None else written_share(t, rate.value, rate.low, rate.high)


def _name(t: Texts, group: SwapGroup) -> str:
    return t("swap.way", champion=_answer(t, group.champion), challenger=_answer(t, group.challenger))


def _answer(t: Texts, answer: str) -> str:
    return t(f"swap.answers.{answer}")
