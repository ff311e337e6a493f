"""The page: drawn as a whole by the server, so that it works without a script; a script replaces what changed."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import tzinfo
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from aletheia.lifecycle.alerts.rules import Rule
from aletheia.lifecycle.dashboard import charts, tables
from aletheia.lifecycle.dashboard.drift_table import inputs
from aletheia.lifecycle.dashboard.parts import View, moment, part, step_text, view_of
from aletheia.lifecycle.dashboard.period import PERIODS, local_time
from aletheia.plotting import palette

_HERE = Path(__file__).parent
#: Own files of the page by name, with their media type.
FILES = {"dashboard.css": "text/css", "dashboard.js": "text/javascript"}
_ICON = (
    "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 32 32'%3E%3Crect width='32' height='32' "
    "rx='8' fill='%230072B2'/%3E%3Cpath d='M5 20h5l4-11 5 15 3-8h5' fill='none' stroke='white' stroke-width='3' "
    "stroke-linejoin='round' stroke-linecap='round'/%3E%3C/svg%3E"
)


def page_file(name: str) -> tuple[bytes, str] | None:
    """Return content and media type of a file of the page; None for a name that it does not have."""
    if name not in FILES:
        return None
    content = (_HERE / name).read_bytes()
    if name.endswith(".css"):
        for key in ("REAL", "FAKE", "NEUTRAL", "SECOND"):
            colour = getattr(palette, key)
            content = content.replace(f"@dark-{key.lower()}@".encode(), palette.DARK[colour].encode())
            content = content.replace(f"@{key.lower()}@".encode(), colour.encode())
    return content, FILES[name]


def file_version(name: str) -> str:
    """Return a short text that changes with the content of a file."""
    found = page_file(name)
    return hashlib.sha256(found[0]).hexdigest()[:12] if found else ""


def render_page(summary: Mapping[str, Any], rules: Mapping[str, Rule], zone: tzinfo, zone_name: str) -> str:
    """Draw the page.

    Parameters
    ----------
    summary : mapping
        Of `aletheia.lifecycle.dashboard.watch.DashboardWatch.summary`.
    rules : mapping of str to Rule
        Of the alerts.
    zone, zone_name
        In which moments are written.
    """
    view = view_of(summary, zone, zone_name)
    body = [
        tables.notices(view),
        tables.tiles(view),
        '<div class="panels">',
        charts.throughput(view),
        charts.latency(view, rules.get("slow")),
        charts.errors(view),
        charts.verdicts(view),
        charts.confidence(view),
        charts.abstention(view),
        charts.scores(view),
        tables.accuracy(view),
        inputs(view),
        tables.alerts(view),
        tables.versions(view),
        tables.log(view),
        "</div>",
    ]
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>Aletheia: monitoring</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        f'<link rel="icon" href="{_ICON}">'
        f'<link rel="stylesheet" href="files/dashboard.css?{file_version("dashboard.css")}">'
        f'<script src="files/dashboard.js?{file_version("dashboard.js")}"></script></head><body>'
        f'<a class="skip" href="#main">To the numbers</a>{_header(view)}<main id="main">{"".join(body)}</main>'
        f"{_footer(view)}</body></html>\n"
    )


def _header(view: View) -> str:
    now, period = view.summary["now"], view.period
    last = f"last request {moment(now['last'], view.zone)}" if now["last"] else "no request yet"
    state = "live" if period.is_live else "past"
    return (
        '<header><div class="top"><h1><span>Aletheia</span> What the service answers</h1>'
        + part(
            "live",
            f'<span class="pill {state}" role="status">{state}</span> <span data-last>{last}</span>',
            "p",
            "state",
        )
        + '<div class="themes" role="group" aria-label="Colours">'
        + "".join(
            f'<button type="button" data-theme-choice="{name}" aria-pressed="false">{name}</button>'
            for name in ("auto", "light", "dark")
        )
        + "</div></div>"
        + part("periods", _periods(view), "nav", "periods").replace("<nav", '<nav aria-label="Time that is shown"', 1)
        + "</header>"
    )


def _periods(view: View) -> str:
    period, form = view.period, "%-d %b %Y %H:%M"
    links = [_link(view, name, name, None if period.is_live else period.end, name == period.name) for name in PERIODS]
    length = period.end - period.begin
    steps = [_link(view, "earlier", period.name, period.end - length)]
    if not period.is_live:
        steps += [_link(view, "later", period.name, period.end + length), _link(view, "now", period.name, None)]
    offset = local_time(period.end, view.zone).strftime("%z")
    zone = "UTC" if view.zone_name in ("", "UTC") else f"{escape(view.zone_name)} (UTC{offset[:3]}:{offset[3:5]})"
    return (
        f'<span class="choice">{"".join(links)}</span><span class="choice">{"".join(steps)}</span>'
        f'<span class="span">{moment(period.begin, view.zone, form)} to {moment(period.end, view.zone, form)}, '
        f"time of {zone}, in steps of {step_text(period)}</span>"
    )


def _link(view: View, text: str, period: str, end: float | None, is_chosen: bool = False) -> str:
    values = {"period": period, **({"end": f"{end:.0f}"} if end is not None else {})}
    if view.zone_name not in ("", "UTC"):
        values["zone"] = view.zone_name
    current = ' aria-current="page"' if is_chosen else ""
    return f'<a href="?{escape(urlencode(values))}"{current}>{text}</a>'


def _footer(view: View) -> str:
    query = {"period": view.period.name, **({} if view.period.is_live else {"end": f"{view.period.end:.0f}"})}
    return (
        f'<footer><p>The same as numbers: <a href="api/v1/summary?{escape(urlencode(query))}">api/v1/summary</a>. '
        "Lines across time: another version’s first answer (dashed), a promotion or rollback (solid), the beginning of "
        "a change (dotted); shaded: an alert fired.</p></footer>"
    )
