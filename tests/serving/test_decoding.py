"""Decoding in other processes: the same pixels, and no harm from files that hang, eat memory or kill."""

from __future__ import annotations

import contextlib
import io
import os
import resource
import signal
import subprocess
import sys
import time

import cv2
import numpy as np
import psutil
import pytest
from PIL import Image

from aletheia.data.images import read_image
from aletheia.faces.video import read_frames
from aletheia.serving.decoding import Decoder
from aletheia.serving.refusal import Refused
from aletheia.serving.stages import Stages
from aletheia.settings import get_settings

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
from aletheia.serving.wire import send, shared

link = socket.socket(fileno=os.dup(int(sys.argv[1])))

{acts}

def task(content, request):
    act = globals().get(content.read(20).decode("latin-1"))
    content.seek(0)
    return (act or decode_image)(content, request)

main({{"image": task}})
"""


@pytest.fixture(scope="module")
def decoder():
    made = Decoder(1, MEMORY, 20)
    yield made
    made.close()


def png(rgb: np.ndarray) -> bytes:
    return cv2.imencode(".png", rgb[..., ::-1])[1].tobytes()


def children() -> set[int]:
    return {child.pid for child in psutil.Process().children() if child.status() != psutil.STATUS_ZOMBIE}


def test_pictures_are_what_they_are_in_process(decoder, jpeg, portraits):
    turned = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(portraits[1][0][:, :200]).save(turned, "PNG", exif=exif)
    for data in (jpeg, turned.getvalue(), png(portraits[2][0])):
        found = decoder.image(data).rgb
        assert found.dtype == np.uint8
        assert np.array_equal(found, read_image(data))
    assert decoder.image(turned.getvalue()).rgb.shape == (200, 256, 3)


@pytest.mark.parametrize("kind", ["path", "bytes", "file"])
def test_frames_are_what_they_are_in_process(decoder, clip, kind, tmp_path):
    file = tmp_path / "clip.mp4"
    file.write_bytes(clip)
    source = {"path": str(file), "bytes": clip, "file": io.FileIO(file)}[kind]
    stages = Stages()
    found, wanted = list(decoder.video(source, 4, stages)), list(read_frames(file, 4))
    assert [frame.time for frame in found] == [frame.time for frame in wanted]
    assert all(np.array_equal(a.rgb, b.rgb) for a, b in zip(found, wanted, strict=True))
    assert stages.seconds["decode"] > 0


@pytest.mark.parametrize(
    ("data", "kind", "words"),
    [
        (b"", "bad_image", "empty"),
        (b"hello, world", "unknown_format", "text"),
        (b"\0" * 100, "unknown_format", "not an image"),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 50, "bad_image", "damaged"),
        (b"\0\0\0\x18ftypheic" + b"\0" * 50, "unknown_format", "HEIC"),
    ],
)
def test_what_is_no_picture_is_told_so(decoder, data, kind, words):
    with pytest.raises(Refused, match=words) as refused:
        decoder.image(data)
    assert refused.value.kind == kind


def test_a_truncated_picture(decoder, jpeg):
    with pytest.raises(Refused, match="truncated") as refused:
        decoder.image(jpeg[: len(jpeg) // 2])
    assert refused.value.status == 422


def test_no_picture_names_a_path(decoder):
    for data in (b"", b"text", b"\xff\xd8\xff"):
        with pytest.raises(Refused) as refused:
            decoder.image(data)
        assert "/" not in str(refused.value)
        assert "ALETHEIA_" not in str(refused.value)


def test_the_limit_of_files_is_the_service_s_own(decoder):
    """Not that of pictures in data sets, which is smaller than what a service may be told to accept."""
    picture = np.full((6000, 6000, 3), 77, np.uint8)
    content = cv2.imencode(".bmp", picture)[1].tobytes()
    assert len(content) > get_settings().max_file_bytes
    assert np.array_equal(decoder.image(content).rgb, picture)


def test_too_many_pixels_and_too_many_seconds(jpeg, clip):
    small = Decoder(1, MEMORY, 20, max_pixels=1000, max_duration=1.0)
    try:
        with pytest.raises(Refused, match="pixels") as refused:
            small.image(jpeg)
        assert (refused.value.kind, refused.value.status) == ("too_large", 413)
        with pytest.raises(Refused, match="pixels") as refused:
            list(small.video(clip, 2))
        assert refused.value.kind == "too_large"
        long = Decoder(1, MEMORY, 20, max_duration=1.0)
        with pytest.raises(Refused, match="takes 2 seconds") as refused:
            list(long.video(clip, 2))
        assert refused.value.kind == "too_large"
        long.close()
    finally:
        small.close()


def test_what_is_no_video(decoder, clip):
    for data, words in ((b"hello", "no video"), (clip[: len(clip) // 3], "video")):
        with pytest.raises(Refused, match=words) as refused:
            list(decoder.video(data, 2))
        assert refused.value.kind == "bad_video"


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
    with pytest.raises(Refused, match=words) as refused:
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
    with pytest.raises(Refused, match="time for this request") as refused:
        acting.image(b"hang", seconds=0.3)
    assert refused.value.kind == "timeout"
    assert time.monotonic() - began < 10


def test_a_real_picture_that_needs_too_much_memory():
    decoder = Decoder(1, 256 << 20, 30)
    try:
        with pytest.raises(Refused, match="needs more memory") as refused:
            decoder.image(png(np.zeros((6300, 6300, 3), np.uint8)))
        assert refused.value.kind == "too_large"
    finally:
        decoder.close()


def test_a_real_picture_that_takes_too_long():
    noise = png(np.random.default_rng(0).integers(0, 256, (4000, 4000, 3), np.uint8))
    decoder = Decoder(1, MEMORY, 0.05)
    try:
        with pytest.raises(Refused, match="longer than"):
            decoder.image(noise)
    finally:
        decoder.close()


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
        with pytest.raises(Refused):
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


def test_nothing_is_left_open(decoder, jpeg, clip):
    def use():
        for data in (jpeg, b"", b"text", jpeg[:500]):
            with contextlib.suppress(Refused):
                decoder.image(data)
        list(decoder.video(clip, 2))

    use()
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(5):
        use()
    assert len(os.listdir("/proc/self/fd")) == before


def test_nothing_is_left_open_by_a_process_that_lies(acting, jpeg):
    acting.image(jpeg)
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(2):
        with pytest.raises(Refused):
            acting.image(b"huge")
        acting.image(jpeg)
    assert len(os.listdir("/proc/self/fd")) == before


def test_after_the_end_it_refuses(jpeg):
    decoder = Decoder(1, MEMORY, 20)
    decoder.close()
    with pytest.raises(Refused, match="shutting down"):
        decoder.image(jpeg)
