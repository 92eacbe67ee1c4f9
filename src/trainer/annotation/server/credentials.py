"""Where the server is and who we are there: from the environment, else from a private file.

Never from the command line (process lists and shell histories keep that) and never in a log.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from trainer.core.errors import ServerError
from trainer.core.paths import repository_directory

URL = "LABEL_STUDIO_URL"
API_KEY = "LABEL_STUDIO_API_KEY"
FILE = "LABEL_STUDIO_CREDENTIALS"
_REMEDY = (
    f"set {URL} and {API_KEY} in the environment, name a file of such lines in {FILE}, "
    "or start a server of your own with `make label-studio`"
)


@dataclass(frozen=True, slots=True)
class Credentials:
    """Address of a server and the token for it; the token is not shown."""

    url: str
    api_key: str = field(repr=False)


def find_credentials(environment: Mapping[str, str] = os.environ) -> Credentials:
    """Address and token: each from its variable, else from the credentials file.

    The file (``.label-studio/credentials``, or what LABEL_STUDIO_CREDENTIALS names) holds
    ``NAME=value`` lines with the names of the variables.

    Raises:
        ServerError: One of the two is nowhere to be found, or other users may read the file.
    """
    values = {name: environment[name].strip() for name in (URL, API_KEY) if environment.get(name, "").strip()}
    path = Path(environment.get(FILE) or repository_directory() / ".label-studio" / "credentials")
    if len(values) < 2 and path.is_file():
        values = {**_read_file(path), **values}
    elif environment.get(FILE) and not path.is_file():
        raise ServerError("no such credentials file", file=path, remedy=_REMEDY)
    missing = [name for name in (URL, API_KEY) if not values.get(name)]
    if missing:
        raise ServerError(f"no {' and no '.join(missing)} for the Label Studio server", remedy=_REMEDY)
    url = values[URL].rstrip("/")
    if not url.startswith(("http://", "https://")):
        raise ServerError(f"{url!r} is no web address", record=URL, remedy="write http://host:port or https://host")
    return Credentials(url, values[API_KEY])


def _read_file(path: Path) -> dict[str, str]:
    if path.stat().st_mode & 0o077:
        raise ServerError("other users may read this file, and it holds a token", file=path, remedy=f"chmod 600 {path}")
    lines = path.read_text(encoding="utf-8").splitlines()
    pairs = (line.split("=", 1) for line in lines if "=" in line and not line.lstrip().startswith("#"))
    return {name.strip(): value.strip() for name, value in pairs}
