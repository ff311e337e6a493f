"""A checkout of its own with a tracking service of its own, and one run of the workflow in it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ..model_factories import clip, jpeg, random_bundle
from ..waiting import free_port

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent


def clone(folder: Path) -> None:
    """Copy the files of a clone that a run needs."""
    ignored = shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints")
    for name in ("notebooks", "functions", "workflows"):
        shutil.copytree(ROOT / name, folder / name, ignore=ignored)
    for name in ("project.yaml", "project_setup.py"):
        shutil.copy(ROOT / name, folder / name)


class Checkout:
    """A copy of what a user clones, and a terminal in it.

    Parameters
    ----------
    folder : Path
        Of the copy.

    Attributes
    ----------
    small, grid : dict
        Arguments of a workflow that takes seconds.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.small = {"n_synthetic": 240, "image_size": 64, "search_epochs": 1, "epochs": 2}
        self.grid = {"learning_rates": [1e-3, 3e-3], "batch_sizes": [16, 32]}
        clone(folder)
        # Not what MLRun noted in this process for other tests, such as the project that is active.
        kept = {name: text for name, text in os.environ.items() if not name.startswith(("MLRUN_", "ALETHEIA_PROJECT"))}
        self.environment = kept | {
            "ALETHEIA_HOME": str(folder / "home"),
            "ALETHEIA_TRACKING_PORT": str(free_port()),
            "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
        }

    def start(self, name: str, *args: str, **env: str) -> subprocess.Popen:
        """Start a command of the environment."""
        return subprocess.Popen(
            [str(BIN / name), *args],
            cwd=self.folder,
            env=self.environment | env,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            # A shell that starts jobs in the background lets them ignore Ctrl-C, and their children inherit it.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        )

    def command(self, name: str, *args: str, check: bool = False, **env: str) -> subprocess.CompletedProcess:
        """Run a command of the environment to its end."""
        with self.start(name, *args, **env) as process:
            out, err = process.communicate()
        if check:
            assert process.returncode == 0, f"{name} {' '.join(args)}\n{out[-4000:]}\n{err[-4000:]}"
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def run(self, *args: str, **env: str) -> subprocess.CompletedProcess:
        """Run `aletheia run`, small where the arguments do not say otherwise."""
        return self.command("aletheia", "run", *self.small_args(), *args, **env)

    def small_args(self) -> list[str]:
        """The small workflow as options of `aletheia run`."""
        lists = {name: ",".join(map(str, values)) for name, values in self.grid.items()}
        options = [f"--{name.replace('_', '-')}={value}" for name, value in {**self.small, **lists}.items()]
        return [*options, "--no-network-controls"]  # two more trainings, which tests of their own look at

    def last_outputs(self, name: str) -> dict:
        """Results and artifacts of the newest completed run of that name."""
        code = (
            "import sys, json; from aletheia.project.workspace import open_project; open_project();"
            "from aletheia.project.notebook_run import last_outputs;"
            "print('OUT' + json.dumps(last_outputs(sys.argv[1]), default=str))"
        )
        return json.loads(self.command("python", "-c", code, name, check=True).stdout.split("OUT")[-1])

    def summary(self) -> dict:
        """Read the summary of the last run."""
        return json.loads((self.folder / "artifacts" / "summary.json").read_text())


@pytest.fixture
def source(tmp_path) -> Path:
    """A clone of its own, in which nothing has run."""
    clone(tmp_path / "source")
    return tmp_path / "source"


@pytest.fixture(scope="session")
def checkout(tmp_path_factory):
    checkout = Checkout(tmp_path_factory.mktemp("checkout"))
    yield checkout
    checkout.command("aletheia", "tracking", "stop")


@pytest.fixture(scope="session")
def summary(checkout) -> dict:
    """The workflow by our own command."""
    done = checkout.run()
    assert done.returncode == 0, done.stderr
    assert "Results" in done.stderr
    assert "Traceback" not in done.stderr
    return checkout.summary()
