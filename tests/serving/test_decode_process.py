"""Decoding processes that hang, exhaust memory, break the protocol or die do no harm."""

from __future__ import annotations

import io
import resource
import signal
import subprocess
import sys

import cv2
import numpy as np
import psutil
import pytest

from aletheia.imaging.reading import read_image
from aletheia.inference.errors import RequestError
from aletheia.serving import decode_worker
from aletheia.serving.decode_process import DecodeProcess
from aletheia.serving.decoding import Decoder

from ..waiting import PATIENCE
from .helpers import count_open_files

MEMORY = 1 << 30
# Misbehaviour of a decoder, in a real process that is connected to the real parent.
ACTIONS = {
    "hang": "import time\n    time.sleep(1000)",
    "spin": "while True: pass",
    "eat": "block = [bytearray(1 << 26) for _ in range(1 << 20)]",
    "die": "import os\n    os.kill(os.getpid(), 9)",
    "fail": "1 / 0",
    "short": "send(link, {'shape': [1000, 1000, 3]}, shared_file(b'xyz'))",
    "huge": "send(link, {'shape': [1 << 40, 1 << 40, 3]}, shared_file(b'xyz'))",
    "nothing": "yield {}, None",
    "unknown": "yield {'refused': 'whatever', 'message': 'words'}, None",
    "long": "yield {'words': 'x' * (1 << 21)}, None",
    "code": "link.send(b'\\0\\0\\0\\5[[[[[')",
}
SCRIPT = """
import os
import socket
import sys

from aletheia.serving.decode_worker import decode_image, main
from aletheia.serving.ipc import send, shared_file

link = socket.socket(fileno=os.dup(int(sys.argv[1])))

{actions}

def task(content, request):
    action = globals().get(content.read(20).decode("latin-1"))
    content.seek(0)
    return (action or decode_image)(content, request)

main({{"image": task}})
"""


def children() -> set[int]:
    return {child.pid for child in psutil.Process().children() if child.status() != psutil.STATUS_ZOMBIE}


@pytest.fixture(params=[PATIENCE])
def acting_decoder(tmp_path, request):
    """Create a decoder with this time limit whose process misbehaves when the content names an action."""
    script = tmp_path / "worker.py"
    template = "def {}(content, request):\n    {}\n    yield {{}}, None"
    actions = "\n\n".join(template.format(name, action) for name, action in ACTIONS.items())
    script.write_text(SCRIPT.format(actions=actions))
    decoder = Decoder(1, MEMORY, request.param, command=(sys.executable, str(script)))
    yield decoder
    decoder.close()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("acting_decoder", "action", "message", "kind"),
    [
        (3.0, "hang", "longer than 3 seconds", "bad_image"),
        (3.0, "spin", "longer than 3 seconds", "bad_image"),
        (PATIENCE, "eat", "needs more memory", "too_large"),
        *((PATIENCE, action, "made its decoder fail", "bad_image") for action in list(ACTIONS)[3:]),
    ],
    indirect=["acting_decoder"],
    ids=list(ACTIONS),
)
def test_decoder_replaces_failing_process(acting_decoder, jpeg, action, message, kind):
    before = children()
    with pytest.raises(RequestError, match=message) as refused:
        acting_decoder.image(action.encode())
    assert refused.value.kind == kind
    acting_decoder._timeout = PATIENCE  # for the next file, however busy the machine
    assert np.array_equal(acting_decoder.image(jpeg).rgb, read_image(jpeg))
    assert len(before - children()) == 1
    assert len(children()) == len(before)


def test_decoder_replaces_process_after_max_uses(monkeypatch, jpeg):
    monkeypatch.setattr("aletheia.serving.decoding._MAX_USES", 3)
    decoder = Decoder(1, MEMORY, PATIENCE)
    try:
        before = children()
        replaced = []
        for _ in range(4):
            assert decoder.image(jpeg).rgb.shape == (256, 256, 3)
            replaced.append(len(before - children()))
        assert replaced == [0, 0, 1, 1]
    finally:
        decoder.close()


def test_decoder_respects_time_of_caller(acting_decoder):
    with pytest.raises(RequestError, match="time for this request") as refused:
        acting_decoder.image(b"hang", seconds=0.3)
    assert refused.value.kind == "timeout"


@pytest.mark.slow
def test_limit_cpu_ends_process():
    code = "from aletheia.serving.decode_worker import limit_cpu\nlimit_cpu(0)\nwhile True: pass"
    process = subprocess.run([sys.executable, "-c", code], timeout=PATIENCE)
    assert process.returncode == -signal.SIGXCPU


def test_decode_process_environment_and_limits(tmp_path, monkeypatch):
    """It has no secrets in its environment, imports no large library, and its limits are set."""
    for name in ("ALETHEIA_API_KEY", "AWS_SECRET_ACCESS_KEY", "MLRUN_DBPATH"):
        monkeypatch.setenv(name, "sesame")
    before = children()
    decoder = Decoder(1, MEMORY, PATIENCE)
    try:
        (pid,) = children() - before
        with pytest.raises(RequestError):
            decoder.image(b"")
        process = psutil.Process(pid)
        assert "sesame" not in process.environ().values()
        assert process.rlimit(psutil.RLIMIT_AS) == (MEMORY, MEMORY)
        assert process.rlimit(psutil.RLIMIT_CORE) == (0, 0)
        assert process.rlimit(psutil.RLIMIT_CPU)[0] != resource.RLIM_INFINITY
        maps = " ".join(item.path for item in process.memory_maps())
        assert not any(name in maps for name in ("torch", "onnxruntime", "openvino"))
    finally:
        decoder.close()


def test_decoder_closes_files_after_protocol_errors(acting_decoder, jpeg, until):
    acting_decoder.image(jpeg)
    before = count_open_files()
    for _ in range(2):
        with pytest.raises(RequestError):
            acting_decoder.image(b"huge")
        acting_decoder.image(jpeg)
    until(lambda: count_open_files() <= before)  # other threads of this process may have some for a moment


def test_decoder_video_abandoned(clip):
    before = children()
    decoder = Decoder(1, MEMORY, PATIENCE)
    try:
        frames = decoder.video(clip, 8)
        next(frames)
        frames.close()
        assert len(list(decoder.video(clip, 2))) == 2
    finally:
        decoder.close()
    assert children() == before


def test_decode_process_does_not_start():
    process = DecodeProcess((sys.executable, "-c", "raise SystemExit(3)"), MEMORY)
    with pytest.raises(RequestError, match="does not start") as refused:
        process.wait_until_ready()
    assert refused.value.kind == "not_ready"
    process.kill()
    assert not process.is_alive()


def test_decode_process_killed():
    process = DecodeProcess((sys.executable, "-c", "import time; time.sleep(1000)"), MEMORY)
    assert process.is_alive() and process.uses == 0
    process.kill()
    assert not process.is_alive() and process.link.fileno() == -1


def test_picture_that_would_look_different_is_not_kept(monkeypatch, jpeg):
    """The task compares pixels itself: it does not trust the removal of metadata."""
    monkeypatch.setattr(decode_worker, "strip_metadata", lambda data, max_pixels: turned)
    rgb = read_image(jpeg)
    turned = cv2.imencode(".png", rgb[::-1, :, ::-1])[1].tobytes()
    task = decode_worker.strip_picture(io.BytesIO(jpeg), {"max_pixels": 10**8})
    assert next(task)[1].shape == rgb.shape
    with pytest.raises(decode_worker.UnusableFileError, match="would look different"):
        next(task)
