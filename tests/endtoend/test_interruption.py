"""Ctrl-C, kill -9 and a full disk in the middle: nothing that was finished is lost, and the next run goes through."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from aletheia.tracking import service
from aletheia.tracking.owners import GRACE_SECONDS
from aletheia.tracking.reader import Reader

from ..waiting import free_port

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

ONE_CELL = ["--learning-rates=1e-3", "--batch-sizes=16"]
LONG = ["--epochs=500", "--recipe=patience=2", *ONE_CELL]


def start_and_wait_for(checkout, words: str) -> subprocess.Popen:
    """Start a long run and return once its terminal shows these words.

    However late that is, it does not end before: it says more than a pipe holds that nobody reads on.
    """
    process = checkout.start("aletheia", "run", *checkout.small_args(), *LONG, TQDM_MININTERVAL="0")
    if hasattr(fcntl, "F_SETPIPE_SZ"):  # of Linux
        fcntl.fcntl(process.stderr, fcntl.F_SETPIPE_SZ, 4096)
    output = b""
    while words.encode() not in output:
        text = os.read(process.stderr.fileno(), 1)  # none that lies in a buffer of ours
        assert text, f"ended before {words!r}: {output.decode()}"
        output += text
    return process


def states(checkout) -> dict[str, list[str]]:
    """States of all runs by name, the newest first."""
    url = service.find(Path(checkout.environment["ALETHEIA_HOME"])).url
    by_name: dict[str, list[str]] = {}
    with Reader(url) as reader:
        for run in reversed(reader.runs("aletheia")):
            if not run["metadata"].get("iteration"):
                by_name.setdefault(run["metadata"]["name"], []).append(run["status"]["state"])
    return by_name


def test_run_interrupted_and_killed(checkout):
    """Ctrl-C in a training, `kill -9` in its continuation, and the third run ends it."""
    process = start_and_wait_for(checkout, "epoch 3/500")
    process.send_signal(signal.SIGINT)
    _, output = process.communicate(timeout=120)
    assert process.returncode == 130, output
    assert "Interrupted" in output
    assert "Traceback" not in output
    before = states(checkout)
    assert before["prepare-data"][0] == "completed"
    assert before["train"][0] == "aborted"
    checkpoints = checkout.folder / "data" / "checkpoints"
    assert len(list(checkpoints.glob("*/last.ckpt"))) == 1

    process = start_and_wait_for(checkout, "train: running")
    process.kill()
    process.communicate(timeout=120)
    time.sleep(GRACE_SECONDS)  # a run that was written to a moment ago is not given up yet
    checkout.command("aletheia", "tracking", "status", check=True)
    after = states(checkout)
    assert after["prepare-data"] == ["completed", *before["prepare-data"]]
    assert after["search-hyperparameters"] == ["completed", *before["search-hyperparameters"]]
    assert after["train"] == ["aborted", *before["train"]]

    done = checkout.run(*LONG)
    assert done.returncode == 0, done.stderr
    first, steps = map(int, re.search(r"Training: .*?(\d+)/(\d+)", done.stderr).groups())
    assert first >= 3 * steps / 500, "the training goes on where it was interrupted"
    assert list(checkpoints.iterdir()) == []
    assert states(checkout)["register"][0] == "completed"


#: A file system of a few megabytes in a name space of our own: `mount` needs no rights there.
_ON_A_SMALL_DISK = """
mount -t tmpfs -o size=$1m none "$2" || exit 99
cp -r "$3"/. "$2" && cd "$2" || exit 98
export ALETHEIA_HOME="$2/home"
shift 3
"$@"; first=$?
echo "first $first"
mount -o remount,size=500m none .
"$@" || exit 97
aletheia tracking stop
"""


@pytest.mark.long
@pytest.mark.skipif(sys.platform != "linux" or not shutil.which("unshare"), reason="needs Linux name spaces")
def test_run_on_full_disk(checkout, source, tmp_path):
    if subprocess.run(["unshare", "-rm", "true"], capture_output=True).returncode:
        pytest.skip("this machine allows no name spaces, so there is no small disk to fill")
    disk = tmp_path / "disk"
    disk.mkdir()
    script = ["12", str(disk), str(source), "aletheia", "run", *checkout.small_args(), *ONE_CELL]
    done = subprocess.run(
        ["unshare", "-rm", "sh", "-c", _ON_A_SMALL_DISK, "sh", *script],
        env=checkout.environment | {"ALETHEIA_TRACKING_PORT": str(free_port())},
        capture_output=True,
        text=True,
    )
    if done.returncode == 99:
        pytest.skip("this machine allows no mounts")
    assert done.returncode == 0, done.stderr
    assert "first 2" in done.stdout
    assert "The disk is full" in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.count("Results") == 1
    assert list(disk.iterdir()) == []  # the small disk went with its name space
