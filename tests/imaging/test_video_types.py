"""The error of a video, and the defaults of a frame."""

from __future__ import annotations

import pickle

import numpy as np

from aletheia.core.errors import InputError
from aletheia.imaging.video_types import Frame, UnreadableVideoError, VideoProperties


def test_unreadable_video_error_keeps_its_reason():
    error = UnreadableVideoError("a.mp4", "is empty")
    assert (str(error), error.reason) == ("a.mp4: is empty", "is empty")
    assert isinstance(error, InputError)


def test_frame_has_no_notes_by_default():
    assert Frame(np.zeros((2, 2, 3), np.uint8), 0.5).notes == ()
    properties = VideoProperties(1.0, 2, 3, "avi", "mpeg4")
    assert pickle.loads(pickle.dumps(properties)) == properties
