"""The list of all checks: those of this package in their order, then those of installed extensions."""

from __future__ import annotations

import importlib
import pkgutil
from pathlib import Path

from aletheia.core.plugins import load_plugins
from aletheia.release.checks.abstention import AbstentionKeepsPromise
from aletheia.release.checks.alike import HoldsAmongAlike
from aletheia.release.checks.baselines import (
    BeatsBlindedNetworks,
    BeatsControls,
    BeatsFamilies,
    BeatsFileProperties,
    BeatsFixedPlaces,
    BeatsSpectrum,
)
from aletheia.release.checks.fairness import FairFalseAlarms, SimilarFalseAlarms
from aletheia.release.checks.leakage import NoLeakage
from aletheia.release.checks.production import BeatsProduction
from aletheia.release.checks.quality import BeatsMajorityClass, Calibrated, NoInjectedFault, NoWeakCell
from aletheia.release.checks.registry import register_check, registry
from aletheia.release.checks.saliency import EvidenceIsSpread
from aletheia.release.checks.sealed import SealedConfirms
from aletheia.release.checks.shortcuts import NoShortcut
from aletheia.release.gate_check import GateCheck

#: Entry points of other packages: modules that register a check when they are imported.
PLUGIN_GROUP = "aletheia.gate_checks"

_CHECKS = (
    BeatsFileProperties,
    BeatsControls,
    BeatsSpectrum,
    BeatsFamilies,
    BeatsFixedPlaces,
    BeatsBlindedNetworks,
    EvidenceIsSpread,
    HoldsAmongAlike,
    BeatsMajorityClass,
    NoLeakage,
    NoShortcut,
    FairFalseAlarms,
    SimilarFalseAlarms,
    NoWeakCell,
    Calibrated,
    AbstentionKeepsPromise,
    NoInjectedFault,
    BeatsProduction,
    SealedConfirms,
)
_OWN = frozenset(check.code for check in _CHECKS)
for _check in _CHECKS:
    register_check(_check)


def registered_checks() -> tuple[GateCheck, ...]:
    """Return all checks: those of this package, then those of installed extensions and of `register_check`.

    Raises
    ------
    InputError
        When an extension cannot be imported.
    """
    for info in pkgutil.iter_modules([str(Path(__file__).parent)]):  # a module that somebody added registers its own
        importlib.import_module(f"{__package__}.{info.name}")
    load_plugins(PLUGIN_GROUP)
    # An extension that was imported first has registered its checks first.
    return tuple(sorted(registry.values(), key=lambda check: check.code not in _OWN))
