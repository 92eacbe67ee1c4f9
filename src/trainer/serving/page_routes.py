"""The demo page: three static files and nothing from elsewhere."""

from __future__ import annotations

from importlib.resources import files

from fastapi import APIRouter
from starlette.exceptions import HTTPException
from starlette.responses import Response

router = APIRouter(include_in_schema=False)
_FILES = {
    "page.html": "text/html; charset=utf-8",
    "page.css": "text/css; charset=utf-8",
    "page.js": "text/javascript; charset=utf-8",
    "words.js": "text/javascript; charset=utf-8",
    "examples.js": "text/javascript; charset=utf-8",
    "drawing.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}
_FRESH = {"Cache-Control": "no-cache"}


@router.get("/")
async def show_page() -> Response:
    """The page."""
    return _serve("page.html")


@router.get("/page/{name}")
async def show_file(name: str) -> Response:
    """A file of the page."""
    if name not in _FILES:
        raise HTTPException(404)
    return _serve(name)


def _serve(name: str) -> Response:
    content = files("trainer.serving").joinpath("page", name).read_bytes()
    return Response(content, media_type=_FILES[name], headers=_FRESH)
