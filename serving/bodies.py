"""What a request may contain: types made from the feature schema of the model that will read it.

Pydantic checks what `strict_json` read and hands over the plain dict the scorer takes. Not here: asking whether a
value is plausible; a category or an amount the training never saw is scored, and reported.
"""

from collections.abc import Mapping
from math import floor, log10
from typing import Annotated, Any, NotRequired

from pydantic import ConfigDict, Field, JsonValue, TypeAdapter, ValidationError
from typing_extensions import TypedDict

from credit_platform.features.schema import Feature, FeatureSchema
from serving.problems import invalid_request
from serving.strict_json import strict_json

LONGEST_CATEGORY = 200
_EXAMPLE_FEATURES = 12
_STRICT = ConfigDict(extra="forbid", strict=True)

REFERENCE = "#/components/schemas/{model}"


class Bodies:
    """The bodies of /predict and /explain for one feature schema."""

    def __init__(self, schema: FeatureSchema) -> None:
        features = _typed_dict("Features", {f.name: NotRequired[_type(f)] for f in schema.features})
        top = Annotated[
            int, Field(ge=1, le=len(schema.features), description="How many contributions to answer; all by default.")
        ]
        # What /clients/{id} answers may be sent back as it is: its number and cohort are accepted and not used.
        origin = {"sk_id_curr": NotRequired[int], "cohort": NotRequired[Annotated[str, Field(max_length=64)]]}
        body = {"features": features, **origin}
        self._predict = TypeAdapter(_typed_dict("PredictBody", body))
        self._explain = TypeAdapter(_typed_dict("ExplainBody", {**body, "top": NotRequired[top]}))
        self.example = {f.name: _example(f) for f in schema.features[:_EXAMPLE_FEATURES]}

    def read_predict(self, body: bytes) -> dict[str, Any]:
        """The features.

        Raises:
            ProblemError: the body is not what the model reads.
        """
        features: dict[str, Any] = _read(self._predict, body)["features"]
        return features

    def read_explain(self, body: bytes) -> tuple[dict[str, Any], int | None]:
        """The features, and how many contributions are wanted.

        Raises:
            ProblemError: the body is not what the model reads.
        """
        read = _read(self._explain, body)
        return read["features"], read.get("top")

    def components(self) -> dict[str, Any]:
        """The JSON schemas, by the names that OpenAPI refers to."""
        found: dict[str, Any] = {}
        for name, adapter in (("PredictBody", self._predict), ("ExplainBody", self._explain)):
            schema = adapter.json_schema(ref_template=REFERENCE)
            found |= schema.pop("$defs", {})
            found[name] = {**schema, "examples": [{"features": self.example}]}
        return found


def untyped_components() -> dict[str, Any]:
    """The JSON schemas while no model says what its features are."""
    features = {"type": "object", "description": "No model is in force yet; its features will be listed here."}
    body = {"type": "object", "required": ["features"], "properties": {"features": features}}
    return {"PredictBody": body, "ExplainBody": body}


def _typed_dict(name: str, fields: Mapping[str, Any]) -> Any:
    make: Any = TypedDict  # a type checker can't follow types that are made at run time
    made = make(name, dict(fields))
    made.__pydantic_config__ = _STRICT
    return made


def _type(feature: Feature) -> Any:
    meaning = feature.meaning.rstrip(".")
    if feature.kind == "category":
        known: dict[str, JsonValue] = {"examples": list(feature.categories)}
        return Annotated[
            str | None,
            Field(title=feature.name, description=meaning, max_length=LONGEST_CATEGORY, json_schema_extra=known),
        ]
    if feature.low is not None and feature.high is not None:
        span = f"from {feature.low:g} to {feature.high:g} in training"
        meaning = f"{meaning}; {span}" if meaning else span
    return Annotated[float | None, Field(title=feature.name, description=meaning, allow_inf_nan=False)]


def _example(feature: Feature) -> float | str | None:
    """A category seen in training, or the middle of the training range to two significant digits."""
    if feature.kind == "category":
        return feature.categories[0] if feature.categories else None
    if feature.low is None or feature.high is None:
        return None
    middle = (feature.low + feature.high) / 2
    return round(middle, 1 - floor(log10(abs(middle)))) if middle else 0.0


def _read(adapter: TypeAdapter[Any], body: bytes) -> dict[str, Any]:
    try:
        read: dict[str, Any] = adapter.validate_python(strict_json(body))
    except ValidationError as error:
        raise invalid_request(error.errors(include_url=False)) from None
    return read
