"""``python -m benchmarks.lifecycle_demo``: a model's life after its release, and a table of what happened.

It works in a folder of its own (build/demo-lifecycle) with its own tracking service, MLflow store and prediction logs:
nothing of yours changes. A second call goes on with the models of the first. Exit codes: 0; 1 when a step did not do
what it shows; 130 after Ctrl-C.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shlex
import signal
import sys
from pathlib import Path
from typing import Any

from aletheia.core.errors import InputError
from aletheia.core.process_lock import process_lock
from benchmarks.checkout import ROOT, copy_project, free_port, own_environment
from benchmarks.lifecycle_demo import steps
from benchmarks.lifecycle_demo.demo import RULES, Demo, served
from benchmarks.lifecycle_demo.recording import Recorder
from benchmarks.lifecycle_demo.terminal import Terminal, command_line, importable

FOLDER = ROOT / "build" / "demo-lifecycle"
#: A workflow of three minutes of processor time: one cell of the grid, no trainings beside the one that counts.
WORKFLOW = (
    "--n-synthetic=800", "--image-size=64", "--learning-rates=5e-3", "--batch-sizes=8", "--search-epochs=1",
    "--epochs=14", "--source-folds=0", "--no-network-controls",
)  # fmt: skip
_NAMES = {
    steps.ensure_production: "a model in production",
    steps.known_traffic: "it answers",
    steps.new_generator: "a new generator",
    steps.feedback: "feedback",
    steps.alert: "an alert",
    steps.retrain: "retraining",
    steps.trial: "a trial on live requests",
    steps.promotion: "promotion",
    steps.rollback: "rollback",
    steps.dashboard: "the dashboard",
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="make demo-lifecycle", description=__doc__)
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where it works (build/demo-lifecycle)")
    parser.add_argument("--keep", action="store_true", help="leave service and dashboard running until Ctrl-C")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    folder = options.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with process_lock(folder / "demo.lock", "A demo in this folder"):
            return _run(folder, keep=options.keep)
    except KeyboardInterrupt:
        print("Interrupted; all servers of the demo have ended.", file=sys.stderr)
        return 130


def _run(folder: Path, *, keep: bool) -> int:
    demo, terminal = _prepare(folder)
    recorder = Recorder(terminal, demo.folder / "steps.json", len(_NAMES))
    recorder.say(f"Everything of this demo is in {folder}; its {demo.seed}. run in {demo.folder}.")
    with contextlib.ExitStack() as servers:
        servers.callback(terminal.run, "tracking", "stop", codes=(0, 1, 2))
        try:
            address = _go_through(demo, recorder, servers)
        except InputError as error:
            recorder.print_table()
            print(f"The demo failed: {error}\nWhat the commands printed: {terminal.log}", file=sys.stderr)
            return 1
        recorder.print_table()
        if keep:
            print(f"The dashboard: {address}\nThe service:   {demo.url}\nCtrl-C ends both.", flush=True)
            with contextlib.suppress(KeyboardInterrupt):
                signal.pause()
        _print_commands(demo, folder)
    return 0


def _prepare(folder: Path) -> tuple[Demo, Terminal]:
    """Make the folder of the next run, and a copy of the project as it is now for the commands to run in."""
    copy_project(folder)
    runs = folder / "runs"
    runs.mkdir(exist_ok=True)
    number = 1 + max((int(one.name) for one in runs.iterdir() if one.name.isdigit()), default=0)
    run = runs / str(number)
    run.mkdir()
    (run / RULES).write_text("rules: {}  # the usual ones\n")
    mlflow = f"sqlite:///{folder / 'mlflow.db'}"
    environment = own_environment(folder) | {"MLFLOW_TRACKING_URI": mlflow, "TQDM_DISABLE": "1", "COLUMNS": "120"}
    environment |= {"PYTHONPATH": importable(ROOT)}
    os.environ.update({name: environment[name] for name in ("ALETHEIA_HOME", "MLFLOW_TRACKING_URI")})
    os.environ.pop("ALETHEIA_API_KEY", None)
    environment.pop("ALETHEIA_API_KEY", None)
    terminal = Terminal(folder, environment, run / "commands.log")
    url = f"http://127.0.0.1:{free_port()}"
    return Demo(terminal, run, url, mlflow, number, WORKFLOW), terminal


def _go_through(demo: Demo, recorder: Recorder, servers: contextlib.ExitStack) -> str:
    def simple(function: Any) -> None:
        with recorder.step(_NAMES[function]) as step:
            function(demo, step)

    simple(steps.ensure_production)
    with contextlib.ExitStack() as first:
        with recorder.step(_NAMES[steps.known_traffic]) as step:
            first.enter_context(served(demo, step))
            steps.known_traffic(demo, step)
        for function in (steps.new_generator, steps.feedback, steps.alert, steps.retrain):
            simple(function)
    with recorder.step(_NAMES[steps.trial]) as step:
        words = ("--shadow", demo.challenger, "--challenger", demo.challenger, "--split=0.2")
        servers.enter_context(served(demo, step, *words))
        steps.trial(demo, step)
    simple(steps.promotion)
    simple(steps.rollback)
    with recorder.step(_NAMES[steps.dashboard]) as step:
        return servers.enter_context(steps.dashboard(demo, step, free_port()))


def _print_commands(demo: Demo, folder: Path) -> None:
    """Say how the dashboard is opened again, and how to look further into the demo's models."""
    words = ("monitor", "--dashboard", "--log", str(demo.log), "--alerts", str(demo.folder / RULES))
    print("\nEvery server of the demo has ended. Its dashboard again (or ARGS=--keep leaves it open):\n")
    print(f"    ALETHEIA_HOME={shlex.quote(str(folder / 'home'))} .venv/bin/{command_line(words)}\n")


if __name__ == "__main__":
    sys.exit(main())
