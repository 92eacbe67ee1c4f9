"""API keys and basic authentication, read from files; compared without leaking time."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from starlette.requests import HTTPConnection

from trainer.core.errors import ConfigError

LEAST_LENGTH = 12


@dataclass(frozen=True, slots=True)
class Credentials:
    """Digests of what opens the door; without any it stands open.

    Attributes:
        keys: SHA-256 of each API key (``Authorization: Bearer KEY`` or ``X-API-Key: KEY``).
        users: SHA-256 of each ``user:password``.
    """

    keys: tuple[bytes, ...] = ()
    users: tuple[bytes, ...] = ()

    @property
    def required(self) -> bool:
        """Whether a client must identify itself."""
        return bool(self.keys or self.users)

    @property
    def challenge(self) -> str:
        """What a refused client is asked for. With keys, not Basic too: browsers would ask over the demo page."""
        return "Bearer" if self.keys else 'Basic realm="trainer", charset="UTF-8"'

    def admit(self, connection: HTTPConnection) -> bool:
        """Whether a request carries a valid credential."""
        if not self.required:
            return True
        scheme, _, value = connection.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and _matches(value.strip(), self.keys):
            return True
        if scheme.lower() == "basic" and _matches(_decode_basic(value.strip()), self.users):
            return True
        return _matches(connection.headers.get("x-api-key", ""), self.keys)


def read_credentials(api_keys: Path | None, basic_users: Path | None) -> Credentials:
    """Credentials from files, one a line; blank lines and lines that begin with ``#`` do not count.

    Raises:
        ConfigError: A file cannot be read, is empty, or holds a secret too short to be one.
    """
    users = _read_lines(basic_users)
    for number, line in users:
        if ":" not in line or line.startswith(":"):
            raise ConfigError("not of the form user:password", file=basic_users, record=f"line {number}")
    secrets = [(basic_users, number, line.partition(":")[2]) for number, line in users]
    keys = _read_lines(api_keys)
    secrets += [(api_keys, number, line) for number, line in keys]
    for file, number, secret in secrets:
        if len(secret) < LEAST_LENGTH:
            raise ConfigError(
                f"the secret has {len(secret)} characters",
                file=file,
                record=f"line {number}",
                remedy=f"use at least {LEAST_LENGTH}, for example from: openssl rand -hex 16",
            )
    return Credentials(tuple(_digest(line) for _, line in keys), tuple(_digest(line) for _, line in users))


def _read_lines(path: Path | None) -> list[tuple[int, str]]:
    if path is None:
        return []
    try:
        lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"credentials cannot be read: {type(error).__name__}", file=path) from error
    kept = [(number, line) for number, line in enumerate(lines, 1) if line and not line.startswith("#")]
    if not kept:
        raise ConfigError("the file holds no credential", file=path, remedy="write one a line")
    return kept


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).digest()


def _matches(offered: str, digests: Iterable[bytes]) -> bool:
    offered_digest = _digest(offered)
    found = False
    for digest in digests:  # no early end: every digest takes the same time
        found |= hmac.compare_digest(offered_digest, digest)
    return found and bool(offered)


def _decode_basic(value: str) -> str:
    try:
        return base64.b64decode(value, validate=True).decode("utf-8")
    except (binascii.Error, ValueError):
        return ""
