"""The pipeline: extract-faces → prepare-data → search-hyperparameters → train → evaluate → register.

The same file runs on this machine (``--engine local``) and, through Kubeflow, on a cluster: it only names functions and
hands the outputs of one to the next.
"""

import mlrun
from mlrun.model import HyperParamOptions

LEARNING_RATES = [1e-4, 3e-4, 1e-3, 2e-3, 5e-3, 1e-2]
BATCH_SIZES = [8, 16, 32]


def main(
    source: str = "synthetic",
    manifest: str = "",
    ffhq: str = "",
    remedies: list | None = None,
    balance: str = "matched",
    images: int = 1500,
    image_size: int = 96,
    face_policy: str = "scale",
    face_margin: float = 0.2,
    frames: int = 16,
    architecture: str = "attention_cnn",
    learning_rates: list = LEARNING_RATES,
    batch_sizes: list = BATCH_SIZES,
    search_epochs: int = 3,
    epochs: int = 20,
    fault: str = "none",
    held_out: list | None = None,
    recipe: dict | None = None,
    seed: int = 0,
):
    """Go from raw faces to a registered model.

    :param source:         "synthetic", a folder with real/ and fake/, or a manifest (CSV, parquet)
    :param manifest:       CSV with sources, generators and demographics of the files in source
    :param ffhq:           folder of genuine faces to balance with; empty: none (the embedded pool for "synthetic")
    :param remedies:       against shortcuts: drop=COLUMN=VALUE, match=FAMILY, reencode=60-95, resolution=PIXELS
    :param balance:        none, count, matched or per-source
    :param images:         how many pictures "synthetic" makes
    :param image_size:     side of the face crops that the network sees, in pixels
    :param face_policy:    how faces are cut out: scale, tight or aligned
    :param face_margin:    added around the face on each side, as a share of its side
    :param frames:         frames of each video, evenly spread
    :param architecture:   a name of the registry of networks
    :param learning_rates: learning rates of the grid
    :param batch_sizes:    batch sizes of the grid
    :param search_epochs:  epochs of every cell of the grid
    :param epochs:         epochs of the training, at most
    :param fault:          break the training on purpose, to see the checks refuse the model
    :param held_out:       train again without each of these (generator=NAME, source=NAME), and test on it
    :param recipe:         anything else of TrainConfig, for search and training: weights, augmentation, precision, …
    :param seed:           makes the run repeatable
    """
    common = {"architecture": architecture, "image_size": image_size, "seed": seed}

    extract = mlrun.run_function(
        "extract-faces",
        name="extract-faces",
        params={
            "source": source,
            "manifest": manifest,
            "ffhq": ffhq,
            "images": images,
            "face_size": image_size,
            "face_policy": face_policy,
            "face_margin": face_margin,
            "frames": frames,
            "seed": seed,
        },
        outputs=["faces", "pool", "skipped"],
    )
    prepare = mlrun.run_function(
        "prepare-data",
        name="prepare-data",
        inputs={name: extract.outputs[name] for name in ("faces", "pool", "skipped")},
        params={"remedies": remedies or [], "balance_policy": balance, "seed": seed},
        outputs=["train", "val", "test"],
    )
    sets = {name: prepare.outputs[name] for name in ("train", "val")}

    search = mlrun.run_function(
        "search-hyperparameters",
        name="search-hyperparameters",
        handler="search_hyperparameters",
        inputs=sets,
        params={**common, "epochs": search_epochs, "recipe": recipe or {}},
        hyperparams={"learning_rate": learning_rates, "batch_size": batch_sizes},
        hyper_param_options=HyperParamOptions(strategy="grid", selector="min.loss"),
        outputs=["best_learning_rate", "best_batch_size", "iteration_results"],
    )
    mlrun.run_function(
        "search-hyperparameters",
        name="search-overview",
        handler="search_overview",
        inputs={"iteration_results": search.outputs["iteration_results"]},
    )

    train = mlrun.run_function(
        "train",
        name="train",
        inputs=sets,
        params={
            **common,
            "learning_rate": search.outputs["best_learning_rate"],
            "batch_size": search.outputs["best_batch_size"],
            "epochs": epochs,
            "fault": fault,
            "recipe": recipe or {},
        },
        outputs=["model"],
    )

    evaluate = mlrun.run_function(
        "evaluate",
        name="evaluate",
        inputs={"model": train.outputs["model"], **sets, "test": prepare.outputs["test"]},
        params={"seed": seed},
        outputs=["evaluation"],
    )

    if held_out:
        cross = mlrun.run_function(
            "cross-test",
            name="cross-test",
            handler="cross_test",
            inputs={**sets, "test": prepare.outputs["test"]},
            params={
                **common,
                "learning_rate": search.outputs["best_learning_rate"],
                "batch_size": search.outputs["best_batch_size"],
                "epochs": epochs,
                "recipe": recipe or {},
            },
            hyperparams={"held_out": held_out},
            hyper_param_options=HyperParamOptions(strategy="grid", selector="min.loss"),
            outputs=["iteration_results"],
        )
        mlrun.run_function(
            "cross-test",
            name="cross-overview",
            handler="cross_overview",
            inputs={"iteration_results": cross.outputs["iteration_results"]},
        )

    mlrun.run_function(
        "register",
        name="register",
        inputs={"model": train.outputs["model"], "evaluation": evaluate.outputs["evaluation"]},
        outputs=["detector"],
    )
