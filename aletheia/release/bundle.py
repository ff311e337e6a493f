"""From a training's model to the one that is registered: the same weights with what evaluation found out about them."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from aletheia.core.errors import InputError
from aletheia.models.bundle import load_bundle
from aletheia.models.spec import ModelSpec, write_spec
from aletheia.release.gate import Check
from aletheia.release.model_card import CARD, model_card
from aletheia.release.registry import CANDIDATE, PRODUCTION


def release_bundle(
    model: str | Path, evaluation: dict[str, Any], checks: Sequence[Check], folder: str | Path
) -> tuple[Path, ModelSpec]:
    """Write a bundle whose JSON also holds the test metrics and the verdict of every check, and its model card.

    Parameters
    ----------
    model : path
        The folder of the bundle that was trained.
    evaluation : dict
        What ``evaluate`` wrote; it must be about this very model.
    checks : sequence of Check
        The verdicts of the gate.
    folder : path
        Where to write.

    Returns
    -------
    tuple
        The folder of the new bundle and its specification.

    Raises
    ------
    InputError
        When the evaluation is about other weights.
    """
    _, spec = load_bundle(model)
    if evaluation["weights_sha256"] != spec.weights_sha256:
        raise InputError(
            "The evaluation is about another model than the one to be registered. Run evaluate on this model first."
        )
    metrics = dict(spec.metrics)
    metrics.update({f"test_{name}": value["value"] for name, value in evaluation["metrics"].items()})
    metrics["test_majority_share"] = evaluation["majority_share"]
    for key, baseline in evaluation["baselines"].items():
        if baseline["auc"] is not None:
            metrics[f"baseline_{key}_auc"] = baseline["auc"]
    verdicts = {check.name: {"passed": check.passed, "detail": check.detail} for check in checks}
    folder = Path(folder)
    released = spec.model_copy(update={"metrics": metrics, "checks": verdicts})
    folder.mkdir(parents=True, exist_ok=True)
    for name in spec.files():
        shutil.copy(Path(model) / name, folder / name)
    write_spec(folder, released)
    tag = PRODUCTION if all(check.passed for check in checks) else CANDIDATE
    (folder / CARD).write_text(model_card(released, evaluation, checks, tag=tag))
    return folder, released
