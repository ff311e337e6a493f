"""Explanations of a service's answers, with the network of the model that gave them."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from aletheia.core.arrays import Array
from aletheia.faces.crop import CropError

if TYPE_CHECKING:
    from aletheia.inference.explain import Explainer, Explanation
    from aletheia.inference.timing import Stages
    from aletheia.serving.model_loading import LoadedModel


class Explanations:
    """Explains faces; the network of the model asked last is kept open. May be shared by threads."""

    def __init__(self) -> None:
        self._explainer: tuple[LoadedModel, Explainer] | None = None
        self._lock = threading.Lock()

    def explain(self, model: LoadedModel, rgb: Array, count: int, stages: Stages) -> list[Explanation | None]:
        """Explain the largest faces of a picture (H, W, 3) uint8, at most `count`.

        None stands for a face that cannot be cropped as in the training.

        Raises
        ------
        InputError
            When the model's network for explanations is missing or does not fit its hash.
        """
        with stages.stage("detect"):
            faces = model.predictor.detector.detect(rgb, stages.check)
        explanations: list[Explanation | None] = []
        for face in faces[:count]:
            stages.check()
            try:
                explanations.append(self._of(model).explain(rgb, face))
            except CropError:
                explanations.append(None)
        return explanations

    def _of(self, model: LoadedModel) -> Explainer:
        from aletheia.inference.explain import Explainer

        with self._lock:
            if self._explainer is None or self._explainer[0] is not model:
                self._explainer = model, Explainer(model.folder, model.heaviest.spec, threads=1)
            return self._explainer[1]
