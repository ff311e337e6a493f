"""Genuine pictures of drawn people, with what a manifest knows of them."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

from aletheia.datasets.paired.measuring import FaceMeasures, measure_face


@pytest.fixture(scope="session")
def genuine(tmp_path_factory, portraits) -> Path:
    """A manifest of eight people, a wall and a broken file; the last two people are one, in two pictures."""
    root = tmp_path_factory.mktemp("paired")
    (root / "camera").mkdir()
    rows = []
    for index, (image, *_) in enumerate(portraits):
        cv2.imwrite(str(root / "camera" / f"{index}.png"), image[..., ::-1])
        person = f"person-{min(index, 6)}"
        rows.append({"path": f"camera/{index}.png", "label": "real", "source": "camera", "identity": person})
    cv2.imwrite(str(root / "wall.png"), np.full((200, 200, 3), 90, np.uint8))
    (root / "broken.jpg").write_bytes(b"no picture")
    rows += [{"path": name, "label": "real", "source": "camera"} for name in ("wall.png", "broken.jpg")]
    rows.append({"path": "fake.png", "label": "fake", "generator": "other"})
    pd.DataFrame(rows).to_csv(root / "manifest.csv", index=False)
    return root / "manifest.csv"


@pytest.fixture(scope="session")
def measured(portraits) -> list[FaceMeasures]:
    """Landmarks of the portraits."""
    return [measure_face(image) for image, *_ in portraits]
