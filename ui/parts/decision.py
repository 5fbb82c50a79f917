"""What is decided: in a word, in numbers, and on a scale beside the cut-off."""

import streamlit as st

from ui import charts
from ui.answers.client import Explanation
from ui.answers.model import Threshold
from ui.theme import DECISION_COLOURS, DECISION_ICONS
from ui.visit import Visit


def show(visit: Visit, decided: Explanation, threshold: Threshold) -> None:
    t = visit.t
    with st.container(border=True):
        words, picture = st.columns([2, 3], gap="large", vertical_alignment="center")
        colour, icon = DECISION_COLOURS[decided.decision], DECISION_ICONS[decided.decision]
        words.markdown(f"## :{colour}[{icon} {t(f'decision.{decided.decision}')}]")
        words.markdown(_sentence(visit, decided))
        probability, score, grade = words.columns(3)
        probability.metric(t("decision.probability"), t.percent(decided.probability_of_default))
        score.metric(t("decision.score"), t.number(decided.score), help=t("decision.score_help"))
        grade.metric(t("decision.grade"), decided.grade, help=t("decision.grade_help"))
        picture.html(gauge_of(visit, decided.probability_of_default, threshold))
        picture.caption(
            t("decision.interval", low=t.percent(threshold.low), high=t.percent(threshold.high))
            + (" " + _review(visit, threshold) if threshold.review_high > threshold.review_low else "")
        )
    for name in decided.unknown_categories:
        st.warning(t("decision.unknown_category", feature=name), icon=":material/help:")


def _sentence(visit: Visit, decided: Explanation) -> str:
    t = visit.t
    distance = decided.probability_of_default - decided.threshold
    return t(
        f"decision.distance.{'above' if distance >= 0 else 'below'}",
        probability=t.percent(decided.probability_of_default),
        points=t.number(100 * abs(distance), 1),
        cut_off=t.percent(decided.threshold),
    )


def _review(visit: Visit, threshold: Threshold) -> str:
    t = visit.t
    return t("decision.zone", low=t.percent(threshold.review_low), high=t.percent(threshold.review_high))


def gauge_of(visit: Visit, probability: float, threshold: Threshold) -> str:
    """HTML of a probability on the scale of the cut-off."""
    t = visit.t
    written, cut_off = t.percent(probability), t.percent(threshold.value)
    words = {
        "probability": written,
        "cut_off": t("decision.cut_off", cut_off=cut_off),
        "described": t("decision.described", probability=written, cut_off=cut_off),
        **{each: t(f"decision.zones.{each}") for each in ("approve", "refuse")},
    }
    zone = (threshold.review_low, threshold.review_high)
    return charts.gauge(visit.palette, probability, threshold.value, zone, words)
