"""Finding and cutting out faces: files a second and core, seconds of video a second, and recall, on real pictures.

Needs ALETHEIA_SHARED_DATA (or ../shared/data) with faces/, ffhq/ and videos/, each of whose pictures was chosen to show
a face; the files without a find are listed.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
from pathlib import Path

import pandas as pd

from aletheia.core.settings import get_settings
from aletheia.datasets.layouts import list_media
from aletheia.faces.extraction import extract_faces
from aletheia.imaging.video import probe_video


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    shared = Path(os.environ.get("ALETHEIA_SHARED_DATA", "../shared/data")).resolve()
    if not (shared / "faces").is_dir():
        print(f"There are no pictures in {shared}; name a folder by ALETHEIA_SHARED_DATA.")
        return 0
    cores = get_settings().workers
    for name in ("faces", "ffhq"):
        paths = [str(shared / name / path) for path in list_media(shared / name)[0]]
        rates, found = [], None
        for _ in range(options.repeats):
            with tempfile.TemporaryDirectory() as folder:
                found = extract_faces(pd.DataFrame({"path": paths}), folder, progress=False)
            rates.append(len(paths) / found.seconds)
        rate = statistics.median(rates)
        print(f"{name}: {len(paths)} pictures, {rate:.0f} a second, {rate / cores:.0f} a second and core")
        missed = found.skipped["path"]
        tries = ", ".join(f"{stage} {count}" for stage, count in found.stages.items())
        print(f"{name}: a usable face in {1 - len(missed) / len(paths):.2%} ({tries})")
        for path, reason in zip(missed, found.skipped["reason"], strict=True):
            print(f"    {Path(path).relative_to(shared)}: {reason}")
    clips = [str(shared / "videos" / path) for path in list_media(shared / "videos")[0]]
    length = sum(probe_video(clip).duration for clip in clips)
    rates = []
    for _ in range(options.repeats):
        with tempfile.TemporaryDirectory() as folder:
            found = extract_faces(pd.DataFrame({"path": clips}), folder, progress=False)
        rates.append(length / found.seconds)
    print(
        f"videos: {length:.0f} s in {len(clips)} clips, {statistics.median(rates):.0f} s of video a second "
        f"(16 frames of each, one process up to 15 files); {len(found.manifest)} faces, {len(found.skipped)} left out"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
