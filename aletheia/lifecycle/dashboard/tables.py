"""The panels of words and tables: now, alerts, changes, accuracy, versions, the log."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from html import escape
from typing import Any

from aletheia.core.wording import counted
from aletheia.lifecycle.dashboard.parts import (
    View,
    bytes_text,
    code_text,
    listed,
    moment,
    panel,
    part,
    percent,
    table,
    tile,
)
from aletheia.lifecycle.monitoring.estimated_accuracy import WARNING
from aletheia.lifecycle.monitoring.labelled import SELECTION_NOTE
from aletheia.plotting.svg_charts import number_text

_EVENTS = 10
_MANY_FAILURES = 0.01
_EMPTY = "The log is empty: nothing was asked yet. This page fills itself when <code>aletheia serve</code> answers."
_METRICS = {
    "p95_ms": ("time of 95 of 100 answers", "ms"),
    "fault_rate": ("share of the service’s failures", "%"),
    "answers": ("answers", ""),
    "changes": ("changes that were noticed", ""),
    "accuracy_drop": ("loss of accuracy against the evaluation", "%"),
    "disk_free_bytes": ("free disk", "bytes"),
}
NO_LABELS = (
    "No labels yet for answers of this time. Whether answers are right only known truth can tell: keep the "
    "<code>id</code> of an answer, and send the truth with it when it is known "
    "(see “Feedback” in the documentation)."
)


def tiles(view: View) -> str:
    """Return what to see at once."""
    summary = view.summary
    now, total, drift = summary["now"], summary["total"], summary["drift"]
    firing = [rule for rule in summary["alerts"]["rules"] if rule["status"] == "firing"]
    rate, right = total["fault_rate"], (summary["labels"] or {}).get("total", {}).get("right")
    begun = [item["moment"] for item in summary["switches"] if item["version"] == now["name"]]
    since = (
        f"since {moment(begun[-1], view.zone, '%-d %b %H:%M')}"
        if begun
        else "all this time"
        if now["version"] is not None
        else ""
    )
    releases = {item["version"]: item["release"] for item in summary["versions"]}
    names = [(releases.get(version) or version[:8], share) for version, share in now["shares"].items()]
    shares = ", ".join(f"{share:.0%} {escape(name)}" for name, share in names)
    p95, p50 = total["latency_ms"]["p95"], total["latency_ms"]["p50"]
    milliseconds = ["–" if value is None else f"{value:.0f} ms" for value in (p50, p95)]
    content = [
        tile("Answers now", escape(now["release"] or now["version"] or "nobody"), shares if len(names) > 1 else since),
        tile("Requests a minute", f"{now['requests_per_minute']:.1f}", "mean of the last 5 minutes"),
        tile("95 of 100 within", milliseconds[1], f"half within {milliseconds[0]}"),
        tile(
            "The service failed",
            percent(rate, interval=False),
            f"of {rate['n']:,} requests" if rate else "no request",
            "bad" if rate and rate["low"] > _MANY_FAILURES else "",
        ),
        tile("Cannot tell", percent(total["abstention_rate"], interval=False), "of the answers with a face"),
        tile("Changes", str(len(drift["changes"])), "in the whole log", "bad" if drift["changes"] else ""),
        tile("Right", percent(right, interval=False), f"of {right['n']:,} labelled" if right else "no labels yet"),
        tile("Alerts", str(len(firing)), "firing" if firing else "all quiet", "bad" if firing else "good"),
    ]
    return part("tiles", "".join(content), "dl", "tiles")


def notices(view: View) -> str:
    """Return what needs attention first: a log that cannot be read, alerts that fire."""
    summary, found = view.summary, []
    if summary["log"]["problem"]:
        found.append(("bad", escape(summary["log"]["problem"])))
    elif summary["log"]["is_reading"]:
        found.append(("", f"The log is being read: {summary['log']['known']:,} rows so far."))
    elif not summary["log"]["known"]:
        found.append(
            (
                "",
                _EMPTY,
            )
        )
    elif not summary["total"]["requests"]:
        last = moment(summary["log"]["last"], view.zone)
        found.append(
            (
                "",
                f"Nothing was asked in this time. The last request in the log came {last}; choose another time.",
            )
        )
    for rule in summary["alerts"]["rules"]:
        if rule["status"] == "firing":
            since = moment(rule["since"], view.zone, "%-d %b %H:%M")
            found.append(
                (
                    "bad",
                    f"<strong>{escape(rule['sentence'] or rule['name'])}</strong> "
                    f"Since {since}. {code_text(rule['runbook'])}",
                )
            )
    return part("notices", "".join(f'<p class="notice {kind}">{text}</p>' for kind, text in found))


def alerts(view: View) -> str:
    """Rules and their states, what to do, and what fired."""
    state = view.summary["alerts"]
    warning = ""
    if state["problem"]:
        warning = f'<p class="notice bad">{escape(state["problem"])}</p>'
    elif not state["is_watched"]:
        when = (
            f"The last look was {moment(state['looked'], view.zone)}." if state["looked"] else "There was no look yet."
        )
        warning = f'<p class="notice">Nobody watches: {when} <code>aletheia monitor --watch</code> does.</p>'
    rows = [
        (escape(rule["name"]), _rule_state(rule, view), _limit(rule), code_text(rule["runbook"]) or "–")
        for rule in state["rules"]
    ]
    head = ("rule", "state", "fires when", "what to do")
    past = "".join(
        f'<li><span class="badge {escape(event["status"])}">{escape(event["status"])}</span> '
        f"{moment(event['at'], view.zone, '%-d %b %H:%M')}: {escape(event['sentence'])}</li>"
        for event in state["events"][:_EVENTS]
    )
    content = warning + f'<div class="scroll">{table("Rules of the alerts", head, rows)}</div>'
    content += (
        f'<h3>What fired</h3><ul class="plain">{past}</ul>' if past else '<p class="quiet">Nothing fired so far.</p>'
    )
    return panel("alerts", "Alerts", part("alerts", content), wide=True)


def _rule_state(rule: Mapping[str, Any], view: View) -> str:
    badge = f'<span class="badge {rule["status"]}">{rule["status"]}</span>'
    if rule["status"] == "firing":
        return f"{badge} since {moment(rule['since'], view.zone, '%-d %b %H:%M')}"
    if rule["status"] == "silenced":
        fires = ", fires" if rule["since"] else ""
        return f"{badge} until {moment(rule['silenced_until'], view.zone, '%-d %b %H:%M')}{fires}"
    return badge


def _limit(rule: Mapping[str, Any]) -> str:
    side = "below" if rule["below"] else "above"
    words, unit = _METRICS.get(rule["metric"], (rule["metric"].replace("_", " "), ""))
    limit = bytes_text(rule["limit"]) if unit == "bytes" else number_text(rule["limit"], unit)
    return f"{words} {side} {limit}"


def accuracy(view: View) -> str:
    """Labelled accuracy with its interval; and what the model expects, with why that can be blind."""
    labels, expected = view.summary["labels"], view.summary["expected"]
    content = ""
    if labels and labels["problem"]:
        content += f'<p class="notice bad">{escape(labels["problem"])}</p>'
    if labels and labels["labels"]:
        rows = [
            (
                escape(item.get("name", "all")) + _worse(item["worse_since"], view),
                percent(item["right"]),
                percent(item["missed"]),
                percent(item["false_alarms"]),
                f"{item['undecided']:,}",
                "–" if item["expected"] is None else f"{item['expected']:.1%}",
            )
            for item in (labels["total"], *labels["versions"])
        ]
        head = ("version", "right", "fakes missed", "false alarms", "cannot tell", "expected by evaluation")
        caption = f"{counted(labels['labels'], 'labelled answer')} of this time; in brackets the 95 % interval"
        content += f'<div class="scroll">{table(caption, head, rows)}</div><p class="quiet">{SELECTION_NOTE}</p>'
    else:
        content += f"<p>{NO_LABELS}</p>"
    if expected is not None:
        content += (
            f"<h3>What the model expects of itself</h3><p><b>{expected['value']:.1%}</b> right, on "
            f"{counted(expected['n'], 'verdict')} of {escape(expected['name'])}. "
            f'<span class="warn">{escape(WARNING)}</span></p>'
        )
    return panel("accuracy", "Are the answers right?", part("accuracy", content))


def _worse(since: str | None, view: View) -> str:
    if since is None:
        return ""
    return (
        f' <span class="badge firing">worse since {moment(datetime.fromisoformat(since).timestamp(), view.zone)}</span>'
    )


def _role(role: str) -> str:
    return f' <span class="quiet">{escape(role)}</span>' if role else ""


def versions(view: View) -> str:
    """All versions of the period, and who put them there."""
    summary = view.summary
    rows = [
        (
            f'<i class="key {view.style(item["version"])}"></i>{escape(item["name"])}{_role(item["role"])}',
            f"{item['answers']:,}",
            " / ".join("–" if ms is None else f"{ms:.0f}" for ms in list(item["latency_ms"].values())[:2]),
            listed(item["verdicts"]),
            percent(item["abstention_rate"], interval=False),
            "–" if item["mean_confidence"] is None else f"{item['mean_confidence']:.1%}",
            percent(item["fault_rate"], interval=False),
        )
        for item in summary["versions"]
    ]
    head = ("version", "answers", "ms p50 / p95", "verdicts", "cannot tell", "confidence", "failed")
    content = (
        f'<div class="scroll">{table("Versions that answered in this time", head, rows)}</div>'
        if rows
        else '<p class="empty">Nothing in this time.</p>'
    )
    items = "".join(_switch(view, item) for item in reversed(summary["switches"]))
    content += f'<h3>When another version came</h3><ul class="plain">{items}</ul>' if items else ""
    content += f'<p class="quiet">{escape(summary["history_problem"])}</p>' if summary["history_problem"] else ""
    return panel("versions", "Versions", part("versions", content), wide=True)


def _switch(view: View, item: Mapping[str, Any]) -> str:
    what = "its first answer" if item["action"] == "answers" else item["action"]
    who = f" by {item['who']}" if item["who"] else ""
    reason = f": {item['reason']}" if item["reason"] else ""
    when = moment(item["moment"], view.zone, "%-d %b %H:%M")
    return f"<li>{when} {escape(item['version'])}, {escape(what + who + reason)}</li>"


def log(view: View) -> str:
    """How large the log is, and what is missing from it."""
    state = view.summary["log"]
    facts = [
        ("Rows", f"{state['rows']:,} in {bytes_text(state['file_bytes'])}"),
        ("From – to", f"{moment(state['first'], view.zone)} – {moment(state['last'], view.zone)}"),
        ("Rows lost", f"{state['lost']:,}" + (" that the disk did not take" if state["lost"] else "")),
        ("Made room", f"{state['removed']:,} of the oldest rows"),
        ("File", f"<code>{escape(state['name'])}</code>"),
    ]
    content = (
        '<dl class="facts">' + "".join(f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in facts) + "</dl>"
    )
    if state["known"] < state["rows"] and not state["is_reading"]:
        content += f'<p class="quiet">The newest {state["known"]:,} rows are shown.</p>'
    return panel("log", "The log", part("log", content))
