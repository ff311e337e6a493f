"""From the names of models to one that answers. Imports neither torch nor MLRun: a start takes little time."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import TYPE_CHECKING

from aletheia.inference.ensemble import open_predictor
from aletheia.release.registry import MODEL_KEY, find_model
from aletheia.serving.config import ServeConfig

if TYPE_CHECKING:
    from aletheia.inference.predictor import Predictor
    from aletheia.models.spec import ModelSpec

_KEY = re.compile(r"store://models/[^/]+/([\w.-]+?)[#:@^]")


@dataclasses.dataclass(frozen=True, eq=False)
class Loaded:
    """A model that answers.

    Attributes
    ----------
    predictor : Predictor
        It, or the ensemble of several.
    name : str
        By which clients address it.
    uri : str
        Where it comes from; of several, joined by " + ". Of a folder its name alone: clients need no paths.
    folder : Path
        Of the bundle; of several, of the one with the largest weight.
    heaviest : Predictor
        That one.
    precision : str
        In which the networks are computed.
    """

    predictor: Predictor
    name: str
    uri: str
    folder: Path
    heaviest: Predictor
    precision: str = "f32"

    @property
    def spec(self) -> ModelSpec:
        """What is known of the model."""
        return self.predictor.spec

    @property
    def version(self) -> str:
        """The beginning of the SHA-256 of its weights."""
        return self.spec.weights_sha256[:12]


def load_model(config: ServeConfig) -> Loaded:
    """Find and open the model, or the models that answer as one.

    Raises
    ------
    InputError
        When there is no such model, or its files are damaged or others than its JSON says.
    """
    found = [find_model(name or None) for name in config.models or ("",)]
    # One thread a face: under load that gives the most answers.
    folders = [model.folder for model in found]
    predictor = open_predictor(folders, config.weights, threads=1, precision=config.precision)
    weights = config.weights or (1.0,) * len(found)
    first = weights.index(max(weights))
    named = _KEY.match(found[first].uri)
    uri = " + ".join(model.uri if "://" in model.uri else model.folder.resolve().name for model in found)
    name = named[1] if named else MODEL_KEY
    return Loaded(predictor, name, uri, found[first].folder, predictor.members[first], config.precision)
