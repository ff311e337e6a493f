"""Names of models in MLflow, brought in line with the tags whenever a command changes or reads them.

A promotion moves the tag in one transaction of the tracking service; MLflow is another database, and a process can be
killed between the two. So what MLflow was last told is noted, after it was told: whoever finds another model in
production than is noted tells MLflow again. That also covers changes by other programs, and an MLflow that was away.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
from pathlib import Path
from typing import Any

from aletheia.core.errors import InputError
from aletheia.core.files import atomic_write, check_file
from aletheia.core.settings import get_settings
from aletheia.lifecycle.model_versions.catalog import Catalog
from aletheia.release.registry import MODEL_KEY

logger = logging.getLogger("aletheia.lifecycle")
_FILE = "mlflow-aliases.json"
_MAX_BYTES = 1_000_000


def align_aliases(catalog: Catalog, project: str) -> bool:
    """Bring MLflow's aliases of the registered models in line with their tags, if anything has changed since.

    Does nothing without ``MLFLOW_TRACKING_URI``. Only then, and only after a change, is MLflow imported. An MLflow that
    does not answer is logged as a warning: it changes nothing about what is in production, and the next command tries
    again.

    Parameters
    ----------
    catalog : Catalog
        As the tags are now.
    project : str
        Its project.

    Returns
    -------
    bool
        Whether MLflow was told.
    """
    uri = os.environ.get("MLFLOW_TRACKING_URI")
    if not uri:
        return False
    place = hashlib.sha256(f"{uri} {project}".encode()).hexdigest()[:24]  # the address may hold a password
    state, noted = _state(catalog), _read()
    if noted.get(place) == state:
        return False
    from aletheia.tracking.mlflow_export import export_models

    try:
        export_models(project, uri, key=MODEL_KEY)
    except InputError as error:
        logger.warning("MLflow still names the models as before (the next command tries again): %s", error)
        return False
    with atomic_write(_path()) as file:
        file.write(json.dumps({**_read(), place: state}).encode())
    return True


def _state(catalog: Catalog) -> str:
    """Return a digest of which model has which tag."""
    tags = sorted((model.uid, model.tags) for model in catalog.models)
    return hashlib.sha256(json.dumps(tags).encode()).hexdigest()


def _path() -> Path:
    return get_settings().home / _FILE


def _read() -> dict[str, Any]:
    """Read what was noted; nothing where that is missing or damaged, so that MLflow is told again."""
    try:
        check_file(_path(), _MAX_BYTES)
        values = json.loads(_path().read_bytes())
    except (OSError, ValueError):
        return {}
    return values if isinstance(values, dict) else {}
