"""Which stream is the film, palettes, and streams whose frames change."""

from __future__ import annotations

import io
from fractions import Fraction

import av
import numpy as np
import pytest
from av.stream import Disposition

from aletheia.imaging.video import probe_video, read_frames
from aletheia.imaging.video_stream import choose_stream
from aletheia.imaging.video_types import UnreadableVideoError


def add(container, size: tuple[int, int], grey: int, default: bool = True, frames: int = 10, codec: str = "libx264"):
    """Add a grey film of a size (height, width) to a container; returns a function that writes it."""
    stream = container.add_stream(codec, rate=25)
    stream.height, stream.width = size
    stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "rgb24" if codec == "png" else "yuv420p"
    stream.disposition = Disposition.default if default else Disposition(0)
    picture = av.VideoFrame.from_ndarray(np.full((*size, 3), grey, np.uint8), format="rgb24")

    def packets():
        for _ in range(frames):
            yield from stream.encode(picture)
        yield from stream.encode()

    return stream, packets


def film(*tracks, form: str = "mp4") -> bytes:
    file = io.BytesIO()
    with av.open(file, "w", format=form) as container:
        for track in [add(container, **track)[1] for track in tracks]:
            for packet in track():
                container.mux(packet)
    return file.getvalue()


SMALL, LARGE = {"size": (32, 48), "grey": 40}, {"size": (64, 96), "grey": 200}
COVER = {"size": (160, 160), "grey": 120, "frames": 1}


@pytest.mark.parametrize("form", ["mp4", "matroska"])
@pytest.mark.parametrize(
    ("tracks", "grey"),
    [
        ([{**SMALL, "default": False}, LARGE], 200),
        ([LARGE, {**SMALL, "default": False}], 200),
        ([{**LARGE, "default": False}, SMALL], 40),  # the maker's choice counts before the size
        ([SMALL, LARGE], 200),
        ([LARGE, SMALL], 200),
    ],
)
def test_read_frames_shows_the_default_best_stream(form, tracks, grey):
    (frame,) = read_frames(io.BytesIO(film(*tracks, form=form)), 1)
    assert abs(int(frame.rgb.mean()) - grey) <= 2


def test_read_frames_takes_a_track_of_one_picture_for_a_cover():
    for codec in ("mjpeg", "png"):
        (frame,) = read_frames(io.BytesIO(film({**COVER, "codec": codec}, SMALL)), 1)
        assert abs(int(frame.rgb.mean()) - 40) <= 2
    (frame,) = read_frames(io.BytesIO(film({**COVER, "codec": "mjpeg"})), 1)  # unless it is all there is
    assert frame.rgb.shape == (160, 160, 3)


class Stream:
    def __init__(self, disposition: Disposition) -> None:
        self.disposition, self.codec_context, self.frames = disposition, None, 0


def test_choose_stream_never_takes_an_attached_picture():
    cover, unknown = Stream(Disposition.attached_pic | Disposition.default), Stream(Disposition(0))
    assert choose_stream([cover]) is None
    assert choose_stream([cover, unknown]) is unknown
    assert choose_stream([]) is None


def test_read_frames_of_palettes_after_a_seek(tmp_path):
    path = tmp_path / "a.avi"
    palette = np.zeros((256, 4), np.uint8)
    palette[:, :3] = np.random.default_rng(0).integers(30, 256, (256, 3))
    palette[:, 3] = 255
    with av.open(str(path), "w") as container:
        stream = container.add_stream("rawvideo", rate=25)
        stream.height, stream.width, stream.pix_fmt = 32, 48, "pal8"
        for index in range(30):
            frame = av.VideoFrame.from_ndarray((np.full((32, 48), index, np.uint8), palette), format="pal8")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    with av.open(str(path)) as container:
        everything = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert all(picture.min() >= 29 for picture in everything)
    for source in (path, io.BytesIO(path.read_bytes())):
        frames = list(read_frames(source, 6))
        assert [round(frame.time * 25) for frame in frames] == [2, 7, 12, 17, 22, 27]
        for frame in frames:
            np.testing.assert_array_equal(frame.rgb, everything[round(frame.time * 25)])


def test_read_frames_whose_size_changes_have_their_own():
    file, other = io.BytesIO(), av.CodecContext.create("libx264", "w")
    other.height, other.width, other.pix_fmt, other.time_base, other.framerate = 64, 96, "yuv420p", Fraction(1, 25), 25
    picture = av.VideoFrame.from_ndarray(np.full((64, 96, 3), 200, np.uint8), format="rgb24")
    with av.open(file, "w", format="mpegts") as container:
        stream, packets = add(container, **SMALL, frames=25)
        for packet in packets():
            container.mux(packet)
        for position in range(25, 51):
            picture.pts, picture.time_base = position, Fraction(1, 25)
            for packet in other.encode(picture if position < 50 else None):
                packet.stream = stream
                container.mux(packet)
    frames = list(read_frames(io.BytesIO(file.getvalue()), 8))
    assert [frame.rgb.shape[:2] for frame in frames] == [(32, 48)] * 4 + [(64, 96)] * 4


@pytest.mark.parametrize(
    ("content", "name"), [(b"%PDF-1.7" + bytes(500), "a PDF document"), (b"ID3" + bytes(500), "an MP3 sound file")]
)
def test_probe_video_names_what_it_is_not(content, name):
    with pytest.raises(UnreadableVideoError, match=f"{name}.*MPEG-TS, WMV, FLV and Ogg can"):
        probe_video(io.BytesIO(content))
