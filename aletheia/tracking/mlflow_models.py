"""Tagged models in MLflow's registry: a registered model a key, a version an artifact, an alias a tag."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from aletheia.tracking import mlflow_files
from aletheia.tracking.resources.artifacts import store_uri

if TYPE_CHECKING:
    from mlflow.entities import Run
    from mlflow.entities.model_registry import ModelVersion

    from aletheia.tracking.mlflow_export import Exporter

_ARTIFACT, _ALIASES, _TAGS = "mlrun.artifact_uid", "mlrun.aliases", "mlrun.tags"


def register(exporter: Exporter) -> None:
    """Register the models that carry a tag; of a grid only the best iteration's (all are tagged latest)."""
    models = [
        item
        for item in exporter.reader.artifacts(exporter.project, kind="model", **{"best-iteration": "true"})
        if item["metadata"]["tags"]
    ]
    by_name: dict[str, list[dict[str, Any]]] = {}
    for item in sorted(models, key=lambda item: item["metadata"].get("updated", "")):
        key = (item.get("spec") or {}).get("db_key") or item["metadata"]["key"]
        by_name.setdefault(f"{exporter.project}.{key}", []).append(item)
    for name, items in by_name.items():
        _register(exporter, name, items)


def _register(exporter: Exporter, name: str, items: list[dict[str, Any]]) -> None:
    client = exporter.client
    if not client.search_registered_models(f"name = '{name}'"):
        client.create_registered_model(name, tags={"mlrun.project": exporter.project})
    known = {
        version.tags[_ARTIFACT]: version
        for version in client.search_model_versions(f"name = '{name}'")
        if _ARTIFACT in version.tags
    }
    aliases: dict[str, str] = {}
    for item in items:
        uid, tags = item["metadata"]["uid"], sorted(set(item["metadata"]["tags"]))
        version = known.get(uid) or _create_version(exporter, name, item)
        if version.tags.get(_TAGS) != ",".join(tags):
            client.set_model_version_tag(name, version.version, _TAGS, ",".join(tags))
        aliases |= {alias(tag): version.version for tag in tags if tag != "latest"}
    current = client.get_registered_model(name)
    ours = [entry for entry in current.tags.get(_ALIASES, "").split(",") if entry]
    for gone in set(ours) - set(aliases):
        client.delete_registered_model_alias(name, gone)
    for entry, version in aliases.items():
        if str(current.aliases.get(entry)) != str(version):
            client.set_registered_model_alias(name, entry, version)
    if ours != sorted(aliases):
        client.set_registered_model_tag(name, _ALIASES, ",".join(sorted(aliases)))


def alias(tag: str) -> str:
    """A tag as MLflow allows it for an alias. ``latest`` is MLflow's own word for the newest version."""
    name = re.sub(r"[^\w-]", "-", tag)
    return f"tag-{name}" if re.fullmatch(r"v\d+", name, re.IGNORECASE) else name


def _create_version(exporter: Exporter, name: str, item: dict[str, Any]) -> ModelVersion:
    metadata, spec = item["metadata"], item.get("spec") or {}
    run, holds = _run_of(exporter, item)
    if not holds:
        mlflow_files.copy_files(exporter, run.info.run_id, item)
    exporter.result.models += 1
    tags = {_ARTIFACT: metadata["uid"], "mlrun.uri": store_uri(item)}
    tags |= {f"metric.{key}": str(value) for key, value in (spec.get("metrics") or {}).items()}
    return exporter.client.create_model_version(
        name,
        source=f"{run.info.artifact_uri}/{metadata['key']}",
        run_id=run.info.run_id,
        tags=tags,
        description=metadata.get("description") or f"{store_uri(item)}",
    )


def _run_of(exporter: Exporter, item: dict[str, Any]) -> tuple[Run, bool]:
    """The MLflow run that a model came from, and whether its files are there already.

    A model that the project itself logged came from no run; it gets one of its own, with its metrics.
    """
    metadata, spec = item["metadata"], item.get("spec") or {}
    uri = str((spec.get("producer") or {}).get("uri") or "")
    match = re.fullmatch(r"(?:.*/)?(?P<uid>[0-9a-f]{8,})(?:-\d+)?", uri)
    found = exporter.copies.get((match["uid"], int(metadata.get("iter") or 0))) if match else None
    if found is not None and found.info.lifecycle_stage != "deleted":
        return found, bool(exporter.client.list_artifacts(found.info.run_id, metadata["key"]))
    tags = {"mlrun.kind": "project-model", "mlrun.uri": store_uri(item)}
    run, created = exporter.copy_for(
        f"model-{metadata['uid']}", 0, f"model {metadata['key']}", metadata.get("created"), tags
    )
    if created:
        exporter.log(
            run,
            params=spec.get("parameters") or {},
            metrics=spec.get("metrics") or {},
            tags={"mlrun.kind": "project-model"},
            moment=metadata.get("updated"),
        )
        exporter.client.set_terminated(run.info.run_id, "FINISHED")
    return run, False
