"""What a request may contain: types made from the feature schema of the model that will read it.

Pydantic checks what `strict_json` read and hands over the plain dict the scorer takes. Not here: asking whether a
value is plausible; a category or an amount the training never saw is scored, and reported.
"""

from collections.abc import Mapping
from math import floor, log10
from types import GenericAlias
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
    """The bodies of /predict, /predict/batch and /explain for one feature schema."""

    def __init__(self, schema: FeatureSchema) -> None:
        features = _typed_dict("Features", {f.name: NotRequired[_type(f)] for f in schema.features})
        top = Annotated[
            int, Field(ge=1, le=len(schema.features), description="How many contributions to answer; all by default.")
        ]
        # What /clients/{id} answers may be sent back as it is: its cohort is accepted and not used.
        number = Annotated[int, Field(ge=1, le=2**63 - 1, description="Who it is about; kept with the record.")]
        origin = {"sk_id_curr": NotRequired[number], "cohort": NotRequired[Annotated[str, Field(max_length=64)]]}
        body = {"features": features, **origin}
        predict = _typed_dict("PredictBody", body)
        batch: Any = GenericAlias(list, (predict,))
        self._predict = TypeAdapter(predict)
        self._batch = TypeAdapter(batch)
        self._explain = TypeAdapter(_typed_dict("ExplainBody", {**body, "top": NotRequired[top]}))
        self.example = {f.name: _example(f) for f in schema.features[:_EXAMPLE_FEATURES]}

    def read_predict(self, body: bytes) -> tuple[dict[str, Any], int | None]:
        """The features, and the client's number where it was sent.

        Raises:
            ProblemError: the body is not what the model reads.
        """
        sent = read(self._predict, body)
        return sent["features"], sent.get("sk_id_curr")

    def read_explain(self, body: bytes) -> tuple[dict[str, Any], int | None, int | None]:
        """The same, and how many contributions are wanted.

        Raises:
            ProblemError: the body is not what the model reads.
        """
        sent = read(self._explain, body)
        return sent["features"], sent.get("sk_id_curr"), sent.get("top")

    def read_batch(self, body: bytes) -> list[tuple[dict[str, Any], int | None]]:
        """What `read_predict` gives, for each of a list of bodies.

        Raises:
            ProblemError: one of them is not what the model reads.
        """
        return [(sent["features"], sent.get("sk_id_curr")) for sent in read(self._batch, body)]

    def components(self) -> dict[str, Any]:
        """The JSON schemas, by the names that OpenAPI refers to."""
        found: dict[str, Any] = {}
        for name, adapter in (("PredictBody", self._predict), ("ExplainBody", self._explain)):
            schema = adapter.json_schema(ref_template=REFERENCE)
            found |= schema.pop("$defs", {})
            found[name] = {**schema, "examples": [{"features": self.example}]}
        examples = [[{"sk_id_curr": 100002, "features": self.example}]]
        found["BatchBody"] = _list_of("PredictBody") | {"examples": examples}
        return found


def untyped_components() -> dict[str, Any]:
    """The JSON schemas while no model says what its features are."""
    features = {"type": "object", "description": "No model is in force yet; its features will be listed here."}
    body = {"type": "object", "required": ["features"], "properties": {"features": features}}
    return {"PredictBody": body, "ExplainBody": body, "BatchBody": _list_of("PredictBody")}


def read(adapter: TypeAdapter[Any], body: bytes) -> Any:
    """A body of a type.

    Raises:
        ProblemError: it is no JSON, or not of the type.
    """
    try:
        return adapter.validate_python(strict_json(body))
    except ValidationError as error:
        raise invalid_request(error.errors(include_url=False)) from None


def _list_of(model: str) -> dict[str, Any]:
    return {"type": "array", "items": {"$ref": REFERENCE.format(model=model)}}


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
