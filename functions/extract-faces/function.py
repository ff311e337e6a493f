# Generated from notebooks/00-extract-faces.ipynb by `aletheia functions build`. Edit the notebook, not this file.

# mlrun: config options='["data", "faces"]'
# mlrun: config outputs='["faces", "pool", "skipped"]'
import mlrun

from aletheia.datasets import extract_dataset_faces, load_dataset
from aletheia.plotting import face_sheet, png, rejected_sheet
from aletheia.project import RunConfig, refuse_unknown


@refuse_unknown
def extract_faces(context: mlrun.MLClientCtx, workers: int = 0, **options):
    """Find the faces in pictures and videos, cut them out, and list the files without one.

    :param context: the MLRun context
    :param workers: processes side by side; 0: one a core. In MLRun's dask runtime the cluster works instead
    :param options: the data and faces options of a run
    """
    config = RunConfig.parse(options)
    data = load_dataset(config.source, real_pool=config.real_pool, **config.source_options())
    dask = getattr(context, "dask_client", None)
    faces = extract_dataset_faces(data, config.crop_config(), workers=workers, client=dask)

    context.log_dataset("faces", df=faces.main, format="parquet", index=False, stats=False)
    context.log_dataset("pool", df=faces.pool, format="parquet", index=False, stats=False)
    context.log_dataset("skipped", df=faces.skipped, format="csv", index=False, stats=False)
    context.log_artifact("crops", body=png(face_sheet(faces.main)), local_path="crops.png", format="png")
    if len(faces.skipped):
        sheet = png(rejected_sheet(faces.skipped))
        context.log_artifact("rejected", body=sheet, local_path="rejected.png", format="png")
    context.log_results(faces.results)
