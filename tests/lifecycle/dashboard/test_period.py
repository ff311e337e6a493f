"""Which span of time is shown, and where its labels stand, also where clocks change."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from aletheia.core.errors import InputError
from aletheia.lifecycle.dashboard.period import PERIODS, choose_period, find_zone, time_ticks

NOW = 1_795_950_123.0  # 2026-11-29 11:02:03 UTC


@pytest.mark.parametrize("name", PERIODS)
def test_whole_intervals_that_end_now(name):
    period = choose_period(name, None, NOW)
    assert period.is_live
    assert period.end - period.begin == PERIODS[name][0] == period.interval * period.intervals
    assert period.end % period.interval == 0
    assert period.end - period.interval < NOW <= period.end
    assert choose_period(name, period.end, NOW)[1:4] == period[1:4]


def test_unusable():
    for name, end in (("year", None), ("<script>", None), ("day", -1.0), ("day", 1e300), ("day", math.nan)):
        with pytest.raises(InputError):
            choose_period(name, end, NOW)
    for zone in ("../../etc/passwd", "/etc/passwd", "Europe/Nowhere", "posixrules/../x", "<b>"):
        with pytest.raises(InputError, match="no time zone"):
            find_zone(zone)


def test_midnights_when_clocks_change():
    """In Berlin a week in October 2026 has 169 hours: labels stay at midnight by the clock."""
    zone = ZoneInfo("Europe/Berlin")
    period = choose_period("week", datetime(2026, 10, 28, 12, tzinfo=UTC).timestamp(), NOW)
    ticks = time_ticks(period, find_zone("Europe/Berlin"))
    moments = [datetime.fromtimestamp(period.begin + share * (period.end - period.begin), zone) for share, _ in ticks]
    assert [(m.hour, m.minute) for m in moments] == [(0, 0)] * 7
    assert [text for _, text in ticks][:5] == ["Thu 22", "Fri 23", "Sat 24", "Sun 25", "Mon 26"]
    assert all(0 <= share < 1 for share, _ in ticks)


@pytest.mark.parametrize(
    ("name", "zone", "count"), [("hour", "UTC", 4), ("day", "Asia/Kolkata", 6), ("month", "UTC", 5)]
)
def test_full_hours(name, zone, count):
    period = choose_period(name, None, NOW)
    ticks = time_ticks(period, find_zone(zone))
    assert len(ticks) == count
    if name == "day":
        assert all(text.endswith(":00") for _, text in ticks)  # of the zone, which is half an hour off
    shares = [share for share, _ in ticks]
    assert shares == sorted(shares)
    assert shares[0] >= 0 and shares[-1] < 1
