"""Versions of models: semantic versioning (semver.org), applied to what a user of the model would have to change.

The contract of a detector is what goes in and what comes out: the crop of a face and the classes. A model with another
contract is a new major version; one of another architecture or other data a new minor version, since its scores differ
for a reason that has a name; the same recipe trained again a new patch, and so is a retraining, whose data are the same
and some new faces.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from aletheia.core.errors import InputError

if TYPE_CHECKING:
    from aletheia.models.spec import ModelSpec

_TEXT = re.compile(r"v?(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})")
_DIGITS = 12


class Version(NamedTuple):
    """A version; ordered by its numbers, written as ``v1.2.3``."""

    major: int
    minor: int
    patch: int

    @classmethod
    def parse(cls, text: str) -> Version:
        """Read ``v1.2.3`` or ``1.2.3``.

        Raises
        ------
        InputError
            For any other text.
        """
        match = _TEXT.fullmatch(text)
        if match is None:
            raise InputError(f"{text!r} is no version of a model; a version is three numbers, such as v1.2.3.")
        return cls(*map(int, match.groups()))

    def __str__(self) -> str:
        return f"v{self.major}.{self.minor}.{self.patch}"


FIRST = Version(1, 0, 0)


def is_version(text: str) -> bool:
    """Return whether a tag is a version as this project writes it, with the v."""
    return text.startswith("v") and _TEXT.fullmatch(text) is not None


def recipe_of(spec: ModelSpec) -> str:
    """Return two digests by which versions are numbered: of the contract, and of architecture and data.

    Returns
    -------
    str
        ``CONTRACT-CONTENT``, 12 hexadecimal digits each: short enough for the label of an artifact.
    """
    crop = spec.crop
    contract = {
        "classes": spec.labels,
        "crop": {"size": crop.size, "margin": crop.margin, "policy": crop.policy},
        "input": spec.input_size,
    }
    content = {"architecture": spec.architecture, "options": spec.options, "data": spec.data_hash}
    return f"{_digest(contract)}-{_digest(content)}"


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:_DIGITS]


def next_version(claimed: Mapping[str, str], recipe: str) -> Version:
    """Return the version of the next model.

    Parameters
    ----------
    claimed : mapping
        Recipe by version, of every version that was ever given.
    recipe : str
        Of the new model, see `recipe_of`.

    Returns
    -------
    Version
        Above all of them: ``v1.0.0`` where there is none, else the highest plus one in the part that the difference of
        its recipe from the new one asks for. An unknown recipe counts as different in content.
    """
    if not claimed:
        return FIRST
    highest = max(map(Version.parse, claimed))
    contract, _, content = claimed[str(highest)].partition("-")
    new_contract, _, new_content = recipe.partition("-")
    if contract and contract != new_contract:
        return Version(highest.major + 1, 0, 0)
    if content != new_content:
        return Version(highest.major, highest.minor + 1, 0)
    return Version(highest.major, highest.minor, highest.patch + 1)


def next_patch(claimed: Mapping[str, str], of: str) -> Version:
    """Return the version of a retraining: above all versions that differ from `of` in the patch alone.

    Parameters
    ----------
    claimed : mapping
        Recipe by version, of every version that was ever given.
    of : str
        The version that is trained again.

    Raises
    ------
    InputError
        When `of` is no version.
    """
    base = Version.parse(of)
    series = [version for version in map(Version.parse, claimed) if version[:2] == base[:2]]
    return Version(base.major, base.minor, max([base, *series]).patch + 1)
