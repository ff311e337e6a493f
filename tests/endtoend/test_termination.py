"""SIGTERM ends a command and every process of its session, whatever it is doing."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from aletheia.core.errors import InputError
from aletheia.tracking import service

from ..waiting import PATIENCE, free_port, wait_for
from .conftest import clone

pytestmark = pytest.mark.slow

_SMALL = ("--n-synthetic=2000", "--image-size=64", "--learning-rates=1e-3", "--batch-sizes=16")


@pytest.fixture
def folder(tmp_path, random_bundle, jpeg, clip) -> Iterator[Path]:
    """A project with pictures and videos enough for minutes of work, and a home of its own."""
    clone(tmp_path)
    for name, content, count, suffix in (("pictures", jpeg, 300, "jpg"), ("videos", clip, 300, "mp4")):
        for i in range(count):
            path = tmp_path / name / ("real", "fake")[i % 2] / f"{i}.{suffix}"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content + str(i).encode())  # each a file of its own
    shutil.copytree(random_bundle, tmp_path / "model")
    yield tmp_path
    wait_for(lambda: _is_stopped(tmp_path / "home"))


@pytest.fixture
def start(folder) -> Iterator[Callable[..., subprocess.Popen]]:
    """Start a command as the leader of a session; what is left of that is killed at the end."""
    leaders = []

    def call(*words: str) -> subprocess.Popen:
        kept = {key: value for key, value in os.environ.items() if key not in ("MLRUN_DBPATH", "ALETHEIA_PROJECT")}
        own = {"ALETHEIA_HOME": str(folder / "home"), "ALETHEIA_TRACKING_PORT": str(free_port())}
        own |= {"PYTHONUNBUFFERED": "1", "TQDM_MININTERVAL": "0.1"}
        command = [sys.executable, "-m", "aletheia.cli", *words]
        with (folder / "output.txt").open("w") as output:
            options = {"stdin": subprocess.DEVNULL, "stdout": output, "stderr": output, "start_new_session": True}
            leaders.append(subprocess.Popen(command, cwd=folder, env=kept | own, **options))
        return leaders[-1]

    yield call
    for leader in leaders:
        for member in _session(leader.pid):
            member.kill()
        leader.wait()


def _session(leader: int) -> list[psutil.Process]:
    """Find the processes of a session, ended ones that wait for their parent excepted."""
    members = []
    for process in psutil.process_iter(["pid", "status"]):
        try:
            if os.getsid(process.pid) == leader and process.info["status"] != psutil.STATUS_ZOMBIE:
                members.append(process)
        except ProcessLookupError:
            continue
    return members


def _stays(process: psutil.Process) -> bool:
    """Whether a process is the tracking service, which commands leave running."""
    with contextlib.suppress(psutil.Error):
        return "aletheia.tracking.server" in process.cmdline()
    return False


def _is_stopped(home: Path) -> bool:
    """Stop the tracking service; False while it starts, and cannot be identified yet."""
    try:
        service.stop(home)
    except InputError:
        return False
    return True


def _says(words: str) -> Callable[[Path], bool]:
    return lambda folder: words in (folder / "output.txt").read_text(errors="replace")


def _writes(pattern: str) -> Callable[[Path], bool]:
    return lambda folder: any(path.stat().st_size for path in folder.glob(pattern))


#: Of each: its words, when its work has begun, and the processes of its session then, at least.
COMMANDS = {
    "run": (["run", *_SMALL], _says("Drawing faces"), 1),
    "serve": (["serve", "--model", "model", "--port", "0"], _says("Ready at"), 1),
    "tracking start": (["tracking", "start"], _writes("home/*"), 1),
    "tracking ui": (["tracking", "ui", "--no-browser"], _says("MLflow UI"), 1),
    "data frames": (["data", "frames", "videos", "out", "--workers", "2"], _writes("out/**/*.png"), 3),
    "data relatives": (["data", "relatives", "pictures", "kin.csv", "--workers", "2"], _says("Comparing"), 3),
    "predict": (["predict", "--model", "model", "--recursive", *["pictures"] * 50], _says("fake/"), 1),
}


#: A worker that was just being started says that its parent is gone; no line of it is ours.
_UNBORN = re.compile(
    r'Traceback [^\n]*\n  File "<string>", line 1, in <module>\n'
    r'(?:  File "[^"\n]*/multiprocessing/[^\n]*\n(?:    [^\n]*\n)*)+'
    r"\w+Error[^\n]*\n"
)


@pytest.mark.parametrize("name", COMMANDS)
def test_sigterm_ends_the_session(start, folder, name):
    words, has_begun, family = COMMANDS[name]
    if name == "data relatives":
        pytest.importorskip("dlib")
    if name == "tracking ui":
        words = [*words, "--port", str(free_port())]
    process = start(*words)
    output = folder / "output.txt"
    wait_for(lambda: process.poll() is not None or has_begun(folder), message=output.read_text)
    if name != "tracking start":  # it may be through already
        assert process.poll() is None, output.read_text()
        wait_for(lambda: len(_session(process.pid)) >= family)
        # Decoders of the service, for example, may be in another session; the tracking service is to stay.
    own = [member for member in psutil.Process(process.pid).children(recursive=True) if not _stays(member)]
    process.send_signal(signal.SIGTERM)
    code = process.wait(PATIENCE)
    assert code == -signal.SIGTERM or name == "tracking start", output.read_text()
    wait_for(lambda: not _session(process.pid), message=lambda: str(_session(process.pid)))
    assert not psutil.wait_procs(own, PATIENCE)[1]
    assert "Traceback" not in _UNBORN.sub("", output.read_text())
