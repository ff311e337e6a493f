"""The processes that decode: what hangs, eats memory, lies or dies there does no harm."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import time

import numpy as np
import psutil
import pytest

from aletheia.imaging.reading import read_image
from aletheia.inference.errors import RequestError
from aletheia.serving.decoding import Decoder

MEMORY = 1 << 30
# A decoder that does something else with a picture; each is a real process that speaks to the real parent.
ACTS = {
    "hang": "import time\n    time.sleep(1000)",
    "spin": "while True: pass",
    "eat": "block = [bytearray(1 << 26) for _ in range(1 << 20)]",
    "die": "import os\n    os.kill(os.getpid(), 9)",
    "fail": "1 / 0",
    "short": "send(link, {'shape': [1000, 1000, 3]}, shared(b'xyz'))",
    "huge": "send(link, {'shape': [1 << 40, 1 << 40, 3]}, shared(b'xyz'))",
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
from aletheia.serving.ipc import send, shared

link = socket.socket(fileno=os.dup(int(sys.argv[1])))

{acts}

def task(content, request):
    act = globals().get(content.read(20).decode("latin-1"))
    content.seek(0)
    return (act or decode_image)(content, request)

main({{"image": task}})
"""


def children() -> set[int]:
    return {child.pid for child in psutil.Process().children() if child.status() != psutil.STATUS_ZOMBIE}


@pytest.fixture(params=[3.0])
def acting(tmp_path, request):
    """A decoder of so many seconds whose process misbehaves when the content names an act."""
    script = tmp_path / "worker.py"
    acts = "\n\n".join(f"def {name}(content, request):\n    {act}\n    yield {{}}, None" for name, act in ACTS.items())
    script.write_text(SCRIPT.format(acts=acts))
    made = Decoder(1, MEMORY, request.param, command=(sys.executable, str(script)))
    yield made
    made.close()


@pytest.mark.parametrize(
    ("acting", "act", "words", "kind"),
    [
        (3.0, "hang", "longer than 3 seconds", "bad_image"),
        (3.0, "spin", "longer than 3 seconds", "bad_image"),
        (60.0, "eat", "needs more memory", "too_large"),  # a slow machine needs seconds to give so much
        *((60.0, act, "made its decoder fail", "bad_image") for act in list(ACTS)[3:]),
    ],
    indirect=["acting"],
    ids=list(ACTS),
)
def test_a_decoder_that_misbehaves_is_replaced(acting, jpeg, act, words, kind):
    before = children()
    with pytest.raises(RequestError, match=words) as refused:
        acting.image(act.encode())
    assert refused.value.kind == kind
    assert np.array_equal(acting.image(jpeg).rgb, read_image(jpeg))
    assert len(before - children()) == 1
    assert len(children()) == len(before)


def test_a_process_is_replaced_after_so_many_files(monkeypatch, jpeg):
    monkeypatch.setattr("aletheia.serving.decoding._MAX_USES", 3)
    decoder = Decoder(1, MEMORY, 20)
    try:
        before = children()
        seen = []
        for _ in range(4):
            assert decoder.image(jpeg).rgb.shape == (256, 256, 3)
            seen.append(len(before - children()))
        assert seen == [0, 0, 1, 1]
    finally:
        decoder.close()


def test_the_caller_waits_no_longer_than_it_can(acting):
    began = time.monotonic()
    with pytest.raises(RequestError, match="time for this request") as refused:
        acting.image(b"hang", seconds=0.3)
    assert refused.value.kind == "timeout"
    assert time.monotonic() - began < 10


def test_a_process_ends_by_itself_when_nobody_waits_for_it():
    code = "from aletheia.serving.decode_worker import limit_cpu\nlimit_cpu(0)\nwhile True: pass"
    done = subprocess.run([sys.executable, "-c", code], timeout=60)
    assert done.returncode == -signal.SIGXCPU


def test_a_process_knows_neither_the_key_nor_the_network(tmp_path, monkeypatch):
    """Nor does it import what it has no use for; it is small, and its limits hold."""
    for name in ("ALETHEIA_API_KEY", "AWS_SECRET_ACCESS_KEY", "MLRUN_DBPATH"):
        monkeypatch.setenv(name, "sesame")
    before = children()
    decoder = Decoder(1, MEMORY, 20)
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


def test_nothing_is_left_open_by_a_process_that_lies(acting, jpeg):
    acting.image(jpeg)
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(2):
        with pytest.raises(RequestError):
            acting.image(b"huge")
        acting.image(jpeg)
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_video_that_nobody_watches_to_its_end(clip):
    before = children()
    decoder = Decoder(1, MEMORY, 20)
    try:
        frames = decoder.video(clip, 8)
        next(frames)
        frames.close()
        assert len(list(decoder.video(clip, 2))) == 2
    finally:
        decoder.close()
    assert children() == before
