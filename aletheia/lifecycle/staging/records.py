"""Staging reports as the runs of MLRun hold them: which files were tested, and what came out."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from aletheia.lifecycle.model_versions.catalog import LABEL
from aletheia.lifecycle.model_versions.history import DEPLOY
from aletheia.models.model_files import MAX_SPEC_BYTES, SPEC, check_model_file

STAGING, PRODUCTION = "staging", "production"
ENVIRONMENTS = (STAGING, PRODUCTION)


def bundle_hash(folder: Path) -> str:
    """Return the SHA-256 of a bundle's ``model.json``, which holds that of every other file: 64 hexadecimal digits.

    Raises
    ------
    InputError
        When it is missing or too large.
    """
    file = folder / SPEC
    check_model_file(file, MAX_SPEC_BYTES)
    return hashlib.sha256(file.read_bytes()).hexdigest()


def newest_staging(runs: Iterable[dict[str, Any]], bundle: str) -> dict[str, Any] | None:
    """Return the last run that tested a bundle in staging to its end; None when there is none.

    Parameters
    ----------
    runs : iterable of dict
        Of `aletheia.lifecycle.model_versions.catalog.Catalog`, by the time of their start.
    bundle : str
        See `bundle_hash`.
    """
    found = None
    for run in runs:
        results = run["status"].get("results") or {}
        is_staging = run["metadata"]["labels"].get(LABEL) == DEPLOY and results.get("environment") == STAGING
        if is_staging and run["status"].get("state") == "completed" and results.get("bundle") == bundle:
            found = run
    return found


def has_passed(run: dict[str, Any] | None) -> bool:
    """Whether a run of `newest_staging` says that every check passed, or was accepted by name."""
    return run is not None and (run["status"].get("results") or {}).get("passed") is True
