"""What surrounds every request: credentials, security headers, counting."""

from __future__ import annotations

import time

from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from trainer.serving.credentials import Credentials
from trainer.serving.metrics import Metrics
from trainer.serving.problems import problem_response, unauthorised

# The page loads its own files only; nothing inline runs, so text of an article can never act.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_OPEN = frozenset({"/health", "/ready", "/", "/openapi.json"})
_OPEN_PREFIX = "/page/"
_METHODS = frozenset({"GET", "HEAD", "POST", "OPTIONS"})


class Envelope:
    """ASGI middleware around the whole application."""

    def __init__(self, app: ASGIApp, credentials: Credentials, metrics: Metrics, paths: frozenset[str]) -> None:
        self._app = app
        self._credentials = credentials
        self._metrics = metrics
        self._paths = paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Admit or refuse, add headers to the answer, count it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        status = 500

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        try:
            if self._is_open(scope["path"]) or self._credentials.admit(HTTPConnection(scope)):
                await self._app(scope, receive, send_with_headers)
            else:
                refusal = problem_response(unauthorised(), {"WWW-Authenticate": self._credentials.challenge})
                await refusal(scope, receive, send_with_headers)
        finally:
            self._count(scope, status, time.perf_counter() - began)

    def _is_open(self, path: str) -> bool:
        return path in _OPEN or path.startswith(_OPEN_PREFIX)

    def _count(self, scope: Scope, status: int, seconds: float) -> None:
        path = scope["path"] if scope["path"] in self._paths else "other"  # clients must not invent label values
        method = scope["method"] if scope["method"] in _METHODS else "other"
        self._metrics.requests.labels(path, method, str(status)).inc()
        self._metrics.request_seconds.labels(path).observe(seconds)
