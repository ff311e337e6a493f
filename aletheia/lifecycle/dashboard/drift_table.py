"""The panel of changes: each column over time, now and at the beginning, and how near it is to an alarm."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from html import escape
from typing import Any

from aletheia.core.wording import counted
from aletheia.lifecycle.dashboard.parts import View, change_moment, moment, panel, part, table
from aletheia.plotting.svg_charts import number_text, sparkline
from aletheia.stats.change_detection import REFERENCE

_EXPLAINED = (
    "Each version is compared with its own first answers, or with those after its last change; at 100 % of the "
    "evidence, all columns together, a change is reported. The bar shows six powers of ten. Shift is in standard "
    "deviations of the first answers. There is at most one false alarm a month on average."
)
_DECADES = 6.0  # of the evidence that a bar shows
_CHANGES = 10  # that are listed
_VERSIONS = 3  # that are shown


def inputs(view: View) -> str:
    """Input drift: each statistic over time, now and at the beginning, and how near it is to an alarm."""
    drift, content = view.summary["drift"], []
    for number, version in enumerate(_watched(view)):
        state = drift["versions"][version]
        shown = _columns(view, version, state)
        if number:  # the others in short
            shown = f"<details><summary>{escape(state['name'])}</summary>{shown}</details>"
        content.append(shown)
    changes = "".join(f"<li>{escape(change['sentence'])}</li>" for change in reversed(drift["changes"][-_CHANGES:]))
    content.append(f'<h3>What changed</h3><ol class="plain">{changes}</ol>' if changes else "")
    if not drift["versions"]:
        content = ['<p class="empty">No answer about a face yet.</p>']
    until = drift["searched_until"]
    note = f"Looked at up to {moment(until, view.zone)}. {_EXPLAINED}" if until else _EXPLAINED
    return panel(
        "inputs",
        "Is what is asked and answered changing?",
        part("inputs", "".join(content)) + part("inputs-note", note, "p", "quiet"),
        wide=True,
    )


def _columns(view: View, version: str, state: Mapping[str, Any]) -> str:
    columns, few = state["columns"], ""
    if not state["is_watching"]:
        compared = f"{counted(state['compared'], 'answer')} of {REFERENCE} compared"
        few = f'<p class="quiet">{escape(state["name"])} is not watched yet: {compared}.</p>'
    changed = {c["column"]: change_moment(c) for c in view.summary["drift"]["changes"] if c["version"] == version}
    rows = {
        group: [_statistic(view, name, column, changed) for name, column in columns.items() if column["group"] == group]
        for group in ("the pictures", "the answers")
    }
    listed = [*rows["the pictures"], _seen(view, columns, changed), *rows["the answers"]]
    head = ("what", "over time", "first answers", "last 50", "shift", "evidence of a change")
    caption = f"{state['name']}: {counted(state['compared'], 'answer')} compared since its first one or its last change"
    return f'{few}<div class="scroll">{table(caption, head, listed)}</div>'


def _changed(view: View, moments: Iterable[float]) -> str:
    last = max(moments, default=None)
    return "" if last is None else f' <span class="badge firing">changed {moment(last, view.zone, "%-d %b")}</span>'


def _watched(view: View) -> list[str]:
    """Return the version that answers now, and others of this time."""
    known = view.summary["drift"]["versions"]
    names = [view.summary["now"]["version"], *(item["version"] for item in view.summary["versions"])]
    return [name for name in dict.fromkeys(names) if name in known][:_VERSIONS]


def _statistic(view: View, name: str, column: Mapping[str, Any], changed: Mapping[str, float]) -> tuple[str, ...]:
    values = view.intervals("statistics", name) if name in view.summary["intervals"]["statistics"] else None
    if name == "probability":
        values = view.intervals("score_p50")
    words = escape(column["words"]) + _changed(view, [changed[name]] if name in changed else [])
    drawing = sparkline(values, f"{column['words']} over this time", "real") if values is not None else "–"
    return (
        words,
        drawing,
        _number(column["before"]),
        _number(column["now"]),
        _shift(column["shift"]),
        _evidence(column["evidence"]),
    )


def _seen(view: View, columns: Mapping[str, Any], changed: Mapping[str, float]) -> tuple[str, ...]:
    names = [name for name, column in columns.items() if column["group"] == "what the network sees in the faces"]
    own = [columns[name] for name in names]
    words = "what the network sees in the faces (8 numbers)" + _changed(
        view, [changed[n] for n in names if n in changed]
    )
    shifts = [column["shift"] for column in own if column["shift"] is not None]
    largest = max(shifts, key=abs) if shifts else None
    evidence = sum(column["evidence"] for column in own)
    return (
        words,
        "–",
        "–",
        "–",
        f"{_shift(largest)} (largest)",
        _evidence(evidence),
    )


def _number(value: float | None) -> str:
    return "–" if value is None else number_text(value)


def _shift(value: float | None) -> str:
    return "–" if value is None else f"{value:+.1f}"


def _evidence(share: float) -> str:
    """Return a bar over six powers of ten, with the share in words."""
    width = 100 * min(max(1 + math.log10(share) / _DECADES, 0.0), 1.0) if share > 0 else 0.0
    state = "high" if share > 0.01 else ""
    text = f"{share:.0%}" if share >= 0.01 else "under 1 %"
    return (
        f'<svg class="meter {state}" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">'
        f'<rect class="track" width="100" height="8"/><rect class="fill" width="{width:.1f}" height="8"/></svg> {text}'
    )
