"""Ways to give a reconstruction the texture that it lost, and how well the audit tells them from photographs.

    python -m benchmarks.texture MANIFEST --root ROOT --work FOLDER

Genuine pictures of the manifest are reconstructed at the default settings (networks are trained once, in FOLDER): with
random phases, as `aletheia data reconstruct` does (`aletheia.datasets.paired.texture`), and with what was lost itself,
moved by 8 to 24 pixels. Printed are the AUC by which the audit's learners tell the fakes from their photographs.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import time
from pathlib import Path
from unittest import mock

import cv2
import numpy as np
from rich.console import Console
from rich.table import Table

from aletheia.audit.audit import audit_faces
from aletheia.audit.measuring import CROPS, ORIGINALS
from aletheia.core.arrays import Array
from aletheia.core.errors import InputError
from aletheia.datasets.paired import texture
from aletheia.datasets.paired.reconstruction import STEPS, reconstruct_faces
from aletheia.datasets.pipeline import extract_dataset_faces, load_dataset
from aletheia.faces.crop_config import CropConfig

NEAREST, FARTHEST = 8, 24  # pixels by which what was lost is moved, along each side


def moved(residual: Array, rng: np.random.Generator) -> Array:
    """Move what was lost (H, W, C) float32, mirrored at the edges; slow changes are left out, as by `scrambled`."""
    residual = residual - cv2.GaussianBlur(residual, (0, 0), 4)
    down, right = rng.integers(NEAREST, FARTHEST + 1, 2) * rng.choice((-1, 1), 2)
    padded = np.pad(residual, ((FARTHEST,) * 2, (FARTHEST,) * 2, (0, 0)), mode="symmetric")
    height, width = residual.shape[:2]
    part: Array = padded[FARTHEST + down :, FARTHEST + right :][:height, :width]
    return part


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("manifest", type=Path)
    parser.add_argument("--root", type=Path, help="folder that the paths of the manifest count from")
    parser.add_argument("--work", type=Path, required=True, help="folder for networks and pictures")
    parser.add_argument("--steps", type=int, default=STEPS, help="of each network's training")
    options = parser.parse_args()
    ways = {"random phases": texture.scrambled, "moved by 8 to 24 pixels": moved}
    table = Table("texture", "pairs", "processor minutes", "family of measures", "pictures: AUC", "crops: AUC")
    try:
        for number, (name, way) in enumerate(ways.items()):
            out, started = options.work / str(number), time.process_time()
            if number and not (out / "networks").exists():
                shutil.copytree(options.work / "0" / "networks", out / "networks")
            with mock.patch.object(texture, "scrambled", way):
                made = reconstruct_faces(options.manifest, out, steps=options.steps, root=options.root)
            minutes = f"{(time.process_time() - started) / 60:.1f}"
            faces = extract_dataset_faces(load_dataset(made.manifest), CropConfig()).main
            pictures, crops = (audit_faces(faces, view)[0] for view in (ORIGINALS, CROPS))
            for family in pictures.families:
                row = (family.name, family.auc_text, crops.family(family.key).auc_text)
                table.add_row(name, str(made.pairs), minutes, *row)
    except InputError as error:
        print(error, file=sys.stderr)
        return 2
    Console(width=160).print(table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
