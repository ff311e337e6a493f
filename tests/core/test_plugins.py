"""Extensions declared by other packages."""

from __future__ import annotations

import sys

import pytest

from aletheia.core.errors import InputError
from aletheia.core.plugins import load_plugins


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
