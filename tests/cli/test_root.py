"""The command itself: its version, and errors as exit codes."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import tomllib
import urllib.error
from pathlib import Path

import pytest
from typer.testing import CliRunner

import aletheia
from aletheia.cli import root
from aletheia.core.environment import TOO_LITTLE_MEMORY
from aletheia.core.errors import DISK_FULL, InputError

PYPROJECT = Path(__file__).parents[2] / "pyproject.toml"


def test_version_is_that_of_the_package():
    version = tomllib.loads(PYPROJECT.read_text("utf-8"))["project"]["version"]
    assert aletheia.__version__ == version
    result = CliRunner().invoke(root.app, ["--version"])
    assert (result.exit_code, result.output) == (0, f"aletheia {version}\n")


def test_version_comes_before_everything_else():
    result = CliRunner().invoke(root.app, ["--version", "no-such-command"])
    assert (result.exit_code, result.output) == (0, f"aletheia {aletheia.__version__}\n")


def test_main_starts_without_slow_imports():
    code = "import sys, aletheia.cli.root; print(*sys.modules)"
    process = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert not {"torch", "mlrun", "mlflow", "pandas", "cv2", "fastapi"} & set(process.stdout.split())


def test_module_runs_the_command():
    command = [sys.executable, "-m", "aletheia.cli", "--version"]
    process = subprocess.run(command, check=True, capture_output=True, text=True)
    assert process.stdout == f"aletheia {aletheia.__version__}\n"


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (InputError("[bold]no such folder"), 2, "aletheia: [bold]no such folder"),
        (OSError(errno.ENOSPC, "No space left on device"), 2, f"aletheia: {DISK_FULL}"),
        (urllib.error.HTTPError("http://x", 507, "full", None, None), 2, f"aletheia: {DISK_FULL}"),
        (MemoryError(), 2, f"aletheia: {TOO_LITTLE_MEMORY}"),
        (
            PermissionError(errno.EACCES, "Permission denied", "/srv/artifacts"),
            2,
            "aletheia: /srv/artifacts cannot be used (Permission denied): give this user the right to it, or name"
            " another place.",
        ),
        (SystemExit(130), 130, "aletheia: Interrupted. Run the same command again to go on."),
        (SystemExit(1), 1, ""),
    ],
)
def test_main_turns_errors_into_exit_codes(monkeypatch, capsys, error, code, message):
    def fail() -> None:
        raise error

    monkeypatch.setattr(root, "app", fail)
    with pytest.raises(SystemExit) as caught:
        root.main()
    assert caught.value.code == code
    assert capsys.readouterr().err.strip() == message


def test_main_leaves_defects_their_traceback(monkeypatch):
    for error in (OSError(errno.EIO, "broken"), RuntimeError("a defect")):

        def fail(error: Exception = error) -> None:
            raise error

        monkeypatch.setattr(root, "app", fail)
        with pytest.raises(type(error)):
            root.main()


@pytest.mark.parametrize(
    ("words", "hoisted"),
    [
        (["run", "-q", "--seed", "1"], ["-q", "run", "--seed", "1"]),
        (["run", "--log-level", "info", "-v"], ["--log-level", "info", "-v", "run"]),
        (["predict", "--", "-q"], ["predict", "--", "-q"]),
        (["run", "--log-level"], ["--log-level", "run"]),
    ],
)
def test_hoisted_options(words, hoisted):
    assert root._hoisted(words) == hoisted


def test_quiet_and_verbose_after_the_command():
    """Bars and log lines, in a process of its own: both are set up once."""
    code = """
import logging
from aletheia.cli import root

@root.app.command()
def probe():
    from aletheia.core.progress import tqdm
    logging.getLogger("aletheia").info("a line")
    list(tqdm([1], "bar"))

root.main()
"""
    environment = {name: value for name, value in os.environ.items() if name != "TQDM_DISABLE"}

    def run(*words: str) -> str:
        command = [sys.executable, "-c", code, *words]
        return subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stderr

    plain, quiet, verbose = run("probe"), run("probe", "-q"), run("probe", "--log-level", "info")
    assert "bar" in plain and "a line" not in plain
    assert quiet == ""
    assert "bar" in verbose and "INFO aletheia: a line" in verbose
