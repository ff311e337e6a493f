"""``/projects/{project}/model-versions/{key}``: not part of MLRun's API; an MLRun server answers 404 here."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from aletheia.tracking.resources import model_versions
from aletheia.tracking.web import Body, Db, Json

router = APIRouter(prefix="/projects/{project}/model-versions")


@router.get("/{key}")
def list_versions(request: Request, store: Db, project: str, key: str) -> Response:
    """Return every version that was claimed, and every change of production."""
    return Json(model_versions.listing(store, project, key), request=request)


@router.post("/{key}")
def claim_version(request: Request, store: Db, project: str, key: str, body: Body) -> Response:
    """Claim a version; 409 when it was given before."""
    return Json(model_versions.claim(store, project, key, body), 201, request=request)
