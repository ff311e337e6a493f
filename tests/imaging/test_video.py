"""Frames of videos: the right ones, upright, whatever the stream is like."""

from __future__ import annotations

import contextlib
import io
import os
import struct
from fractions import Fraction

import av
import numpy as np
import pytest

from aletheia.core.errors import InputError
from aletheia.imaging.video import UnreadableVideoError, probe_video, read_frames

SIZE = (64, 96)  # height, width


def picture(index: int) -> np.ndarray:
    """A picture that is brighter with each index, darker in its upper left quarter."""
    image = np.full((*SIZE, 3), 40 + 4 * index, np.uint8)
    image[: SIZE[0] // 2, : SIZE[1] // 2] //= 2
    return image


def write(path, times: list[float], gop: int = 12, codec: str = "libx264", options=None):
    """A video with one picture at each of these times (seconds)."""
    with av.open(str(path), "w", options=options or {}) as container:
        stream = container.add_stream(codec, rate=25)
        stream.height, stream.width = SIZE
        # Some containers, or their codecs, know one frame rate only.
        base = Fraction(1, 25) if path.suffix in (".avi", ".mpg", ".wmv") else Fraction(1, 1000)
        stream.pix_fmt, stream.gop_size, stream.time_base = "yuv420p", gop, base
        stream.codec_context.time_base = base
        stream.codec_context.bit_rate = 20_000_000
        for index, moment in enumerate(times):
            frame = av.VideoFrame.from_ndarray(picture(index), format="rgb24")
            frame.pts, frame.time_base = round(moment / base), base
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def index_of(rgb: np.ndarray) -> int:
    """Which picture this is, by its lower right quarter."""
    return round((float(rgb[rgb.shape[0] * 5 // 8 :, rgb.shape[1] * 5 // 8 :].mean()) - 40) / 4)


EVEN = [i / 25 for i in range(50)]
UNEVEN = [0.0, 0.04, 0.08, 1.5, 1.54, 1.58, 1.62, 4.0, 4.04, 4.9]


@pytest.mark.parametrize("gop", [1, 12, 250])
@pytest.mark.parametrize("suffix", ["mp4", "mkv", "avi"])
@pytest.mark.parametrize("count", [1, 4, 10, 200])
def test_read_frames_moments(tmp_path, suffix, gop, count):
    codec = "mpeg4" if suffix == "avi" else "libx264"
    path = write(tmp_path / f"a.{suffix}", EVEN, gop, codec)
    frames = list(read_frames(path, count))
    wanted = sorted({min(int(2.0 * (i + 0.5) / count * 25 + 1e-6), 49) for i in range(count)})
    assert [index_of(frame.rgb) for frame in frames] == wanted
    np.testing.assert_allclose([frame.time for frame in frames], [EVEN[i] for i in wanted], atol=0.002)
    assert all(frame.rgb.shape == (*SIZE, 3) and frame.rgb.flags.c_contiguous for frame in frames)


@pytest.mark.parametrize("gop", [1, 12, 250])
@pytest.mark.parametrize("suffix", ["ts", "m2ts", "mpg", "wmv", "flv"])
@pytest.mark.parametrize("count", [1, 4, 10])
def test_read_frames_of_other_containers_as_from_decoding_everything(tmp_path, suffix, gop, count):
    codec = {"mpg": "mpeg2video", "wmv": "wmv2"}.get(suffix, "libx264")
    path = write(tmp_path / f"a.{suffix}", [i / 25 for i in range(200)], gop, codec)
    with av.open(str(path)) as container:
        start = float(container.streams.video[0].start_time * container.streams.video[0].time_base)
        everything = {round(frame.time - start, 3): index for index, frame in enumerate(container.decode(video=0))}
    with av.open(str(path)) as container:
        pictures = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    duration = probe_video(path).duration
    assert duration == pytest.approx(8.0, abs=0.09)
    frames = list(read_frames(path, count))
    assert len(frames) == count
    for i, frame in enumerate(frames):
        wanted = max(time for time in everything if time <= duration * (i + 0.5) / count + 1e-3)
        assert frame.time == pytest.approx(wanted, abs=0.042)  # on the edge between two frames either will do
        nearest = min(everything, key=lambda time: abs(time - frame.time))
        np.testing.assert_array_equal(frame.rgb, pictures[everything[nearest]])


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_read_frames_variable_frame_rate(tmp_path, suffix):
    path = write(tmp_path / f"a.{suffix}", UNEVEN, 4)
    duration = probe_video(path).duration
    assert duration == pytest.approx(4.9, abs=0.1)
    frames = list(read_frames(path, 7))
    moments = [duration * (i + 0.5) / 7 for i in range(7)]
    wanted = [max(j for j, moment in enumerate(UNEVEN) if moment <= at) for at in moments]
    assert [index_of(frame.rgb) for frame in frames] == list(dict.fromkeys(wanted))


def test_read_frames_late_start(tmp_path):
    path = write(tmp_path / "a.mkv", [5 + moment for moment in EVEN])
    frames = list(read_frames(path, 5))
    assert [index_of(frame.rgb) for frame in frames] == [5, 15, 25, 35, 45]
    np.testing.assert_allclose([frame.time for frame in frames], [0.2, 0.6, 1.0, 1.4, 1.8], atol=0.002)


@pytest.mark.parametrize(("degrees", "corner"), [(0, (0, 0)), (90, (0, 1)), (180, (1, 1)), (270, (1, 0))])
def test_read_frames_rotation(tmp_path, degrees, corner):
    path = write(tmp_path / "a.mp4", EVEN[:5])
    content = bytearray(path.read_bytes())
    header = content.index(b"tkhd") + 4  # ISO/IEC 14496-12: version and flags, 20 bytes of times and ids, 16 more
    cos, sin = round(np.cos(np.radians(degrees))), round(np.sin(np.radians(degrees)))
    matrix = [cos << 16, sin << 16, 0, -sin << 16, cos << 16, 0, 0, 0, 1 << 30]
    content[header + 40 : header + 76] = struct.pack(">9i", *matrix)
    path.write_bytes(content)
    (frame,) = read_frames(path, 1)
    assert frame.rgb.shape[:2] == (SIZE if degrees % 180 == 0 else SIZE[::-1])
    h, w = frame.rgb.shape[0] // 2, frame.rgb.shape[1] // 2
    quarters = {(y, x): frame.rgb[y * h : y * h + h, x * w : x * w + w].mean() for y in (0, 1) for x in (0, 1)}
    # The matrix turns the picture clockwise: its dark corner goes from the upper left to the upper right, and on.
    assert min(quarters, key=quarters.get) == corner


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "avi"])
def test_read_frames_truncated(tmp_path, suffix):
    options = {"movflags": "faststart"} if suffix == "mp4" else None
    path = write(tmp_path / f"a.{suffix}", EVEN, 5, "mpeg4", options)
    content, given = path.read_bytes(), 0
    for share in range(0, 100, 4):
        cut = tmp_path / f"cut.{suffix}"
        cut.write_bytes(content[: len(content) * share // 100])
        with contextlib.suppress(UnreadableVideoError):
            given += len(list(read_frames(cut, 8)))
    assert given > 40


def test_read_frames_damaged(tmp_path):
    path = write(tmp_path / "a.mp4", EVEN, 5, "mpeg4", {"movflags": "faststart"})
    content = bytearray(path.read_bytes())
    start = content.index(b"mdat")
    third = (len(content) - start) // 3
    rng = np.random.default_rng(0)
    content[start + third : start + 2 * third] = rng.integers(0, 256, third, np.uint8).tobytes()
    path.write_bytes(content)
    indices = [index_of(frame.rgb) for frame in read_frames(path, 10)]
    assert len(indices) >= 5
    assert {2, 47} <= set(indices)  # before and behind the damage


def test_read_frames_no_video(tmp_path):
    sound = tmp_path / "sound.mp4"
    with av.open(str(sound), "w") as container:
        stream = container.add_stream("aac", rate=16000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 16000
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    (tmp_path / "empty.mp4").write_bytes(b"")
    (tmp_path / "text.mp4").write_text("no video")
    os.mkfifo(tmp_path / "pipe.mp4")
    for name, words in (
        ("sound.mp4", "no picture"),
        ("empty.mp4", "no video"),
        ("text.mp4", "no video"),
        ("pipe.mp4", "regular"),
        ("missing.mp4", "No such file"),
        ("nul\0.mp4", "opened"),
    ):
        with pytest.raises(UnreadableVideoError, match=words) as caught:
            list(read_frames(tmp_path / name))
        assert str(caught.value).startswith(str(tmp_path))
        assert caught.value.reason in str(caught.value)


@pytest.mark.parametrize("playlist", ["#EXTM3U\n#EXTINF:10,\n{}\n#EXT-X-ENDLIST\n", "ffconcat version 1.0\nfile {}\n"])
def test_read_frames_playlist(tmp_path, monkeypatch, playlist):
    monkeypatch.chdir(tmp_path)
    secret = write(tmp_path / "secret.mp4", EVEN)
    (tmp_path / "a.mp4").write_text(playlist.format(secret.name))
    with pytest.raises(UnreadableVideoError, match="no video"):
        list(read_frames(tmp_path / "a.mp4"))


def test_read_frames_limits(tmp_path):
    path = write(tmp_path / "a.mp4", EVEN)
    with pytest.raises(UnreadableVideoError, match="96 x 64 pixels"):
        list(read_frames(path, max_pixels=96 * 64 - 1))
    with pytest.raises(UnreadableVideoError, match="96 x 64 pixels"):
        probe_video(path, max_pixels=96 * 64 - 1)
    assert len(list(read_frames(path, max_pixels=96 * 64))) == 16
    with pytest.raises(UnreadableVideoError, match="not one frame"):
        list(read_frames(path, max_seconds=0))
    for count in (0, 10_001):
        with pytest.raises(InputError, match="frames a video"):
            list(read_frames(path, count))


def test_read_frames_open_file(tmp_path):
    path = write(tmp_path / "a.mp4", EVEN)
    from_file = [frame.rgb for frame in read_frames(path, 3)]
    np.testing.assert_array_equal([frame.rgb for frame in read_frames(io.BytesIO(path.read_bytes()), 3)], from_file)
    properties = probe_video(io.BytesIO(path.read_bytes()))
    assert (properties.width, properties.height, properties.codec) == (96, 64, "h264")
    assert properties.duration == pytest.approx(2.0, abs=0.05)


def test_read_frames_against_full_decode(shared_data):
    """The same frames as from decoding everything, for clips with one key frame in many seconds."""
    for path in sorted((shared_data / "videos").iterdir()):
        with av.open(str(path)) as container:
            times = [frame.time for frame in container.decode(video=0)]
        duration = probe_video(path).duration
        moments = [times[0] + duration * (i + 0.5) / 16 for i in range(16)]
        wanted = [max(t for t in times if t <= moment) - times[0] for moment in moments]
        np.testing.assert_allclose([frame.time for frame in read_frames(path, 16)], wanted, atol=0.06)
