# Generated from notebooks/00-extract-faces.ipynb by `aletheia functions build`. Edit the notebook, not this file.

# mlrun: config options='["data", "faces"]'
# mlrun: config outputs='["faces", "pool", "skipped"]'
import mlrun

from aletheia.core import dask_client
from aletheia.datasets import crops_folder, extract_dataset_faces, load_dataset, log_faces
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
    dask = dask_client(context)
    data = load_dataset(config.source, real_pool=config.real_pool, client=dask, **config.source_options())
    cluster = {"client": dask, "send_to": crops_folder(context)}
    faces = extract_dataset_faces(data, config.crop_config(), workers=workers, **cluster)

    log_faces(context, "faces", faces.main)
    log_faces(context, "pool", faces.pool)
    log_faces(context, "skipped", faces.skipped, file_format="csv", send=False)
    context.log_artifact("crops", body=png(face_sheet(faces.main)), local_path="crops.png", format="png")
    if len(faces.skipped):
        sheet = png(rejected_sheet(faces.skipped))
        context.log_artifact("rejected", body=sheet, local_path="rejected.png", format="png")
    context.log_results(faces.results)
