"""Two models on new faces that neither learnt from: whose verdicts are right."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from aletheia.core.errors import InputError
from aletheia.core.jsonable import to_jsonable
from aletheia.core.wording import counted
from aletheia.datasets.groups import connected_groups
from aletheia.stats.estimate import Estimate
from aletheia.stats.paired_difference import PairedDifference
from aletheia.stats.paired_rates import compare_rates


@dataclasses.dataclass(frozen=True)
class NewFaces:
    """Verdicts on new faces, by the thresholds of both models.

    Attributes
    ----------
    n, groups : int
        Faces that both could score, and independent groups of them.
    first_right, second_right : float
        Share of right verdicts of the two, 0 to 1.
    change : PairedDifference
        The second minus the first, between groups.
    mended, broken : int
        Faces that the second alone gets right, and the first alone.
    """

    n: int
    groups: int
    first_right: float
    second_right: float
    change: PairedDifference
    mended: int
    broken: int

    @property
    def difference(self) -> Estimate:
        """The second minus the first, with a 95 % interval where there are enough groups."""
        return self.change.estimate()

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON, None for NaN."""
        values = dataclasses.asdict(self)
        change = values.pop("change")
        change["difference"] = change.pop("value")
        return {name: to_jsonable(value) for name, value in {**values, **change}.items()}

    def sentence(self, first: str, second: str) -> str:
        """Say how the two answer them."""
        return (
            f"On {counted(self.n, 'new face')} that neither learnt from ({counted(self.groups, 'independent group')}): "
            f"right {self.first_right:.1%} by {first}, {self.second_right:.1%} by {second}; difference "
            f"{self.difference:+.3f}; {self.mended:,} mended, {self.broken:,} broken."
        )


def compare_on_new_faces(first: pd.DataFrame, second: pd.DataFrame) -> NewFaces:
    """Compare the verdicts of two models on the same rows, as `score_faces` returns them.

    Raises
    ------
    InputError
        When no face could be read.
    """
    scored = (np.isfinite(first["probability"]) & np.isfinite(second["probability"])).to_numpy()
    if not scored.any():
        raise InputError("None of the new faces that were held back can be read; run the retraining again.")
    rows, label = first[scored], first["label"].to_numpy()[scored]
    right = [frame["verdict"].to_numpy()[scored] == label for frame in (first, second)]
    groups = connected_groups(rows)
    return NewFaces(
        n=int(scored.sum()),
        groups=len(np.unique(groups)),
        first_right=float(right[0].mean()),
        second_right=float(right[1].mean()),
        change=compare_rates(right[0], right[1], groups),
        mended=int((~right[0] & right[1]).sum()),
        broken=int((right[0] & ~right[1]).sum()),
    )


def score_faces(folder: str | Path, faces: pd.DataFrame, *, progress: bool = True) -> pd.DataFrame:
    """Score faces that are cut out already; the verdict is by the threshold alone.

    Parameters
    ----------
    folder : path
        Of a model's bundle.
    faces : DataFrame
        A manifest of face crops.
    progress : bool
        Show a progress bar.

    Returns
    -------
    DataFrame
        The rows with probability (NaN where unreadable), verdict and threshold.

    Raises
    ------
    InputError
        When the bundle is missing or damaged.
    """
    from aletheia.models.bundle import load_bundle
    from aletheia.models.scoring import predict_manifest

    network, spec = load_bundle(folder)
    scores = predict_manifest(network, spec, faces, progress=progress).astype(np.float64)
    verdict = np.where(scores >= spec.threshold, "fake", "real")
    return faces.assign(probability=scores, verdict=verdict, threshold=spec.threshold)
