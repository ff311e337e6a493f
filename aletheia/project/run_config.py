"""Configuration of a run: one model that the command line, YAML files, notebooks and MLRun's arguments fill.

An option is a field of :class:`RunConfig`; its default, range and description stand there and nowhere else. The options
of the commands are derived from the fields by :mod:`aletheia.cli.options`, the parameters of the workflow by
:func:`takes_config`, and the help of the generated functions by :mod:`aletheia.project.entrypoints`.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from pydantic_core import PydanticCustomError

from aletheia.core.errors import InputError
from aletheia.core.validation import explain_validation

if TYPE_CHECKING:
    from aletheia.faces.worker import CropConfig
    from aletheia.training.config import TrainConfig

Result = TypeVar("Result")
Group = Literal["data", "faces", "balancing", "search", "training", "evaluation", "run"]
SYNTHETIC = "synthetic"


def _option(group: Group, default: Any, description: str, **other: Any) -> Any:
    """Define an option.

    Parameters
    ----------
    group : str
        The part of a run that it belongs to: a panel of ``--help``, a section of the YAML file.
    default, description
        As shown to users.
    other
        ``flag``: the name on the command line where that is not the field's; ``old``: a former name, which is still read;
        ``path``: whether it names a file or a folder. The rest are limits as `pydantic.Field` takes them.
    """
    extra = {key: other.pop(key) for key in ("flag", "old", "path") if key in other}
    if isinstance(default, list | dict):
        return Field(
            default_factory=default.copy, description=description, json_schema_extra={"group": group, **extra}, **other
        )
    return Field(default, description=description, json_schema_extra={"group": group, **extra}, **other)


class RunConfig(BaseModel):
    """Options of a run of the workflow.

    Raises
    ------
    InputError
        For an unknown option, or a value of the wrong type or out of range; :meth:`check` finds the rest.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    source: str = _option(
        "data", SYNTHETIC, '"synthetic", a folder with real/ and fake/, or a manifest (CSV, parquet).', path=True
    )
    manifest: str = _option("data", "", "CSV with sources, generators, demographics of the files in source.", path=True)
    real_pool: str = _option(
        "data",
        "",
        'Folder of genuine faces, such as FFHQ, to balance the training set with; "synthetic" brings its own.',
        path=True,
        old="ffhq",
    )
    n_synthetic: int = _option("data", 1500, 'Pictures that "synthetic" makes.', ge=50, old="images")

    image_size: int = _option("faces", 96, "Side of the face crops that the network sees, pixels.", ge=32, le=1024)
    face_policy: str = _option("faces", "scale", "How faces are cut out: scale, tight or aligned.")
    face_margin: float = _option("faces", 0.2, "Added around a face on each side, as a share of its side, 0 to 2.")
    frames: int = _option("faces", 16, "Frames of each video, evenly spread.")
    all_faces: bool = _option("faces", False, "Take every face of a picture, not only the largest.")
    min_face: int = _option("faces", 32, "Pixels a side below which a face is left out.")
    threshold: float = _option("faces", 0.75, "Least confidence of the face detector, between 0 and 1.")

    remedies: list[str] = _option(
        "balancing",
        [],
        "What to do about shortcuts, in this order: drop=COLUMN=VALUE, match=FAMILY (source, delivery, light, framing, "
        "keypoints, …), reencode=60-95, resolution=PIXELS. See `aletheia audit`.",
        flag="remedy",
    )
    balance: str = _option("balancing", "matched", "How the training set is balanced: none, count, matched or per-source.")

    learning_rates: list[float] = _option(
        "search", [1e-4, 3e-4, 1e-3, 2e-3, 5e-3, 1e-2], "Learning rates of the grid, comma-separated."
    )
    batch_sizes: list[int] = _option("search", [8, 16, 32], "Batch sizes of the grid, comma-separated.")
    search_epochs: int = _option("search", 3, "Epochs of every cell of the grid.", ge=1)

    architecture: str = _option("training", "attention_cnn", "A name of the registry of networks.")
    epochs: int = _option("training", 20, "Epochs of the training, at most.", ge=1)
    fault: str = _option(
        "training",
        "none",
        "Break the training on purpose, to see the checks refuse the model: label_noise, input_noise, shuffled_labels, "
        "wrong_loss or skipped_gradients.",
    )
    recipe: dict[str, Any] = _option(
        "training",
        {},
        "Anything else of the training recipe, as key=value: weights=imagenet, augmentation=strong, optimizer=sgd, "
        "precision=bf16-mixed, devices=2, …",
    )
    leave_out: list[str] = _option(
        "evaluation",
        [],
        "Train once more without it, and test on it: generator=NAME, source=NAME, or nothing.",
        old="held_out",
    )
    seed: int = _option("run", 0, "Makes the run repeatable.")

    def __init__(self, **values: Any) -> None:
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise InputError(f"The options do not fit. {explain_validation(error, values=True)}.") from None

    @field_validator("remedies", "leave_out", mode="before")
    @classmethod
    def _accept_single_word(cls, value: Any) -> Any:
        return [value] if isinstance(value, str) else value

    @field_validator("learning_rates", "batch_sizes", mode="before")
    @classmethod
    def _split_numbers(cls, value: Any) -> Any:
        if isinstance(value, str):
            value = [part for part in value.split(",") if part.strip()]
        elif isinstance(value, int | float):
            value = [value]
        if not value:
            raise PydanticCustomError("grid", "it holds no value; the grid needs at least one")
        return value

    @field_validator("recipe", mode="before")
    @classmethod
    def _split_pairs(cls, value: Any) -> Any:
        if isinstance(value, list | tuple):
            for word in value:
                if "=" not in str(word):
                    text = "'{word}' is not key=value, as in augmentation=strong"
                    raise PydanticCustomError("pair", text, {"word": str(word)})
            return dict(str(word).split("=", 1) for word in value)
        return value

    @classmethod
    def parse(cls, *layers: Mapping[str, Any]) -> RunConfig:
        """Build a configuration from layers of options, of which the later ones win.

        Options that are None have their defaults; former names are read.

        Raises
        ------
        InputError
            For an unknown option, or a value of the wrong type or out of range.
        """
        values = {name: value for layer in layers for name, value in rename_options(layer).items() if value is not None}
        if unknown := [name for name in values if name not in cls.model_fields]:
            raise InputError(_unknown(unknown[0], cls.model_fields))
        return cls(**values)

    @classmethod
    def from_variables(cls, variables: Mapping[str, Any]) -> RunConfig:
        """Build a configuration from those of a notebook's variables that bear the name of an option.

        Parameters
        ----------
        variables : mapping
            ``globals()`` of the notebook.
        """
        names = cls.model_fields.keys() | FORMER_NAMES
        return cls.parse({name: value for name, value in variables.items() if name in names})

    def check(self) -> RunConfig:
        """Refuse now what a later step would refuse after the data has been prepared; return the configuration itself.

        Raises
        ------
        InputError
            For a balance policy, a remedy, a way to cut faces out, a network or a cell of the grid that cannot be.
        """
        from aletheia.audit.remedies import Remedies
        from aletheia.datasets.balance import check_policy

        check_policy(self.balance)
        Remedies.parse(self.remedies)
        self.crop_config()
        for rate in self.learning_rates:
            self.train_config(learning_rate=rate)
        for size in self.batch_sizes:
            self.train_config(batch_size=size)
        self.train_config(max_epochs=self.search_epochs)
        self.train_config(fault=self.fault)
        return self

    def crop_config(self) -> CropConfig:
        """Return how faces are found and cut out."""
        from aletheia.faces.worker import CropConfig

        return CropConfig(
            size=self.image_size,
            policy=self.face_policy,
            margin=self.face_margin,
            largest_only=not self.all_faces,
            threshold=self.threshold,
            min_size=self.min_face,
            frames=self.frames,
        )

    def train_config(self, **values: Any) -> TrainConfig:
        """Return the configuration of one training.

        Parameters
        ----------
        values
            Fields of :class:`~aletheia.training.config.TrainConfig` that no option decides, such as the learning rate of
            a cell of the grid. The recipe wins over them.

        Raises
        ------
        InputError
            For a recipe that sets what has an option of its own, or values that do not fit.
        """
        from aletheia.training.config import TrainConfig

        own = {
            "architecture": self.architecture,
            "image_size": self.image_size,
            "seed": self.seed,
            "max_epochs": self.epochs,
        }
        taken = own.keys() | {"fault", "learning_rate", "batch_size"}
        if twice := sorted(taken & self.recipe.keys()):
            raise InputError(f"recipe: {', '.join(twice)} has an option of its own; use that one.")
        return TrainConfig(**{**own, **values, **self.recipe})

    def params(self, *names: str) -> dict[str, Any]:
        """Return options, and the seed, as parameters of a function; ``names`` as :func:`option_names` takes them."""
        return {name: getattr(self, name) for name in option_names(*names)}


def option_names(*names: str) -> list[str]:
    """Return the names of options in their order, the seed always among them.

    Parameters
    ----------
    names : str
        Groups of options, or single ones; by default all.

    Raises
    ------
    InputError
        For a name that is neither.
    """
    fields = RunConfig.model_fields
    groups = {str(details(name)["group"]) for name in fields}
    if unknown := [name for name in names if name not in groups | fields.keys()]:
        raise InputError(f"There is no option, and no group of options, {unknown[0]!r}.")
    return [name for name in fields if not names or name == "seed" or {name, details(name)["group"]} & {*names}]


def details(name: str) -> dict[str, Any]:
    """Return the group of an option, and where it has them ``flag``, ``old`` and ``path`` (see :func:`_option`)."""
    extra = RunConfig.model_fields[name].json_schema_extra
    assert isinstance(extra, dict)
    return dict(extra)


def default_of(name: str) -> Any:
    """Return the default of an option."""
    return RunConfig.model_fields[name].get_default(call_default_factory=True)


#: Former names of options: those of the workflow and of its functions.
FORMER_NAMES = {details(name)["old"]: name for name in RunConfig.model_fields if "old" in details(name)} | {
    "face_size": "image_size",
    "balance_policy": "balance",
}


def rename_options(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return options by their present names.

    Raises
    ------
    InputError
        When an option is given by two names.
    """
    renamed: dict[str, Any] = {}
    for name, value in values.items():
        now = FORMER_NAMES.get(name, name)
        if now in renamed:
            raise InputError(f"{now} is given twice, once by its former name {_former(now, values)}; give it once.")
        renamed[now] = value
    return renamed


def absolute_paths(values: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Return options whose paths are absolute, those that were relative below a folder."""
    resolved = rename_options(values)
    for name, value in resolved.items():
        is_path = name in RunConfig.model_fields and details(name).get("path") and isinstance(value, str)
        if is_path and value and value != SYNTHETIC and "://" not in value:
            resolved[name] = str((folder / value).resolve())
    return resolved


def takes_config(function: Callable[[RunConfig], Result]) -> Callable[..., Result]:
    """Let a workflow be called with options as keyword arguments, as MLRun does; it gets them as one configuration.

    The options are checked before the workflow starts. On a cluster the arguments of a pipeline are placeholders while it
    is compiled; they are handed through as they are.
    """
    fields = RunConfig.model_fields
    signature = inspect.Signature(
        [
            inspect.Parameter(
                name, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=default_of(name), annotation=fields[name].annotation
            )
            for name in fields
        ]
    )

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Result:
        values = dict(zip(fields, args, strict=False)) | kwargs
        if all(isinstance(value, _PLAIN) for value in values.values()):
            return function(RunConfig.parse(values).check())
        return function(RunConfig.model_construct(**rename_options(values)))

    call.__signature__ = signature  # type: ignore[attr-defined]  # MLRun and Kubeflow read it
    return call


_PLAIN = (type(None), bool, int, float, str, list, tuple, dict)


def _former(now: str, values: Iterable[str]) -> str:
    return next(name for name in values if FORMER_NAMES.get(name) == now)


def _unknown(name: str, known: Iterable[str]) -> str:
    import difflib

    close = difflib.get_close_matches(name, [*known, *FORMER_NAMES], n=1)
    hint = f"did you mean {close[0]}?" if close else f"There are: {', '.join(known)}."
    return f"There is no option {name!r}{'; ' if close else '. '}{hint}"
