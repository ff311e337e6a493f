"""From a finished training to a model bundle: calibrate, choose the threshold, describe."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from aletheia.data.manifest import manifest_hash
from aletheia.data.pixels import iterate_images
from aletheia.errors import InputError
from aletheia.evaluation.curves import auc
from aletheia.models.bundle import save_bundle
from aletheia.models.onnx_export import export_onnx
from aletheia.models.spec import CropSpec, ModelSpec
from aletheia.training.calibration import choose_threshold, fit_calibration
from aletheia.training.fit import FitResult


def bundle(
    result: FitResult,
    train: pd.DataFrame,
    val: pd.DataFrame,
    *,
    folder: str | Path,
    calibration: str = "platt",
    max_fpr: float | None = None,
    run: str = "",
) -> tuple[Path, ModelSpec]:
    """Write the model of a training with everything needed to use it.

    Calibration and threshold are fitted on the validation rows, whose epoch was chosen on them too: the
    metrics in the description are therefore named ``val_…`` and flatter the model a little. What it is worth
    is said on test rows.

    Parameters
    ----------
    result : FitResult
        Of `aletheia.training.fit.fit`.
    train, val : DataFrame
        The manifests it was fitted on.
    folder : path
        Where to write.
    calibration : {'platt', 'temperature', 'none'}
        See `aletheia.training.calibration.fit_calibration`. Both classes weigh the same: probabilities refer
        to a prior of one half.
    max_fpr : float, optional
        Choose the threshold for this false-positive rate instead of the highest balanced accuracy.
    run : str
        MLRun's uid, for the record.

    Returns
    -------
    tuple
        The folder and the specification as it was written.
    """
    y, logits = result.val_labels, result.val_logits
    fitted = fit_calibration(y, logits, calibration, balanced=True)
    p = fitted.probabilities(logits)
    threshold = choose_threshold(y, p, max_fpr=max_fpr)
    fake = y == 1
    config = result.config
    spec = ModelSpec(
        architecture=config.architecture,
        options=config.options,
        input_size=config.image_size,
        crop=crop_of(train, config.image_size),
        calibration=fitted,
        threshold=threshold.value,
        threshold_how=threshold.how,
        training=config.model_dump(mode="json"),
        trained_on=describe_rows(train),
        data_hash=manifest_hash(pd.concat([train, val], ignore_index=True)),
        metrics={
            "val_loss": float(result.val_loss),
            "val_auc": auc(y, logits),
            "val_balanced_accuracy": (threshold.tpr + 1 - threshold.fpr) / 2,
            "val_fpr": threshold.fpr,
            "val_fnr": 1 - threshold.tpr,
            "val_brier": float(np.mean((p - y) ** 2)),
            "val_majority_share": float(max(fake.mean(), 1 - fake.mean())),
            "val_rows": len(y),
            "train_rows": len(train) - int((result.skipped["split"] == "train").sum()),
            "unreadable_rows": len(result.skipped),
            "best_epoch": result.best_epoch,
            "epochs": len(result.history),
        },
        fault=config.fault,
        seed=config.seed,
        run=run,
    )
    folder = Path(folder)
    save_bundle(folder, result.model, spec)
    return folder, export_onnx(folder, _examples(val.iloc[result.val_rows], config.image_size))


def _examples(frame: pd.DataFrame, size: int) -> np.ndarray:
    """Up to 64 faces, evenly spread over the rows: what serving will be handed."""
    paths = frame["path"].astype(str).tolist()
    images = iterate_images(paths[:: -(-len(paths) // 64)], size)
    return np.stack([image for image in images if not isinstance(image, str)])


def describe_rows(frame: pd.DataFrame) -> str:
    """The rows of a manifest in a few words: how many, from which sources the real and by which generators the fake."""
    parts = [f"{len(frame):,} faces"]
    for label, column, word in (("real", "source", "from"), ("fake", "generator", "by")):
        rows = frame[frame["label"] == label]
        named = sorted({str(name) for name in rows[column].dropna() if str(name)}) if column in rows else []
        others = f" and {len(named) - 8} more" if len(named) > 8 else ""
        parts.append(f"{len(rows):,} {label}" + (f" {word} {', '.join(named[:8])}{others}" if named else ""))
    return f"{parts[0]}: {parts[1]}; {parts[2]}"


def crop_of(frame: pd.DataFrame, size: int) -> CropSpec:
    """How the rows of a manifest were cut out: its columns crop_size, crop_policy and crop_margin, where it
    has them.

    Raises
    ------
    InputError
        When the rows were cut in more than one way.
    """
    known = {"crop_size": "size", "crop_policy": "policy", "crop_margin": "margin"}
    values = {}
    for column, field in known.items():
        if column in frame and len(found := frame[column].dropna().unique()):
            if len(found) > 1:
                raise InputError(
                    f"{column}: the training faces were cut in {len(found)} ways "
                    f"({', '.join(map(str, found[:3]))}); extract them all alike."
                )
            values[field] = found[0].item() if hasattr(found[0], "item") else found[0]
    return CropSpec(**{"size": size, **values})
