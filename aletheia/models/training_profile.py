"""What a model was trained on, in numbers: names and counts, binned measures, and linear learners blind to faces.

The file ``training.json`` of a bundle holds no row of any picture: of each measure the deciles of the training faces
and their shares between them, of each learner one weight a bin, and hashes of the pictures that are sealed. From these
an evaluation on pictures from elsewhere says what is unknown to the model, which measures lie elsewhere, and what the
training data gave away without faces. The file may come from an untrusted source: its size, hash, types and ranges are
checked. Needs no torch.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from aletheia.core.arrays import Array
from aletheia.core.files import atomic_write
from aletheia.models.json_file import read_json_file
from aletheia.models.model_files import PROFILE

#: Bins of a measure between its deciles; one more holds the unknown values.
BINS = 10
MAX_NAMES = 1000
#: Hashes of sealed pictures, two a picture at most: the sealed part of some four million faces.
MAX_SEALED = 400_000
_MAX_MEASURES, _MAX_LEARNERS, _MAX_BYTES = 1000, 50, 10_000_000

Name = Annotated[str, Field(max_length=300)]
Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0)]
PictureHash = Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class MeasureProfile(_Strict):
    """A measure of the training faces: edges of its bins, and the share of the faces in each and, last, unknown."""

    name: Name
    family: Name
    edges: tuple[float, ...] = Field(max_length=BINS - 1)
    shares: tuple[Share, ...] = Field(max_length=BINS + 1)
    median: float | None = None

    @model_validator(mode="after")
    def _check(self) -> MeasureProfile:
        if np.any(np.diff(self.edges) <= 0) or len(self.shares) != len(self.edges) + 2:
            raise ValueError("edges must rise, and there are two more shares than edges")
        return self

    def bins(self, values: Array) -> Array:
        """Return the bin (n,) int of each value (n,); that of NaN is the last."""
        found = np.searchsorted(np.array(self.edges), values, side="right")
        return np.where(np.isnan(values), len(self.edges) + 1, found)


class Learner(_Strict):
    """A linear model on the bins of some measures; its logit is the intercept and one weight of each measure.

    `auc` is that within the training faces, in folds by group; None where it could not be cross-validated.
    """

    name: Name
    intercept: float
    weights: dict[Name, tuple[float, ...]] = Field(max_length=_MAX_MEASURES)
    auc: Share | None = None

    def logits(self, bins: Mapping[str, Array]) -> Array:
        """Compute the logits (n,) from the bins (n,) of each measure; higher is more likely fake."""
        parts = [np.array(weights)[bins[key]] for key, weights in self.weights.items()]
        logits: Array = np.sum(parts, axis=0) + self.intercept
        return logits


class SourceCount(_Strict):
    """Genuine and fake training faces of a source."""

    real: Count = 0
    fake: Count = 0


class TrainingProfile(_Strict):
    """Profile of the training faces of a model.

    Attributes
    ----------
    faces, groups : int
        Training faces, and the connected groups that they form.
    sources, generators, people : dict
        Faces of each source by label, of each generator, and of each group of people by column.
    levels : dict
        Values of the measures that are names, in the order of their codes.
    measures : dict
        By key.
    learners : dict
        By key; trained on the measures alone.
    sealed : tuple of str
        What the sealed test rows of the same data are recognised by, see `aletheia.datasets.sealed.sealed_hashes`.
    """

    faces: Count
    groups: Count
    sources: dict[Name, SourceCount] = Field(default_factory=dict, max_length=MAX_NAMES)
    generators: dict[Name, Count] = Field(default_factory=dict, max_length=MAX_NAMES)
    people: dict[Name, dict[Name, Count]] = Field(default_factory=dict, max_length=20)
    levels: dict[Name, tuple[Name, ...]] = Field(default_factory=dict, max_length=20)
    measures: dict[Name, MeasureProfile] = Field(default_factory=dict, max_length=_MAX_MEASURES)
    learners: dict[Name, Learner] = Field(default_factory=dict, max_length=_MAX_LEARNERS)
    sealed: tuple[PictureHash, ...] = Field((), max_length=MAX_SEALED)

    @model_validator(mode="after")
    def _check(self) -> TrainingProfile:
        for key, learner in self.learners.items():
            for name, weights in learner.weights.items():
                measure = self.measures.get(name)
                if measure is None or len(weights) != len(measure.shares):
                    raise ValueError(f"the learner {key} does not fit the measure {name}")
        return self


def write_profile(folder: str | Path, profile: TrainingProfile) -> bytes:
    """Write ``training.json`` atomically, and return its content."""
    payload = profile.model_dump_json().encode() + b"\n"
    with atomic_write(Path(folder) / PROFILE) as file:
        file.write(payload)
    return payload


def read_profile(folder: str | Path, sha256: str) -> TrainingProfile:
    """Read ``training.json`` of a bundle.

    Raises
    ------
    InputError
        When it is missing, too large, another file than the one in ``model.json``, or does not fit.
    """
    return read_json_file(folder, PROFILE, _MAX_BYTES, sha256, TrainingProfile)
