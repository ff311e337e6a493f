"""A few synthetic portraits, and the shared photographs where they are at hand."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from aletheia.data.synthetic.faces import draw_shot, render
from aletheia.data.synthetic.people import draw_people


@pytest.fixture(scope="session")
def portraits() -> list[tuple[np.ndarray, dict[str, np.ndarray]]]:
    """Pictures (256, 256, 3) uint8 of eight people, and their landmarks in pixels."""
    drawn = []
    for i, person in enumerate(draw_people(8, "cam-b", seed=3)):
        image, points = render(person, draw_shot(np.random.default_rng(i)))
        drawn.append(((image * 255 + 0.5).astype(np.uint8), points))
    return drawn


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real photographs."""
    default = Path(__file__).resolve().parents[3] / "shared" / "data"
    folder = Path(os.environ.get("ALETHEIA_SHARED_DATA", default))
    if not (folder / "faces").is_dir():
        pytest.skip(f"no photographs at {folder}: set ALETHEIA_SHARED_DATA")
    return folder
