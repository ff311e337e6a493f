"""The configuration of a training, typed and checked before anything is computed."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from aletheia.core.errors import InputError
from aletheia.core.validation import explain_validation
from aletheia.models.registry import list_models
from aletheia.training.fault_injection import Fault
from aletheia.training.group_weights import check_group_weights

#: Fields that do not change what a training computes epoch by epoch: a checkpoint may be resumed with other values of
#: them. They say where it runs, or what is fitted on the validation rows when it has ended.
NOT_IDENTITY = {"num_threads", "accelerator", "calibration", "max_fpr", "abstention_alpha", "abstention_wrong"}


class TrainConfig(BaseModel):
    """Everything that decides the outcome of a training, apart from the data."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    architecture: str = Field("attention_cnn", description="A name of `aletheia.models.registry.list_models`.")
    options: dict[str, Any] = Field(default_factory=dict, description="Options of the architecture.")
    weights: str = Field("none", description="'none', 'imagenet', 'package', or a file with weights to start from.")
    freeze_epochs: int = Field(
        0, ge=0, le=10_000, description="Epochs at the beginning in which the backbone keeps the weights it came with."
    )
    trainable_stages: int | None = Field(
        None,
        ge=0,
        le=100,
        description="Stages of the backbone, counted from its end, that are trained besides the head; the others keep "
        "the weights and batch-norm statistics they came with; 0: the head alone; None: all.",
    )
    features: Literal["learnt", "frozen"] = Field(
        "learnt",
        description="frozen: the backbone keeps the weights it came with, and a logistic regression on its pooled "
        "features, with `weight_decay` as its ridge, is the head; learning rate, batch size and epochs have no effect.",
    )
    feature_views: int = Field(
        0,
        ge=0,
        le=100,
        description="With features=frozen: copies of each training face, augmented once as `augmentation` says, whose "
        "features are learnt from beside those of the face itself; 0: no augmentation.",
    )
    image_size: int = Field(96, ge=16, le=1024, description="Side of the network's input, pixels.")

    learning_rate: float = Field(3e-3, gt=0, le=10, description="Peak learning rate.")
    batch_size: int = Field(16, ge=1, le=4096, description="Training images in a step.")
    max_epochs: int = Field(12, ge=1, le=10_000, description="Epochs at most.")
    patience: int = Field(
        4, ge=1, le=10_000, description="Epochs without a better validation loss before the training stops."
    )
    optimizer: Literal["adamw", "adam", "sgd"] = Field(
        "adamw",
        description="adamw decays weights apart from the gradient, adam within it; sgd has Nesterov momentum.",
    )
    weight_decay: float = Field(1e-2, ge=0, le=10)
    schedule: Literal["onecycle", "plateau", "constant"] = Field(
        "onecycle",
        description="onecycle: warm up for a tenth of the steps, then cosine to nothing; plateau: halve "
        "after `plateau_patience` epochs without a better validation loss.",
    )
    plateau_patience: int = Field(2, ge=0, le=1000)
    gradient_clip: float = Field(1.0, ge=0, description="Largest gradient norm; 0 does not clip.")
    class_weight: Literal["balanced", "none"] = Field(
        "balanced",
        description="balanced: both classes weigh the same in the loss, however many rows they have.",
    )
    group_weights: str = Field(
        "",
        max_length=100,
        description="Demographic columns, joined by +, that are made independent of the label by weights of the rows "
        "in the training loss; empty: none.",
    )
    label_smoothing: float = Field(
        0.0, ge=0, lt=0.5, description="Labels 0 and 1 become this and 1 minus this in the training loss."
    )
    sampling: Literal["shuffled", "balanced"] = Field(
        "shuffled",
        description="balanced: every batch is half real and half fake, rows of the smaller class come several times; "
        "goes with class_weight='none', or the smaller class would count twice.",
    )
    augmentation: Literal["none", "light", "strong", "albumentations"] = "light"
    eval_batch_size: int = Field(128, ge=1, le=65_536, description="Validation images at a time.")
    batch_norm_images: int = Field(
        512,
        ge=0,
        description="Training images that batch-norm statistics are measured on before each validation.",
    )

    calibration: Literal["platt", "temperature", "isotonic", "none"] = Field(
        "platt", description="How logits become probabilities; isotonic wants a thousand validation faces or more."
    )
    max_fpr: float | None = Field(
        None,
        ge=0,
        le=1,
        description="Share of the genuine validation faces that may be called fake; None: the threshold with the "
        "highest balanced accuracy.",
    )
    abstention_alpha: float | None = Field(
        0.1,
        gt=0,
        lt=1,
        description='Share of either class that may be given the wrong label instead of "cannot tell"; None: the model '
        "always answers.",
    )

    abstention_wrong: float | None = Field(
        None,
        gt=0,
        lt=0.5,
        description="Largest share of wrong answers on each source that was left out, both classes counting the same: "
        "the limits of abstention become so wide, and the model never answers where no limits do; None: only "
        "`abstention_alpha` decides.",
    )

    fault: Fault = Field(
        "none", description="Break the training on purpose, see `aletheia.training.fault_injection.FAULTS`."
    )
    fault_share: float = Field(0.3, gt=0, le=1, description="How much of it: rows, steps, or range of the pixels.")

    seed: int = Field(0, ge=0, lt=2**31)
    devices: int = Field(
        1,
        ge=1,
        le=1024,
        description="Processes that share each batch: one a GPU, or on the CPU. torchrun overrules it.",
    )
    num_threads: int = Field(0, ge=0, le=1024, description="CPU threads of torch; 0 leaves its own choice.")
    accelerator: Literal["auto", "cpu", "gpu"] = "auto"
    precision: Literal["32-true", "bf16-mixed", "16-mixed"] = "32-true"

    def __init__(self, **values: Any) -> None:
        """Check the values.

        Raises
        ------
        InputError
            An unknown field, or a value out of its range; the message names each field and what it accepts.
        """
        try:
            super().__init__(**values)
        except ValidationError as error:
            unknown = any(e["type"] == "extra_forbidden" for e in error.errors())
            known = f" Fields: {', '.join(type(self).model_fields)}." if unknown else ""
            raise InputError(
                f"The training configuration does not fit. {explain_validation(error, values=True)}.{known}"
            ) from None
        if self.batch_size % self.devices:
            raise InputError(
                f"batch_size: {self.batch_size} cannot be shared evenly by {self.devices} processes; choose a multiple."
            )
        if self.abstention_wrong is not None and self.abstention_alpha is None:
            raise InputError("abstention_wrong: a model that always answers has no limits; give abstention_alpha, too.")
        if self.sampling == "balanced" and self.class_weight == "balanced":
            raise InputError(
                "sampling: balanced batches go with class_weight='none'; both would count one class twice."
            )
        check_group_weights(self.group_weights)
        if self.features == "frozen":
            self._check_frozen()
        elif self.feature_views:
            raise InputError("feature_views: only features=frozen has views; leave it at 0.")
        if self.architecture not in list_models():
            raise InputError(f"architecture: there is no {self.architecture!r}. There are: {', '.join(list_models())}.")

    def _check_frozen(self) -> None:
        """Refuse what has no meaning for a head on features that do not change."""
        if self.weights == "none":
            raise InputError(
                "features: frozen needs weights that know something; add weights=package (efficientnet_lite0, _lite2), "
                "imagenet, or a file."
            )
        if self.trainable_stages:
            raise InputError(
                "trainable_stages: features=frozen trains no stage of the backbone; leave one of the two out."
            )
        if self.devices > 1 or self.sampling == "balanced":
            raise InputError("features: frozen is solved in one piece; leave devices at 1 and sampling at shuffled.")
        if self.fault in ("wrong_loss", "skipped_gradients"):
            raise InputError(f"fault: features=frozen has no steps that {self.fault} could break; choose another one.")
        if self.weight_decay == 0:
            raise InputError("weight_decay: features=frozen needs more than 0, or faces that can be told have no head.")

    def targets(self, labels: Any) -> Any:
        """Smooth labels (0 or 1, a tensor or an array) as the training loss takes them; type and shape stay."""
        return labels * (1 - 2 * self.label_smoothing) + self.label_smoothing

    @classmethod
    def parse(cls, values: TrainConfig | dict[str, Any] | None = None, **changes: Any) -> TrainConfig:
        """Build a configuration from another one or a dict, with changes; errors as in the constructor."""
        given = values.model_dump() if isinstance(values, TrainConfig) else dict(values or {})
        return cls(**{**given, **changes})
