"""The model that a retraining starts from: the options of its run, and the very rows that it was made and judged with.

Each registered model names the runs that trained and evaluated it. Their parameters, and those of the workflow that
they belong to, are the options; their inputs are the parts of the data. So a retraining needs no file but what the
tracking service has.
"""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path
from typing import Any

import pandas as pd

from aletheia.core.errors import InputError
from aletheia.datasets.additions import HELD_BACK
from aletheia.lifecycle.model_versions.catalog import ModelVersion, default_model, load_catalog
from aletheia.lifecycle.model_versions.tables import read_table
from aletheia.models.spec import ModelSpec, read_spec
from aletheia.release.registry import MODEL_KEY
from aletheia.tracking.reader import Reader

#: Key of the artifact in which a retraining keeps the new faces that nobody learns from.
HELD_BACK_KEY = "held_back"
_RECIPE = "recipe."
_PARTS = ("train", "val", "test", "sealed")


@dataclasses.dataclass(frozen=True)
class Champion:
    """The model that a challenger has to beat.

    Attributes
    ----------
    model : ModelVersion
    folder : Path
        Of its bundle.
    options : dict
        Options of the run that made it, by name.
    best : dict
        Values of the best cell of the search of that run, such as learning_rate and batch_size.
    parts : dict
        Addresses of train, val and test, and of sealed and `HELD_BACK` where there are any.
    """

    model: ModelVersion
    folder: Path
    options: dict[str, Any]
    best: dict[str, Any]
    parts: dict[str, str]

    @property
    def spec(self) -> ModelSpec:
        """Its description.

        Raises
        ------
        InputError
            When the file is damaged.
        """
        return read_spec(self.folder)

    def uri(self, project: str) -> str:
        """Return its address at the tracking server."""
        return f"store://models/{project}/{MODEL_KEY}:{self.model.version or 'latest'}@^{self.model.uid}"


def find_champion(reader: Reader, project: str, word: str = "") -> Champion:
    """Find the model to start from.

    Parameters
    ----------
    reader : Reader
    project : str
    word : str
        Version or tag; by default the model in production, else the candidate.

    Raises
    ------
    InputError
        When there is none, its files are gone, or what made it is not recorded.
    """
    catalog = load_catalog(reader, project)
    model = catalog.find(word) if word else default_model(catalog)
    if model is None:
        raise InputError("There is no model to retrain yet: `aletheia run` trains and registers the first one.")
    if not model.has_files:
        raise InputError(f"The files of {model.name} are gone from {model.target}; promote or name another version.")
    folder = model.fetch(ask=False)
    runs = reader.runs(project)
    evaluate = _run(runs, model.labels.get("evaluation", ""))
    train = _run(runs, read_spec(folder).run)
    if evaluate is None or train is None:
        raise InputError(
            f"Which runs trained and evaluated {model.name} is not recorded, so that they cannot be repeated. Train a "
            "model by `aletheia run`, and retrain that one."
        )
    workflow = _run(runs, str((evaluate["metadata"].get("labels") or {}).get("workflow") or ""))
    options = _options([train, evaluate, *([workflow] if workflow else [])])
    return Champion(model, folder, options, _best(train), _parts(evaluate, train, runs))


def load_parts(champion: Champion, *, reader: Reader, project: str) -> dict[str, pd.DataFrame]:
    """Read all parts of the data of a model.

    Raises
    ------
    InputError
        When the file of one is gone.
    """
    return {name: read_table(uri, reader=reader, project=project) for name, uri in champion.parts.items()}


def _run(runs: list[dict[str, Any]], uid: str) -> dict[str, Any] | None:
    return next((run for run in runs if uid and run["metadata"]["uid"] == uid), None)


def _options(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the options that runs recorded, later ones win; a workflow has each key of its recipe by itself."""
    options: dict[str, Any] = {}
    for run in runs:
        parameters = dict(run["spec"].get("parameters") or {})
        keys = [name for name in parameters if name.startswith(_RECIPE)]
        recipe = {name.removeprefix(_RECIPE): parameters.pop(name) for name in keys}
        options |= parameters | ({"recipe": recipe} if recipe else {})
    return options


def _best(train: dict[str, Any]) -> dict[str, Any]:
    best = (train["spec"].get("parameters") or {}).get("best") or {}
    values: dict[str, Any] = json.loads(best) if isinstance(best, str) else dict(best)
    return values


def _parts(evaluate: dict[str, Any], train: dict[str, Any], runs: list[dict[str, Any]]) -> dict[str, str]:
    inputs = {**(train["spec"].get("inputs") or {}), **(evaluate["spec"].get("inputs") or {})}
    parts = {name: _pinned(str(inputs[name])) for name in _PARTS if inputs.get(name)}
    for run in runs:
        made = {key: _version(str(uri)) for key, uri in (run["status"].get("artifact_uris") or {}).items()}
        if HELD_BACK_KEY in made and made.get("train") == _version(parts.get("train", "")):
            parts[HELD_BACK] = _pinned(str(run["status"]["artifact_uris"][HELD_BACK_KEY]))
    return parts


def _version(uri: str) -> str:
    """Return the version of an artifact that an address names."""
    return uri.rpartition("^")[2]


def _pinned(uri: str) -> str:
    """Return an address without its tag, which moves on to newer versions."""
    return re.sub(r":[\w.-]*@", "@", uri) if "@" in uri else uri
