"""The retraining: add-faces → train → evaluate → judge → register → hand-over.

The recipe is that of the model in production, and so is its data, split as it was: new faces only add to them. Train,
evaluate and register are the functions of the workflow `main`. Nothing is registered when the challenger is no better.
It needs the tracking service while it is built, so it runs with ``--engine local``.
"""

import mlrun

from aletheia.project import RetrainConfig, takes_config


@takes_config
def retrain(config: RetrainConfig):
    """Train the model in production again on its data and accepted new faces."""
    champion = config.starting_point()
    parts = champion.parts
    kept = {name: parts[key] for name, key in (("held_back", "held back"), ("sealed", "sealed")) if key in parts}
    add = mlrun.run_function(
        "retrain",
        name="add-faces",
        labels=config.labels(),
        handler="add_faces",
        inputs={"train": parts["train"], "val": parts["val"], "test": parts["test"], **kept},
        params={
            "add": config.add,
            "champion": config.champion,
            "held_back_share": config.held_back_share,
            "val_share": config.val_share,
            "seed": config.seed,
        },
        outputs=["train", "val", "held_back"],
    )
    sets = {"train": add.outputs["train"], "val": add.outputs["val"]}
    sealed = {"sealed": parts["sealed"]} if "sealed" in parts else {}

    train = mlrun.run_function(
        "train",
        name="train",
        labels=config.labels(),
        inputs={**sets, **sealed},
        params={**config.params("training", "image_size"), "best": champion.best},
        outputs=["model", "others"],
    )
    others = {"others": train.outputs["others"]} if config.seeds > 1 else {}
    judge = mlrun.run_function(
        "retrain",
        name="judge",
        labels=config.labels(),
        handler="judge",
        inputs={
            "model": train.outputs["model"],
            "test": parts["test"],
            "held_back": add.outputs["held_back"],
        },
        params={"champion": config.champion},
        outputs=["accepted"],
    )
    if not judge.outputs["accepted"]:
        return

    evaluate = mlrun.run_function(
        "evaluate",
        name="evaluate",
        labels=config.labels(),
        inputs={
            "model": train.outputs["model"],
            **sets,
            "test": parts["test"],
            "new_faces": add.outputs["held_back"],
            **others,
        },
        params={**config.params("release"), "network_controls": config.network_controls, "seed": config.seed},
        outputs=["evaluation"],
    )
    register = mlrun.run_function(
        "register",
        name="register",
        labels=config.labels(),
        inputs={"model": train.outputs["model"], "evaluation": evaluate.outputs["evaluation"], **sealed},
        params={**config.params("release"), "promote": False, "retrains": champion.model.version},
        outputs=["detector", "version"],
    )
    mlrun.run_function(
        "retrain",
        name="hand-over",
        labels=config.labels(),
        handler="hand_over",
        params={
            "version": register.outputs["version"],
            "champion": config.champion,
            "auto_promote": config.auto_promote,
        },
    )
