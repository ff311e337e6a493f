"""Bug 9: video scores grouped by file name, so that `000.mp4` of every manipulation method became one video."""

from __future__ import annotations

import numpy as np

from aletheia.datasets.ingest import load_source
from aletheia.datasets.split import split_manifest
from aletheia.faces.crop_config import CropConfig
from aletheia.faces.extraction import extract_faces


def test_extract_faces_same_file_name_in_two_folders(tmp_path, portraits, write_video):
    for index, folder in enumerate(("real/camera", "fake/face-swap", "fake/reenacted")):
        (tmp_path / folder).mkdir(parents=True)
        picture = np.ascontiguousarray(portraits[index][0][:256, :256])
        write_video(tmp_path / folder / "000.mp4", [picture] * 5)
    found = load_source(tmp_path, progress=False)
    faces = extract_faces(found.manifest, tmp_path / "faces", CropConfig(frames=3), workers=1, progress=False).manifest
    assert faces.groupby("video").size().tolist() == [3, 3, 3]
    for column in ("label", "generator"):
        assert (faces.groupby("video")[column].nunique() == 1).all()


def test_split_manifest_keeps_frames_of_a_video_together(tmp_path):
    import pandas as pd

    frames = pd.DataFrame(
        {
            "path": [f"/faces/{i}.png" for i in range(400)],
            "label": ["real", "fake"] * 200,
            "video": [f"/clips/{'real' if i % 2 == 0 else 'swap'}/{i // 8:03d}.mp4" for i in range(400)],
        }
    )
    split = split_manifest(frames, seed=0)
    assert (split.groupby("video")["split"].nunique() == 1).all()
    assert set(split["split"]) == {"train", "val", "test"}
