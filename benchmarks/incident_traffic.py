"""Sixty days of drawn traffic, with days and nights, weekends and callers who send several pictures, and incidents.

Rows are drawn with replacement from those of `benchmarks.incident_pools`, so that each is one that the service wrote.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from aletheia.core.arrays import Array
from benchmarks.incident_pools import KNOWN, UNSEEN, Kind

DAYS = 60
HOUR, DAY = 3600.0, 86_400.0
START = 1_790_035_200.0  # 2026-09-22 00:00 UTC
CALLERS = 200.0  # a day, on average
PICTURES = 3.0  # of a caller, on average; the number is geometric
PAUSE = 4.0  # seconds between two of them, on average


@dataclasses.dataclass(frozen=True)
class Incident:
    """Something that goes wrong for a while.

    Attributes
    ----------
    name : str
    hours : float
        How long.
    effects : dict
        See `_apply`: what is changed while it lasts.
    """

    name: str
    hours: float = 48.0
    effects: Mapping[str, Any] = dataclasses.field(default_factory=dict)


INCIDENTS = (
    Incident("a new generator, 60 % of the fakes", effects={"forgery": (UNSEEN, 0.6)}),
    Incident("one that looks genuine, instead of 60 % of the fakes", effects={"forgery": ("light touch", 0.6)}),
    Incident("stronger compression of all pictures", effects={"state": "compressed"}),
    Incident("another camera, half of the callers", effects={"camera": ("cam-c", 0.5)}),
    Incident("twice as many fakes", effects={"prevalence": 2.0}),
    Incident("a damaged model", effects={"state": "damaged"}),
    Incident("slow answers, a third of them", effects={"slow": (0.33, 700.0)}),
    Incident("error bursts, 20 % for two hours", 2.0, {"errors": 0.2}),
    Incident("stronger compression in one subgroup (cam-b) only", effects={"state": "compressed", "only": "cam-b"}),
)  # fmt: skip


#: Replayed by itself: fakes that look genuine come on top of what is usual, nothing else changes.
ON_TOP = Incident("one that looks genuine, on top: a fifth of all pictures", effects={"added": ("light touch", 0.3)})


def day_share(moments: Array) -> Array:
    """How much of a day it is at moments (n,), seconds since 1970: 0 at 2 in the night, 1 at 14 hours."""
    share: Array = 0.5 - 0.5 * np.cos(2 * np.pi * (moments / DAY - 2 / 24))
    return share


def draw_traffic(
    pools: Mapping[Kind, pd.DataFrame],
    seed: int,
    incidents: Mapping[float, Incident] | None = None,
    *,
    days: float = DAYS,
    daily: bool = True,
    pictures: float = PICTURES,
    pause: float = PAUSE,
    night: str = "",
) -> pd.DataFrame:
    """Draw a log.

    Parameters
    ----------
    pools : mapping
        Of `benchmarks.incident_pools.load_pools`.
    seed : int
    incidents : mapping of float to Incident, optional
        By their beginning, seconds since 1970.
    days : float
    daily : bool
        Whether nights and weekends differ from days: fewer callers, more of ``cam-b``, more fakes.
    pictures, pause : float
        Pictures that a caller sends in a row, from one camera and of one kind, and seconds between them; means.
    night : str
        A camera that four of five pictures of the night come from; none: the usual ones.

    Returns
    -------
    DataFrame
        As `read_log` returns it, with ``fake``: the truth.
    """
    rng = np.random.default_rng((seed, 5))
    rate = CALLERS * PICTURES / pictures  # as many pictures
    moments = np.sort(START + rng.random(rng.poisson(2 * rate * days)) * days * DAY)
    light = day_share(moments) if daily else np.full(len(moments), 0.5)
    weekend = (moments // DAY + 4) % 7 >= 5 if daily else np.zeros(len(moments), bool)  # 1970 began on a Thursday
    kept = rng.random(len(moments)) < (0.1 + 0.8 * light) * np.where(weekend, 0.6, 1.0)
    moments, light = moments[kept], light[kept]
    sent = rng.geometric(1 / pictures, len(moments))
    caller = np.repeat(np.arange(len(moments)), sent)
    elapsed = np.cumsum(rng.exponential(pause, len(caller)))
    time = moments[caller] + elapsed - np.repeat(elapsed[np.cumsum(sent) - sent], sent)
    camera = np.where(rng.random(len(moments)) < 0.6 - 0.4 * light, "cam-b", "cam-a")[caller].astype(object)
    if night:
        camera[((light < 0.5) & (rng.random(len(moments)) < 0.8))[caller]] = night
    chance, draw = 0.5 - 0.25 * light, rng.random(len(moments))
    forgery = np.asarray(KNOWN, dtype=object)[rng.integers(1, len(KNOWN), len(moments))][caller]
    state = np.full(len(caller), "", dtype=object)
    slow, errors = np.zeros(len(caller)), np.full(len(caller), 0.001)
    scale = np.ones(len(moments))
    for begin, incident in (incidents or {}).items():
        now = (time >= begin) & (time < begin + incident.hours * HOUR)
        _apply(incident.effects, now, rng, camera=camera, forgery=forgery, state=state, slow=slow, errors=errors)
        if "prevalence" in incident.effects:
            scale[caller[now]] = incident.effects["prevalence"]
    genuine = (draw >= chance * scale)[caller]
    forgery[genuine] = ""
    for begin, incident in (incidents or {}).items():
        if "added" in incident.effects:
            name, share = incident.effects["added"]
            now = (time >= begin) & (time < begin + incident.hours * HOUR)
            forgery[now & genuine & (rng.random(len(now)) < share)] = name
    log = _rows(pools, camera, forgery, state, rng)
    failed = rng.random(len(log)) < errors
    refused = rng.random(len(log)) < 0.01
    log["time"] = pd.to_datetime(time, unit="s", utc=True)
    log["ms_total"] = np.exp(rng.normal(np.log(60), 0.4, len(log))) + slow  # as drawn: the same on any machine
    log["error"] = np.where(failed, "internal", np.where(refused, "bad_image", ""))
    log.loc[failed | refused, ["verdict", "cause"]] = ""
    log.loc[failed | refused, "ms_total"] = np.nan
    return log.sort_values("time", kind="stable").reset_index(drop=True)


def _apply(effects: Mapping[str, Any], now: Array, rng: np.random.Generator, **columns: Array) -> None:
    """Change the columns of the rows `now` in place."""
    some = rng.random(len(now))
    if "forgery" in effects:
        name, share = effects["forgery"]
        columns["forgery"][now & (some < share)] = name
    if "camera" in effects:
        name, share = effects["camera"]
        columns["camera"][now & (some < share)] = name
    if "state" in effects:
        only = columns["camera"] == effects["only"] if "only" in effects else True
        columns["state"][now & only] = effects["state"]
    if "slow" in effects:
        share, by = effects["slow"]
        columns["slow"][now & (some < share)] = by
    if "errors" in effects:
        columns["errors"][now] = effects["errors"]


def _rows(
    pools: Mapping[Kind, pd.DataFrame], camera: Array, forgery: Array, state: Array, rng: np.random.Generator
) -> pd.DataFrame:
    kinds = list(pools)
    table = pd.concat([pools[kind] for kind in kinds], ignore_index=True)
    sizes = np.array([len(pools[kind]) for kind in kinds])
    starts = dict(zip(kinds, np.cumsum(sizes) - sizes, strict=True))
    codes = pd.Series(list(zip(camera, forgery, state, strict=True)))
    chosen = np.empty(len(codes), int)
    for code, index in codes.groupby(codes).groups.items():
        kind = Kind(*code)
        chosen[index] = starts[kind] + rng.integers(0, len(pools[kind]), len(index))
    log = table.iloc[chosen].reset_index(drop=True)
    log["version"] = table["version"].iloc[0]  # damaged in memory: the hash is that of the file
    log["fake"] = forgery != ""
    return log


__all__ = ["DAYS", "INCIDENTS", "ON_TOP", "START", "Incident", "draw_traffic"]
