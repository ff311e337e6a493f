"""Tagged models in MLflow's registry: keys become registered models, artifacts versions, and tags aliases."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from aletheia.tracking import mlflow_files
from aletheia.tracking.mlflow_exporter import Exporter
from aletheia.tracking.resources.artifact_selector import store_uri

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run
    from mlflow.entities.model_registry import ModelVersion

_ARTIFACT, _ALIASES, _TAGS = "mlrun.artifact_uid", "mlrun.aliases", "mlrun.tags"


def register_models(exporter: Exporter, key: str | None = None) -> None:
    """Register the models that carry a tag, of one key or all; of a hyper-parameter run only the best."""
    # All iterations are tagged latest.
    models = [
        item
        for item in exporter.reader.artifacts(exporter.project, kind="model", **{"best-iteration": "true"})
        if item["metadata"]["tags"]
    ]
    by_name: dict[str, list[dict[str, Any]]] = {}
    for item in sorted(models, key=lambda item: item["metadata"].get("updated", "")):
        name = (item.get("spec") or {}).get("db_key") or item["metadata"]["key"]
        if key in (None, name):
            by_name.setdefault(f"{exporter.project}.{name}", []).append(item)
    for name, items in by_name.items():
        _register(exporter, name, items)


def _register(exporter: Exporter, name: str, items: list[dict[str, Any]]) -> None:
    client = exporter.client
    if not client.search_registered_models(f"name = '{name}'"):
        client.create_registered_model(name, tags={"mlrun.project": exporter.project})
    versions = {
        version.tags[_ARTIFACT]: version
        for version in client.search_model_versions(f"name = '{name}'")
        if _ARTIFACT in version.tags
    }
    aliases: dict[str, str] = {}
    for item in items:
        uid, tags = item["metadata"]["uid"], sorted(set(item["metadata"]["tags"]))
        version = versions.get(uid) or _create_version(exporter, name, item)
        if version.tags.get(_TAGS) != ",".join(tags):
            client.set_model_version_tag(name, version.version, _TAGS, ",".join(tags))
        # MLflow reserves "latest" for the newest version.
        aliases |= {alias_for_tag(tag): version.version for tag in tags if tag != "latest"}
    _set_aliases(client, name, aliases)


def _set_aliases(client: MlflowClient, name: str, aliases: dict[str, str]) -> None:
    """Set the aliases (version by alias) and delete those of an earlier export; aliases of others stay."""
    model = client.get_registered_model(name)
    exported = [alias for alias in model.tags.get(_ALIASES, "").split(",") if alias]
    if ours := set(aliases) - set(exported):
        # First, so that an export that is killed leaves no alias that the next one takes for somebody else's.
        client.set_registered_model_tag(name, _ALIASES, ",".join(sorted({*exported, *ours})))
    for alias in set(exported) - set(aliases):
        client.delete_registered_model_alias(name, alias)
    for alias, version in aliases.items():
        if str(model.aliases.get(alias)) != str(version):
            client.set_registered_model_alias(name, alias, version)
    if ours or exported != sorted(aliases):
        client.set_registered_model_tag(name, _ALIASES, ",".join(sorted(aliases)))


def alias_for_tag(tag: str) -> str:
    """Convert a tag to an alias that MLflow accepts; ``v1`` would be taken for a version number."""
    name = re.sub(r"[^\w-]", "-", tag)
    return f"tag-{name}" if re.fullmatch(r"v\d+", name, re.IGNORECASE) else name


def _create_version(exporter: Exporter, name: str, item: dict[str, Any]) -> ModelVersion:
    metadata, spec = item["metadata"], item.get("spec") or {}
    run, has_files = _source_run(exporter, item)
    if not has_files:
        mlflow_files.copy_files(exporter, run.info.run_id, item)
    exporter.summary.models += 1
    tags = {_ARTIFACT: metadata["uid"], "mlrun.uri": store_uri(item)}
    if version := (metadata.get("labels") or {}).get("version"):
        tags["version"] = version
    tags |= {f"metric.{key}": str(value) for key, value in (spec.get("metrics") or {}).items()}
    return exporter.client.create_model_version(
        name,
        source=f"{run.info.artifact_uri}/{metadata['key']}",
        run_id=run.info.run_id,
        tags=tags,
        description=metadata.get("description") or f"{store_uri(item)}",
    )


def _source_run(exporter: Exporter, item: dict[str, Any]) -> tuple[Run, bool]:
    """Return the MLflow run that produced a model, and whether that has its files already.

    A model that was logged by the project itself has no run; one is created for it, with its metrics.
    """
    metadata, spec = item["metadata"], item.get("spec") or {}
    uri = str((spec.get("producer") or {}).get("uri") or "")
    match = re.fullmatch(r"(?:.*/)?(?P<uid>[0-9a-f]{8,})(?:-\d+)?", uri)
    producer = exporter.copies.get((match["uid"], int(metadata.get("iter") or 0))) if match else None
    if producer is not None and producer.info.lifecycle_stage != "deleted":
        return producer, bool(exporter.client.list_artifacts(producer.info.run_id, metadata["key"]))
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
