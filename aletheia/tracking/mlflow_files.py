"""Artifacts of an exported run: copies of small files, references of everything."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aletheia.core.settings import get_settings
from aletheia.tracking import folders
from aletheia.tracking.mlflow_values import local_path
from aletheia.tracking.resources.artifacts import store_uri

if TYPE_CHECKING:
    from aletheia.tracking.mlflow_export import Exporter

MAX_FILE = 20_000_000
MAX_MODEL = 500_000_000
_MAX_FILES = 200
REFERENCES = "mlrun-artifacts.json"


def copy(exporter: Exporter, run_id: str, run: dict[str, Any]) -> None:
    """Copy the artifacts of a run (of a grid: the parent's own, each iteration's with the iteration)."""
    uid, iteration = run["metadata"]["uid"], int(run["metadata"].get("iteration") or 0)
    # The producer's address is <project>/<uid>[-<iteration>], also where the producer is a workflow.
    found = [
        item
        for item in exporter.reader.artifacts(exporter.project, producer_uri=uid, iter=iteration)
        if uid in ((item.get("spec") or {}).get("producer") or {}).get("uri", "")
    ]
    references = {}
    for item in found:
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
        exporter.result.copied += copied
        exporter.result.referenced += not copied
        if item["kind"] == "dataset":
            _log_dataset(exporter, run_id, item)
    if references:
        exporter.client.log_dict(run_id, references, REFERENCES)


def _log_dataset(exporter: Exporter, run_id: str, item: dict[str, Any]) -> None:
    """Say in MLflow's own way which data set a run made: name, digest and address, not the data."""
    import json

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
    """Copy an artifact's file, or the files of its folder, into a folder of its key; False when it stays
    behind.

    What is too large, elsewhere than on this disk, outside of the folders that may be read, or gone, is only
    referred to.
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
            exporter.client.log_artifact(run_id, str(file), str(Path(key) / inside))
    except OSError as error:
        exporter.result.problems.append(f"{key}: {error}")
        return False
    return True


def _files(folder: Path) -> list[Path]:
    """Regular files below a folder that may be read, links that lead out left aside."""
    home = get_settings().home.resolve()
    found = []
    for parent, _, names in os.walk(folder):
        for name in sorted(names):
            file = Path(parent) / name
            if file.is_file() and folders.resolve(home, str(file)) == file:
                found.append(file)
            if len(found) > _MAX_FILES:
                return found
    return found
