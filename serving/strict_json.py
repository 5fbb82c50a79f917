"""JSON as the standard means it, and no other: what a body must be before its fields are looked at.

Parsers let pass what two readers can understand in two ways: a name that comes twice (RFC 8259 leaves open which one
counts), NaN and Infinity, half a surrogate pair, a text nested so deeply that the next reader falls over. Not here:
which fields a body may have and how long their texts may be (`bodies.py`).
"""

import json
from collections.abc import Iterator
from math import isfinite
from typing import Any

from pydantic_core import from_json

from serving.problems import ProblemError, invalid_request

MOST_DEPTH = 20
"""How deeply objects and arrays may be nested; no body of this API needs more than four."""

_MUTE = {int, float, bool, type(None)}
_FLAT = {*_MUTE, str}
_ESCAPED_COLON = b"\\u003"

Path = tuple[int | str, ...]


def strict_json(body: bytes) -> Any:
    """The value of a JSON text in UTF-8. A number beyond the range of a double comes as infinity, for types to refuse.

    Raises:
        ProblemError: it is no JSON, holds NaN or Infinity, repeats a name or is nested too deeply.
    """
    try:
        value = from_json(body, allow_inf_nan=False)
    except ValueError:
        raise _refusal(body) from None
    if not _surely_unrepeated(body, value):
        repeated = _repeated(body)
        if repeated:
            raise _refused(repeated, "repeated_name")
    return value


def _surely_unrepeated(body: bytes, value: Any) -> bool:
    """Whether the number of colons, each of which stands behind a name or in a text, proves that no name was lost.

    A lost one takes its colon and those of its value along. Only a colon that was escaped could make up for them.
    """
    colons, names = body.count(b":"), _names(value, ())
    return colons == names or (_ESCAPED_COLON not in body and colons == names + _colons(value))


def _names(value: Any, path: Path) -> int:
    """How many names all objects of an object or array have."""
    if len(path) >= MOST_DEPTH:
        raise _refused(path, "too_deep")
    if isinstance(value, dict):
        found = len(value)
        if not _FLAT.issuperset(map(type, value.values())):
            found += sum(_names(inner, (*path, name)) for name, inner in value.items() if type(inner) not in _FLAT)
        return found
    if isinstance(value, list) and not _FLAT.issuperset(map(type, value)):
        return sum(_names(inner, (*path, i)) for i, inner in enumerate(value) if type(inner) not in _FLAT)
    return 0


def _colons(value: Any) -> int:
    """How many colons all names and texts of a value hold."""
    if isinstance(value, str):
        return value.count(":")
    if isinstance(value, dict):
        return "".join(value).count(":") + sum(_colons(inner) for inner in value.values() if type(inner) not in _MUTE)
    return sum(_colons(inner) for inner in value if type(inner) not in _MUTE) if isinstance(value, list) else 0


class _Object(dict[str, Any]):
    """An object that knows which of its names came again."""

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__()
        self.repeated: str | None = None
        for name, value in pairs:
            if name in self and self.repeated is None:
                self.repeated = name
            self[name] = value


def _repeated(body: bytes) -> Path | None:
    """Where the first name is that came again."""
    for path, value in _walk(json.loads(body, object_pairs_hook=_Object), ()):
        if isinstance(value, _Object) and value.repeated is not None:
            return (*path, value.repeated)
    return None


def _refusal(body: bytes) -> ProblemError:
    """What is wrong with a text that was refused by a parser that can't name a field."""
    try:
        value = from_json(body)
    except ValueError:
        return _refused((), "json_invalid")
    infinite = (path for path, each in _walk(value, ()) if isinstance(each, float) and not isfinite(each))
    return _refused(next(infinite, ()), "finite_number")


def _walk(value: Any, path: Path) -> Iterator[tuple[Path, Any]]:
    """A value and all that lies in it, with their places."""
    yield path, value
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, each in inner:
        yield from _walk(each, (*path, name))


def _refused(path: Path, kind: str) -> ProblemError:
    return invalid_request([{"loc": path, "type": kind}])
