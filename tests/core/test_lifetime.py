"""No process outlives the one that started it, when that is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from aletheia.core import errors, lifetime
from aletheia.core.lifetime import importable_environment

from ..waiting import PATIENCE, wait_for

# Each starts processes that would live for minutes, and prints their number.
STARTERS = {
    "workers": """
        import time
        from aletheia.core.parallel import map_processes
        if __name__ == "__main__":
            list(map_processes(time.sleep, [300.0] * 8, 2, id))
        """,
    "drawing": """
        from aletheia.datasets.synthetic.generate import generate_dataset
        if __name__ == "__main__":
            generate_dataset("drawn", 20_000, 5_000, workers=2, progress=False)
        """,
    "training": """
        import cv2, numpy as np, pandas as pd
        from aletheia.training.fit import fit_network
        if __name__ == "__main__":
            rng = np.random.default_rng(0)
            for i in range(64):
                cv2.imwrite(f"{i}.png", rng.integers(0, 256, (48, 48, 3), np.uint8))
            paths = [f"{i}.png" for i in range(64)]
            df = pd.DataFrame({"path": paths, "label": ["real", "fake"] * 32})
            config = {"image_size": 48, "batch_size": 16, "augmentation": "none", "accelerator": "cpu"}
            config |= {"num_threads": 1, "max_epochs": 10_000, "patience": 10_000, "devices": 2}
            fit_network(config, df[:32], df[32:].reset_index(drop=True), "out", progress=False)
        """,
    "decoders": """
        import sys, time
        from aletheia.serving.decode_process import DecodeProcess
        # Computes for ever, as with a file that a decoder cannot finish.
        code = (
            "import itertools, aletheia.serving.decode_worker as worker;"
            "worker.main({'image': lambda *_: (x for x in itertools.count() if x < 0)})"
        )
        decoder = DecodeProcess([sys.executable, "-c", code], 1 << 32)
        decoder.wait_until_ready()
        from aletheia.serving.ipc import send, shared_file
        send(decoder.link, {"task": "image", "seconds": 1000}, shared_file(b"x"))
        time.sleep(300)
        """,
    "programs": """
        import sys, time
        from aletheia.core.lifetime import start_bound
        child = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import time; time.sleep(300)'])"
        process = start_bound([sys.executable, "-c", child])
        time.sleep(300)
        """,
}
# Of each: two processes and multiprocessing's resource tracker; the decoder; watcher, program and its child.
FAMILY = {"workers": 3, "drawing": 3, "training": 3, "decoders": 1, "programs": 3}


@pytest.fixture
def start(tmp_path: Path) -> Iterator:
    """Run a script; returns its process, and those that it has started once there are so many."""
    running: list[psutil.Process] = []

    def call(script: str, family: int) -> tuple[psutil.Process, list[psutil.Process]]:
        (tmp_path / "script.py").write_text(textwrap.dedent(script))
        environment = os.environ | {"PYTHONPATH": str(Path(lifetime.__file__).parents[2])}
        command = [sys.executable, "script.py"]
        process = psutil.Popen(command, cwd=tmp_path, env=environment, stdin=subprocess.DEVNULL)
        running.append(process)
        wait_for(lambda: len(process.children(recursive=True)) >= family or process.poll() is not None)
        members = process.children(recursive=True)
        assert process.poll() is None, "the script ended"
        running.extend(members)
        return process, members

    yield call
    for process in running:
        if process.is_running():
            process.kill()


@pytest.mark.slow
@pytest.mark.parametrize("name", STARTERS)
def test_killed_parent_leaves_no_process(start, name, tmp_path):
    parent, members = start(STARTERS[name], FAMILY[name])
    if name == "training":
        wait_for(lambda: list(tmp_path.glob("out/*")))  # after its first epoch
    time.sleep(1.0)  # the imports of spawned processes end; one that is killed before would be gone anyway
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    _, alive = psutil.wait_procs(members, timeout=PATIENCE)
    assert not alive


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such signal")
def test_killed_watcher_leaves_no_program():
    """Whoever started it lives on, and notices."""
    code = "import os, time; print(os.getpid(), flush=True); time.sleep(300)"
    watcher = lifetime.start_bound([sys.executable, "-c", code], stdout=subprocess.PIPE)
    program = psutil.Process(int(watcher.stdout.readline()))
    assert program.ppid() == watcher.pid
    watcher.kill()
    assert watcher.wait(PATIENCE) == -signal.SIGKILL
    _, alive = psutil.wait_procs([program], timeout=PATIENCE)
    for process in alive:
        process.kill()
    assert not alive
    watcher.stdout.close()
    watcher.stdin.close()


def test_start_bound_passes_sigterm_and_exit_code_on():
    code = (
        "import signal, sys, time; signal.signal(15, lambda *_: sys.exit(7));"
        "print('ready', flush=True); time.sleep(300)"
    )
    process = lifetime.start_bound([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"ready\n"
    process.terminate()
    assert process.wait(PATIENCE) == 7
    process.stdout.close()
    process.stdin.close()


def test_main_signalled_program(monkeypatch):
    """The code of a program that a signal ended is 128 + n, as in a shell."""
    done = lifetime.start_bound([sys.executable, "-c", "import os; os.abort()"], stderr=subprocess.DEVNULL)
    assert done.wait(PATIENCE) == 128 + signal.SIGABRT
    done.stdin.close()


def test_end_with_parent_first_process(monkeypatch):
    """A process that nothing spawned has nothing to watch."""
    started = []
    monkeypatch.setattr(lifetime, "_watch", started.append)
    lifetime.end_with_parent()
    assert not started


def test_importable_environment_wherever_a_process_is_started(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", ".")
    code = "import aletheia.core.errors as module; print(module.__file__)"
    options = {"cwd": tmp_path, "env": importable_environment(), "check": True, "capture_output": True, "text": True}
    found = subprocess.run([sys.executable, "-c", code], **options).stdout.strip()
    assert Path(found) == Path(errors.__file__)
