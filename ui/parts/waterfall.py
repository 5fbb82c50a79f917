"""How the score came about: from where everybody starts to this client, by family, and inside a family by feature."""

from math import exp, log

import streamlit as st

from ui import charts
from ui.answers.client import Explanation
from ui.answers.model import Threshold
from ui.charts import Step
from ui.visit import Visit

_MOST_FAMILIES = 8
_MOST_FEATURES = 12
_TICKS = (
    0.002,
    0.005,
    0.01,
    0.02,
    0.03,
    0.04,
    0.05,
    0.06,
    0.08,
    0.1,
    0.15,
    0.2,
    0.3,
    0.4,
    0.5,
    0.6,
    0.7,
    0.85,
    0.95,
    0.99,
)
_FAMILY, _CHART = "waterfall_family", "waterfall_chart"


def show(visit: Visit, decided: Explanation, threshold: Threshold) -> None:
    t = visit.t
    families, rest = decided.families[:_MOST_FAMILIES], decided.families[_MOST_FAMILIES:]
    steps = [_step(visit, _family_name(visit, f.title, f.protected), f.contribution, f.family) for f in families]
    if rest:
        steps.append(_step(visit, t("waterfall.rest", number=len(rest)), sum(f.contribution for f in rest)))
    words = _words(visit) | {
        "start": t("waterfall.start", probability=t.percent(_probability(decided.baseline))),
        "end": t("waterfall.end", probability=t.percent(decided.probability_of_default)),
        "axis": t("waterfall.axis"),
        "cut_off": t("decision.cut_off", cut_off=t.percent(threshold.value)),
    }
    figure = charts.waterfall(
        visit.palette,
        steps,
        decided.baseline,
        _odds(threshold.value),
        (_odds(threshold.review_low), _odds(threshold.review_high)),
        {_odds(p): t.percent(p, 0 if p >= 0.01 else 1) for p in _TICKS},
        words,
    )
    charts.draw(
        figure, t("waterfall.described"), _CHART, on_select=_take_family, selection_mode="points", theme="streamlit"
    )
    st.caption(t("waterfall.how"))
    _inside(visit, decided)


def _inside(visit: Visit, decided: Explanation) -> None:
    t = visit.t
    titles = {f.family: _family_name(visit, f.title, f.protected) for f in decided.families}
    if st.session_state.get(_FAMILY) not in titles:
        st.session_state.pop(_FAMILY, None)
    family = st.selectbox(
        t("waterfall.choose"),
        list(titles),
        format_func=lambda code: titles[code],
        key=_FAMILY,
        help=t("waterfall.help"),
    )
    own = [c for c in decided.contributions if c.family == family and c.contribution]
    steps = [
        _step(visit, f"{c.label} = {c.value_text or t('waterfall.missing')}", c.contribution)
        for c in own[:_MOST_FEATURES]
    ]
    words = _words(visit) | {"axis": t("waterfall.log_odds")}
    charts.draw(charts.contributions(visit.palette, steps, words), t("waterfall.features_described"), "family_chart")
    with st.expander(t("waterfall.all", number=len(decided.contributions)), icon=":material/list:"):
        st.dataframe(
            {
                t("waterfall.feature"): [c.label for c in decided.contributions],
                t("waterfall.value"): [c.value_text or t("waterfall.missing") for c in decided.contributions],
                t("waterfall.log_odds"): [c.contribution for c in decided.contributions],
                t("waterfall.family"): [titles.get(c.family, "") for c in decided.contributions],
                t("waterfall.column"): [c.feature for c in decided.contributions],
            },
            hide_index=True,
            width="stretch",
            column_config={t("waterfall.log_odds"): st.column_config.NumberColumn(format="%+.4f")},
        )


def _step(visit: Visit, name: str, move: float, key: str = "") -> Step:
    return Step(name, move, visit.t.number(move, 2, signed=True), key)


def _take_family() -> None:
    points = st.session_state[_CHART]["selection"]["points"]
    if points and points[0].get("customdata", [""])[0]:
        st.session_state[_FAMILY] = points[0]["customdata"][0]


def _family_name(visit: Visit, title: str, protected: bool) -> str:
    return f"{title} ({visit.t('waterfall.protected')})" if protected else title


def _words(visit: Visit) -> dict[str, str]:
    return {"against": visit.t("waterfall.against"), "favour": visit.t("waterfall.favour")}


def _odds(probability: float) -> float:
    return log(probability / (1 - probability)) if 0 < probability < 1 else 0.0


def _probability(odds: float) -> float:
    return 1 / (1 + exp(-odds))
