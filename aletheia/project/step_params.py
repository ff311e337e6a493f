"""Parameters of a step in a YAML file with sections (``params.yaml``), some of which several steps share."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from aletheia.core.errors import InputError
from aletheia.project.config_file import read_yaml
from aletheia.project.run_config import RunConfig


def read_params(file: Path, names: Sequence[str]) -> dict[str, Any]:
    """Read sections and single values of a file; paths in it are relative to its folder.

    Parameters
    ----------
    file : Path
        YAML.
    names : sequence of str
        A section, such as ``train``, gives all its values, a value, such as ``seed`` or ``faces.image_size``, itself.

    Returns
    -------
    dict
        Values by their names without sections.

    Raises
    ------
    InputError
        When the file cannot be read, a name is not in it, or two of its values have one name.
    """
    tree = read_yaml(file, "The file of parameters")
    values: dict[str, Any] = {}
    for name in names:
        value = _find(tree, name, file)
        found = value if isinstance(value, dict) else {name.rpartition(".")[2]: value}
        if twice := sorted(set(found) & set(values)):
            raise InputError(f"{file}: {twice[0]} is given twice, by {name} and before it.")
        values |= found
    return RunConfig.with_absolute_paths({str(key): value for key, value in values.items()}, file.resolve().parent)


def _find(tree: Any, name: str, file: Path) -> Any:
    value = tree
    for part in name.split("."):
        if not isinstance(value, dict) or part not in value:
            known = ", ".join(map(str, value)) if isinstance(value, dict) else "nothing"
            raise InputError(f"{file} has no {name}; there are: {known}.")
        value = value[part]
    return {} if value is None else value
