"""How the server writes its log: a JSON object a line, or, on a terminal, a line for people.

Every line of whatever logger carries the id of the request it was written for. Not here: what is logged about a
request (`observation.py`).
"""

import json
import logging
import sys
import time
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

from credit_platform.settings import Settings

REQUEST_ID: ContextVar[str] = ContextVar("request_id", default="")
"""The id of the request at work; also known in the threads that work for it."""

_HANDLER = "stderr"
_ENCODER = json.JSONEncoder(ensure_ascii=False, default=str)


def configuration(settings: Settings) -> dict[str, Any]:
    """What `logging.config.dictConfig` needs, uvicorn's loggers included; its lines on requests are left to ours."""
    text = settings.api_log_format == "text" or (settings.api_log_format == "auto" and sys.stderr.isatty())
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"()": TextLines if text else JsonLines}},
        "handlers": {_HANDLER: {"class": "logging.StreamHandler", "formatter": "line"}},
        "root": {"level": settings.api_log_level.upper(), "handlers": [_HANDLER]},
        "loggers": {
            "uvicorn": {"level": "NOTSET", "handlers": [], "propagate": True},
            "uvicorn.error": {"level": "NOTSET", "handlers": [], "propagate": True},
            "uvicorn.access": {"level": "CRITICAL", "handlers": [], "propagate": False},
        },
    }


class JsonLines(logging.Formatter):
    """Time (UTC), level, logger, message, request id, and what `extra={"fields": {...}}` adds."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if request_id := REQUEST_ID.get():
            line["request_id"] = request_id
        line |= getattr(record, "fields", {})
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return _ENCODER.encode(line)


class TextLines(logging.Formatter):
    """The same for people: the time of day here, the level, the message, and the id of the request."""

    def format(self, record: logging.LogRecord) -> str:
        at = f"{time.strftime('%H:%M:%S', time.localtime(record.created))}.{int(record.msecs):03}"
        line = f"{at} {record.levelname:8}{record.getMessage()}"
        if request_id := REQUEST_ID.get():
            line += f"  [{request_id}]"
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


class AnonymousPaths(logging.Filter):
    """For servers started by hand: cuts the path in uvicorn's own line about a request after its first part.

    What follows can be the number of a client.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        # uvicorn.access logs (client, method, path with query, HTTP version, status).
        if isinstance(record.args, tuple) and len(record.args) == 5:
            client, method, path, version, status = record.args
            first, *rest = str(path).partition("?")[0].lstrip("/").split("/")
            record.args = (client, method, f"/{first}/…" if rest else f"/{first}", version, status)
        return True
