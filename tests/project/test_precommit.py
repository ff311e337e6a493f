"""The pre-commit hooks, in a repository of their own, without a network."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from aletheia.project.functions import build_functions

BINARIES = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
ROOT = Path(__file__).parents[2]
PROGRAMS = ("pre-commit", "nbstripout", "ruff", "check-added-large-files", "aletheia")
MISSING = [program for program in PROGRAMS if not shutil.which(program, path=BINARIES)]
pytestmark = pytest.mark.skipif(bool(MISSING), reason=f"not installed (dev extra): {', '.join(MISSING)}")


@pytest.fixture
def repository(tmp_path, make):
    """A project with the hooks of this one, all in order and added to git."""
    root = make.write_project(tmp_path / "repository")
    for name in (".pre-commit-config.yaml", "pyproject.toml", ".gitignore"):
        shutil.copy(ROOT / name, root)
    (root / "module.py").write_text('"""A module."""\n\nx = 1\n')
    run(root, "ruff", "format", ".")
    build_functions(root)
    run(root, "git", "init", "-q")
    run(root, "git", "add", ".")
    return root


def run(root, *command):
    """Run a command there; the network is out of reach."""
    variables = os.environ | {
        "PATH": BINARIES,
        "PRE_COMMIT_HOME": str(root.parent / "pre-commit"),
        "HTTPS_PROXY": "http://127.0.0.1:9",
        "HTTP_PROXY": "http://127.0.0.1:9",
    }
    return subprocess.run(command, cwd=root, env=variables, capture_output=True, text=True)


def hook(root, name):
    """Run one hook on all files; returns its exit code and output."""
    run(root, "git", "add", ".")
    done = run(root, "pre-commit", "run", "--all-files", "--color=never", name)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.slow
def test_hooks_pass_on_clean_project(repository):
    done = run(repository, "pre-commit", "run", "--all-files", "--color=never")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("Passed") == 5 and "Skipped" not in done.stdout


@pytest.mark.slow
def test_hooks_report_faults(repository, make):
    """Except for the slow one, which is the command that test_check.py runs."""
    notebook = repository / "notebooks" / "01-scale.ipynb"
    before = notebook.read_text()
    make.replace_in_file(notebook, '"execution_count": null', '"execution_count": 7')
    assert hook(repository, "nbstripout")[0] == 1
    assert notebook.read_text() == before
    assert hook(repository, "nbstripout")[0] == 0

    bad = repository / "bad.py"
    bad.write_text("import os\nx = { 1 }\n")
    code, output = hook(repository, "ruff-check")
    assert code == 1 and "F401" in output
    assert hook(repository, "ruff-format")[0] == 1
    bad.unlink()

    large = repository / "large.bin"
    large.write_bytes(bytes(1_100_000))
    code, output = hook(repository, "large-files")
    assert code == 1 and "large.bin" in output
    large.unlink()
    assert hook(repository, "large-files")[0] == 0
