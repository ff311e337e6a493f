"""Registered models: lookup by one request to the tracking service, without importing MLRun, and download."""

from __future__ import annotations

import dataclasses
import re
import shutil
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import quote, unquote, urlencode, urlparse

from aletheia.core.buckets.addresses import is_bucket_url
from aletheia.core.errors import InputError
from aletheia.core.tempdirs import TemporaryFolder
from aletheia.models.model_files import EXPLAIN, GOLDEN, INT8, ONNX, PROFILE, SPEC, TYPICAL, WEIGHTS

#: Name of the project at the tracking server.
PROJECT = "aletheia"
MODEL_KEY = "detector"
PRODUCTION = "production"
CANDIDATE = "candidate"

_URI = re.compile(
    r"store://models/(?P<project>[\w-]+)/(?P<key>[\w.-]+?)(#\d+)?(:(?P<tag>[\w.-]+))?(@(?P<tree>[\w-]+))?(\^.*)?"
)

_fetched: list[TemporaryFolder] = []  # as long as the process lives


@dataclasses.dataclass(frozen=True)
class RegisteredModel:
    """A registered model, or a bundle in a folder.

    Attributes
    ----------
    folder : Path
        Of the bundle.
    uri : str
        ``store://models/…``; of a folder its path.
    tag : str
        Empty for a folder.
    version : str
        Such as v1.2.3; empty for a folder, and for a model registered before there were versions.
    uid : str
        Of the artifact; empty for a folder.
    """

    folder: Path
    uri: str
    tag: str
    version: str = ""
    uid: str = ""


def find_model(model: str | None = None, *, project: str = PROJECT) -> RegisteredModel:
    """Find the bundle of a model.

    Parameters
    ----------
    model : str, optional
        A folder with ``model.safetensors`` and ``model.json``, also in a bucket (``s3://…``), a ``store://models/…``
        URI, or a tag of the registered model. By default the model tagged ``production``, else the ``candidate``.
    project : str
        The project that registered it.

    Returns
    -------
    RegisteredModel

    Raises
    ------
    InputError
        When there is no such model, or its files are not on this machine.
    """
    if model and is_bucket_url(model):
        from aletheia.release.bucket_bundles import fetch_bundle

        return RegisteredModel(fetch_bundle(model), str(model).rstrip("/"), "")
    if model and (Path(model) / "model.json").is_file():
        return RegisteredModel(Path(model), str(Path(model)), "")
    if model and not model.startswith("store://") and ("/" in model or Path(model).exists()):
        raise InputError(f"{model} holds no model: it needs model.safetensors and model.json.")
    if model and model.startswith("store://"):
        match = _URI.fullmatch(model)
        if not match:
            raise InputError(f"{model} is not a model's URI; expected store://models/PROJECT/KEY:TAG.")
        wanted = [(match["project"], match["key"], {"tag": match["tag"], "tree": match["tree"]})]
    else:
        tags = [model] if model else [PRODUCTION, CANDIDATE]
        wanted = [(project, MODEL_KEY, {"tag": tag, "tree": None}) for tag in tags]
    for owner, key, version in wanted:
        if registered := _look_up(owner, key, version):
            return registered
    missing = f"model {model}" if model else f"model tagged {PRODUCTION} or {CANDIDATE}"
    raise InputError(
        f"There is no {missing} in the project {project}. `aletheia models list` shows those that are there; "
        "`make demo` or `aletheia run` trains one."
    )


def production_model(*, project: str = PROJECT) -> tuple[str, Path | None] | None:
    """Return URI and folder of the model in production, downloaded when it lies in a remote store.

    None when there is no such model; no folder when its files are gone.
    """
    if _artifact(project, MODEL_KEY, {"tag": PRODUCTION, "tree": None}) is None:
        return None
    uri = f"store://models/{project}/{MODEL_KEY}:{PRODUCTION}"
    try:
        return uri, fetch_model(uri)
    except Exception:  # stores raise errors of many kinds; the evaluation reports that it could not compare
        return uri, None


def production_weights(*, project: str = PROJECT) -> str | None:
    """Return the beginning of the SHA-256 of the weights in production.

    "" when there is no such model, None when it was registered without that label.
    """
    artifact = _artifact(project, MODEL_KEY, {"tag": PRODUCTION, "tree": None})
    return "" if artifact is None else (artifact["metadata"].get("labels") or {}).get("weights")


def fetch_model(model: Any) -> Path:
    """Return a folder with the bundle of a logged model.

    From a bucket it is fetched into the mirror; from another remote store it is downloaded for this process.

    Parameters
    ----------
    model : DataItem or str
        The input of a handler, or a ``store://models/…`` URI.

    Raises
    ------
    InputError
        When the artifact is not one of our bundles.
    """
    import mlrun

    item = model if hasattr(model, "artifact_url") else mlrun.get_dataitem(str(model))
    if is_bucket_url(item.url):
        from aletheia.release.bucket_bundles import fetch_bundle

        labels = getattr(item.meta, "labels", None) or {}
        return fetch_bundle(item.url, weights=labels.get("weights", ""), ask=False)
    file, _, extra = mlrun.artifacts.get_model(model, suffix=".safetensors")
    folder = Path(file).parent
    if (folder / SPEC).is_file():
        return folder
    if SPEC not in extra:
        raise InputError(f"{model} is no model bundle: there is no {SPEC} beside its weights.")
    # A remote store's client downloads each file to a name of its own.
    _fetched.append(TemporaryFolder("model"))
    folder = _fetched[-1].folder
    shutil.copy(file, folder / WEIGHTS)
    for name in (SPEC, ONNX, INT8, EXPLAIN, TYPICAL, PROFILE, GOLDEN):
        if name in extra:
            extra[name].download(str(folder / name))
    return folder


def registered_model(artifact: dict[str, Any], tag: str) -> RegisteredModel:
    """Return the model of an artifact, as the tracking server sent it, that was asked for by a tag.

    Raises
    ------
    InputError
        When its files are not on this machine.
    """
    metadata, spec, labels = artifact["metadata"], artifact["spec"], artifact["metadata"].get("labels") or {}
    key = spec.get("db_key") or metadata["key"]
    uri = f"store://models/{metadata['project']}/{key}:{tag}"
    folder = _local_folder(spec["target_path"], labels.get("weights", ""))
    return RegisteredModel(folder, uri, tag, labels.get("version", ""), metadata.get("uid") or "")


def _look_up(project: str, key: str, version: dict[str, Any]) -> RegisteredModel | None:
    artifact = _artifact(project, key, version)
    if artifact is None:
        return None
    return registered_model(artifact, version["tag"] or artifact["metadata"].get("tag") or "")


def _artifact(project: str, key: str, version: dict[str, Any]) -> dict[str, Any] | None:
    from aletheia.tracking import ensure_tracking
    from aletheia.tracking.access import without_token
    from aletheia.tracking.service import request_json

    query = urlencode({name: value for name, value in version.items() if value})
    url = f"{ensure_tracking()}/api/v2/projects/{quote(project)}/artifacts/{quote(key)}?{query}"
    try:
        body = request_json(url, timeout=60)
    except HTTPError as error:
        if error.code == HTTPStatus.NOT_FOUND:
            return None
        raise InputError(
            f"The tracking service answered {without_token(url)} with {error.code}: {error.reason}."
        ) from None
    except OSError as error:
        raise InputError(f"The tracking service did not answer {without_token(url)}: {error}.") from None
    artifact: dict[str, Any] = body.get("data", body)
    return artifact


def _local_folder(target: str, weights: str) -> Path:
    if is_bucket_url(target):
        from aletheia.release.bucket_bundles import fetch_bundle

        return fetch_bundle(target, weights=weights, ask=False)
    parts = urlparse(target)
    path = Path(unquote(parts.path) if parts.scheme == "file" else target)
    if parts.scheme not in ("", "file"):
        raise InputError(f"The model lies at {target}, not on this machine; download that folder and name it.")
    folder = path if path.is_dir() else path.parent
    if not (folder / "model.json").is_file():
        raise InputError(f"The registered model's files are gone from {folder}; train it again with `make demo`.")
    return folder
