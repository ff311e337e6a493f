"""From a finished training to a model bundle: calibration, threshold, abstention, description, ONNX."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from aletheia.audit.training_profile import fit_training_profile
from aletheia.core.arrays import Array
from aletheia.core.errors import InputError
from aletheia.core.wording import counted
from aletheia.datasets.groups import connected_groups
from aletheia.datasets.manifest import manifest_hash
from aletheia.datasets.sealed import sealed_hashes
from aletheia.faces.crop_config import COLUMNS, CropConfig
from aletheia.imaging.pixel_cache import iterate_images
from aletheia.imaging.reading import Unreadable
from aletheia.models.bundle import save_bundle
from aletheia.models.onnx_export import export_onnx
from aletheia.models.other_sources import OtherSources
from aletheia.models.spec import AbstentionSpec, ModelSpec
from aletheia.models.training_profile import MAX_SEALED, write_profile
from aletheia.stats.curves import auc
from aletheia.training.abstention import fit_abstention, fit_typical_faces, manifest_statistics, reencoded_logits
from aletheia.training.calibration import choose_threshold, fit_calibration
from aletheia.training.fit_result import FitResult
from aletheia.training.left_out_sources import widen_limits
from aletheia.training.spectra import typical_spectra

#: Most training faces that are measured, and most validation faces that are re-encoded.
_MEASURED, _REENCODED = 10_000, 256


def export_bundle(
    result: FitResult,
    train: pd.DataFrame,
    val: pd.DataFrame,
    *,
    folder: str | Path,
    run: str = "",
    others: OtherSources | None = None,
    sealed: pd.DataFrame | None = None,
) -> tuple[Path, ModelSpec]:
    """Write the model of a training with everything needed to use it.

    Calibration, threshold and limits of abstention are fitted on the validation rows, as the configuration says
    (`calibration`, `max_fpr`, `abstention_alpha`). The epoch was chosen on them, too: the metrics in the description
    are therefore named ``val_…`` and flatter the model a little; it has to be judged on test rows. Both classes weigh
    the same in the calibration: probabilities refer to a prior of one half.

    Parameters
    ----------
    result : FitResult
        Of `aletheia.training.fit.fit_network`.
    train, val : DataFrame
        The manifests it was fitted on.
    folder : path
        The folder to write to.
    run : str
        MLRun's uid of the training, to be stored with the model.
    others : OtherSources, optional
        Of `aletheia.training.left_out_sources.train_without_sources`: limits of abstention are widened by them.
    sealed : DataFrame, optional
        The sealed test rows of the same data, of which hashes alone are stored: evaluations leave them out by these.

    Returns
    -------
    tuple
        The folder and the specification as written.
    """
    y, logits, config = result.val_labels, result.val_logits, result.config
    fitted = fit_calibration(y, logits, config.calibration, balanced=True)
    p = fitted.probabilities(logits)
    threshold = choose_threshold(y, p, max_fpr=config.max_fpr)
    fake = y == 1
    spec = ModelSpec(
        architecture=config.architecture,
        options=config.options,
        input_size=config.image_size,
        crop=crop_of(train, config.image_size),
        calibration=fitted,
        threshold=threshold.value,
        threshold_how=threshold.how,
        training={**config.model_dump(mode="json"), "num_threads": config.num_threads or torch.get_num_threads()},
        trained_on=describe_rows(train),
        remedies=", ".join(sorted({str(word) for word in train["remedies"].dropna()})) if "remedies" in train else "",
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
        other_sources=others,
        spectra=typical_spectra(train, config.image_size),
        fault=config.fault,
        seed=config.seed,
        run=run,
    )
    folder, scored = Path(folder), val.iloc[result.val_rows]
    folder.mkdir(parents=True, exist_ok=True)
    if (alpha := config.abstention_alpha) is not None:
        rules = _fit_abstention(result, spec, train, scored, p, alpha)
        typical = fit_typical_faces(result.model, spec, train, scored, folder)
        rules = widen_limits(rules, others) if others else rules
        found = {"typical_missing" if isinstance(typical, str) else "typical": typical}
        spec = spec.model_copy(update={"abstention": rules.model_copy(update=found)})
    profile = fit_training_profile(train, progress=False)
    if sealed is not None and len(sealed):
        profile = profile.model_copy(update={"sealed": _hashes(sealed)})
    payload = write_profile(folder, profile)
    spec = spec.model_copy(update={"profile": hashlib.sha256(payload).hexdigest()})
    save_bundle(folder, result.model, spec)
    return folder, export_onnx(folder, _examples(scored, config.image_size))


def _hashes(sealed: pd.DataFrame) -> tuple[str, ...]:
    hashes = sealed_hashes(sealed)
    if len(hashes) > MAX_SEALED:
        raise InputError(
            f"The sealed part has {len(sealed):,} faces, more than a model can name; lower the sealed share."
        )
    return hashes


def _fit_abstention(
    result: FitResult, spec: ModelSpec, train: pd.DataFrame, scored: pd.DataFrame, p: Array, alpha: float
) -> AbstentionSpec:
    rows = train.sample(min(len(train), _MEASURED), random_state=0)
    statistics = manifest_statistics(rows, spec.input_size)
    logits = reencoded_logits(result.model, spec, scored.iloc[:: -(-len(scored) // _REENCODED)])
    shifts, groups = logits[:, 1:] - logits[:, :1], connected_groups(scored)
    return fit_abstention(result.val_labels, p, statistics, alpha=alpha, shifts=shifts, groups=groups)


def _examples(frame: pd.DataFrame, size: int) -> Array:
    """Read up to 64 faces, evenly spread over the rows, to compare the exported network on."""
    paths = frame["path"].astype(str).tolist()
    images = iterate_images(paths[:: -(-len(paths) // 64)], size)
    return np.stack([image for image in images if not isinstance(image, Unreadable)])


def describe_rows(frame: pd.DataFrame) -> str:
    """Summarise the rows of a manifest: their number, the sources of the real and the generators of the fake ones."""
    parts = [counted(len(frame), "face")]
    for label, column, preposition in (("real", "source", "from"), ("fake", "generator", "by")):
        rows = frame[frame["label"] == label]
        names = sorted({str(name) for name in rows[column].dropna() if str(name)}) if column in rows else []
        others = f" and {len(names) - 8} more" if len(names) > 8 else ""
        parts.append(f"{len(rows):,} {label}" + (f" {preposition} {', '.join(names[:8])}{others}" if names else ""))
    return f"{parts[0]}: {parts[1]}; {parts[2]}"


def crop_of(frame: pd.DataFrame, size: int) -> CropConfig:
    """Read from a manifest's columns how its faces were detected, cut out and saved; defaults where they say nothing.

    Raises
    ------
    InputError
        When the rows were cut or saved in more than one way.
    """

    def only(column: str) -> Any:
        values = frame[column].dropna().unique().tolist() if column in frame else []
        if len(values) > 1:
            raise InputError(
                f"{column}: the training faces were cut in {len(values)} ways "
                f"({', '.join(map(str, values[:3]))}); extract them all alike."
            )
        return values[0] if values else None

    values = {field: value for field, column in COLUMNS.items() if (value := only(column)) is not None}
    if high := only("crop_quality_high"):
        values["quality"] = (only("crop_quality_low"), high)
    return CropConfig(**{"size": size, **values})
