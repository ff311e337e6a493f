"""What reading a video gives: frames, properties, and the error for one that cannot be used."""

from __future__ import annotations

import dataclasses

from aletheia.core.arrays import Array
from aletheia.core.errors import InputError


class UnreadableVideoError(InputError):
    """A video that cannot be used; ``reason`` is the message without the file's name."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"{name}: {reason}")
        self.reason = reason


@dataclasses.dataclass(frozen=True, eq=False)
class Frame:
    """A frame of a video as players show it.

    Attributes
    ----------
    rgb : (H, W, 3) uint8
    time : float
        Seconds since the video's beginning.
    notes : tuple of str
        What had to be done to show it, a sentence each; usually empty.
    """

    rgb: Array
    time: float
    notes: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class VideoProperties:
    """Properties that the container states: seconds (0 when unknown), pixels before any turn, format and codec."""

    duration: float
    width: int
    height: int
    format: str
    codec: str
