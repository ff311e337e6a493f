"""``aletheia models list``, ``show``, ``history``, ``promote``, ``rollback`` and ``retire``."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from aletheia.cli import model_versions, models
from aletheia.core.errors import InputError
from aletheia.release import registry as release_registry


@pytest.fixture
def call(registry, monkeypatch):
    monkeypatch.setattr(release_registry, "PROJECT", registry.name)

    def call(*arguments: str) -> str:
        result = CliRunner().invoke(models.app, arguments, env={"COLUMNS": "200"}, catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return result.output

    return call


def test_a_life_on_the_command_line(registry, call):
    assert "aletheia run" in call("list") and "ever in production" in call("history")
    registry.register("production")
    registry.register()
    assert "v1.0.1 is in production in place of v1.0.0." in call("promote", "v1.0.1", "--reason", "films")
    left = json.loads(call("rollback", "--reason", "alarms", "--json"))
    assert (left["from"], left["to"], left["reason"]) == ("v1.0.1", "v1.0.0", "alarms")
    assert call("retire", "v1.0.1") == "v1.0.1 is retired.\n"
    listed = {model["name"]: model["state"] for model in json.loads(call("list", "--json"))}
    assert listed == {"v1.0.0": "production", "v1.0.1": "retired"}
    changes = json.loads(call("history", "--json"))
    assert [change["action"] for change in changes] == ["register", "promote", "rollback", "retire"]
    output = call("history")
    assert "films" in output and "run-of-e" in output
    assert "in production" in call("list") and "0.900" in call("list")


def test_show_needs_no_files(registry, call):
    registry.register("production")
    assert [change["to"] for change in json.loads(call("show", "production", "--json"))["changes"]] == ["v1.0.0"]
    target = registry.catalog().find("v1.0.0").target
    assert f"Files: {target}\n" in call("show", "v1.0.0") and len(target) > 80  # whole, where a table would cut it
    shutil.rmtree(registry.folder)
    output = call("show", "v1.0.0")
    assert "(gone)" in output and "label weights" in output and "register" in output
    assert "files gone" in call("list")
    with pytest.raises(InputError, match="no registered model"):
        call("show", "v2.0.0")


def test_promote_shows_exceptions(registry, call):
    registry.register(checks={"check": {"state": "not judged", "code": "fair-false-alarms", "required": True}})
    output = call("promote", "v1.0.0", "--accept-unjudged", "fair-false-alarms")
    assert "By exception: accepted fair-false-alarms." in output
    assert "accepted fair-false-alarms" in call("history")


def test_compare_shows_the_recipe_and_says_what_is_missing(registry, call):
    registry.register("production")
    registry.register(threshold=0.7, data_hash="b" * 64)
    output = call("compare", "production", "v1.1.0")
    assert "threshold" in output and "0.7" in output and "Not compared row by row" in output
    values = json.loads(call("compare", "production", "v1.1.0", "--json"))
    assert [row["name"] for row in values["recipe"]] == ["threshold", "data_hash"] and values["scores"] is None


def test_prune_says_what_goes(registry, call):
    for _ in range(3):
        registry.register()
    planned = json.loads(call("prune", "--keep", "0", "--dry-run", "--json"))
    assert sorted(planned["files"]) == ["v1.0.0", "v1.0.1"] and planned["dry_run"] and planned["kept"] == 1
    assert "files gone" not in call("list")
    assert call("prune", "--keep", "1").startswith("Files of 1 model (v1.0.0) deleted: 0.0 MB. 2 models kept.")
    assert "files gone" in call("list")


@pytest.mark.parametrize("name", ["list", "show", "history", "promote", "rollback", "retire", "compare", "prune"])
def test_help_teaches(name):
    output = CliRunner().invoke(models.app, [name, "--help"], env={"COLUMNS": "200"}).output
    assert "--json" in output and len(output.splitlines()) > 6
    assert model_versions.add_to


def test_rollback_imports_nothing_that_takes_seconds(registry):
    """Whoever rolls back is in a hurry."""
    registry.register("production")
    registry.register("production")
    code = (
        "import sys; from aletheia.cli import main; from aletheia.release import registry;\n"
        f"registry.PROJECT = {registry.name!r}; sys.argv = ['aletheia', 'models', 'rollback'];\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "sys.exit(str({'torch', 'mlrun', 'scipy', 'pandas', 'onnxruntime', 'fastapi'} & set(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "v1.0.0 is in production in place of v1.0.1." in run.stdout and run.stderr.strip() == "set()"
