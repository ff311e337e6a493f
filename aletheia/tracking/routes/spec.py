"""Descriptions of the server: ``client-spec``, ``frontend-spec``, ``healthz``, and a status of our own."""

from __future__ import annotations

import os
from typing import Any

from fastapi import APIRouter, Request, Response

from aletheia import __version__
from aletheia.tracking import access, folders
from aletheia.tracking.constants import MLRUN_VERSION, SERVICE
from aletheia.tracking.resources import lost_runs, tasks
from aletheia.tracking.web import Db, Json

router = APIRouter()
status_router = APIRouter()  # outside of MLRun's API


def _artifact_path(request: Request) -> str:
    # The run's uid keeps the files of one run from overwriting those of another.
    return str(folders.artifact_root(request.app.state.home) / "{{project}}" / "{{run.uid}}")


def _identity(request: Request) -> dict[str, Any]:
    identity = {"service": SERVICE, "version": __version__, "pid": os.getpid()}
    return identity | ({"home": str(request.app.state.home)} if request.scope[access.TRUSTED] else {})


@router.get("/client-spec")
def client_spec(request: Request) -> Response:
    """Return the settings that the client takes over."""
    # Without namespace and kfp_url the client concludes that there is no cluster and runs everything locally.
    return Json({"version": MLRUN_VERSION, "namespace": "", "artifact_path": _artifact_path(request)})


@router.get("/healthz")
def healthz(request: Request) -> Response:
    """Identify this service to processes that look for a running one."""
    return Json({"status": "ok", **_identity(request), "recognised": request.scope[access.RECOGNISED]})


@router.get("/frontend-spec")
def frontend_spec(request: Request) -> Response:
    """Return the settings of the UI."""
    prefixes = [f"{folder}/" for folder in folders.allowed(request.app.state.home)]
    return Json(
        {
            "jobs_dashboard_url": None,
            "model_monitoring_dashboard_url": None,
            "abortable_function_kinds": ["", "local", "handler", "job"],
            "feature_flags": {
                "project_membership": "disabled",
                "authentication": "none",
                "nuclio_streams": "disabled",
                "preemption_nodes": "disabled",
            },
            "default_function_priority_class_name": "",
            "valid_function_priority_class_names": [],
            "default_function_image_by_kind": {},
            "function_deployment_target_image_template": "",
            "function_deployment_target_image_name_prefix_template": "",
            "function_deployment_target_image_registries_to_enforce_prefix": [],
            "function_deployment_mlrun_requirement": f"mlrun=={MLRUN_VERSION}",
            "auto_mount_type": "",
            "auto_mount_params": {},
            "default_artifact_path": _artifact_path(request),
            "default_function_pod_resources": {"requests": {}, "limits": {}},
            "default_function_preemption_mode": "prevent",
            "feature_store_data_prefixes": {},
            "allowed_artifact_path_prefixes_list": prefixes,
            "ce": {"mode": "embedded", "release": SERVICE},
            "internal_labels": ["kind", "owner", "host", "process", "workflow", "v3io_user"],
            "artifact_limits": {
                "max_chunk_size": 1 << 20,
                "max_preview_size": 10 << 20,
                "max_download_size": 100 << 20,
            },
        }
    )


@router.get("/background-tasks/{name}")
def get_task(request: Request, store: Db, name: str) -> Response:
    """Return a background task."""
    return Json(tasks.get(store, name), request=request)


@status_router.get("/aletheia/status")
def status(request: Request, store: Db) -> Response:
    """Count what is stored and list the unfinished runs; lost runs are marked as aborted first."""
    lost = request.app.state.owners.sweep()
    with store.read() as connection:
        counts = {
            table: connection.execute(f"SELECT COUNT(*) FROM {table}").fetchone()[0]
            for table in ("projects", "runs", "artifacts", "functions")
        }
    return Json(
        {
            **_identity(request),
            "database": str(store.path),
            "bytes": sum(file.stat().st_size for file in store.path.parent.glob(store.path.name + "*")),  # with its WAL
            "counts": counts,
            "lost": [{key: run[key] for key in ("project", "uid", "name")} for run in lost],
            "unfinished": lost_runs.unfinished(store),
        }
    )
