"""Deployment of a version: tested in staging first, then promoted, then waited for."""

from __future__ import annotations

import contextlib
import dataclasses
import getpass
import json
from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from pathlib import Path

from aletheia.core.errors import InputError
from aletheia.core.files import atomic_write
from aletheia.core.settings import get_settings
from aletheia.lifecycle.model_versions.alias_mirror import align_aliases
from aletheia.lifecycle.model_versions.catalog import GONE, IN_PRODUCTION, LABEL, ModelVersion, load_catalog
from aletheia.lifecycle.model_versions.history import DEPLOY, PROMOTE
from aletheia.lifecycle.model_versions.production import change
from aletheia.lifecycle.staging.answering import ask_version, wait_for_version
from aletheia.lifecycle.staging.budget_checks import Budgets
from aletheia.lifecycle.staging.integration_tests import CODES, StagingTarget, run_tests
from aletheia.lifecycle.staging.records import (
    ENVIRONMENTS,
    PRODUCTION,
    STAGING,
    bundle_hash,
    has_passed,
    newest_staging,
)
from aletheia.lifecycle.staging.report import DeploymentReport
from aletheia.lifecycle.staging.report_page import render_staging_report
from aletheia.lifecycle.staging.service_process import staged_service
from aletheia.models.spec import ModelSpec, check_files
from aletheia.release.gate_check import ACCEPTED, CheckResult
from aletheia.release.registry import PROJECT
from aletheia.tracking.folders import artifact_root
from aletheia.tracking.process_label import process_label
from aletheia.tracking.reader import Reader

_LONGEST_LABEL = 63  # characters


def deploy(
    version: str,
    environment: str = STAGING,
    *,
    project: str = PROJECT,
    budgets: Budgets | None = None,
    accept_unjudged: Sequence[str] = (),
    reason: str = "",
    port: int = 0,
    start_timeout: float = 120.0,
    url: str = "",
    answer_timeout: float = 30.0,
) -> DeploymentReport:
    """Test a version in staging, or put it into production after that.

    Parameters
    ----------
    version : str
        Version, tag or first digits of the uid.
    environment : {'staging', 'production'}
        "staging" starts a service with the version, tests it over HTTP, and ends it. "production" does so only if these
        files have not passed yet, then promotes the version if it passed.
    project : str
    budgets : Budgets, optional
        Of time and memory.
    accept_unjudged : sequence of str
        Codes of tests of the staging, or of checks of the gate, that may stay unjudged.
    reason : str
        Why; the history shows it.
    port : int
        Of the staging service, on the loopback; 0 takes a free one.
    start_timeout : float
        Seconds that it may take until it answers.
    url : str
        Of the running service that follows production, which is waited for; empty: none.
    answer_timeout : float
        Seconds until that must answer with the version.

    Returns
    -------
    DeploymentReport
        Of the staging, also of one that did not pass. For "production", `promoted` tells whether it is there now.

    Raises
    ------
    InputError
        When there is no such model, it is retired or its files are damaged; the staging service does not start or ends;
        the promotion is refused by the gate; the running service does not take the version up in time; or the tracking
        server does not answer.
    """
    from aletheia.tracking import ensure_tracking

    if environment not in ENVIRONMENTS:
        raise InputError(f"There is no environment {environment!r}; there are {' and '.join(ENVIRONMENTS)}.")
    accepted, for_gate = _split_accepted(accept_unjudged)
    with Reader(ensure_tracking()) as reader:
        catalog = load_catalog(reader, project)
        align_aliases(catalog, project)  # a change may have been killed before it came to that
        model = catalog.find(version)
        folder, spec = _check_model(model)
        if environment == PRODUCTION:
            if model.state == IN_PRODUCTION:
                raise InputError(f"{model.name} is in production already.")
            earlier = newest_staging(catalog.runs, bundle_hash(folder))
            if earlier is not None and has_passed(earlier):
                return _promote(DeploymentReport.from_run(earlier), for_gate, reason, project, url, answer_timeout)
        report = _stage(
            StagingTarget(reader, project, model, folder, spec),
            budgets or Budgets(),
            accepted,
            port=port,
            start_timeout=start_timeout,
        )
    if environment == STAGING or not report.passed:
        return dataclasses.replace(report, environment=environment)
    return _promote(report, for_gate, reason, project, url, answer_timeout)


def _check_model(model: ModelVersion) -> tuple[Path, ModelSpec]:
    if model.state == GONE:
        raise InputError(f"{model.name} is retired and cannot be deployed; register it again to give it a new version.")
    folder = model.fetch()
    return folder, check_files(folder)


def _split_accepted(names: Sequence[str]) -> tuple[frozenset[str], tuple[str, ...]]:
    """Divide what may stay unjudged into tests of the staging and checks of the gate; InputError for neither."""
    from aletheia.release.exceptions import Exceptions

    staging = frozenset(name for name in names if name in CODES)
    rest = tuple(name for name in names if name not in CODES)
    try:
        Exceptions.parse(list(rest))
    except InputError as error:
        raise InputError(f"{error} The tests of a staging are {', '.join(CODES)}.") from None
    return staging, rest


def _stage(
    target: StagingTarget, budgets: Budgets, accepted: Collection[str], *, port: int, start_timeout: float
) -> DeploymentReport:
    """Run the service and its tests, and store the report in a run."""
    reader, project, model = target.reader, target.project, target.model
    who, moment = getpass.getuser()[:_LONGEST_LABEL], datetime.now(UTC).isoformat()
    parameters = {"version": model.name, "environment": STAGING, **dataclasses.asdict(budgets)}
    labels = {LABEL: DEPLOY, "owner": who, **process_label()}
    uid = reader.note_run(project, DEPLOY, {}, parameters=parameters, labels=labels, state="running")
    try:
        with staged_service(target.source, model.name, port=port, start_timeout=start_timeout) as service:
            checks, measured = run_tests(service, target, budgets)
        report = DeploymentReport(
            version=model.name,
            uid=model.uid,
            environment=STAGING,
            bundle=bundle_hash(target.folder),
            checks=tuple(_accept(check, accepted) for check in checks),
            measurements={"start_s": round(service.start_s, 2), **measured},
            who=who,
            moment=moment,
            run_uid=uid,
        )
        report = _store(reader, project, report)
    except BaseException as error:
        with contextlib.suppress(InputError):  # what is raised says more
            reader.end_run(project, uid, "error", str(error) or type(error).__name__)
        raise
    return report


def _accept(check: CheckResult, accepted: Collection[str]) -> CheckResult:
    if not check.judged and check.code in accepted:
        return dataclasses.replace(check, exception=ACCEPTED)
    return check


def _store(reader: Reader, project: str, report: DeploymentReport) -> DeploymentReport:
    """Write the report's files, note them as artifacts, and end the run with the verdict: the last step of all."""
    folder = artifact_root(get_settings().home.resolve()) / project / DEPLOY / report.run_uid
    folder.mkdir(parents=True, exist_ok=True)
    report = dataclasses.replace(report, page=str(folder / "report.html"), json=str(folder / "report.json"))
    contents = {
        "report": (report.page, render_staging_report(report)),
        "report_json": (report.json, json.dumps(report.to_dict(), indent=1) + "\n"),
    }
    uris = {}
    for key, (path, text) in contents.items():
        with atomic_write(path) as file:
            file.write(text.encode())
        uris[key] = reader.note_artifact(project, key, path, run=report.run_uid, name=DEPLOY)
    reader.update_run(
        project,
        report.run_uid,
        {
            "status.results": report.results(),
            "status.artifact_uris": uris,
            "status.end_time": datetime.now(UTC).isoformat(),
            "status.state": "completed",
        },
    )
    return report


def _promote(
    report: DeploymentReport, for_gate: Sequence[str], reason: str, project: str, url: str, seconds: float
) -> DeploymentReport:
    if url:
        ask_version(url)  # before anything changes
    change(PROMOTE, report.uid, reason=reason, accept_unjudged=for_gate, project=project)
    report = dataclasses.replace(report, environment=PRODUCTION, promoted=True)
    return dataclasses.replace(report, answering_s=wait_for_version(url, report.version, seconds)) if url else report
