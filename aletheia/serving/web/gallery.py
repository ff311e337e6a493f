"""Sample pictures of the page: drawn by the embedded generator on first use, and kept in the cache."""

from __future__ import annotations

import dataclasses
import hashlib
import io
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

from aletheia.core.arrays import Array
from aletheia.core.files import atomic_write
from aletheia.core.settings import get_settings

_VERSION = "1"  # of the drawings; raising it draws them anew
_SEED, _PEOPLE = 11, 12
_JPEG_QUALITY, _N_FRAMES = 92, 14
_DRAWN = "a face that a program drew, untouched"
_THREE = "three people that a program drew: two untouched, the one in the middle with the inner face of another"
_FORGED = {
    "self-blended": "a drawn face whose inner part was changed in colour and sharpness and blended back",
    "face-swap": "a drawn face with the inner part of another person’s",
    "upsampled": "a drawn face whose inner part was shrunk and enlarged again by a network",
}


@dataclasses.dataclass(frozen=True)
class Sample:
    """An entry of the gallery.

    Attributes
    ----------
    name : str
        File name.
    title : str
        A few words for the button.
    truth : str
        Its ground truth, in words.
    """

    name: str
    title: str
    truth: str


SAMPLES = (
    Sample("drawn.jpg", "Untouched", _DRAWN),
    Sample("swapped.jpg", "Face swapped", _FORGED["face-swap"]),
    Sample("blended.jpg", "Blended", _FORGED["self-blended"]),
    Sample("upsampled.jpg", "Enlarged by a network", _FORGED["upsampled"]),
    Sample("three.jpg", "Three people", _THREE),
    Sample("nobody.jpg", "Nobody", "a drawn place without anybody in it"),
    Sample("video.mp4", "A short video", "a drawn person who moves; from the middle on with the inner face of another"),
)  # fmt: skip

#: Number of the person in each picture of one person, and how the face was forged.
_SINGLE = {
    "drawn.jpg": (0, ""),
    "swapped.jpg": (8, "face-swap"),
    "blended.jpg": (6, "self-blended"),
    "upsampled.jpg": (3, "upsampled"),
}


class Gallery:
    """The files of `SAMPLES`, drawn when they are missing.

    Parameters
    ----------
    folder : Path, optional
        Folder of the files; by default in the cache.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or get_settings().cache / f"gallery-{_VERSION}"
        for sample in SAMPLES:
            if not self.path(sample).is_file():
                _draw_file(sample.name, self.path(sample))
        self._truths = {hashlib.sha256(self.path(s).read_bytes()).digest(): s.truth for s in SAMPLES}

    def path(self, sample: Sample) -> Path:
        """Return the file of a sample."""
        return self.folder / sample.name

    def truth(self, data: bytes) -> str:
        """Return the ground truth of a picture by its bytes; "" for one that is not in the gallery."""
        return self._truths.get(hashlib.sha256(data).digest(), "")


def _draw_file(name: str, path: Path) -> None:
    if name.endswith(".mp4"):
        frames = [_draw_person(5, "face-swap" if yaw > 0 else "", yaw) for yaw in np.linspace(-0.33, 0.33, _N_FRAMES)]
        content = _encode_video(frames)
    else:
        content = _encode_jpeg(_draw_picture(name))
    with atomic_write(path) as file:
        file.write(content)


def _draw_picture(name: str) -> Array:
    if name == "three.jpg":
        return np.hstack([_draw_person(7, ""), _draw_person(10, "face-swap"), _draw_person(2, "")])
    if name == "nobody.jpg":
        return _draw_backdrop()
    return _draw_person(*_SINGLE[name])


def _draw_person(person: int, forgery: str, yaw: float | None = None) -> Array:
    """Draw a person, and forge the face, as the embedded data set does; RGB (256, 256, 3) uint8."""
    # Importing the generator takes a second and is needed once on a machine.
    from aletheia.datasets.synthetic.cameras import CAMERAS, capture
    from aletheia.datasets.synthetic.faces import render
    from aletheia.datasets.synthetic.forgeries import face_swap, self_blended, upsampled
    from aletheia.datasets.synthetic.people import draw_people
    from aletheia.datasets.synthetic.scene import draw_shot

    people = draw_people(_PEOPLE, "cam-a", _SEED)
    rng = np.random.default_rng((_SEED, person))
    shot = draw_shot(rng)
    if yaw is not None:
        shot = dataclasses.replace(shot, yaw=float(yaw))
    scene, points = render(people[person], shot)
    image = capture(scene, CAMERAS["cam-a"], rng)
    if forgery == "self-blended":
        image = self_blended(image, points, rng)
    elif forgery == "upsampled":
        image = upsampled(image, points, rng)
    elif forgery == "face-swap":
        donor, donor_points = render(people[(person + 6) % _PEOPLE], shot, head_only=True)
        image = face_swap(image, points, donor * np.float32(255), donor_points, rng)
    return np.clip(image + 0.5, 0, 255).astype(np.uint8)


def _draw_backdrop() -> Array:
    from aletheia.datasets.synthetic.backdrop import paint_backdrop
    from aletheia.datasets.synthetic.faces import encode_srgb
    from aletheia.datasets.synthetic.scene import FRAME, draw_light

    rng = np.random.default_rng(10)
    return (encode_srgb(paint_backdrop(FRAME, draw_light(rng), rng)) * 255 + 0.5).astype(np.uint8)


def _encode_jpeg(rgb: Array) -> bytes:
    _, data = cv2.imencode(".jpg", cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
    return data.tobytes()


def _encode_video(frames: Sequence[Array]) -> bytes:
    """Encode four frames a second as H.264 in MP4, which every browser plays."""
    import av

    content = io.BytesIO()
    with av.open(content, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=Fraction(4), options={"crf": "20"})
        stream.height, stream.width, stream.pix_fmt = *frames[0].shape[:2], "yuv420p"
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())
    return content.getvalue()
