"""Who can read what: the master key, the log's own secret, and a key per record.

The master key comes from CREDIT_DECISIONS_KEY or from a file that is made beside an embedded database; it wraps all
other keys (AES-256-GCM). The log's secret never changes: from it derive the keys that authenticate the chain and
turn a client's id into a pseudonym. Each record is sealed under a key of its own, whose wrapped form is all that an
erasure has to destroy. Not here: where wrapped keys are stored (`log.py`).
"""

import logging
import os
import zlib
from base64 import b64decode, b64encode
from collections.abc import Sequence
from hmac import digest
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from credit_platform.lake.files import atomic
from serving.decisions.errors import DecisionLogError

logger = logging.getLogger(__name__)

_SIZE = 32
_NONCE = 12
_MARK = 4


class MasterKeys:
    """The master key in force, first, and older ones that still open what they wrapped."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        # The mark says which master key wrapped something.
        self._ciphers = {digest(key, b"mark", "sha256")[:_MARK]: AESGCM(digest(key, b"wrap", "sha256")) for key in keys}
        self._mark = next(iter(self._ciphers))

    @classmethod
    def parse(cls, text: str) -> "MasterKeys":
        """Reads keys of 32 bytes in base64, separated by commas.

        Raises:
            DecisionLogError: a key is something else.
        """
        keys = []
        for part in text.split(","):
            try:
                key = b64decode(part.strip(), altchars=b"-_", validate=True)
            except ValueError:
                key = b""
            keys.append(key)
        if any(len(key) != _SIZE for key in keys):
            raise DecisionLogError(
                "CREDIT_DECISIONS_KEY must be 32 bytes in base64, or several such keys separated by commas with the "
                "one in force first. `openssl rand -base64 32` makes one."
            )
        return cls(keys)

    def wrap(self, secret: bytes, bound: bytes) -> bytes:
        """Encrypts a key under the master key in force; `bound` must be the same when it is unwrapped."""
        nonce = os.urandom(_NONCE)
        return self._mark + nonce + self._ciphers[self._mark].encrypt(nonce, secret, bound)

    def unwrap(self, wrapped: bytes, bound: bytes) -> bytes:
        """The reverse of `wrap`.

        Raises:
            DecisionLogError: none of the master keys wrapped this, or it was changed.
        """
        nonce = wrapped[_MARK : _MARK + _NONCE]
        try:
            return self._ciphers[wrapped[:_MARK]].decrypt(nonce, wrapped[_MARK + _NONCE :], bound)
        except (KeyError, InvalidTag, ValueError):
            raise DecisionLogError("a key of the decision log can't be unwrapped with CREDIT_DECISIONS_KEY") from None

    def rewrap(self, wrapped: bytes, bound: bytes) -> bytes:
        """The same key under the master key in force.

        Raises:
            DecisionLogError: as `unwrap` does.
        """
        return self.wrap(self.unwrap(wrapped, bound), bound)

    def in_force(self, wrapped: bytes) -> bool:
        """Whether the master key in force wrapped this."""
        return wrapped[:_MARK] == self._mark


class LogKeys:
    """What one log is written and read with, made from its unwrapped secret."""

    def __init__(self, masters: MasterKeys, secret: bytes) -> None:
        self.masters = masters
        self.chain = digest(secret, b"chain", "sha256")
        self.head = digest(secret, b"head", "sha256")
        self.name = digest(secret, b"name", "sha256")[:4].hex()
        self._pseudonyms = digest(secret, b"client", "sha256")

    def pseudonym(self, client: int | str) -> bytes:
        """What stands for a client in the key table, shape (32,). 100002 and "100002" are the same client."""
        return digest(self._pseudonyms, str(client).encode("utf-8", "surrogatepass"), "sha256")

    def seal(self, record: str, client: bytes | None, text: bytes) -> tuple[bytes, bytes]:
        """The sealed text and the wrapped key that opens it, both bound to the id of the record."""
        key, nonce = os.urandom(_SIZE), os.urandom(_NONCE)
        sealed = nonce + AESGCM(key).encrypt(nonce, zlib.compress(text, 1), record.encode())
        return sealed, self.masters.wrap(key, _bound(record, client))

    def key_of(self, record: str, client: bytes | None, wrapped: bytes) -> bytes:
        """The key of a record.

        Raises:
            DecisionLogError: it was changed, or belongs to another record, client or log.
        """
        return self.masters.unwrap(wrapped, _bound(record, client))

    def open(self, record: str, client: bytes | None, sealed: bytes, wrapped: bytes) -> bytes:
        """The reverse of `seal`.

        Raises:
            DecisionLogError: the sealed text or its key was changed.
        """
        key = self.key_of(record, client, wrapped)
        try:
            return zlib.decompress(AESGCM(key).decrypt(sealed[:_NONCE], sealed[_NONCE:], record.encode()))
        except (InvalidTag, ValueError, zlib.error):
            raise DecisionLogError(f"what was sealed with decision {record} was changed: verify the log") from None

    def rewrapped(self, record: str, client: bytes | None, wrapped: bytes) -> bytes:
        """The key of a record under the master key in force."""
        return self.masters.rewrap(wrapped, _bound(record, client))


def _bound(record: str, client: bytes | None) -> bytes:
    return record.encode() + (client or b"")


def read_key_file(file: Path) -> MasterKeys | None:
    """The master key in a file, if there is one.

    Raises:
        DecisionLogError: it can't be read.
    """
    try:
        text, mode = file.read_text("ascii"), file.stat().st_mode
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise DecisionLogError(f"The key file {file} can't be read ({type(error).__name__}).") from error
    if os.name == "posix" and mode & 0o077:
        logger.warning("%s can be read by others; `chmod 600` it", file)
    return MasterKeys.parse(text)


def make_key_file(file: Path) -> MasterKeys:
    """A new master key, durable in a file that only its owner can read."""
    text = b64encode(os.urandom(_SIZE))
    with atomic(file) as beside:
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(descriptor, "wb") as stream:
            stream.write(text + b"\n")
            stream.flush()
            os.fsync(descriptor)
    logger.warning("made the master key of the decision log, %s: back it up, apart from the database", file)
    return MasterKeys.parse(text.decode())
