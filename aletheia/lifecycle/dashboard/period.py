"""The span of time that the dashboard shows: which one, in intervals of which length, labelled in whose time."""

from __future__ import annotations

import functools
import math
import zoneinfo
from datetime import UTC, datetime, timedelta, tzinfo
from typing import NamedTuple

from aletheia.core.errors import InputError

#: By name: seconds, and seconds of an interval.
PERIODS = {"hour": (3_600, 60), "day": (86_400, 900), "week": (7 * 86_400, 7_200), "month": (30 * 86_400, 21_600)}
#: Seconds between two labels of the time axis, and their form.
_TICKS = {"hour": (900, "%H:%M"), "day": (4 * 3_600, "%H:%M"), "week": (86_400, "%a %-d"), "month": (86_400, "%-d %b")}
_DAYS_BETWEEN = {"week": 1, "month": 6}
_LAST_END = 9.0e9  # seconds since 1970


class Period(NamedTuple):
    """A span of time in intervals of equal length.

    Attributes
    ----------
    name : str
        One of `PERIODS`.
    begin, end : float
        Seconds since 1970, whole intervals; the end does not belong to it.
    interval : float
        Seconds.
    is_live : bool
        Whether it ends now, and so moves on.
    """

    name: str
    begin: float
    end: float
    interval: float
    is_live: bool

    @property
    def intervals(self) -> int:
        """Their number."""
        return round((self.end - self.begin) / self.interval)

    def share(self, moment: float) -> float:
        """Return where a moment lies between begin (0) and end (1)."""
        return (moment - self.begin) / (self.end - self.begin)


def choose_period(name: str, end: float | None, now: float) -> Period:
    """Return the span of this name that ends with the interval of a moment.

    Parameters
    ----------
    name : str
        One of `PERIODS`.
    end : float or None
        The moment, seconds since 1970; None: now, whenever that is.
    now : float

    Raises
    ------
    InputError
        When there is no such span, or no such moment.
    """
    if name not in PERIODS:
        raise InputError(f"There is no period {name[:40]!r}; choose one of {', '.join(PERIODS)}.")
    if end is not None and not 0 < end < _LAST_END:
        raise InputError("The end of the period must be given in seconds since 1970, as in end=1790000000.")
    length, interval = PERIODS[name]
    last = math.ceil((now if end is None else end) / interval) * interval
    return Period(name, float(last - length), float(last), float(interval), end is None)


@functools.cache
def _zones() -> frozenset[str]:
    return frozenset(zoneinfo.available_timezones())


def find_zone(name: str) -> tzinfo:
    """Return a time zone by its name, such as Europe/Berlin.

    Raises
    ------
    InputError
        When it is not in the list of known ones: a name becomes the path of a file, and comes from a request.
    """
    if name in ("", "UTC"):
        return UTC
    if name not in _zones():
        raise InputError(f"There is no time zone {name[:40]!r}; give one as in zone=Europe/Berlin, or none for UTC.")
    return zoneinfo.ZoneInfo(name)


def local_time(moment: float, zone: tzinfo) -> datetime:
    """Return a moment (seconds since 1970) in a zone."""
    return datetime.fromtimestamp(moment, zone)


def time_ticks(period: Period, zone: tzinfo) -> list[tuple[float, str]]:
    """Return shares of the width and labels of the time axis: full hours, or midnights of the zone."""
    step, form = _TICKS[period.name]
    moments = _midnights(period, zone) if step == 86_400 else _full_hours(period, zone, step)
    return [(period.share(moment), local_time(moment, zone).strftime(form)) for moment in moments]


def _midnights(period: Period, zone: tzinfo) -> list[float]:
    day = local_time(period.begin, zone).replace(hour=0, minute=0, second=0, microsecond=0)
    moments, count = [], 0
    while (moment := day.timestamp()) < period.end:
        if moment >= period.begin:
            if count % _DAYS_BETWEEN[period.name] == 0:
                moments.append(moment)
            count += 1
        # Midnight by the clock of the zone, also after a day of 23 or 25 hours.
        day = (day.replace(tzinfo=None) + timedelta(days=1)).replace(tzinfo=zone)
    return moments


def _full_hours(period: Period, zone: tzinfo, step: float) -> list[float]:
    first = local_time(period.begin, zone)
    shift = (first.utcoffset() or timedelta()).total_seconds()
    moment = math.ceil((period.begin + shift) / step) * step - shift
    return [moment + step * n for n in range(int((period.end - 1e-6 - moment) // step) + 1)]
