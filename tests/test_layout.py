"""Rules of the layout that hold for every package: tests of its own, one tree of errors, a public surface."""

from __future__ import annotations

import ast
import graphlib
import importlib
import pkgutil
from pathlib import Path

import grimp
import pytest

import aletheia
from aletheia.core.errors import AletheiaError

ROOT = Path(__file__).parents[1]
PACKAGES = sorted(info.name for info in pkgutil.iter_modules(aletheia.__path__) if info.ispkg)
MODULES = sorted(info.name for info in pkgutil.walk_packages(aletheia.__path__, "aletheia.") if not info.ispkg)


def imported(folder: Path) -> set[str]:
    """Modules of the package that the Python files below a folder import, and those whose names they hold in a text."""
    names: set[str] = set()
    for file in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                names.update(alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names.update({node.module, *(f"{node.module}.{alias.name}" for alias in node.names)})
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                names.update(word for word in node.value.split() if word.startswith("aletheia."))
    return names


@pytest.mark.parametrize("package", PACKAGES)
def test_every_module_has_a_test_of_its_own(package):
    known = imported(ROOT / "tests" / package)
    modules = [name for name in MODULES if name.startswith(f"aletheia.{package}.") and not name.endswith(".__main__")]
    assert [name for name in modules if name not in known] == []


@pytest.mark.parametrize("package", PACKAGES)
def test_public_names_exist_and_hide_no_module(package):
    module = importlib.import_module(f"aletheia.{package}")
    assert module.__doc__
    public = module.__all__
    assert public
    assert [name for name in public if not hasattr(module, name)] == []
    modules = {info.name for info in pkgutil.iter_modules(module.__path__)}
    assert modules.isdisjoint(public)  # `from aletheia.x import y` must not depend on what was imported before


def test_errors_form_one_tree_and_say_so():
    wrong = []
    for name in MODULES:
        if name.endswith(".__main__"):
            continue
        for value in vars(importlib.import_module(name)).values():
            if not (isinstance(value, type) and issubclass(value, Exception) and value.__module__ == name):
                continue
            if not (issubclass(value, AletheiaError) and value.__name__.endswith("Error") and value.__doc__):
                wrong.append(f"{name}.{value.__name__}")
    assert wrong == []


def test_no_import_cycles():
    """No modules import each other in a circle, not even for annotations."""
    graph = grimp.build_graph("aletheia", exclude_type_checking_imports=False, cache_dir=None)
    imports = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
    try:
        graphlib.TopologicalSorter(imports).prepare()
    except graphlib.CycleError as error:
        pytest.fail(" <- ".join(error.args[1]))
