"""``project.yaml`` as the repository keeps it: what defines the project, its functions listed from the notebooks.

MLRun writes the file anew whenever it loads the project, with the folder and the repository of that moment in it. The
copy in the repository would never come to rest, and would carry one user's paths to the next.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from aletheia.core.errors import InputError
from aletheia.core.files import replacing

if TYPE_CHECKING:
    import mlrun

FILE = "project.yaml"
#: Fields that MLRun fills in by itself when it loads a project.
_TRANSIENT = ("artifact_path", "desired_state", "load_source_on_run", "origin_url", "owner", "source")


def function_url(name: str) -> str:
    """Return the place of a generated function below the project's folder."""
    return f"functions/{name}/function.yaml"


def read_definition(root: Path) -> dict[str, Any]:
    """Read ``project.yaml``.

    Raises
    ------
    InputError
        When there is none, or it is no MLRun project with a name.
    """
    path = root / FILE
    try:
        project: dict[str, Any] = yaml.safe_load(path.read_bytes())
        _, listed = project["metadata"]["name"], project["spec"].get("functions") or []
        if not all(isinstance(entry, dict) for entry in listed):
            raise TypeError("an entry of spec.functions is no mapping")
    except FileNotFoundError:
        raise InputError(f"There is no {path}. Name the folder of the project.") from None
    except (yaml.YAMLError, UnicodeDecodeError, TypeError, KeyError, AttributeError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"{path} is no MLRun project ({reason}). Restore it from git.") from None
    return project


def listed_functions(project: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the entries of ``spec.functions``."""
    return list(project["spec"].get("functions") or [])


def find_workflow(project: dict[str, Any], name: str) -> tuple[str, str]:
    """Return file, below the project's folder, and function of a workflow that ``project.yaml`` lists.

    Raises
    ------
    InputError
        When it lists no such workflow.
    """
    listed = [entry for entry in project["spec"].get("workflows") or [] if isinstance(entry, dict)]
    entry = next((entry for entry in listed if entry.get("name") == name), None)
    if entry is None or not isinstance(entry.get("path"), str):
        known = ", ".join(str(entry.get("name")) for entry in listed) or "none"
        raise InputError(f"{FILE} lists no workflow {name!r} with a path; there are: {known}.")
    return entry["path"], str(entry.get("handler") or name)


def write_functions(root: Path, names: Sequence[str]) -> list[Path]:
    """List functions in ``project.yaml``: those of the notebooks, in their order, then those from elsewhere (a hub).

    Everything else in the file, the workflows among it, stays as it is.

    Returns
    -------
    list of path
        The file, when it was changed.
    """
    project = read_definition(root)
    entries = [{"name": name, "url": function_url(name)} for name in names]
    from_elsewhere = [
        entry
        for entry in listed_functions(project)
        if "://" in str(entry.get("url", "")) and entry.get("name") not in names
    ]
    project["spec"]["functions"] = entries + from_elsewhere
    return [root / FILE] if _write(root / FILE, project) else []


def definition(project: dict[str, Any], names: Sequence[str] = ()) -> dict[str, Any]:
    """Return the lasting part of a project.

    Parameters
    ----------
    project : dict
        As ``MlrunProject.to_dict`` gives it.
    names : sequence of str
        Functions in the order in which they are to be listed; others come behind.

    Returns
    -------
    dict
        kind, metadata (name and labels) and spec; what is empty is left out.
    """
    spec = {
        key: value
        for key, value in project["spec"].items()
        if key not in _TRANSIENT and value not in (None, "", [], {})
    }
    if not (spec.get("model_monitoring") or {}).get("enabled"):
        spec.pop("model_monitoring", None)
    if "functions" in spec:
        rank = {name: i for i, name in enumerate(names)}
        spec["functions"] = sorted(spec["functions"], key=lambda entry: rank.get(entry.get("name"), len(rank)))
    kept = ("name", "labels", "annotations")
    metadata = {key: project["metadata"][key] for key in kept if project["metadata"].get(key)}
    return {"kind": "project", "metadata": metadata, "spec": spec}


def keep_definition(project: mlrun.projects.MlrunProject, names: Sequence[str] = ()) -> None:
    """Write ``project.yaml`` in its lasting form, now and whenever MLRun saves the project.

    Parameters
    ----------
    project : MlrunProject
        As loaded; `export` to a named file or archive stays what it is.
    names : sequence of str
        Functions in the order in which they are to be listed.
    """
    path = Path(project.spec.context) / FILE
    export = project.export

    def write(filepath: str | None = None, include_files: str | None = None) -> Any:
        if filepath:
            return export(filepath, include_files)
        _write(path, definition(project.to_dict(), names))
        return None

    project.export = write
    write()


def _write(path: Path, project: dict[str, Any]) -> bool:
    """Write a project unless the file already holds exactly this; return whether it was written."""
    # Sorted: MLRun keeps some keys in sets, whose order differs from process to process.
    data = yaml.safe_dump(project).encode()
    if path.read_bytes() == data:
        return False
    with replacing(path) as file:
        file.write(data)
    return True
