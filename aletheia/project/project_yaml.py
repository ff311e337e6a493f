"""``project.yaml`` as people keep it: what defines the project, and nothing of the machine that it was loaded on.

MLRun writes the file anew whenever it loads the project, with the folder and the repository of that moment in it. The
copy in the repository would never come to rest, and would carry one user's paths to the next.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from aletheia.core.files import replacing

if TYPE_CHECKING:
    import mlrun

#: What MLRun fills in by itself when it loads a project.
_OF_THE_MOMENT = ("artifact_path", "desired_state", "load_source_on_run", "origin_url", "owner", "source")


def definition(project: dict[str, Any]) -> dict[str, Any]:
    """The lasting part of a project.

    Parameters
    ----------
    project : dict
        As ``MlrunProject.to_dict`` gives it.

    Returns
    -------
    dict
        kind, metadata (name and labels) and spec; what is empty is left out.
    """
    spec = {
        key: value
        for key, value in project["spec"].items()
        if key not in _OF_THE_MOMENT and value not in (None, "", [], {})
    }
    if not (spec.get("model_monitoring") or {}).get("enabled"):
        spec.pop("model_monitoring", None)
    kept = ("name", "labels", "annotations")
    metadata = {key: project["metadata"][key] for key in kept if project["metadata"].get(key)}
    return {"kind": "project", "metadata": metadata, "spec": spec}


def keep_definition(project: mlrun.projects.MlrunProject) -> None:
    """Write ``project.yaml`` in its lasting form, now and whenever MLRun saves the project.

    Parameters
    ----------
    project : MlrunProject
        As loaded; `export` to a named file or archive stays what it is.
    """
    path = Path(project.spec.context) / "project.yaml"
    export = project.export

    def write(filepath: str | None = None, include_files: str | None = None) -> Any:
        if filepath:
            return export(filepath, include_files)
        # Sorted: MLRun keeps some keys in sets, whose order differs from process to process.
        text = yaml.safe_dump(definition(project.to_dict()))
        if path.read_text() != text:
            with replacing(path) as file:
                file.write(text.encode())
        return None

    project.export = write
    write()
