"""The tests of a staged service, in their order."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from aletheia.core.errors import InputError
from aletheia.lifecycle.model_versions.catalog import ModelVersion
from aletheia.lifecycle.model_versions.comparison import stored_scores
from aletheia.lifecycle.staging import answer_checks, bad_files_check, budget_checks, protocol_check
from aletheia.lifecycle.staging.answering import answering_model
from aletheia.lifecycle.staging.bad_files_check import check_bad_files
from aletheia.lifecycle.staging.budget_checks import Budgets, check_budgets, measure
from aletheia.lifecycle.staging.protocol_check import check_protocol
from aletheia.lifecycle.staging.report import staging_result
from aletheia.lifecycle.staging.service_process import StagedService
from aletheia.models.spec import ModelSpec
from aletheia.release.gate_check import FAILED, PASSED, CheckResult
from aletheia.release.golden_answers import draw_pictures
from aletheia.release.registry import MODEL_KEY
from aletheia.tracking.reader import Reader

IDENTITY = "serves-version"
#: Codes of all tests of a staging.
CODES = (
    IDENTITY,
    answer_checks.GOLDEN,
    protocol_check.CODE,
    bad_files_check.CODE,
    budget_checks.LATENCY,
    budget_checks.MEMORY,
    answer_checks.OFFLINE,
)


@dataclasses.dataclass(frozen=True)
class StagingTarget:
    """A model to be tested, and where that is noted."""

    reader: Reader
    project: str
    model: ModelVersion
    folder: Path
    spec: ModelSpec

    @property
    def source(self) -> str:
        """What `aletheia serve --model` takes."""
        tag = self.model.version or next(iter(self.model.tags), "")
        return f"store://models/{self.project}/{MODEL_KEY}:{tag}" if tag else str(self.folder)


def run_tests(
    service: StagedService, target: StagingTarget, budgets: Budgets
) -> tuple[list[CheckResult], dict[str, float]]:
    """Run all tests; a service that ends in between is an InputError, which says during which."""
    pictures, spec = draw_pictures(), target.spec

    def load() -> Any:
        return stored_scores(target.model, reader=target.reader, project=target.project)

    measured: dict[str, float] = {}

    def time_and_memory() -> list[CheckResult]:
        measured.update(measure(service, pictures, budgets))
        return check_budgets(measured, budgets)

    client = service.client
    tests: tuple[Callable[[], CheckResult | list[CheckResult]], ...] = (
        lambda: _check_identity(client, target),
        lambda: answer_checks.check_golden(client, target.folder, spec),
        lambda: check_protocol(client, pictures[0]),
        lambda: check_bad_files(service, pictures[0]),
        time_and_memory,
        lambda: answer_checks.check_offline(client, spec, answer_checks.offline_scores(load)),
    )
    checks: list[CheckResult] = []
    for test in tests:
        try:
            result = test()
        except httpx.HTTPError as error:
            state = "still runs" if service.is_alive() else "has ended"
            after = f" after the test {checks[-1].code}" if checks else ""
            raise InputError(
                f"The staging service of {target.model.name} gave no answer{after} ({type(error).__name__}: {error}); "
                f"it {state}."
            ) from None
        checks += result if isinstance(result, list) else [result]
    return checks, measured


def _check_identity(client: httpx.Client, target: StagingTarget) -> CheckResult:
    """Check that the service answers from this version and these weights."""
    name = "serves this version"
    answering = answering_model(client)
    weights = target.spec.weights_sha256[:12]
    found, expected = answering, (target.model.version, weights)
    detail = f"{found[0] or 'no version'}, weights {found[1]}"
    if found == expected:
        return staging_result(IDENTITY, name, PASSED, detail)
    return staging_result(IDENTITY, name, FAILED, f"{detail}; expected {expected[0] or 'no version'}, {expected[1]}")
