"""What becomes of a challenger that was accepted: staging, and production where that was asked for."""

from __future__ import annotations

import dataclasses
from typing import Any

from aletheia.core.errors import InputError
from aletheia.lifecycle.model_versions.catalog import load_catalog
from aletheia.lifecycle.model_versions.history import PROMOTE
from aletheia.lifecycle.model_versions.production import change
from aletheia.lifecycle.staging import deploy
from aletheia.lifecycle.staging.records import STAGING
from aletheia.tracking.reader import Reader


@dataclasses.dataclass(frozen=True)
class Handover:
    """What was done with a new version.

    Attributes
    ----------
    version : str
    staged : bool
        Whether staging let it pass.
    promoted : bool
        Whether it is in production now.
    sentences : list of str
        What happened, and what is left to do.
    """

    version: str
    staged: bool
    promoted: bool
    sentences: list[str]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return dataclasses.asdict(self)


def deploy_to_staging(version: str, *, project: str) -> tuple[bool, str]:
    """Start a version in staging and test it there; returns whether it passed, and a sentence."""
    try:
        report = deploy(version, STAGING, project=project, reason="retraining")
    except InputError as error:
        return False, f"Staging of {version} failed: {error}"
    held = "; ".join(f"{check.name}: {check.detail}" for check in report.checks if not check.allows)
    if report.passed:
        return True, f"Staging: all {len(report.checks)} tests of {version} passed."
    return False, f"Staging does not let {version} pass ({report.verdict}). {held}."


def hand_over_version(version: str, champion: str, *, auto_promote: bool, project: str) -> Handover:
    """Deploy a version to staging and, where that was asked for, promote it by the gate.

    It is promoted only when staging let it pass, the gate's verdict that was stored with it does, and production still
    has the model that it was compared with. A refusal is no error: the version stays registered, production as it is.

    Parameters
    ----------
    version : str
        Of the challenger.
    champion : str
        Version that it was compared with.
    auto_promote : bool
        Whether to promote.
    project : str

    Raises
    ------
    InputError
        When the tracking server does not answer.
    """
    staged, sentence = deploy_to_staging(version, project=project)
    by_hand = f"`aletheia models promote {version}` puts it into production."
    if not staged:
        return Handover(version, False, False, [sentence, f"{version} stays registered; production is as it was."])
    if not auto_promote:
        return Handover(version, True, False, [sentence, by_hand])
    now = _in_production(project)
    if now not in ("", champion):
        moved = f"Production has {now} by now, not {champion}, which {version} was compared with: not promoted."
        return Handover(version, True, False, [sentence, moved, by_hand])
    try:
        change(PROMOTE, version, reason=f"retraining of {champion}, promoted by configuration", project=project)
    except InputError as error:
        return Handover(version, True, False, [sentence, f"The gate does not let it into production: {error}"])
    return Handover(version, True, True, [sentence, f"{version} is in production in place of {champion}."])


def _in_production(project: str) -> str:
    from aletheia.tracking import ensure_tracking

    with Reader(ensure_tracking()) as reader:
        model = load_catalog(reader, project).production
    return model.name if model else ""
