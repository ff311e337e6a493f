"""Time and memory of the staged service, measured after a warm-up and compared with budgets."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from aletheia.core.errors import InputError
from aletheia.lifecycle.staging.answer_checks import post_picture
from aletheia.lifecycle.staging.report import staging_result
from aletheia.release.gate_check import FAILED, PASSED, CheckResult

if TYPE_CHECKING:
    from aletheia.lifecycle.staging.service_process import StagedService

LATENCY, MEMORY = "latency", "memory"
_WARM_UP = 5  # requests


@dataclasses.dataclass(frozen=True)
class Budgets:
    """What a version may take.

    Attributes
    ----------
    p95_ms : float
        Of 100 answers 95 may take so many milliseconds at most, as the client measures it, one request at a time.
    memory_mb : float
        Megabytes of all processes of the service together.
    requests : int
        Answers that are measured, at least 20.

    Raises
    ------
    InputError
        For a number out of range.
    """

    p95_ms: float = 1000.0
    memory_mb: float = 2500.0
    requests: int = 60

    def __post_init__(self) -> None:
        for name in ("p95_ms", "memory_mb"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value > 0):
                raise InputError(f"The budget {name} is {value}; it must be above 0.")
        if not 20 <= self.requests <= 10_000:
            raise InputError(f"{self.requests} requests are to be measured; choose 20 to 10,000.")


def percentile(values: Sequence[float], share: float) -> float:
    """Return the smallest of the values that at least this share of them does not exceed (nearest rank)."""
    return sorted(values)[max(math.ceil(share * len(values)), 1) - 1]


def measure(service: StagedService, pictures: Sequence[bytes], budgets: Budgets) -> dict[str, float]:
    """Send pictures in turn, one at a time, and measure.

    Returns
    -------
    dict
        ``p50_ms``, ``p95_ms``, ``requests``, and ``memory_mb``: the most that was seen while they were answered.

    Raises
    ------
    InputError
        When a picture is not answered.
    """
    times, memory = [], 0.0
    for number in range(_WARM_UP + budgets.requests):
        began = time.perf_counter()
        response = post_picture(service.client, pictures[number % len(pictures)])
        times.append((time.perf_counter() - began) * 1000)
        if not response.is_success:
            raise InputError(f"A good picture is answered with {response.status_code} {response.text[:200]}")
        if number % 20 == 0:
            memory = max(memory, service.memory_mb())
    memory = max(memory, service.memory_mb())
    measured = times[_WARM_UP:]
    return {
        "p50_ms": round(percentile(measured, 0.5), 2),
        "p95_ms": round(percentile(measured, 0.95), 2),
        "requests": len(measured),
        "memory_mb": round(memory, 1),
    }


def check_budgets(measured: dict[str, float], budgets: Budgets) -> list[CheckResult]:
    """Compare what was measured with the budgets."""
    late, heavy = measured["p95_ms"] > budgets.p95_ms, measured["memory_mb"] > budgets.memory_mb
    time_detail = (
        f"95 of 100 answers within {measured['p95_ms']:.0f} ms, half within {measured['p50_ms']:.0f} ms "
        f"({measured['requests']:.0f} measured); the budget is {budgets.p95_ms:g} ms"
    )
    memory_detail = f"{measured['memory_mb']:,.0f} MB; the budget is {budgets.memory_mb:,g} MB"
    return [
        staging_result(LATENCY, "answers in time", FAILED if late else PASSED, time_detail),
        staging_result(MEMORY, "fits into its memory", FAILED if heavy else PASSED, memory_detail),
    ]
