"""The package declares what it imports."""

from __future__ import annotations

import ast
import contextlib
import re
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, packages_distributions, requires

from packaging.requirements import Requirement

from .commands import ROOT

#: A second OpenCV overwrites the files of the headless one; the others are large and never imported.
_UNWANTED = {"jax", "jaxlib", "mediapipe", "opencv-contrib-python", "opencv-python", "sentencepiece", "sounddevice"}
#: Imported when they are asked for, and in extras: IPython (notebooks), Optuna (a search), dlib (comparing faces); and
#: Kubeflow's compiler, which has an environment of its own.
_OPTIONAL = {"IPython", "botocore", "dlib", "kfp", "optuna", "urllib3"}


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


def required(requirements: list[str]) -> set[str]:
    """Names of all packages that pip would install for these requirements, by the metadata of what is installed."""
    todo, seen = [(Requirement(text), "") for text in requirements], set()
    while todo:
        requirement, wanted_by = todo.pop()
        if requirement.marker and not requirement.marker.evaluate({"extra": wanted_by}):
            continue
        name = normalised(requirement.name)
        for extra in {"", *requirement.extras} - {extra for known, extra in seen if known == name}:
            seen.add((name, extra))
            # What the lock leaves out is not installed; its name is known all the same.
            with contextlib.suppress(PackageNotFoundError):
                todo += [(Requirement(text), extra) for text in requires(name) or []]
    return {name for name, _ in seen}


def test_dependencies_bring_no_second_opencv():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    names = required(project["dependencies"])
    assert {"opencv-python-headless", "torch", "mlrun", "numpy", "starlette"} <= names
    assert names & _UNWANTED == set()
    assert required(["mediapipe==0.10.21"]) | {"opencv-python"} >= _UNWANTED  # what the search would find
