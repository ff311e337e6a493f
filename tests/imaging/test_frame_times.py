"""Times of frames, against what FFmpeg decodes."""

from __future__ import annotations

import av
import numpy as np
import pytest

from aletheia.imaging.frame_times import frame_index, frame_times
from aletheia.imaging.video import UnreadableVideoError


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "avi"])
def test_frame_times_match_decoded_frames(tmp_path, write_video, suffix):
    pictures = [np.full((48, 64, 3), 9 * k, np.uint8) for k in range(23)]
    path = write_video(tmp_path / f"a.{suffix}", pictures, rate=10)
    with av.open(str(path)) as container:
        decoded = sorted(float(frame.time) for frame in container.decode(video=0))  # AVI knows no order of display
    times = frame_times(path)
    np.testing.assert_allclose(times, np.array(decoded) - decoded[0], atol=2e-3)
    assert [frame_index(times, k / 10) for k in (0, 7, 22)] == [0, 7, 22]


def test_frame_index_without_times():
    assert frame_index(np.array([]), 3.0) == -1


def test_frame_times_of_no_video(tmp_path):
    (tmp_path / "a.mp4").write_text("#EXTM3U\n/etc/passwd\n")
    with pytest.raises(UnreadableVideoError):
        frame_times(tmp_path / "a.mp4")
