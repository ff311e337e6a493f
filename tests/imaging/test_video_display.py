"""Frames as players show them, against FFmpeg's own filters and the formulas of the colour spaces."""

from __future__ import annotations

import io
import struct
from fractions import Fraction

import av
import numpy as np
import pytest

from aletheia.imaging.colour_space import coded_space, to_srgb
from aletheia.imaging.video import read_frames
from aletheia.imaging.video_display import DEINTERLACED, TONE_MAPPED, deinterlace, turn

ROT = [(1, 0, 0, 1), (0, 1, -1, 0), (-1, 0, 0, -1), (0, -1, 1, 0)]  # by 0, 90, 180, 270 degrees clockwise
MIRRORED = [(-1, 0, 0, 1), (1, 0, 0, -1), (0, 1, 1, 0), (0, -1, -1, 0)]
#: What FFmpeg's command line does for each matrix.
FILTERS = {
    ROT[1]: [("transpose", "clock")],
    ROT[2]: [("hflip", None), ("vflip", None)],
    ROT[3]: [("transpose", "cclock")],
    MIRRORED[0]: [("hflip", None)],
    MIRRORED[1]: [("vflip", None)],
    MIRRORED[2]: [("transpose", "cclock_flip")],
    MIRRORED[3]: [("transpose", "clock_flip")],
    ROT[0]: [("null", None)],
}


def scene(index: int = 0, height: int = 64, width: int = 96) -> np.ndarray:
    """A smooth picture without symmetry in which a bright bar moves to the right."""
    y, x = np.mgrid[0:height, 0:width]
    image = np.stack([40 + x, 60 + 1.5 * y, 120 - 0.5 * x + 0.3 * y], axis=-1)
    image[:, (4 * index) % width : (4 * index) % width + 10] += 70
    return np.clip(image, 0, 255).astype(np.uint8)


def write(pictures, *, codec: str = "libx264", form: str = "mp4", fmt: str = "yuv420p", ratio=None, **context) -> bytes:
    """A video of these pictures; `context` are attributes of its encoder."""
    file = io.BytesIO()
    with av.open(file, "w", format=form) as container:
        stream = container.add_stream(codec, rate=25, options=context.pop("options", {}))
        stream.height, stream.width, stream.pix_fmt = *pictures[0].shape[:2], fmt
        stream.codec_context.bit_rate = 4_000_000
        if ratio:
            stream.codec_context.sample_aspect_ratio = ratio
        for name, value in context.items():
            setattr(stream.codec_context, name, value)
        for picture in pictures:
            layout = "rgb48le" if picture.dtype == np.uint16 else "rgb24"
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format=layout)))
        container.mux(stream.encode())
    return file.getvalue()


def filtered(frame: av.VideoFrame, filters) -> np.ndarray:
    graph = av.filter.Graph()
    source = graph.add_buffer(width=frame.width, height=frame.height, format=frame.format, time_base=Fraction(1, 25))
    last = source
    for name, argument in filters:
        node = graph.add(name, argument)
        last.link_to(node)
        last = node
    sink = graph.add("buffersink")
    last.link_to(sink)
    graph.configure()
    graph.push(frame)
    return graph.pull().to_ndarray(format="rgb24")


@pytest.mark.parametrize("matrix", FILTERS)
def test_read_frames_turns_and_mirrors_as_ffmpeg(matrix):
    content = bytearray(write([scene()] * 3))
    place = content.index(b"tkhd") + 44  # ISO/IEC 14496-12, 8.3.2
    a, b, c, d = matrix
    content[place : place + 36] = struct.pack(">9i", a << 16, b << 16, 0, c << 16, d << 16, 0, 0, 0, 1 << 30)
    (shown,) = read_frames(io.BytesIO(content), 1)
    with av.open(io.BytesIO(content)) as container:
        frame = next(container.decode(video=0))
    wanted = filtered(frame, FILTERS[matrix])
    assert shown.rgb.shape == wanted.shape
    assert np.abs(shown.rgb.astype(int) - wanted).mean() < 3
    assert shown.notes == ()


def test_turn_goes_to_the_nearest_of_the_eight():
    rgb = scene()
    degrees = np.radians(87)
    matrix = [round(65536 * v) for v in (np.cos(degrees), np.sin(degrees), -np.sin(degrees), np.cos(degrees))]
    np.testing.assert_array_equal(turn(rgb, matrix), turn(rgb, ROT[1]))
    np.testing.assert_array_equal(turn(rgb, (0, 0, 0, 0)), rgb)


@pytest.mark.parametrize(("ratio", "shape"), [((2, 1), (64, 192)), ((1, 2), (128, 96)), ((16, 11), (64, 140))])
def test_read_frames_shows_square_pixels(ratio, shape):
    (frame,) = read_frames(io.BytesIO(write([scene()] * 3, ratio=Fraction(*ratio))), 1)
    assert frame.rgb.shape[:2] == shape
    with av.open(io.BytesIO(write([scene()] * 3))) as container:
        wanted = filtered(next(container.decode(video=0)), [("scale", f"{shape[1]}:{shape[0]}:flags=bicubic")])
    assert np.abs(frame.rgb.astype(int) - wanted).mean() < 3


def test_read_frames_with_nearly_square_or_impossible_pixels_keeps_them():
    for ratio in ((100, 101), (9, 1)):
        (frame,) = read_frames(io.BytesIO(write([scene()] * 3, ratio=Fraction(*ratio))), 1)
        assert frame.rgb.shape == (64, 96, 3)


def interlaced() -> tuple[bytes, list[np.ndarray]]:
    """A video whose fields are of two moments each, and the progressive pictures at the first of these."""
    moments = [scene(index) for index in range(40)]
    woven = []
    for index in range(20):
        picture = moments[2 * index].copy()
        picture[::2] = moments[2 * index + 1][::2]  # the bottom field comes first
        woven.append(picture)
    options = {"x264-params": "bff=1:crf=4"}
    return write(woven, options=options, fmt="yuv422p"), moments[::2]


def test_read_frames_deinterlaces():
    content, wanted = interlaced()
    with av.open(io.BytesIO(content)) as container:
        raw = list(container.decode(video=0))
    assert raw[0].interlaced_frame
    frames = list(read_frames(io.BytesIO(content), 10))
    for frame in frames:
        index = round(frame.time * 25)
        truth, combed = wanted[index].astype(int), raw[index].to_ndarray(format="rgb24").astype(int)
        error, before = np.abs(frame.rgb - truth).mean(), np.abs(combed - truth).mean()
        assert error < 0.5 * before
        assert frame.notes == (DEINTERLACED,)


def test_deinterlace_is_that_of_the_whole_film():
    content, _ = interlaced()
    with av.open(io.BytesIO(content)) as container:
        raw = list(container.decode(video=0))
    graph = av.filter.Graph()
    source = graph.add_buffer(width=96, height=64, format=raw[0].format, time_base=raw[0].time_base)
    node, sink = graph.add("bwdif", "mode=send_frame"), graph.add("buffersink")
    source.link_to(node)
    node.link_to(sink)
    graph.configure()
    for frame in (*raw, None):
        graph.push(frame)
    whole = [graph.pull().to_ndarray(format="rgb24") for _ in raw]
    for index in (3, 10):
        one = deinterlace(raw[index], raw[index - 1], raw[index + 1]).to_ndarray(format="rgb24")
        np.testing.assert_array_equal(one[4:-4], whole[index][4:-4])
    combed = np.abs(raw[5].to_ndarray(format="rgb24").astype(int) - whole[5]).mean()
    for neighbours in ((raw[4], None), (None, raw[6])):
        one = deinterlace(raw[5], *neighbours).to_ndarray(format="rgb24").astype(int)
        assert np.abs(one - whole[5]).mean() < 0.5 * combed
    assert deinterlace(raw[5]).height == 64  # nothing is known of what moves


def test_read_frames_leaves_progressive_frames_alone():
    content = write([scene(index) for index in range(5)])
    with av.open(io.BytesIO(content)) as container:
        raw = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    for index, frame in enumerate(read_frames(io.BytesIO(content), 5)):
        np.testing.assert_array_equal(frame.rgb, raw[index])
        assert frame.notes == ()


@pytest.mark.parametrize("transfer", [16, 18])
def test_read_frames_tone_maps(transfer):
    picture = np.zeros((64, 96, 3), np.uint16)
    for column, grey in enumerate((8_000, 16_000, 24_000, 32_000, 40_000, 50_000)):
        picture[:, 16 * column : 16 * column + 16] = (grey, grey * 0.9, grey * 0.8)
    content = write(
        [picture] * 3, fmt="yuv444p10le", codec="libx265", color_trc=transfer, color_primaries=9, colorspace=9,
        options={"crf": "2", "x265-params": "log-level=none"},
    )  # fmt: skip
    (frame,) = read_frames(io.BytesIO(content), 1)
    with av.open(io.BytesIO(content)) as container:
        stored = list(container.decode(video=0))[1].to_ndarray(format="rgb48le")
    np.testing.assert_array_equal(frame.rgb, to_srgb(stored, coded_space(9, transfer)))
    assert frame.notes == (TONE_MAPPED,)
    # Without the curve these values would be far darker: the same codes read as an ordinary video.
    assert np.abs(frame.rgb.astype(int) - (stored >> 8)).mean() > 5


def test_read_frames_of_wide_primaries_says_nothing():
    content = write([scene()] * 3, color_trc=13, color_primaries=12)
    (frame,) = read_frames(io.BytesIO(content), 1)
    with av.open(io.BytesIO(content)) as container:
        stored = list(container.decode(video=0))[1].to_ndarray(format="rgb48le")
    np.testing.assert_array_equal(frame.rgb, to_srgb(stored, coded_space(12, 13)))
    assert frame.notes == ()
