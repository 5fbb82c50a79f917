"""What can go wrong, by the key of the sentence that tells people what to do (`texts/<language>/problems.toml`)."""

from collections.abc import Sequence
from typing import Any


class UserError(Exception):
    """Something a person has to hear of. `key` names the sentence, `values` fill it."""

    def __init__(self, key: str, **values: Any) -> None:
        super().__init__(key)
        self.key = key
        self.values = values


class ApiError(UserError):
    """The API did not do what was asked.

    `key` is the API's own kind of problem, or `down`, `slow`, `stranger`, `failed`, `half-character` or `not-finite`.
    `detail` is what the API said, in English; `fields` are the fields it complains of, each with what is wrong.
    """

    def __init__(self, key: str, detail: str = "", fields: Sequence[tuple[str, str]] = (), **values: Any) -> None:
        super().__init__(key, **values)
        self.detail = detail
        self.fields = tuple(fields)
