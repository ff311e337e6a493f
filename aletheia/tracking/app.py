"""The FastAPI application of the tracking service."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import shutil
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import anyio.to_thread
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from aletheia.tracking import access
from aletheia.tracking.owners import Owners
from aletheia.tracking.queries import ApiError
from aletheia.tracking.routes import (
    absent,
    artifacts,
    files,
    functions,
    model_versions,
    pipelines,
    projects,
    runs,
    spec,
)
from aletheia.tracking.store import Store
from aletheia.tracking.web import LocalOnly, error

logger = logging.getLogger("aletheia.tracking")
_THREADS = 8
_SWEEP_SECONDS = 30  # between two searches for lost runs


def create_app(store: Store, home: Path, port: int) -> FastAPI:
    """Build the application.

    Parameters
    ----------
    store
        The open database.
    home
        Folder of the database, the artifacts and the list of folders that may be read.
    port
        Port that clients connect to, by which their connections are recognised.
    """

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        # Each thread has a database connection with a cache of its own; few threads keep the process small.
        anyio.to_thread.current_default_thread_limiter().total_tokens = _THREADS
        sweeper = asyncio.create_task(_sweep(app))
        yield
        sweeper.cancel()

    # No interactive documentation: its pages load scripts from other hosts.
    app = FastAPI(title="Aletheia tracking", openapi_url=None, lifespan=lifespan)
    app.state.store = store
    app.state.home = home
    app.state.owners = Owners(store, port)
    for version in ("v1", "v2"):
        for module in (spec, projects, runs, artifacts, model_versions, functions, pipelines, files, absent):
            app.include_router(module.router, prefix=f"/api/{version}")
    app.include_router(spec.status_router)
    app.include_router(absent.nuclio)
    app.include_router(absent.nuclio, prefix="/nuclio")  # under which the UI's server passes them on
    app.include_router(absent.fallback)
    app.add_middleware(access.OwnerOnly, token=access.make_token(home), server_port=port)
    app.add_middleware(LocalOnly)
    _add_error_handlers(app)
    return app


async def _sweep(app: FastAPI) -> None:
    """Mark lost runs as aborted, now and again, until cancelled."""
    while True:
        try:
            for run in await asyncio.to_thread(app.state.owners.sweep):
                logger.warning("run %s of project %s was lost", run["uid"], run["project"])
        except sqlite3.Error as exception:
            logger.error("the search for lost runs failed: %s", exception)
        await asyncio.sleep(_SWEEP_SECONDS)


def _is_disk_full(exception: sqlite3.Error, database: Path) -> bool:
    """Whether the disk, or the database's limit, is full; a log that cannot grow may appear as an I/O error."""
    code = getattr(exception, "sqlite_errorcode", 0) & 0xFF
    return code == sqlite3.SQLITE_FULL or (
        code == sqlite3.SQLITE_IOERR and shutil.disk_usage(database.parent).free < 1 << 20
    )


def _add_error_handlers(app: FastAPI) -> None:
    @app.exception_handler(ApiError)
    def api_error(request: Request, exception: ApiError) -> Response:
        return error(exception.status, exception.detail)

    @app.exception_handler(RequestValidationError)
    def validation_error(request: Request, exception: RequestValidationError) -> Response:
        lines = [f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in exception.errors()]
        return error(422, "; ".join(lines))

    @app.exception_handler(HTTPException)
    def http_error(request: Request, exception: HTTPException) -> Response:
        return error(exception.status_code, f"{exception.detail}: {request.method} {request.url.path[:200]}")

    @app.exception_handler(UnicodeEncodeError)
    def unicode_error(request: Request, exception: UnicodeEncodeError) -> Response:
        return error(400, "The request holds text that is no valid Unicode.")

    @app.exception_handler(sqlite3.Error)
    def database_error(request: Request, exception: sqlite3.Error) -> Response:
        database = app.state.store.path
        logger.error("%s %s: %s", request.method, request.url.path, exception)
        if _is_disk_full(exception, database):
            # Not 500 or 503, after which the client would try again: waiting does not make room.
            return error(
                507,
                f"The disk is full, or the tracking database {database} has reached its limit: nothing of this"
                " request was stored, what was stored before is safe. Make room and run again.",
            )
        return error(500, f"The tracking database {database} failed: {exception}")
