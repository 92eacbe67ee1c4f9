"""A session with a Label Studio server: plain JSON in and out, every failure a `ServerError`.

The official SDK holds the credentials (it tells a legacy token from a personal access token and
renews the latter); its transport is used for raw JSON because its typed models drop and convert
fields. An SDK error is never printed as it is: its text holds response headers with the session
cookie.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import httpx
from label_studio_sdk.base_client import LabelStudioBase
from label_studio_sdk.core.api_error import ApiError

from trainer.annotation.faults import shorten
from trainer.annotation.server.credentials import API_KEY, Credentials
from trainer.core.errors import ServerError

TESTED = "1.23.2"
_OLDEST, _NEXT = (1, 20), (2, 0)
_CONNECT_SECONDS = 10.0
_READ_SECONDS = 120.0
_BODY_SHOWN = 400


class Server:
    """A server that was reached, is of a known version and accepted the token."""

    def __init__(self, credentials: Credentials) -> None:
        self.url = credentials.url
        timeout = httpx.Timeout(_READ_SECONDS, connect=_CONNECT_SECONDS)
        self._http = httpx.Client(timeout=timeout, follow_redirects=True)
        try:
            sdk = LabelStudioBase(base_url=credentials.url, api_key=credentials.api_key, httpx_client=self._http)
        except ApiError as error:
            raise _refusal(self.url, "sign in", error.status_code, error.body) from None
        self._transport = sdk._client_wrapper.httpx_client
        self._check_version()
        account = self.get("api/current-user/whoami")
        self.user_id = int(account["id"])
        self.organisation = self._check_membership(account)

    def get(self, path: str, **parameters: Any) -> Any:
        """The JSON that a GET answers; repeated by the SDK when the server is busy."""
        return self._request("GET", path, parameters, None)

    def post(self, path: str, body: Any, **parameters: Any) -> Any:
        """The JSON that a POST answers; sent once only, since a repeated import would double the tasks."""
        return self._request("POST", path, parameters, body)

    def patch(self, path: str, body: Any) -> Any:
        """The JSON that a PATCH answers."""
        return self._request("PATCH", path, {}, body)

    def delete(self, path: str) -> None:
        """Remove what lies at a path."""
        self._request("DELETE", path, {}, None)

    def close(self) -> None:
        """End the session."""
        self._http.close()

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _check_version(self) -> None:
        answer = self.get("api/version")
        release = answer.get("release") if isinstance(answer, Mapping) else None
        numbers = re.match(r"(\d+)\.(\d+)", str(release or ""))
        if numbers is None:
            raise ServerError(
                "the server does not say which Label Studio it is", file=self.url, remedy="check the address"
            )
        if not _OLDEST <= (int(numbers[1]), int(numbers[2])) < _NEXT:
            raise ServerError(
                f"Label Studio {release} is not known to work (tested with {TESTED})",
                file=self.url,
                remedy=f"use a server from {_OLDEST[0]}.{_OLDEST[1]} up to, not including, {_NEXT[0]}.{_NEXT[1]}",
            )

    def _check_membership(self, account: Mapping[str, Any]) -> str:
        """Title of the account's organisation. The server lets one without make projects that nobody ever sees."""
        if account.get("active_organization", 0) is None:
            raise ServerError(
                "this account belongs to no organisation on the server (any more), so it has a right to nothing there",
                file=self.url,
                remedy="ask the server's administrator to invite it again, or use the token of an account that belongs",
            )
        return str((account.get("active_organization_meta") or {}).get("title") or "")

    def _request(self, method: str, path: str, parameters: Mapping[str, Any], body: Any) -> Any:
        content = None if body is None else json.dumps(body, ensure_ascii=False).encode("utf-8")
        try:
            response = self._transport.request(
                path,
                method=method,
                params=dict(parameters) or None,
                content=content,
                headers={"Content-Type": "application/json"} if content else None,
                request_options={} if method == "GET" else {"max_retries": 0},
            )
        except ApiError as error:
            raise _refusal(self.url, path, error.status_code, error.body) from None
        except httpx.TimeoutException as error:
            raise ServerError(
                f"no answer from {path} in time ({type(error).__name__})",
                file=self.url,
                remedy="run the same command again: what has arrived is not sent twice",
            ) from None
        except (httpx.TransportError, httpx.InvalidURL) as error:
            raise ServerError(
                f"not reachable: {error}",
                file=self.url,
                remedy="start the server (`make label-studio`) or correct LABEL_STUDIO_URL; then run the command again",
            ) from None
        if not 200 <= response.status_code < 300:
            raise _refusal(self.url, path, response.status_code, response.text)
        if response.status_code == httpx.codes.NO_CONTENT:
            return None
        try:
            return response.json()
        except ValueError:
            raise ServerError(
                f"{path} answered something that is not JSON; this is no Label Studio server", file=self.url
            ) from None


def _refusal(url: str, path: str, status: int | None, body: Any) -> ServerError:
    """What a refused request means, from its status and body alone."""
    if status == 401:
        return ServerError(
            "the server does not accept the token",
            file=url,
            record=path,
            remedy=f"put a valid token of Account & Settings into {API_KEY}; where legacy tokens are switched off, "
            "make a personal access token",
        )
    if status == 403:
        return ServerError(
            f"this account has no right to do that ({_shown(body)})",
            file=url,
            record=path,
            remedy="ask the project's owner for access, or use the token of an account that has it",
        )
    if status == 404:
        return ServerError(
            "there is no such thing on the server, or this account may not see it",
            file=url,
            record=path,
            remedy="check the address, and that the account still belongs to the project's organisation",
        )
    return ServerError(f"answered {status}: {_shown(body)}", file=url, record=path)


def _shown(body: Any) -> str:
    text = body if isinstance(body, str) else json.dumps(body, ensure_ascii=False)
    try:
        parsed = json.loads(text)
    except ValueError:
        return shorten(text)
    detail = parsed.get("detail") if isinstance(parsed, Mapping) else None
    return str(detail or text)[:_BODY_SHOWN]
