"""What a caller may ask for besides the answer that the model gives by itself."""

from __future__ import annotations

import dataclasses

import numpy as np

from aletheia.core.errors import InputError
from aletheia.models.calibration_map import Calibration, sigmoid
from aletheia.models.spec import ModelSpec


@dataclasses.dataclass(frozen=True)
class PredictOptions:
    """Wishes of a caller for one answer.

    Attributes
    ----------
    threshold : float, optional
        Probability, 0 to 1, from which on a face is called fake; default: the model's. Its rules of abstention stay.
    use_calibration : bool
        Whether probabilities are calibrated. Without it they are the sigmoid of the network's logit, and the model's
        threshold and rules are converted, so that verdicts stay; a `threshold` of the caller's counts on that scale.
    crops : bool
        Whether the answer for a picture holds the faces as they were cut out for the network.

    Raises
    ------
    InputError
        For a threshold out of range.
    """

    threshold: float | None = None
    use_calibration: bool = True
    crops: bool = False

    def __post_init__(self) -> None:
        if self.threshold is not None and not 0 <= self.threshold <= 1:
            raise InputError(f"The threshold is {self.threshold}; it is a probability, from 0 to 1.")

    @property
    def changes_decision(self) -> bool:
        """Whether the model decides otherwise than by itself."""
        return self.threshold is not None or not self.use_calibration


#: The model's own way.
DEFAULT = PredictOptions()


def adjusted_spec(spec: ModelSpec, options: PredictOptions) -> ModelSpec:
    """Return the description of a model that decides as the caller wishes."""
    update: dict[str, object] = {}
    if not options.use_calibration:
        update = {"calibration": Calibration(), "threshold": _uncalibrated(spec, spec.threshold)}
        if rules := spec.abstention:
            limits = {name: _uncalibrated(spec, getattr(rules, name)) for name in ("real_upper", "fake_lower")}
            update["abstention"] = rules.model_copy(update=limits)
    if options.threshold is not None:
        update |= {"threshold": options.threshold, "threshold_how": "chosen by the caller"}
    return spec.model_copy(update=update)


def _uncalibrated(spec: ModelSpec, probability: float) -> float:
    """Return the sigmoid of the logit that is calibrated to a probability."""
    return float(sigmoid(np.array(spec.calibration.logit_at(probability))))
