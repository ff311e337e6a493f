"""Loading of the model, or of several as an ensemble. Imports neither torch nor MLRun, so that a start is fast."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from aletheia.inference.ensemble import open_predictor
from aletheia.release.registry import MODEL_KEY, RegisteredModel, find_model
from aletheia.serving.config import ServeConfig

if TYPE_CHECKING:
    from aletheia.inference.predictor import Predictor
    from aletheia.models.spec import ModelSpec

_KEY = re.compile(r"store://models/[^/]+/([\w.-]+?)[#:@^]")


@dataclasses.dataclass(frozen=True, eq=False)
class LoadedModel:
    """A model that is ready to answer.

    Attributes
    ----------
    predictor : Predictor
        The model, or the ensemble of several.
    name : str
        Name in the V2 inference protocol.
    uri : str
        Origin of the model; of several, joined by " + ". Of a folder only its name: clients need no paths.
    folder : Path
        The bundle; of several, the one with the largest weight.
    heaviest : Predictor
        The predictor of this bundle.
    precision : str
        Precision of the networks.
    release : str
        The version under which it was registered, such as v1.2.3; empty for a folder or several models.
    artifact : str
        uid of its artifact; empty for a folder or several models.
    """

    predictor: Predictor
    name: str
    uri: str
    folder: Path
    heaviest: Predictor
    precision: str = "f32"
    release: str = ""
    artifact: str = ""

    @property
    def spec(self) -> ModelSpec:
        """Description of the model."""
        return self.predictor.spec

    @property
    def version(self) -> str:
        """Beginning of the SHA-256 of its weights."""
        return self.spec.weights_sha256[:12]

    @property
    def device(self) -> str:
        """Where its networks are computed: cpu, cuda or gpu."""
        return self.predictor.device


def load_model(config: ServeConfig) -> LoadedModel:
    """Find and open the model, or the models that answer as one.

    Raises
    ------
    InputError
        When there is no such model, or its files are damaged or do not fit its JSON.
    """
    return open_model(config, [find_model(name or None) for name in config.models or ("",)])


def open_model(config: ServeConfig, sources: Sequence[RegisteredModel]) -> LoadedModel:
    """Open a model that was found, or several as one.

    Raises
    ------
    InputError
        When its files are damaged or do not fit its JSON.
    """
    # One thread a face: under load that gives the most answers.
    folders = [source.folder for source in sources]
    predictor = open_predictor(folders, config.weights, threads=1, precision=config.precision)
    weights = config.weights or (1.0,) * len(sources)
    heaviest = weights.index(max(weights))
    match = _KEY.match(sources[heaviest].uri)
    uri = " + ".join(source.uri if "://" in source.uri else source.folder.resolve().name for source in sources)
    name = match[1] if match else MODEL_KEY
    release, artifact = (sources[0].version, sources[0].uid) if len(sources) == 1 else ("", "")
    return LoadedModel(
        predictor,
        name,
        uri,
        folders[heaviest],
        predictor.members[heaviest],
        config.precision,
        release=release,
        artifact=artifact,
    )
