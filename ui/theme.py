"""Colours. Those of texts have a contrast of 4.5 or more on the page, those of marks 3 or more (WCAG 2.2 AA).

Blue speaks for the client, orange against, grey for the zone where a person decides: people who confuse red and green
tell them apart, and a word, a sign or a pattern always says the same. `.streamlit/config.toml` gives the same colours
to Streamlit's own parts.
"""

from dataclasses import dataclass

_ON_PRIMARY = (
    '[data-testid="stBaseButton-primary"]',
    '[data-testid="stBaseButton-primaryFormSubmit"]',
    '[data-baseweb="tag"]',
)


@dataclass(frozen=True)
class Palette:
    """Colours as #rrggbb. `favour`, `against` and `neutral` are for marks and for text alike."""

    page: str
    surface: str
    text: str
    muted: str
    line: str
    favour: str
    against: str
    neutral: str
    on_primary: str
    series: tuple[str, ...]

    def faint(self, colour: str) -> str:
        """A colour as the ground of dark or light text."""
        return f"{colour}2e"

    def css(self) -> str:
        """For what Streamlit writes in white on the primary colour, however light that is."""
        rule = ", ".join(f"{part}, {part} *" for part in _ON_PRIMARY)
        return f"<style>{rule} {{ color: {self.on_primary} !important; }}</style>"

    def of_decision(self, decision: str) -> str:
        return {"approve": self.favour, "refuse": self.against}.get(decision, self.neutral)


LIGHT = Palette(
    page="#ffffff",
    surface="#f3f6fa",
    text="#16212e",
    muted="#4d5b6a",
    line="#c9d2dc",
    favour="#0b5cad",
    against="#a8480c",
    neutral="#5b6877",
    on_primary="#ffffff",
    series=("#0b5cad", "#a8480c", "#5b6877", "#00736b", "#7a4b9d"),
)
DARK = Palette(
    page="#0f1722",
    surface="#182433",
    text="#e9eef4",
    muted="#aab7c4",
    line="#37475a",
    favour="#6db3f7",
    against="#f0a05a",
    neutral="#a7b3c0",
    on_primary="#0f1722",
    series=("#6db3f7", "#f0a05a", "#a7b3c0", "#4fc4b8", "#c79be6"),
)

DECISION_ICONS = {
    "approve": ":material/check_circle:",
    "review": ":material/person_search:",
    "refuse": ":material/cancel:",
}
DECISION_COLOURS = {"approve": "blue", "review": "gray", "refuse": "orange"}
"""The names by which Streamlit's Markdown knows the colours of decisions."""

LOGO = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 48 48" width="48" height="48">'
    '<rect width="48" height="48" rx="11" fill="#0b5cad"/>'
    '<path d="M11 30a13 13 0 0 1 26 0" fill="none" stroke="#ffffff" stroke-width="4" stroke-linecap="round"/>'
    '<path d="M24 30l7-10" stroke="#ffb45e" stroke-width="4" stroke-linecap="round"/>'
    '<circle cx="24" cy="30" r="3.4" fill="#ffffff"/></svg>'
)
"""A gauge with its needle, drawn here so that the browser asks nobody outside for it."""
