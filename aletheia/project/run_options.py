"""Options of a run: name, default, range and description of each, and what is refused at once.

They stand here and nowhere else. The options of the commands are derived from them by :mod:`aletheia.cli.options`, the
parameters of the workflow by :mod:`aletheia.project.workflow`, and the help of the generated functions by
:mod:`aletheia.project.entrypoints`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, ClassVar, Self

from pydantic import ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from aletheia.faces.crop_config import POLICIES, CropConfig
from aletheia.lifecycle.model_versions.numbering import Version
from aletheia.project.option_values import checked, split_columns, split_numbers, split_pairs
from aletheia.project.options import Options, option, option_of
from aletheia.project.presets import PRESETS, check_preset, with_preset
from aletheia.training.search_plan import Selector
from aletheia.training.search_strategies import OWN_SEARCHES, find_search

_MOST_HELD_BACK = 0.9 + 1e-9  # of the faces, for validation and test together
_LABEL = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?")  # what Kubernetes accepts as a label's value


class RunOptions(Options):
    """Options of a run of the workflow, see :class:`~aletheia.project.run_config.RunConfig`."""

    other_former_names: ClassVar[dict[str, str]] = {"face_size": "image_size", "balance_policy": "balance"}
    common: ClassVar[tuple[str, ...]] = ("seed",)

    source: str = option(
        "data",
        "synthetic",
        '"synthetic", a folder with real/ and fake/, or a manifest (CSV, parquet), also in a bucket (s3://).',
        path=True,
    )
    manifest: str = option("data", "", "CSV with sources, generators, demographics of the files in source.", path=True)
    real_pool: str = option(
        "data",
        "",
        'Folder of genuine faces, such as FFHQ, to balance the training set with; "synthetic" brings its own.',
        path=True,
        old="ffhq",
    )
    link_roots: list[str] = option(
        "data",
        [],
        "Folders that links inside of source may lead to (a cache of DVC or Hugging Face); by default links to folders "
        "are not followed.",
        flag="link_root",
        path=True,
    )
    manifest_root: str = option(
        "data",
        "",
        "Folder that the paths of a manifest count from, and that none of them leaves; by default its own.",
        path=True,
    )
    no_guessing: bool = option(
        "data", False, "Never take numbered pictures that resemble their neighbours for frames of one video."
    )
    n_synthetic: int = option("data", 1500, 'Pictures that "synthetic" makes.', ge=50, old="images")

    image_size: int = option("faces", 96, "Side of the face crops that the network sees, pixels.", ge=32, le=1024)
    face_policy: str = option_of(
        "faces", CropConfig, "policy", description="How a face is cut out: scale, tight or aligned."
    )
    face_margin: float = option_of("faces", CropConfig, "margin")
    frames: int = option_of("faces", CropConfig, "frames")
    all_faces: bool = option("faces", False, "Take every face of an image, not only the largest.")
    min_face: int = option_of("faces", CropConfig, "min_size")
    detector: str = option_of(
        "faces", CropConfig, "detector", description="Face detector: blazeface, or one from an installed extension."
    )
    detector_threshold: float = option_of("faces", CropConfig, "threshold", old="threshold")

    val_share: float = option("splitting", 0.15, "Share of the faces that validates.", gt=0, le=0.8)
    test_share: float = option("splitting", 0.15, "Share of the faces that tests; the rest trains.", gt=0, le=0.8)
    sealed_share: float = option(
        "splitting",
        0.3,
        "Share of the test faces that register alone scores, where they are of enough people (27 groups of each class "
        "at 0.3); 0: none.",
        ge=0,
        le=0.7,
    )

    remedies: list[str] = option(
        "balancing",
        [],
        "What to do about shortcuts, in this order: drop=COLUMN=VALUE, match=FAMILY (source, delivery, light, framing, "
        "keypoints, …), reencode=60-95, resolution=PIXELS. See `aletheia audit`.",
        flag="remedy",
    )
    split: str = option(
        "balancing",
        "official",
        "official: keep the split that the data set brings, where that can be; new: make one.",
    )
    balance: str = option(
        "balancing", "matched", "How the training set is balanced: none, count, matched or per-source."
    )

    learning_rates: list[float] = option(
        "search", [1e-4, 3e-4, 1e-3, 2e-3, 5e-3, 1e-2], "Learning rates of the grid, comma-separated."
    )
    batch_sizes: list[int] = option("search", [8, 16, 32], "Batch sizes of the grid, comma-separated.")
    search_epochs: int = option("search", 3, "Epochs of every cell of the grid.", ge=1)
    search: str = option(
        "search",
        "exhaustive",
        "; ".join(f"{search.name}: {search.description}" for search in OWN_SEARCHES) + ".",
    )
    search_columns: dict[str, list[Any]] = option(
        "search",
        {},
        "Further columns of the search, or others in place of learning_rate and batch_size, as column=values: "
        "weight_decay=0.01,0.1; for random and optuna also ranges, as in learning_rate=1e-4..1e-2.",
        flag="column",
    )
    search_trials: int = option("search", 12, "Cells that random and optuna train.", ge=1, le=10_000)
    search_selector: str = option(
        "search",
        "min.loss",
        "By which result of a cell the best is chosen: min.loss, max.auc, max.f1, …",
        flag="selector",
    )

    architecture: str = option("training", "attention_cnn", "A name of the registry of networks.")
    epochs: int = option("training", 20, "Epochs of the training, at most.", ge=1)
    seeds: int = option(
        "training",
        1,
        "Trainings of the chosen recipe that differ in their seed alone; the one with the median validation loss is "
        "released, and the report shows how far they differ.",
        ge=1,
        le=20,
    )
    fault: str = option(
        "training",
        "none",
        "Break the training on purpose, to see the checks refuse the model: label_noise, input_noise, shuffled_labels, "
        "wrong_loss or skipped_gradients.",
    )
    recipe: dict[str, Any] = option(
        "training",
        {},
        "Anything else of the training recipe, as key=value: weights=imagenet, augmentation=strong, optimizer=sgd, "
        "precision=bf16-mixed, devices=2, …",
    )
    leave_out: list[str] = option(
        "evaluation",
        [],
        "Train once more without it, and test on it: generator=NAME, source=NAME, or nothing.",
        old="held_out",
    )
    source_folds: int = option(
        "training",
        3,
        "Trainings without a source, at most, that say what the recipe is worth on other sources and widen the limits "
        "of abstention; 0: none.",
        ge=0,
        le=20,
    )
    limits: dict[str, float] = option(
        "release",
        {},
        "How good is good enough, as name=number: fpr_ratio, fpr_gap, cell_auc, calibration_error, cramers_v. The "
        "model card shows what was loosened.",
        flag="limit",
    )
    accept_unjudged: list[str] = option(
        "release",
        [],
        "Check of the gate (code or name) that may stay unjudged, such as fair-false-alarms for pictures without "
        "groups of people. The model card shows it.",
    )
    waive: list[str] = option(
        "release",
        [],
        "Family of the audit, or column, that may give the label away, such as background or gender. The model card "
        "shows it.",
    )
    model_version: str = option(
        "release",
        "",
        "Version of the registered model, such as v2.0.0, that none had before; by default the next one: major for "
        "other classes, crop or input, minor for another architecture or data, patch for the same recipe.",
    )
    promote: bool = option(
        "release",
        True,
        "Put the model into production when the gate lets it pass; else it stays a candidate, for `aletheia models "
        "promote`.",
    )
    retrains: str = option(
        "release",
        "",
        "Version of which the model is a retraining, by the same recipe: it becomes the next patch of that one.",
    )
    network_controls: bool = option(
        "evaluation",
        True,
        "Train the recipe twice more, on blanked and on small crops, to compare the network with; else that is not "
        "judged.",
    )
    preset: str = option(
        "run",
        "",
        "A named recipe, whose options yours win over. "
        + " ".join(f"{name}: {preset.sentence}" for name, preset in PRESETS.items()),
    )
    experiment: str = option("run", "", "Name of the experiment: the label `experiment` of the run and of its steps.")
    seed: int = option("run", 0, "Makes the run repeatable.")

    @classmethod
    def parse(cls, *layers: Mapping[str, Any]) -> Self:
        """Build a configuration from layers of options as `Options.parse` does, with those of the preset they name."""
        return super().parse(*with_preset([cls.renamed(layer) for layer in layers]))

    @field_validator("preset")
    @classmethod
    def _check_preset(cls, preset: str) -> str:
        return checked("preset", check_preset, preset)

    @field_validator("face_policy")
    @classmethod
    def _check_policy(cls, policy: str) -> str:
        if policy not in POLICIES:
            names = {"policy": policy, "policies": ", ".join(POLICIES)}
            raise PydanticCustomError("policy", "there is no face policy '{policy}'; choose one of {policies}", names)
        return policy

    @field_validator("test_share")
    @classmethod
    def _check_shares(cls, test_share: float, info: ValidationInfo) -> float:
        val_share = info.data.get("val_share", 0.0)
        if val_share + test_share > _MOST_HELD_BACK:
            text = "with val_share {val} it leaves less than a tenth of the faces to train; choose smaller shares"
            raise PydanticCustomError("share", text, {"val": val_share})
        return test_share

    @field_validator("search")
    @classmethod
    def _check_search(cls, search: str) -> str:
        return checked("search", find_search, search)

    @field_validator("search_selector")
    @classmethod
    def _check_selector(cls, selector: str) -> str:
        return checked("selector", Selector.parse, selector)

    @field_validator("model_version", "retrains")
    @classmethod
    def _check_version(cls, model_version: str) -> str:
        return model_version and checked("version", lambda text: str(Version.parse(text)), model_version)

    @field_validator("search_columns", mode="before")
    @classmethod
    def _split_columns(cls, value: Any) -> Any:
        return split_columns(value)

    @field_validator("experiment")
    @classmethod
    def _check_experiment(cls, experiment: str) -> str:
        if experiment and not _LABEL.fullmatch(experiment):
            text = "a name has at most 63 letters, digits, '-', '_' or '.', and begins and ends with a letter or digit"
            raise PydanticCustomError("experiment", text)
        return experiment

    @field_validator("remedies", "leave_out", "link_roots", "accept_unjudged", "waive", mode="before")
    @classmethod
    def _accept_single_word(cls, value: Any) -> Any:
        return [value] if isinstance(value, str) else value

    @field_validator("learning_rates", "batch_sizes", mode="before")
    @classmethod
    def _split_numbers(cls, value: Any) -> Any:
        return split_numbers(value)

    @field_validator("recipe", "limits", mode="before")
    @classmethod
    def _split_pairs(cls, value: Any) -> Any:
        return split_pairs(value)
