"""API keys: who they belong to, what they open, and the file they are kept in.

A key is `cp_<id>_<secret>` with 256 random bits in the secret. The file holds its SHA-256 only: nobody can guess that
many bits, so a slow hash would cost each request milliseconds and protect nothing. Several keys of one name may be
valid at once, which is how a key is changed without an interruption. Not here: asking requests for one (`access.py`).
"""

import logging
import os
import re
import secrets
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from hmac import compare_digest
from pathlib import Path
from typing import Annotated, Literal, get_args

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from credit_platform.lake.files import atomic, exclusive

logger = logging.getLogger(__name__)

KeyScope = Literal["score", "explain", "review", "admin", "metrics"]
"""What a key may be used for. `metrics` is apart from `admin` because a scraper's configuration is no safe."""

SCOPES: tuple[KeyScope, ...] = get_args(KeyScope)
_NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
_PRESENTED = re.compile(rb"cp_([0-9a-f]{8})_[A-Za-z0-9_-]{43}")
_LOOK_EVERY_SECONDS = 1.0


class KeyFileError(Exception):
    """The key file can't be used; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, as logs and records name them."""

    name: str
    scopes: frozenset[KeyScope]


LOCAL = Caller("local", frozenset(SCOPES))
"""Whoever asks where no key is asked for."""


class Key(BaseModel):
    """A key as it is kept."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: Annotated[str, Field(pattern=r"^[0-9a-f]{8}$")]
    name: Annotated[str, Field(pattern=_NAME)]
    scopes: Annotated[frozenset[KeyScope], Field(min_length=1)]
    digest: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    created: AwareDatetime
    expires: AwareDatetime | None = None

    def expired(self) -> bool:
        return self.expires is not None and datetime.now(UTC) >= self.expires


class _KeyFile(BaseModel):
    model_config = ConfigDict(extra="forbid")

    keys: tuple[Key, ...]


def read_keys(file: Path) -> tuple[Key, ...]:
    """The keys of a file; none where there is no file.

    Raises:
        KeyFileError: it is not a key file, or others than its owner can read it.
    """
    try:
        with file.open("rb") as opened:
            if os.fstat(opened.fileno()).st_mode & 0o077:
                raise KeyFileError(f"{file} can be read by others than its owner. Run: chmod 600 {file}")
            return _KeyFile.model_validate_json(opened.read()).keys
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise KeyFileError(f"{file} can't be read: {error.strerror}.") from None
    except ValidationError as error:
        fault = error.errors(include_input=False)[0]
        place = ".".join(map(str, fault["loc"])) or "it"
        raise KeyFileError(f"{file} is no key file: {place}: {fault['msg']}.") from None


def add_key(file: Path, name: str, scopes: Iterable[KeyScope], expires: datetime | None = None) -> tuple[Key, str]:
    """Adds a key to the file. The second part of the answer is what the caller sends; it is kept nowhere.

    Raises:
        KeyFileError: the file can't be used, or the name can't.
    """
    if not re.fullmatch(_NAME, name):
        raise KeyFileError("A key's name has up to 64 letters, digits, dots, dashes and underscores.")
    file.parent.mkdir(parents=True, exist_ok=True)
    with exclusive(file.parent):
        known = read_keys(file)
        number = next(n for n in iter(lambda: secrets.token_hex(4), None) if all(key.id != n for key in known))
        secret = f"cp_{number}_{secrets.token_urlsafe(32)}"
        digest = sha256(secret.encode()).hexdigest()
        now = datetime.now(UTC).replace(microsecond=0)
        key = Key(id=number, name=name, scopes=frozenset(scopes), digest=digest, created=now, expires=expires)
        _write(file, (*known, key))
    return key, secret


def revoke_key(file: Path, number: str) -> Key:
    """Removes a key from the file.

    Raises:
        KeyFileError: the file can't be used, or holds no key with this id.
    """
    known = read_keys(file)
    if known:
        with exclusive(file.parent):
            known = read_keys(file)
            for key in known:
                if key.id == number:
                    _write(file, tuple(other for other in known if other is not key))
                    return key
    raise KeyFileError(f"{file} holds no key with the id {number}. List them: credit-platform keys list")


def _write(file: Path, keys: tuple[Key, ...]) -> None:
    with atomic(file) as beside:
        beside.touch(0o600)
        beside.write_text(_KeyFile(keys=keys).model_dump_json(indent=2) + "\n", "utf-8")


class KeyRing:
    """The keys in force: those of the file, looked at again when it changes, and the one of CREDIT_API_KEY.

    Once a key was asked for, one is asked for until the process ends: a file that vanishes, or loses its last key,
    closes the door. A file that can't be read leaves the keys in force as they were.
    """

    def __init__(self, file: Path, key: str = "") -> None:
        """`key` opens everything, under the name `default`.

        Raises:
            KeyFileError: the file can't be used.
        """
        self._file = file
        self._default = sha256(key.encode()).digest() if key else None
        self._keys: dict[bytes, tuple[Key, bytes]] = {}
        self._seen: tuple[int, ...] | None = None
        self._looked_at = time.monotonic()
        self.required = bool(key)
        self._load()

    @property
    def usable(self) -> bool:
        """Whether there is a key that opens something."""
        return self._default is not None or any(not key.expired() for key, _ in self._keys.values())

    def caller(self, presented: bytes) -> Caller | None:
        """Whose key this is; None where it is nobody's. Takes as long for a wrong key as for a right one."""
        digest = sha256(presented).digest()
        if self._default is not None and compare_digest(digest, self._default):
            return Caller("default", frozenset(SCOPES))
        match = _PRESENTED.fullmatch(presented)
        found = self._keys.get(match[1]) if match else None
        if found is None or not compare_digest(digest, found[1]) or found[0].expired():
            return None
        return Caller(found[0].name, found[0].scopes)

    def refresh(self) -> None:
        """Takes over what became of the file, looking at most once a second."""
        now = time.monotonic()
        if now - self._looked_at < _LOOK_EVERY_SECONDS:
            return
        self._looked_at = now
        try:
            self._load()
        except KeyFileError as error:
            logger.error("the API keys stay as they were: %s", error)

    def _load(self) -> None:
        seen = _fingerprint(self._file)
        if seen == self._seen:
            return
        self._seen = seen
        self._keys = {key.id.encode(): (key, bytes.fromhex(key.digest)) for key in read_keys(self._file)}
        self.required = self.required or seen is not None
        if seen is not None:
            logger.info("%d API keys of %s are in force", len(self._keys), self._file)


def _fingerprint(file: Path) -> tuple[int, ...] | None:
    """What changes when a file does; None where there is none."""
    try:
        status = file.stat()
    except FileNotFoundError:
        return None
    except OSError:
        return ()
    return (status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino, status.st_mode)
