"""The client beside all clients and beside those alike: shares that were counted before, never anybody's row."""

import json

import streamlit as st

from ui import charts
from ui.answers import client
from ui.answers.client import ComparedFeature, Comparison, Explanation
from ui.answers.model import Features
from ui.texts import Texts
from ui.visit import Visit, remembered

_SHOWN = 4
_TICKS = 4


def show(visit: Visit, decided: Explanation, features: Features) -> None:
    t = visit.t
    key = (json.dumps(features, sort_keys=True), t.language)
    found = remembered("comparison", key, lambda: client.comparison(visit.api, features, t.language))
    _groups(visit, found)
    _probabilities(visit, decided, found)
    by_name = {feature.feature: feature for feature in found.features}
    chosen = st.multiselect(
        t("beside.choose"),
        list(by_name),
        default=list(by_name)[:_SHOWN],
        format_func=lambda name: by_name[name].label,
        help=t("beside.help"),
    )
    for start in range(0, len(chosen), 2):
        for column, name in zip(st.columns(2, gap="medium"), chosen[start : start + 2], strict=False):
            with column:
                _feature(visit, by_name[name])


def _groups(visit: Visit, found: Comparison) -> None:
    t = visit.t
    if found.alike.description:
        st.markdown(f"**{t('beside.alike_title')}** {found.alike.description}")
    else:
        st.markdown(t("beside.nobody_alike"))
    st.dataframe(
        {
            t("beside.group"): [t("beside.everybody"), t("beside.alike")],
            t("beside.clients"): [t.number(group.clients) for group in (found.everybody, found.alike)],
            t("beside.default_rate"): [t.percent(group.default_rate) for group in (found.everybody, found.alike)],
            t("beside.approval_rate"): [t.percent(group.approval_rate, 0) for group in (found.everybody, found.alike)],
            t("beside.safer"): [_share(t, group.below) for group in (found.everybody, found.alike)],
        },
        hide_index=True,
        width="stretch",
    )


def _probabilities(visit: Visit, decided: Explanation, found: Comparison) -> None:
    t, edges = visit.t, found.probability_edges
    ticks = {edge: t.percent(edge, 0) for edge in edges[:: max(1, len(edges) // 6)]}
    words = _words(t) | {"axis": t("decision.probability")}
    figure = charts.distribution(
        visit.palette,
        edges,
        found.everybody.probability,
        found.alike.probability,
        decided.probability_of_default,
        ticks,
        words,
        height=280,
    )
    charts.draw(figure, t("beside.described", feature=t("decision.probability")), "beside_probability")
    if found.model_version != decided.model_version:
        st.caption(t("beside.other_version", version=found.model_version))


def _feature(visit: Visit, compared: ComparedFeature) -> None:
    t = visit.t
    own = t("beside.own", value=compared.value_text or t("beside.missing"))
    st.markdown(f"**{compared.label}**  \n{own}")
    edges = [edge for edge in compared.bins if not isinstance(edge, str)]
    if compared.numeric and len(edges) > 1:
        every = max(1, (len(edges) - 1) // _TICKS)
        ticks = dict(list(zip(edges, compared.bin_texts, strict=True))[::every])
        mark = compared.value if isinstance(compared.value, float) else None
        figure = charts.distribution(
            visit.palette, edges, compared.shares, compared.shares_alike, mark, ticks, _words(t) | {"axis": ""}
        )
    else:
        figure = charts.categories(
            visit.palette,
            compared.bin_texts,
            compared.shares,
            compared.shares_alike,
            compared.value_text or None,
            _words(t),
        )
    charts.draw(figure, t("beside.described", feature=compared.label), f"beside_{compared.feature}")
    if compared.below is not None:
        st.caption(t("beside.below", all=_share(t, compared.below), alike=_share(t, compared.below_alike)))


def _words(t: Texts) -> dict[str, str]:
    return {each: t(f"beside.{each}") for each in ("everybody", "alike", "client")}


def _share(t: Texts, share: float | None) -> str:
    return t("beside.unknown") if share is None else t.percent(share, 0)
