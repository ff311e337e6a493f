# Generated from notebooks/03-train.ipynb by `aletheia functions build`. Edit the notebook, not this file.

import shutil
from tempfile import TemporaryDirectory

import mlrun
from mlrun.artifacts import PlotlyArtifact

from aletheia.training.checkpoint import checkpoint_folder
from aletheia.training.config import TrainConfig
from aletheia.training.export import bundle
from aletheia.training.fit import fit
from aletheia.training.plots import curve_figures


def train(
    context: mlrun.MLClientCtx,
    train: mlrun.DataItem,
    val: mlrun.DataItem,
    learning_rate: float = 1e-3,
    batch_size: int = 16,
    architecture: str = "attention_cnn",
    image_size: int = 96,
    epochs: int = 20,
    fault: str = "none",
    recipe: dict | None = None,
    seed: int = 0,
):
    """Train until the validation loss stops falling; log the best epoch as a model.

    An interrupted training goes on at its last epoch when the same one is started again.

    :param context:       the MLRun context
    :param train:         training faces (manifest)
    :param val:           validation faces (manifest)
    :param learning_rate: of the optimiser
    :param batch_size:    faces in a step
    :param architecture:  a name of the registry of networks
    :param image_size:    side of the faces as the network sees them, pixels
    :param epochs:        at most so many
    :param fault:         break the training on purpose, to see the checks refuse the model
    :param recipe:        anything else of TrainConfig: weights, patience (5), augmentation, precision, devices, …
    :param seed:          makes the training repeatable
    """
    config = TrainConfig.parse(
        {"patience": 5, **(recipe or {})},
        architecture=architecture,
        learning_rate=learning_rate,
        batch_size=batch_size,
        image_size=image_size,
        max_epochs=epochs,
        fault=fault,
        seed=seed,
    )
    train_faces, val_faces = train.as_df(), val.as_df()
    checkpoints = checkpoint_folder(config, train_faces, val_faces)
    result = fit(config, train_faces, val_faces, checkpoints, resume=True)

    with TemporaryDirectory() as folder:
        _, spec = bundle(result, train_faces, val_faces, folder=folder, run=context.uid)
        context.log_model(
            "model",
            model_dir=folder,
            model_file="model.safetensors",
            framework="pytorch",
            algorithm=architecture,
            metrics=spec.metrics,
            parameters=config.model_dump(mode="json"),
            extra_data={name: name for name in ("model.json", *spec.files()[1:])},
            labels={"data_hash": spec.data_hash[:16]},
        )
    shutil.rmtree(checkpoints, ignore_errors=True)
    context.log_dataset("curves", df=result.history, format="csv", index=False)
    for key, figure in curve_figures(result.history).items():
        context.log_artifact(PlotlyArtifact(key=key, figure=figure))
    context.log_results({"loss": result.val_loss, "epochs": len(result.history), "seconds": result.seconds})
    context.log_results({**spec.metrics, "threshold": spec.threshold})
