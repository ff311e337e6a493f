"""``/projects/{project}/files`` and ``/filestat``: the files of artifacts, for the UI."""

from __future__ import annotations

import mimetypes
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import StreamingResponse

from aletheia.core.plot_library import library_name, library_source
from aletheia.tracking import folders
from aletheia.tracking.queries import ApiError
from aletheia.tracking.web import Json

router = APIRouter()
_BLOCK = 1 << 18  # bytes


def _resolve(request: Request, path: str) -> Path:
    real = folders.resolve(request.app.state.home, path)
    if real is None:
        # The same answer whether or not there is such a file: nothing is revealed outside of the allowed folders.
        raise ApiError(
            403,
            f"{path[:300]!r} is outside of the artifact folder and the project folders."
            " To show it: aletheia tracking allow FOLDER",
        )
    return real


def _stat(real: Path, path: str) -> os.stat_result:
    try:
        return real.lstat()
    except OSError:
        raise ApiError(404, f"No such file: {path[:300]!r}") from None


def _blocks(real: Path, offset: int, size: int) -> Iterator[bytes]:
    with folders.open_file(real) as descriptor:
        while size > 0:
            block = os.pread(descriptor, min(_BLOCK, size), offset)
            if not block:
                return
            yield block
            offset += len(block)
            size -= len(block)


@router.get("/files")
@router.get("/projects/{project}/files")
def get_file(
    request: Request,
    path: str = Query(max_length=4096),
    size: int = Query(0, ge=0),
    offset: int = Query(0, ge=0),
) -> Response:
    """Send a file, or ``size`` bytes of it from ``offset`` on; of a path that ends with a slash, a folder's names."""
    real = _resolve(request, path)
    status = _stat(real, path)
    if stat.S_ISDIR(status.st_mode):
        if not path.endswith("/"):
            raise ApiError(404, f"{path[:300]!r} is a folder; add a slash to list it.")
        return Json({"listdir": sorted(file.name for file in real.iterdir() if not file.name.startswith("."))})
    if not stat.S_ISREG(status.st_mode):
        raise ApiError(404, f"No such file: {path[:300]!r}")
    length = max(0, status.st_size - offset)
    length = min(length, size) if size else length
    headers = {
        "content-length": str(length),
        "x-suggested-filename": quote(real.name),
        # An HTML report that is opened from here must not act with the rights of this address.
        "content-security-policy": "sandbox allow-scripts",
        "x-content-type-options": "nosniff",
    }
    kind = mimetypes.guess_type(real.name)[0] or "application/octet-stream"
    return StreamingResponse(_blocks(real, offset, length), media_type=kind, headers=headers)


@router.get("/plotly-{version}.min.js")
def get_library(version: str) -> Response:
    """Send the library of the plots, which pages of the store share; it is public, and its name states its content."""
    if f"plotly-{version}.min.js" != library_name():
        raise ApiError(404, "There is no such library of plots.")
    # Pages that are opened from disk, or from a sandbox, have no origin of their own.
    headers = {"access-control-allow-origin": "*", "cache-control": "public, max-age=31536000, immutable"}
    return Response(library_source(), media_type="text/javascript", headers=headers)


@router.get("/filestat")
@router.get("/projects/{project}/filestat")
def get_filestat(request: Request, path: str = Query(max_length=4096)) -> Response:
    """Return size, time of the last change and media type of a file."""
    real = _resolve(request, path)
    status = _stat(real, path)
    if not stat.S_ISREG(status.st_mode):
        raise ApiError(404, f"No such file: {path[:300]!r}")
    kind = mimetypes.guess_type(real.name)[0] or "application/octet-stream"
    return Json({"size": status.st_size, "modified": status.st_mtime, "mimetype": kind})
