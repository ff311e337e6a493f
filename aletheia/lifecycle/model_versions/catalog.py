"""The registered models of a project, their versions, and what was in production when, as the tracking server has them.

Neither MLRun nor a network is imported, and no file of a model is read: the list works when files are damaged or gone.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

from aletheia.core.buckets.addresses import is_bucket_url
from aletheia.core.errors import InputError
from aletheia.lifecycle.model_versions.numbering import Version, is_version
from aletheia.models.model_files import SPEC
from aletheia.release.registry import CANDIDATE, MODEL_KEY, PRODUCTION
from aletheia.tracking.reader import Reader

#: Beginning of the tag of a retired model: a tag is on one model of a key only, so each has its own.
RETIRED = "retired-"
#: Labels of a registered model.
VERSION, RECIPE = "version", "recipe"
#: Label of the runs that change what is in production or may be.
LABEL = "lifecycle"
#: States, in the order of a model's life.
REGISTERED, IN_PRODUCTION, FORMER, GONE = "registered", "production", "former", "retired"
_LEAST_DIGITS = 6


@dataclasses.dataclass(frozen=True)
class ModelVersion:
    """A registered model.

    Attributes
    ----------
    version : str
        Such as v1.2.3; empty for a model that was registered before there were versions.
    uid : str
        Of its artifact.
    tags : tuple of str
        Of its artifact.
    labels : dict
        Of its artifact: version, recipe, verdict, weights, and what the gate did not pass.
    created : str
        ISO time of the registration.
    target : str
        Where its files lie, as the artifact says.
    architecture : str
    metrics : dict
    state : {'registered', 'production', 'former', 'retired'}
        "former": production answered from it once.
    """

    version: str
    uid: str
    tags: tuple[str, ...]
    labels: dict[str, str]
    created: str
    target: str
    architecture: str
    metrics: dict[str, Any]
    state: str

    @property
    def name(self) -> str:
        """The version; without one the beginning of the uid."""
        return self.version or self.uid[:8]

    @property
    def folder(self) -> Path | None:
        """Folder of its files; None for one in a remote store."""
        parts = urlparse(self.target)
        if parts.scheme not in ("", "file"):
            return None
        path = Path(unquote(parts.path) if parts.scheme == "file" else self.target)
        return path.parent if path.suffix else path

    @property
    def in_bucket(self) -> bool:
        """Whether its files lie in a bucket."""
        return is_bucket_url(self.target)

    def fetch(self, *, ask: bool = True) -> Path:
        """Return the folder of its files on this machine; from a bucket they are fetched, each once.

        Parameters
        ----------
        ask : bool
            Whether the bucket's server is asked even when a whole copy is here already, see
            `aletheia.release.bucket_bundles.fetch_bundle`: who decides what other machines will open asks, who is in
            a hurry does not.

        Raises
        ------
        InputError
            When the bucket cannot be read or what lies there is damaged, or it lies in another remote store.
        """
        if self.in_bucket:
            from aletheia.release.bucket_bundles import fetch_bundle

            try:
                return fetch_bundle(self.target, weights=self.labels.get("weights", ""), ask=ask)
            except InputError as error:
                raise InputError(f"{self.name} cannot be had: {error}") from None
        if self.folder is None:
            raise InputError(f"{self.name} lies at {self.target}, not on this machine; download that folder first.")
        return self.folder

    @property
    def has_files(self) -> bool:
        """Whether its description lies where the artifact says; a bucket or another remote store is not asked."""
        return self.folder is None or (self.folder / SPEC).is_file()

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        values = dataclasses.asdict(self) | {"tags": list(self.tags), "has_files": self.has_files}
        return {"name": self.name, **values}


@dataclasses.dataclass(frozen=True)
class Switch:
    """A moment from which on another model was in production: its uid, its version then ("" if none), and ISO time."""

    uid: str
    version: str
    moment: str

    @property
    def name(self) -> str:
        """The version; without one the beginning of the uid."""
        return self.version or self.uid[:8]


@dataclasses.dataclass(frozen=True)
class Catalog:
    """What is known of the models of a project.

    Attributes
    ----------
    models : list of ModelVersion
        The newest first.
    claimed : dict
        Recipe by version, of every version ever given, those of deleted models included.
    switches : list of Switch
        The first one first. From an MLRun server, which keeps none, those that runs of ours have noted.
    runs : list of dict
        The runs that changed something, by the time of their start.
    """

    models: list[ModelVersion]
    claimed: dict[str, str]
    switches: list[Switch]
    runs: list[dict[str, Any]]

    @property
    def production(self) -> ModelVersion | None:
        """The model in production."""
        return next((model for model in self.models if PRODUCTION in model.tags), None)

    def by_uid(self, uid: str) -> ModelVersion | None:
        """Return the model with an artifact's uid; None when it was deleted."""
        return next((model for model in self.models if model.uid == uid), None)

    def find(self, word: str) -> ModelVersion:
        """Find a model by version (with or without v), tag, or the first digits of its uid.

        Raises
        ------
        InputError
            When there is none.
        """
        with_v = f"v{word}"
        for model in self.models:
            if word in (model.version, *model.tags) or (model.version and with_v == model.version):
                return model
        found = [model for model in self.models if len(word) >= _LEAST_DIGITS and model.uid.startswith(word)]
        if len(found) == 1:
            return found[0]
        known = ", ".join(model.name for model in self.models[:10]) or "none yet: aletheia run trains and registers one"
        raise InputError(f"There is no registered model {word!r}; there are: {known}. See `aletheia models list`.")


def load_catalog(reader: Reader, project: str, key: str = MODEL_KEY) -> Catalog:
    """Read the registered models of a project.

    Raises
    ------
    InputError
        When the tracking server does not answer.
    """
    artifacts = reader.artifacts(project, name=key, kind="model")
    runs = [run for run in reader.runs(project, label=LABEL) if not run["metadata"].get("iteration")]
    noted = reader.model_versions(project, key)
    if noted is None:
        switches = _switches_of_runs(runs)
        claimed = _claimed_by_artifacts(artifacts)
    else:
        switches = [Switch(**change) for change in noted["production"]]
        claimed = {item["version"]: item["recipe"] for item in noted["versions"]} | _claimed_by_artifacts(artifacts)
    answered = {switch.uid for switch in switches}
    models = sorted((_model(item, answered) for item in artifacts), key=lambda model: model.created, reverse=True)
    return Catalog(models, claimed, switches, runs)


def _model(artifact: dict[str, Any], answered: set[str]) -> ModelVersion:
    metadata, spec = artifact["metadata"], artifact.get("spec") or {}
    tags = tuple(sorted(set(metadata.get("tags") or ())))
    labels = {name: str(value) for name, value in (metadata.get("labels") or {}).items()}
    state = REGISTERED
    if PRODUCTION in tags:
        state = IN_PRODUCTION
    elif any(tag.startswith(RETIRED) for tag in tags):
        state = GONE
    elif metadata["uid"] in answered:
        state = FORMER
    return ModelVersion(
        version=labels.get(VERSION) or next(filter(is_version, tags), ""),
        uid=metadata["uid"],
        tags=tags,
        labels=labels,
        created=str(metadata.get("created") or ""),
        target=str(spec.get("target_path") or ""),
        architecture=str(spec.get("algorithm") or ""),
        metrics=dict(spec.get("metrics") or {}),
        state=state,
    )


def _claimed_by_artifacts(artifacts: Iterable[dict[str, Any]]) -> dict[str, str]:
    """Return recipe by version as tags and labels of artifacts have them."""
    claimed = {}
    for item in artifacts:
        labels = item["metadata"].get("labels") or {}
        for name in filter(is_version, {*item["metadata"].get("tags", ()), str(labels.get(VERSION, ""))}):
            claimed[str(Version.parse(name))] = str(labels.get(RECIPE, ""))
    return claimed


def _switches_of_runs(runs: Iterable[dict[str, Any]]) -> list[Switch]:
    switches = []
    for run in runs:
        status = run["status"]
        results = status.get("results") or {}
        if status.get("state") == "completed" and results.get("to_uid") and results.get("tag") == PRODUCTION:
            moment = str(status.get("last_update") or status.get("start_time") or "")
            switches.append(Switch(str(results["to_uid"]), str(results.get("to") or ""), moment))
    return switches


def version_tags(tags: Iterable[str]) -> set[str]:
    """Return those of a model's tags that every registered model has, or that only say that nobody needs it."""
    return {tag for tag in tags if tag == "latest" or is_version(tag) or tag.startswith(RETIRED)}


def default_model(catalog: Catalog) -> ModelVersion | None:
    """Return the model that answers where none is named: that in production, else the candidate."""
    candidate = next((model for model in catalog.models if CANDIDATE in model.tags), None)
    return catalog.production or candidate
