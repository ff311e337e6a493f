"""Numbered pictures that are frames of one video, and those that are not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from aletheia.datasets.duplicates import popcount
from aletheia.datasets.sequences import guess_videos
from aletheia.imaging.reading import perceptual_hash, read_image


def scene(seed: int) -> np.ndarray:
    """A picture of large coloured fields with finer ones on them: (200, 200, 3) uint8."""
    rng = np.random.default_rng(seed)
    coarse, fine = (Image.fromarray(rng.integers(0, 256, (n, n, 3), dtype=np.uint8)) for n in (3, 12))
    large, small = (np.asarray(image.resize((200, 200), Image.Resampling.BICUBIC), float) for image in (coarse, fine))
    return (0.8 * large + 0.2 * small).astype(np.uint8)


def moving(seed: int, frames: int, step: int = 8) -> list[np.ndarray]:
    """A window that wanders over a scene: frames of a moving head."""
    picture, rng, place = scene(seed), np.random.default_rng(seed), np.array([40, 40])
    windows = []
    for _ in range(frames):
        place = np.clip(place + rng.integers(-step, step + 1, 2), 0, 80)
        windows.append(picture[place[0] : place[0] + 120, place[1] : place[1] + 120])
    return windows


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, np.ndarray], str]:
    def save(name: str, rgb: np.ndarray) -> str:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rgb).save(path)
        return str(path)

    return save


def guess(paths: list[str], label: str = "real") -> list[str]:
    return list(guess_videos(paths, [label] * len(paths)).video)


def test_moving_frames_are_no_near_duplicates():
    """What the sequence test is for: perceptual hashes differ in more bits than near duplicates may."""
    hashes = np.array([perceptual_hash(frame) for frame in moving(1, 8, step=16)], dtype=np.uint64)
    assert np.median(popcount(hashes[1:] ^ hashes[:-1])) > 4


@pytest.mark.parametrize("form", ["{video}/{k}.png", "{video}/frame_{k:05d}.png", "clip-{video}_{k:06d}.png"])
def test_guess_videos_of_moving_heads(write, form):
    """Folders of frames, and all frames in one folder; names of the folders say nothing."""
    paths = [write(form.format(video="abcd"[v], k=k), frame) for v in range(4) for k, frame in enumerate(moving(v, 6))]
    videos = guess(paths)
    assert len(set(videos)) == 4 and "" not in videos
    assert all(len(set(videos[6 * v : 6 * v + 6])) == 1 for v in range(4))


def test_guess_videos_names_folders(write, tmp_path):
    paths = [write(f"talk/{k}.png", frame) for k, frame in enumerate(moving(1, 5, step=2))]
    found = guess_videos(paths, ["fake"] * 5)
    assert set(found.video) == {f"{tmp_path}/talk"} and found.folders == {f"{tmp_path}/talk"}


def test_guess_videos_leaves_numbered_photos_alone(write):
    photos = [write(f"camera/IMG_{k:04d}.png", scene(k)) for k in range(12)]
    photos += [write(f"fake/seed{k:04d}.png", scene(100 + k)) for k in range(12)]
    assert set(guess(photos)) == {""}


def test_guess_videos_believes_names_that_start_anew(write):
    """Frames that lie far apart in time: alike enough only because folders are named and numbered as videos are."""
    paths = [write(f"{v:03d}/{k}.png", frame) for v in range(4) for k, frame in enumerate(moving(v, 5, step=25))]
    videos = guess(paths)
    assert len(set(videos)) == 4 and "" not in videos


def test_guess_videos_not_of_thousands_of_photos(write):
    """Folders of a thousand numbers each, as those of FFHQ: the numbers count on."""
    paths = [write(f"{v:02d}000/{v:02d}{k:03d}.png", scene(10 * v + k)) for v in range(4) for k in range(5)]
    assert set(guess(paths)) == {""}


def test_guess_videos_divides_a_folder_of_several_videos(write):
    frames = [frame for v in range(5) for frame in moving(v, 6, step=3)]
    videos = guess([write(f"{k:04d}.png", frame) for k, frame in enumerate(frames)])
    assert [len(set(videos[6 * v : 6 * v + 6])) for v in range(5)] == [1] * 5 and len(set(videos)) == 5


def test_guess_videos_finds_a_shot_among_photos(write):
    shot = {k: frame for k, frame in enumerate(moving(1, 5, step=2), 4)}
    videos = guess([write(f"IMG_{k:03d}.png", shot[k] if k in shot else scene(50 + k)) for k in range(12)])
    assert len(set(videos[4:9])) == 1 and videos[4] and not any(videos[:4] + videos[9:])


def test_guess_videos_tolerates_what_cannot_be_read(write, tmp_path):
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "1.png").write_bytes(b"no picture")
    assert guess([str(tmp_path / "x" / "1.png"), str(tmp_path / "x" / "2.png"), "film.mp4"]) == ["", "", ""]
    assert guess([]) == []


@pytest.mark.parametrize(
    "form", ["talk{video}_t{seconds:.2f}.png", "{video}/f{k:02x}.png", "{video}/{letter}.png", "{k:03d}_{video}.png"]
)
def test_guess_videos_of_seconds_base_sixteen_letters_and_numbers_in_front(write, form):
    """Every video is whole, and none is merged with another, whatever counts its frames."""
    paths = [
        write(form.format(video="stuv"[v], k=k + 6, seconds=k / 2, letter="abcdefgh"[k]), frame)
        for v in range(4)
        for k, frame in enumerate(moving(v, 8))
    ]
    videos = guess(paths)
    assert [len(set(videos[8 * v : 8 * v + 8])) for v in range(4)] == [1] * 4
    assert len(set(videos)) == 4 and "" not in videos


@pytest.mark.parametrize("form", ["{name}.png", "{k:02x}.png", "p_{k}.{k}.png"])
def test_guess_videos_leaves_photos_of_any_names_alone(write, form):
    names = ["ann", "bob", "cleo", "dora", "eve", "finn", "gil", "hanna", "ivo", "june", "kit", "lea"]
    paths = [
        write(f"{d}/{form.format(name=name, k=k)}", scene(20 * d + k)) for d in range(2) for k, name in enumerate(names)
    ]
    found = guess_videos(paths, ["real"] * len(paths))
    assert set(found.video) == {""} and not found.folders


def test_guess_videos_names_folders_whose_pictures_do_not_count(write, tmp_path):
    paths = [write(f"alice/{letter}.png", frame) for letter, frame in zip("abcde", moving(1, 5, step=2), strict=True)]
    assert guess_videos(paths, ["real"] * 5).folders == {f"{tmp_path}/alice"}


def test_scenes_differ_as_photos_do(write):
    """The premise of the tests: strangers differ by far more than neighbours."""
    first, second = (read_image(write(f"{k}.png", scene(k))).astype(float) for k in range(2))
    assert np.abs(first - second).mean() > 30
