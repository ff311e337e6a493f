"""Registration of a model under a version of its own."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from aletheia.core.errors import InputError
from aletheia.lifecycle.model_versions.catalog import LABEL, RECIPE, VERSION, load_catalog
from aletheia.lifecycle.model_versions.lock import models_lock
from aletheia.lifecycle.model_versions.numbering import Version, next_patch, next_version, recipe_of
from aletheia.release.registry import MODEL_KEY, PRODUCTION
from aletheia.tracking.reader import Reader

if TYPE_CHECKING:
    from aletheia.models.spec import ModelSpec

_ATTEMPTS = 20  # others may register at the same time


def claim_version(
    spec: ModelSpec, wanted: str = "", *, retrains: str = "", project: str, key: str = MODEL_KEY
) -> dict[str, str]:
    """Give a model that is about to be registered a version that none had and none will have.

    The embedded tracking service keeps a table of the versions that it gave, and gives each once, whoever asks at the
    same time. An MLRun server has no such table; there a version is unused when no artifact has it as a tag or label.

    Parameters
    ----------
    spec : ModelSpec
        Of the model.
    wanted : str
        A version chosen by hand; empty: the one after the highest, see `numbering.next_version`.
    retrains : str
        The version of which it is a retraining: the next patch of that one, see `numbering.next_patch`.
    project, key : str
        The models among which it is one.

    Returns
    -------
    dict
        Labels for the artifact: version and recipe.

    Raises
    ------
    InputError
        When `wanted` is no version or was given before, or the tracking server does not answer.
    """
    from aletheia.tracking import ensure_tracking

    recipe = recipe_of(spec)
    by_hand = str(Version.parse(wanted)) if wanted else ""
    with Reader(ensure_tracking()) as reader:
        for _ in range(_ATTEMPTS):
            claimed = load_catalog(reader, project, key).claimed
            following = next_patch(claimed, retrains) if retrains else next_version(claimed, recipe)
            version = by_hand or str(following)
            if version not in claimed and (
                reader.model_versions(project, key) is None or reader.claim_version(project, key, version, recipe)
            ):
                return {VERSION: version, RECIPE: recipe}
            if by_hand:
                raise _given_before(by_hand, claimed)
    raise InputError("No version could be claimed, since others registered all the while; try again.")


def check_unclaimed(wanted: str, *, project: str, key: str = MODEL_KEY) -> None:
    """Refuse a version that was given before, as `claim_version` would after hours of training.

    Raises
    ------
    InputError
        When it is no version or was given before, or the tracking server does not answer.
    """
    from aletheia.tracking import ensure_tracking

    version = str(Version.parse(wanted))
    with Reader(ensure_tracking()) as reader:
        claimed = load_catalog(reader, project, key).claimed
    if version in claimed:
        raise _given_before(version, claimed)


def _given_before(version: str, claimed: Iterable[str]) -> InputError:
    highest = max(map(Version.parse, claimed), default=version)
    return InputError(f"Version {version} was given before and is never given again; the highest so far is {highest}.")


def publish(version: str, tag: str, *, project: str, key: str = MODEL_KEY) -> dict[str, Any]:
    """Tag a model that was just registered as production or candidate, and say what that changes.

    Parameters
    ----------
    version : str
        Of the model.
    tag : {'production', 'candidate'}
        The gate's decision.
    project, key : str
        The models among which it is one.

    Returns
    -------
    dict
        Results for the run that registers it: tag, from, to, to_uid, evaluation-independent parts of the history.
    """
    from aletheia.tracking import ensure_tracking

    with Reader(ensure_tracking()) as reader, models_lock():
        catalog = load_catalog(reader, project, key)
        model, before = catalog.find(version), catalog.production
        reader.set_tag(project, tag, key, model.uid)
    changes = {"from": before.name if before else "", "to": model.name, "to_uid": model.uid}
    return {"tag": tag, "version": version, **(changes if tag == PRODUCTION else {})}


def lifecycle_label(action: str) -> dict[str, str]:
    """Return the label by which the history finds a run."""
    return {LABEL: action}
