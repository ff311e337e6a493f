"""The package declares what it imports."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions

from .commands import ROOT

#: Imported when they are asked for: IPython by notebooks, Optuna by a search; both are in extras.
_OPTIONAL = {"IPython", "optuna"}


def normalised(requirement: str) -> str:
    return re.sub(r"[-_.]+", "-", re.match(r"[\w.-]+", requirement)[0]).lower()


def imported_modules() -> set[str]:
    """Top-level names of other packages that the package imports anywhere."""
    names: set[str] = set()
    for path in (ROOT / "aletheia").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                names.update(alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names.add(node.module)
    return {name.split(".")[0] for name in names} - sys.stdlib_module_names - {"aletheia"}


def test_every_import_is_a_declared_dependency():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    declared = {normalised(requirement) for requirement in project["dependencies"]}
    providers = packages_distributions()
    modules = imported_modules() - _OPTIONAL
    assert {"numpy", "cv2", "yaml"} <= modules
    undeclared = {
        name for name in modules if not declared & {normalised(provider) for provider in providers.get(name, [name])}
    }
    assert undeclared == set()
