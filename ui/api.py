"""The way to the API: requests, answers as typed objects, and every failure as a problem that people are told of.

Which endpoints there are, and what they answer, stands in `answers/`. Not here: anything that is shown.
"""

from collections.abc import Mapping
from typing import Any, TypeVar

import httpx
from pydantic import TypeAdapter, ValidationError

from ui.problems import ApiError
from ui.settings import UiSettings

T = TypeVar("T")

_PATIENCE = httpx.Timeout(30.0, connect=3.0)  # a server that has just found its first model takes seconds to answer
_UPLOAD_PATIENCE = httpx.Timeout(600.0, connect=3.0)
_KIND = "urn:credit-platform:problem:"


class Api:
    """Asks the API. Every method raises ApiError, and nothing else, when it can't answer."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    @property
    def url(self) -> str:
        return str(self._client.base_url).rstrip("/")

    @property
    def identity(self) -> tuple[str, str]:
        """What tells two of these apart: where they ask, and with which key."""
        return self.url, self._client.headers.get("X-API-Key", "")

    def get(self, path: str, answer: type[T], **query: Any) -> T:
        return self._typed(answer, self.ask("GET", path, params=query))

    def post(self, path: str, answer: type[T], body: Mapping[str, Any], **query: Any) -> T:
        return self._typed(answer, self.ask("POST", path, params=query, json=body))

    def upload(self, path: str, answer: type[T], name: str, content: bytes, **query: Any) -> list[T]:
        """Sends a file; the answer has a line of JSON for each of its rows."""
        sent = self.ask("POST", path, params=query, files={"file": (name, content)}, timeout=_UPLOAD_PATIENCE)
        try:
            return [TypeAdapter(answer).validate_json(line) for line in sent.content.splitlines()]
        except ValidationError:
            raise ApiError("stranger", url=self.url) from None

    def ask(self, method: str, path: str, **of_request: Any) -> httpx.Response:
        """A successful answer as it came. `of_request` is what `httpx.Client.request` takes."""
        try:
            answer = self._client.request(method, path, **of_request)
        except httpx.TimeoutException:
            raise ApiError("slow", url=self.url) from None
        except (httpx.HTTPError, httpx.InvalidURL):
            raise ApiError("down", url=self.url) from None
        except UnicodeError:
            raise ApiError("half-character") from None
        except ValueError:
            # JSON has no NaN and no infinity, so httpx does not even send them.
            raise ApiError("not-finite") from None
        if answer.is_success:
            return answer
        raise _refusal(answer)

    def _typed(self, wanted: type[T], answer: httpx.Response) -> T:
        try:
            return TypeAdapter(wanted).validate_json(answer.content)
        except ValidationError:
            raise ApiError("stranger", url=self.url) from None


def connect(settings: UiSettings, key: str | None = None) -> Api:
    """The API that the settings point to, asked with `key` or else with theirs."""
    key = key or (settings.api_key.get_secret_value() if settings.api_key else None)
    headers = {"X-API-Key": key} if key else {}
    # The API is a neighbour, never beyond the proxy that the environment may name.
    return Api(httpx.Client(base_url=settings.api_url, headers=headers, timeout=_PATIENCE, trust_env=False))


def _refusal(answer: httpx.Response) -> ApiError:
    status = answer.status_code
    try:
        problem = answer.json()
        kind, detail = str(problem["type"]), str(problem["detail"])
        fields = [(str(e["field"]), str(e["problem"])) for e in problem.get("errors", [])]
    except (ValueError, LookupError, TypeError, AttributeError):
        return ApiError("unauthorised" if status == httpx.codes.UNAUTHORIZED else "failed", status=status)
    return ApiError(kind.removeprefix(_KIND) if kind.startswith(_KIND) else "failed", detail, fields, status=status)
