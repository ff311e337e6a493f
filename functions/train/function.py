# Generated from notebooks/03-train.ipynb by `aletheia functions build`. Edit the notebook, not this file.

# mlrun: config options='["training", "image_size"]'
# mlrun: config outputs='["model", "others"]'
import shutil
from tempfile import TemporaryDirectory

import mlrun

from aletheia.datasets import read_faces
from aletheia.plotting import FigureArtifact
from aletheia.project import RunConfig, refuse_unknown
from aletheia.training import (
    curve_figures,
    export_bundle,
    fit_seeds,
    median_training,
    parse_point,
    save_others,
    train_without_sources,
)


@refuse_unknown
def train(
    context: mlrun.MLClientCtx,
    train: mlrun.DataItem,
    val: mlrun.DataItem,
    sealed: mlrun.DataItem = None,
    learning_rate: float = 1e-3,
    batch_size: int = 16,
    best: dict | None = None,
    **options,
):
    """Train until the validation loss stops falling; log the best epoch as a model.

    With several seeds the training with the median validation loss is the model; the others show how far luck goes.

    An interrupted training continues at its last epoch when it is started again with the same options.

    :param context:       the MLRun context
    :param train:         training faces (manifest)
    :param val:           validation faces (manifest)
    :param sealed:        the sealed test faces (manifest), if there are any: the model carries hashes of the pictures,
                          so that no evaluation scores them
    :param learning_rate: of the optimiser
    :param batch_size:    faces in a step
    :param best:          values of the search's best cell (a dictionary, or JSON), which win over those above
    :param options:       the training options of a run, image_size and seed
    """
    run_config = RunConfig.parse(options)
    values = {"learning_rate": learning_rate, "batch_size": batch_size, "fault": run_config.fault, "patience": 5}
    config = run_config.train_config(**{**values, **parse_point(best)})
    train_faces, val_faces = read_faces(train), read_faces(val)
    results = fit_seeds(config, train_faces, val_faces, run_config.seeds)
    result = median_training(results)

    with TemporaryDirectory() as folder:
        others = train_without_sources(config, train_faces, val_faces, most=run_config.source_folds, progress=False)
        more = {"others": others, "sealed": sealed and read_faces(sealed)}
        _, spec = export_bundle(result, train_faces, val_faces, folder=folder, run=context.uid, **more)
        context.log_model(
            "model",
            model_dir=folder,
            model_file="model.safetensors",
            framework="pytorch",
            algorithm=config.architecture,
            metrics=spec.metrics,
            parameters=config.model_dump(mode="json"),
            extra_data={name: name for name in ("model.json", *spec.files()[1:])},
            labels={"data_hash": spec.data_hash[:16]},
        )
        if len(results) > 1:
            file = save_others(f"{folder}/others.safetensors", results, result)
            context.log_artifact("others", body=file.read_bytes(), local_path=file.name, format="safetensors")
    for one in results:
        shutil.rmtree(one.checkpoint.parent, ignore_errors=True)
    context.log_dataset("curves", df=result.history, format="csv", index=False)
    for key, figure in curve_figures(result.history).items():
        context.log_artifact(FigureArtifact(key, figure))
    context.log_results({f"loss_seed_{one.config.seed}": one.val_loss for one in results if len(results) > 1})
    context.log_results({"loss": result.val_loss, "epochs": len(result.history), "seconds": result.seconds})
    context.log_results({**spec.metrics, "threshold": spec.threshold, "other_sources": others.sentence()})
