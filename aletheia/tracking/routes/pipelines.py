"""``/projects/{project}/pipelines``: the workflows that ran, as the UI and the client list them."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response

from aletheia.tracking.resources import pipelines
from aletheia.tracking.web import Db, Json

router = APIRouter(prefix="/projects/{project}/pipelines")


@router.get("")
def list_pipelines(
    store: Db,
    project: str,
    page_token: Annotated[str, Query(pattern="^[0-9]{0,9}$")] = "",
    page_size: Annotated[int, Query(ge=0, le=200)] = 200,
) -> Response:
    """List workflows, the newest first; the token of the next page is the number of its first row."""
    first, rows = int(page_token or 0), page_size or 200
    found, total = pipelines.list_pipelines(store, project, first, rows)
    following = first + len(found)
    token = str(following) if following < total else None
    return Json({"runs": found, "total_size": total, "next_page_token": token})


@router.get("/{uid}")
def get_pipeline(store: Db, project: str, uid: str) -> Response:
    """Return a workflow with the graph of its steps."""
    return Json(pipelines.get_pipeline(store, project, uid))
