"""Folders of the project: its root and its data."""

from __future__ import annotations

import os
from pathlib import Path

from aletheia.core.errors import InputError


def project_root(start: str | Path | None = None) -> Path:
    """Find the folder with ``project.yaml``: ``start`` (default: the working directory) or the nearest one above it.

    The environment variable ``ALETHEIA_PROJECT`` names it from anywhere.

    Raises
    ------
    InputError
        When there is no such folder.
    """
    named = os.environ.get("ALETHEIA_PROJECT") if start is None else None
    start = Path(named or start or ".").resolve()
    for folder in (start, *start.parents):
        if (folder / "project.yaml").is_file():
            return folder
    raise InputError(
        f"No project.yaml in {start} or above it. Run this inside the project, or name the project's folder "
        "in ALETHEIA_PROJECT."
    )


def data_folder() -> Path:
    """Return the folder for generated data and face crops: ``ALETHEIA_DATA``, else ``data/`` of the project.

    Outside a project (in a pod, say) it is ``data/`` of the working directory.
    """
    named = os.environ.get("ALETHEIA_DATA")
    if named:
        return Path(named).resolve()
    try:
        return project_root() / "data"
    except InputError:
        return Path("data").resolve()
