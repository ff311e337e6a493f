"""People that the names of videos carry, in the ways of FaceForensics++ and Celeb-DF."""

from __future__ import annotations

import re
from typing import NamedTuple

#: ``id0_0000`` (genuine) and ``id0_id1_0000`` (target and donor), as in Celeb-DF.
_CELEB = re.compile(r"(id\d+)_(?:(id\d+)_)?\d+", re.IGNORECASE)
#: ``033`` (genuine) and ``033_097`` (target and donor), as in FaceForensics++.
_NUMBERED = re.compile(r"(\d{3})(?:_(\d{3}))?")
#: ``01__exit_phone_room`` and ``01_02__exit_phone_room__YVGY8LOK``, as in DeepFakeDetection.
_ACTOR = re.compile(r"(\d{2})(?:_(\d{2}))?__\w+")


class People(NamedTuple):
    """Columns ``identity`` and ``pair`` of a video; at most one of the two is filled."""

    identity: str = ""
    pair: str = ""


def people_of(video: str, prefix: str, *, pattern: re.Pattern[str]) -> People:
    """Read one person, or target and donor, from a video's name by a pattern with two groups.

    Parameters
    ----------
    video : str
        Name without suffix.
    prefix : str
        Put before each person: numbers of different data sets mean different people.
    """
    match = pattern.fullmatch(video)
    if match is None:
        return People()
    target, donor = match.groups()
    if donor is None:
        return People(identity=f"{prefix}-{target.lower()}")
    return People(pair=f"{prefix}-{target.lower()}|{prefix}-{donor.lower()}")


def celeb_people(video: str, prefix: str) -> People:
    """Read the people of a name such as ``id0_0000`` or ``id0_id1_0000``."""
    return people_of(video, prefix, pattern=_CELEB)


def numbered_people(video: str, prefix: str) -> People:
    """Read the people of a name such as ``033`` or ``033_097``."""
    return people_of(video, prefix, pattern=_NUMBERED)


def actor_people(video: str, prefix: str) -> People:
    """Read the people of a name such as ``01__exit_phone_room`` or ``01_02__exit_phone_room__YVGY8LOK``."""
    return people_of(video, prefix, pattern=_ACTOR)
