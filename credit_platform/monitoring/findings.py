"""What monitoring finds of a cohort, in the form that alerts, the API and the pages read. Not here: how it is found."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import Any, Literal

State = Literal["ok", "watch", "warn", "critical"]
STATES: tuple[State, ...] = ("ok", "watch", "warn", "critical")
"""From good to bad: `watch` is shown, `warn` is sent, `critical` is sent at once."""
Layer = Literal["quality", "skew", "score", "segments", "outcomes", "features", "multivariate"]
LAYERS: tuple[Layer, ...] = ("quality", "skew", "score", "segments", "outcomes", "features", "multivariate")
"""In the order in which they are judged: the first broken one explains those after it."""
Cause = Literal["", "broken feed", "population moved", "concept moved"]


@dataclass(frozen=True)
class Finding:
    """One metric of one layer, judged. `explained_by` names the layer that explains it, which then alerts: an earlier
    one, or its own, where a graver finding stands for it.

    `sentence` says what, value against threshold and how many clients; it names tables and columns, never clients.
    """

    cohort: str
    model_version: str
    layer: Layer
    metric: str
    state: State
    sentence: str
    value: float | None = None
    threshold: float | None = None
    clients: int = 0
    table: str = ""
    column: str = ""
    segment: str = ""
    cause: Cause = ""
    explained_by: str = ""

    @property
    def fingerprint(self) -> str:
        """The same for what has the same cause in one cohort and the next: one incident is open for it at a time."""
        about = (self.layer, self.metric, self.table or self.column, self.segment)
        return sha256("\x1f".join(about).encode()).hexdigest()[:16]

    @classmethod
    def from_json(cls, facts: Mapping[str, Any]) -> "Finding":
        return cls(**facts)

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def worst(findings: "tuple[Finding, ...] | list[Finding]") -> State:
    """The worst state of the findings that nothing else explains."""
    return max((finding.state for finding in findings if not finding.explained_by), key=STATES.index, default="ok")
