"""Artifacts of an exported run: small files are copied, all are referred to."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from aletheia.core.plot_library import library_inside, needs_library, with_library
from aletheia.core.settings import get_settings
from aletheia.tracking import folders
from aletheia.tracking.mlflow_curves import CURVES, log_curves
from aletheia.tracking.mlflow_exporter import Exporter
from aletheia.tracking.mlflow_values import local_path
from aletheia.tracking.resources.artifact_selector import store_uri

MAX_FILE = 20_000_000  # bytes of an artifact that is copied
MAX_MODEL = 500_000_000  # likewise of a model
_MAX_FILES = 200  # of a folder that is copied
REFERENCES = "mlrun-artifacts.json"


def copy_artifacts(exporter: Exporter, run_id: str, run: dict[str, Any]) -> None:
    """Copy the artifacts of a run or of one of its iterations, and write references to all of them.

    Parameters
    ----------
    exporter
        Of the run's project.
    run_id
        The copy in MLflow.
    run
        The run, as MLRun's API gives it.
    """
    uid, iteration = run["metadata"]["uid"], int(run["metadata"].get("iteration") or 0)
    # The producer's address is <project>/<uid>[-<iteration>], also if the producer is a workflow.
    artifacts = [
        item
        for item in exporter.reader.artifacts(exporter.project, producer_uri=uid, iter=iteration)
        if uid in ((item.get("spec") or {}).get("producer") or {}).get("uri", "")
    ]
    references = {}
    for item in artifacts:
        key, spec = item["metadata"]["key"], item.get("spec") or {}
        copied = item["kind"] != "dataset" and copy_files(exporter, run_id, item)
        references[key] = {
            "kind": item["kind"],
            "uri": store_uri(item),
            "path": spec.get("target_path"),
            "bytes": spec.get("size"),
            "hash": item["metadata"].get("hash"),
            "copied": copied,
        }
        exporter.summary.copied += copied
        exporter.summary.referenced += not copied
        if item["kind"] == "dataset":
            _log_dataset(exporter, run_id, item)
            if key == CURVES:
                log_curves(exporter, run_id, item, run["status"].get("start_time"))
    if references:
        exporter.client.log_dict(run_id, references, REFERENCES)


def _log_dataset(exporter: Exporter, run_id: str, item: dict[str, Any]) -> None:
    """Record a data set that a run produced as MLflow does: name, digest and address, not the data."""
    from mlflow.entities import Dataset, DatasetInput, InputTag

    metadata, spec = item["metadata"], item.get("spec") or {}
    dataset = Dataset(
        name=metadata["key"],
        digest=str(metadata.get("hash") or metadata["uid"])[:36],
        source_type="mlrun",
        source=json.dumps({"uri": store_uri(item), "path": spec.get("target_path")}),
        profile=json.dumps({"num_rows": spec.get("length")}) if spec.get("length") else None,
    )
    exporter.client.log_inputs(run_id, [DatasetInput(dataset, [InputTag("mlflow.data.context", "output")])])


def copy_files(exporter: Exporter, run_id: str, item: dict[str, Any]) -> bool:
    """Copy the file or files of an artifact into a folder named by its key; return whether they were copied.

    An artifact is not copied if it is too large, not on this disk, outside of the folders that may be read, or gone.
    """
    key, spec = item["metadata"]["key"], item.get("spec") or {}
    limit = MAX_MODEL if item["kind"] == "model" else MAX_FILE
    if isinstance(spec.get("inline"), str) and len(spec["inline"]) <= limit:
        exporter.client.log_text(run_id, spec["inline"], f"{key}/{key}.{spec.get('format') or 'txt'}")
        return True
    path = local_path(str(spec.get("target_path") or ""))
    if path is None:
        return False
    files = [path] if path.is_file() else _files(path)
    try:
        if not files or len(files) > _MAX_FILES or sum(file.stat().st_size for file in files) > limit:
            return False
        for file in files:
            inside = file.parent.relative_to(path) if path.is_dir() else Path()
            _copy_file(exporter, run_id, file, Path(key) / inside)
    except OSError as error:
        exporter.summary.problems.append(f"{key}: {error}")
        return False
    return True


def _copy_file(exporter: Exporter, run_id: str, file: Path, folder: Path) -> None:
    """Copy a file; a page with plots takes their library along when it goes to another machine."""
    if file.suffix == ".html" and exporter.summary.uri.startswith(("http://", "https://")):
        page = file.read_text("utf-8", errors="surrogateescape")
        if needs_library(page):
            exporter.client.log_text(run_id, with_library(page, library_inside()), str(folder / file.name))
            return
    exporter.client.log_artifact(run_id, str(file), str(folder))


def _files(folder: Path) -> list[Path]:
    """List the regular files below a folder that may be read; links that lead out of it are left out."""
    home = get_settings().home.resolve()
    files: list[Path] = []
    for parent, _, names in os.walk(folder):
        for name in sorted(names):
            file = Path(parent) / name
            if file.is_file() and folders.resolve(home, str(file)) == file:
                files.append(file)
            if len(files) > _MAX_FILES:
                return files
    return files
