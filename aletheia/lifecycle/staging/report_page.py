"""The report of a staging as a page."""

from __future__ import annotations

from html import escape

from aletheia.lifecycle.staging.report import DeploymentReport
from aletheia.plotting.html import html_page, table
from aletheia.release.gate_check import FAILED, PASSED

_SHOWN = {
    "start_s": ("Seconds until it answered", ".1f"),
    "p50_ms": ("Milliseconds, half of the answers", ".0f"),
    "p95_ms": ("Milliseconds, 95 of 100 answers", ".0f"),
    "requests": ("Answers measured", ".0f"),
    "memory_mb": ("Memory, MB", ",.0f"),
}


def render_staging_report(report: DeploymentReport) -> str:
    """Write the page: one HTML file that loads nothing; the verdict first, then each check with its numbers."""
    kind = {"passed": "good", "failed": "bad"}.get(report.verdict, "")
    verdicts = {
        "passed": "It passed every test, and may be promoted.",
        "failed": "It failed, and may not be promoted.",
        "not judged": "A test could not be judged, so that it may not be promoted unless that is accepted by name.",
    }
    rows = [
        (
            f"<b>{escape(check.name)}</b><br><code>docs/{escape(check.documentation)}</code>",
            f'<span class="{_kind(check.state)}">{escape(check.verdict)}</span>',
            escape(check.detail),
        )
        for check in report.checks
    ]
    numbers = [
        (escape(text), format(report.measurements[name], spec))
        for name, (text, spec) in _SHOWN.items()
        if name in report.measurements
    ]
    body = [
        f"<h1>Staging of {escape(report.version)}</h1>",
        f'<p class="quiet">{escape(report.moment[:16].replace("T", " "))} UTC, by {escape(report.who or "unknown")}; '
        f"bundle <code>{escape(report.bundle[:16])}</code></p>",
        f'<div class="finding lead {kind}">{verdicts[report.verdict]}</div>',
        "<h2>Tests</h2>",
        table(("test", "state", "detail"), rows),
        "<h2>Measured</h2>" if numbers else "",
        table((), numbers) if numbers else "",
        '<p class="quiet">Time and memory are those of the machine that ran the tests, whatever else it did.</p>',
    ]
    return html_page(f"Staging of {report.version}", body, with_plots=False)


def _kind(state: str) -> str:
    return "good" if state == PASSED else "bad" if state == FAILED else "quiet"
