"""What `aletheia monitor` found, in sentences; without the page, and so without what draws it.

The image of the service has no plotly, and this is what runs there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from aletheia.core.wording import counted
from aletheia.lifecycle.monitoring.drift import Drift


def monitor_findings(
    versions: Sequence[Mapping[str, Any]], drifts: Sequence[Drift], compared: Mapping[str, int], reference: int
) -> list[tuple[str, str]]:
    """Say in sentences what was seen, each with ``good``, ``bad`` or an empty word for neither."""
    if not versions:
        return [("There was no request in this time.", "bad")]
    found = []
    for version in versions:
        name, rate = version["version"], version["fault_rate"]
        if rate and rate["value"]:
            found.append((f"Version {name}: {percent(rate)} of the requests failed by the service's fault.", "bad"))
        if (few := compared.get(name, 0)) < reference:
            text = f"Version {name} is not watched for changes yet: {counted(few, 'answer')} of {reference} compared."
            found.append((text, ""))
    found += [(drift.sentence, "bad") for drift in drifts]
    watched = [name for name, count in compared.items() if count >= reference]
    if watched and not drifts:
        found.append(("What is asked and what is answered has not changed.", "good"))
    return found


def percent(rate: Mapping[str, float]) -> str:
    """Return a rate with its interval, as in "25.0% (10.0% to 50.0%)"."""
    return f"{rate['value']:.1%} ({rate['low']:.1%} to {rate['high']:.1%})"
