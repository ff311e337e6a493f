"""The pipeline: extract-faces → prepare-data → search-hyperparameters → train → evaluate → register.

The same file runs on this machine (``--engine local``) and, through Kubeflow, on a cluster: it only names functions and
hands the outputs of one to the next. Its options are the fields of ``aletheia.project.RunConfig``.
"""

import mlrun
from mlrun.model import HyperParamOptions

from aletheia.project import RunConfig, takes_config

CROSS = HyperParamOptions(strategy="grid", selector="min.loss")
NETWORK = ("architecture", "image_size", "recipe")


@takes_config
def main(config: RunConfig):
    """Go from raw faces to a registered model."""
    extract = mlrun.run_function(
        "extract-faces",
        name="extract-faces",
        labels=config.labels(),
        params=config.params("data", "faces"),
        outputs=["faces", "pool", "skipped"],
    )
    prepare = mlrun.run_function(
        "prepare-data",
        name="prepare-data",
        labels=config.labels(),
        inputs={name: extract.outputs[name] for name in ("faces", "pool", "skipped")},
        params=config.params("splitting", "balancing"),
        outputs=["train", "val", "test", "sealed"],
    )
    sets = {name: prepare.outputs[name] for name in ("train", "val")}
    test = prepare.outputs["test"]

    # The search: search_arguments() returns its columns, strategy and selector (the options search, search_columns,
    # search_trials, search_selector, learning_rates and batch_sizes) as hyperparams and hyper_param_options. The best
    # cell's values go on as one dictionary, so that another column changes nothing here or in the handlers.
    search = mlrun.run_function(
        "search-hyperparameters",
        name="search-hyperparameters",
        labels=config.labels(),
        handler="search_hyperparameters",
        inputs=sets,
        params={**config.params(*NETWORK, "search"), "epochs": config.search_epochs},
        **config.search_arguments(),
        outputs=["best", "iteration_results"],
    )
    best = {"best": search.outputs["best"]}
    mlrun.run_function(
        "search-hyperparameters",
        name="search-overview",
        labels=config.labels(),
        handler="search_overview",
        params={"selector": config.search_selector},
        inputs={"iteration_results": search.outputs["iteration_results"]},
    )

    train = mlrun.run_function(
        "train",
        name="train",
        labels=config.labels(),
        inputs={**sets, "sealed": prepare.outputs["sealed"]},
        params={**config.params("training", "image_size"), **best},
        outputs=["model", "others"],
    )
    others = {"others": train.outputs["others"]} if config.seeds > 1 else {}
    evaluate = mlrun.run_function(
        "evaluate",
        name="evaluate",
        labels=config.labels(),
        inputs={"model": train.outputs["model"], **sets, "test": test, **others},
        params={**config.params("release"), "network_controls": config.network_controls},
        outputs=["evaluation"],
    )

    if config.leave_out:
        cross = mlrun.run_function(
            "cross-test",
            name="cross-test",
            labels=config.labels(),
            handler="cross_test",
            inputs={**sets, "test": test},
            params={**config.params(*NETWORK, "epochs"), **best},
            hyperparams={"leave_out": config.leave_out},
            hyper_param_options=CROSS,
            outputs=["iteration_results"],
        )
        mlrun.run_function(
            "cross-test",
            name="cross-overview",
            labels=config.labels(),
            handler="cross_overview",
            inputs={"iteration_results": cross.outputs["iteration_results"]},
        )

    mlrun.run_function(
        "register",
        name="register",
        labels=config.labels(),
        inputs={
            "model": train.outputs["model"],
            "evaluation": evaluate.outputs["evaluation"],
            "sealed": prepare.outputs["sealed"],
        },
        params=config.params("release"),
        outputs=["detector"],
    )
