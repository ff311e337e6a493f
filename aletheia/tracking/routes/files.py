"""``/projects/{project}/files`` and ``/filestat``: what the UI shows of an artifact's data."""

from __future__ import annotations

import mimetypes
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import StreamingResponse

from aletheia.tracking import folders
from aletheia.tracking.queries import ApiError
from aletheia.tracking.web import Json

router = APIRouter()
_BLOCK = 1 << 18


def _resolve(request: Request, path: str) -> Path:
    real = folders.resolve(request.app.state.home, path)
    if real is None:
        # The same answer whether or not there is such a file: existence is told of allowed folders only.
        raise ApiError(
            403,
            f"{path[:300]!r} is outside of the artifact folder and the project folders."
            " To show it: aletheia tracking allow FOLDER",
        )
    return real


def _stat(real: Path, path: str) -> os.stat_result:
    try:
        return os.lstat(real)
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
    real = _resolve(request, path)
    status = _stat(real, path)
    if stat.S_ISDIR(status.st_mode):
        if not path.endswith("/"):
            raise ApiError(404, f"{path[:300]!r} is a folder; add a slash to list it.")
        return Json({"listdir": sorted(name for name in os.listdir(real) if not name.startswith("."))})
    if not stat.S_ISREG(status.st_mode):
        raise ApiError(404, f"No such file: {path[:300]!r}")
    length = max(0, status.st_size - offset)
    length = min(length, size) if size else length
    headers = {
        "content-length": str(length),
        "x-suggested-filename": quote(real.name),
        # An HTML report must not act in the name of this address when somebody opens it straight from here.
        "content-security-policy": "sandbox allow-scripts",
        "x-content-type-options": "nosniff",
    }
    kind = mimetypes.guess_type(real.name)[0] or "application/octet-stream"
    return StreamingResponse(_blocks(real, offset, length), media_type=kind, headers=headers)


@router.get("/filestat")
@router.get("/projects/{project}/filestat")
def get_filestat(request: Request, path: str = Query(max_length=4096)) -> Response:
    real = _resolve(request, path)
    status = _stat(real, path)
    if not stat.S_ISREG(status.st_mode):
        raise ApiError(404, f"No such file: {path[:300]!r}")
    kind = mimetypes.guess_type(real.name)[0] or "application/octet-stream"
    return Json({"size": status.st_size, "modified": status.st_mtime, "mimetype": kind})
