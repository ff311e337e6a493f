"""Extensions declared by other packages."""

from __future__ import annotations

import importlib
import sys

import pytest

from aletheia.core.errors import InputError
from aletheia.core.plugins import Registry, load_plugins


@pytest.fixture
def declare(tmp_path, monkeypatch):
    """Put a package on the path that declares one entry point, as an installer would have left it there."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def write(module: str, source: str, *, group: str, value: str = "") -> None:
        (tmp_path / f"{module}.py").write_text(source)
        info = tmp_path / f"{module}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[{group}]\n{module} = {value or module}\n")
        monkeypatch.delitem(sys.modules, module, raising=False)

    return write


def test_load_plugins_imports_each_module_once(declare):
    declare("counting_plugin", "", group="aletheia.tests_once")
    load_plugins("aletheia.tests_once")
    assert "counting_plugin" in sys.modules
    del sys.modules["counting_plugin"]
    load_plugins("aletheia.tests_once")
    assert "counting_plugin" not in sys.modules


def test_load_plugins_leaves_other_groups_alone(declare):
    declare("unrelated_plugin", "", group="aletheia.tests_other")
    load_plugins("aletheia.tests_empty")
    assert "unrelated_plugin" not in sys.modules


@pytest.mark.parametrize(
    ("source", "value", "message"),
    [("import a_module_that_is_missing", "", "a_module_that_is_missing"), ("", "broken_plugin:absent", "absent")],
)
def test_load_plugins_names_a_broken_one_every_time(declare, source, value, message):
    declare("broken_plugin", source, group="aletheia.tests_broken", value=value)
    for _ in range(2):
        with pytest.raises(InputError, match=rf"broken_plugin.*{message}.*uninstall broken_plugin"):
            load_plugins("aletheia.tests_broken")


@pytest.fixture
def shapes(tmp_path, monkeypatch):
    """A registry whose package has one module, which registers `square`."""
    package = tmp_path / "shapes_package"
    package.mkdir()
    (package / "__init__.py").write_text("registry = None\n")
    (package / "square.py").write_text(
        "import shapes_package\n\n\n@shapes_package.registry.register('square')\ndef square():\n    return 4\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    registry = Registry("shape", group="aletheia.tests_shapes", package="shapes_package")
    importlib.import_module("shapes_package").registry = registry
    yield registry
    for name in [name for name in sys.modules if name.startswith("shapes_package")]:
        del sys.modules[name]


def triangle():
    return 3


def test_registry_finds_the_modules_of_its_package(shapes):
    assert shapes.find("square")() == 4
    assert shapes.is_own(shapes.find("square"))


def test_registry_finds_entry_points(shapes, declare):
    source = "import shapes_package\n\n\n@shapes_package.registry.register('pentagon')\ndef pentagon():\n    return 5\n"
    declare("pentagon_plugin", source, group="aletheia.tests_shapes")
    assert shapes.find("pentagon")() == 5
    assert list(shapes.all()) == ["square", "pentagon"]


def test_registry_register_orders_after_its_own(shapes):
    shapes.register("triangle")(triangle)
    shapes.register("triangle")(triangle)  # as when the cell of a notebook is run twice
    assert list(shapes.all()) == ["square", "triangle"]
    assert not shapes.is_own(triangle)
    shapes.unregister("triangle")
    assert list(shapes.all()) == ["square"]


def test_registry_refuses_a_name_that_is_taken(shapes):
    with pytest.raises(InputError, match="two implementations of the shape 'square'"):
        shapes.register("square")(triangle)


def test_registry_names_the_known_ones(shapes):
    with pytest.raises(InputError, match="no shape 'circle'; there are: square"):
        shapes.find("circle")
