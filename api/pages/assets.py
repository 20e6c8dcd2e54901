"""Our own static files; nothing is loaded from elsewhere."""

from __future__ import annotations

from litestar import Response, get
from litestar.exceptions import NotFoundException
from litestar.params import FromPath

from api.pages.web import HERE, asset

_TYPES = {".css": "text/css", ".js": "text/javascript"}
_FILES = {path.name: path for path in sorted((HERE / "static").iterdir()) if path.suffix in _TYPES}


@get("/assets/{digest:str}/{name:str}", sync_to_thread=True)
def static_file(digest: FromPath[str], name: FromPath[str]) -> Response[bytes]:
    """Answer one static file; its address holds a digest of it, so it may be kept for ever."""
    path = _FILES.get(name)
    if path is None:
        raise NotFoundException("there is no such file")
    current = asset(name) == f"/assets/{digest}/{name}"
    return Response(
        path.read_bytes(),
        media_type=_TYPES[path.suffix],
        headers={
            "Cache-Control": "public, max-age=31536000, immutable" if current else "no-cache",
            "X-Content-Type-Options": "nosniff",
        },
    )
