# Generated from notebooks/00-extract-faces.ipynb by `aletheia functions build`. Edit the notebook, not this file.

import mlrun

from aletheia.datasets.pipeline import extract_dataset_faces, load_dataset
from aletheia.faces.worker import CropConfig
from aletheia.plotting.contact_sheet import contact_sheet, png, rejected_sheet


def extract_faces(
    context: mlrun.MLClientCtx,
    source: str = "synthetic",
    manifest: str = "",
    ffhq: str = "",
    images: int = 1500,
    face_size: int = 96,
    face_policy: str = "scale",
    face_margin: float = 0.2,
    all_faces: bool = False,
    min_face: int = 32,
    threshold: float = 0.75,
    frames: int = 16,
    workers: int = 0,
    seed: int = 0,
):
    """Find the faces in pictures and videos, cut them out, and list what has none.

    :param context:     the MLRun context
    :param source:      "synthetic", a folder with real/ and fake/, or a manifest (CSV, parquet)
    :param manifest:    CSV with sources, generators and demographics of the files in source
    :param ffhq:        folder of genuine faces to balance with; "synthetic" brings its own
    :param images:      how many pictures "synthetic" makes
    :param face_size:   side of the face crops, pixels
    :param face_policy: scale, tight or aligned
    :param face_margin: added around the box on each side, as a share of its side
    :param all_faces:   take every face of a picture, not only the largest
    :param min_face:    pixels a side below which a face is left out
    :param threshold:   least confidence of the detector, 0 to 1
    :param frames:      frames of each video, evenly spread
    :param workers:     processes side by side; 0: one a core. In MLRun's dask runtime the cluster works instead
    :param seed:        of the pictures that "synthetic" makes
    """
    cutting = CropConfig(face_size, face_policy, face_margin, not all_faces, threshold, min_face, frames)
    data = load_dataset(source, manifest=manifest, ffhq=ffhq, images=images, seed=seed)
    found = extract_dataset_faces(data, cutting, workers=workers, client=getattr(context, "dask_client", None))

    context.log_dataset("faces", df=found.main, format="parquet", index=False, stats=False)
    context.log_dataset("pool", df=found.pool, format="parquet", index=False, stats=False)
    context.log_dataset("skipped", df=found.skipped, format="csv", index=False, stats=False)
    context.log_artifact("crops", body=png(contact_sheet(found.main)), local_path="crops.png", format="png")
    if len(found.skipped):
        sheet = png(rejected_sheet(found.skipped))
        context.log_artifact("rejected", body=sheet, local_path="rejected.png", format="png")
    context.log_results(found.results)
