"""The report of a deployment: what was tested, how it went, and what changed."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from aletheia.release.gate_check import CheckResult

#: Page of the documentation that has a section for each check.
DOCUMENTATION = "lifecycle.md"


@dataclasses.dataclass(frozen=True)
class DeploymentReport:
    """What a deployment found and did.

    Attributes
    ----------
    version, uid : str
        Of the model, and of its artifact.
    environment : {'staging', 'production'}
        Asked for.
    bundle : str
        SHA-256 of the tested bundle, see `aletheia.lifecycle.staging.records.bundle_hash`.
    checks : tuple of CheckResult
        Each with code, state, detail, and page and anchor of its documentation.
    measurements : dict
        ``start_s``, ``p50_ms``, ``p95_ms``, ``requests``, ``memory_mb``; those of the staging, as far as measured.
    who, moment : str
        User, and ISO time of the beginning.
    run_uid : str
        Of the run ``deploy`` that holds the report of the staging as artifacts.
    page, json : str
        Files of the report; empty where they are gone.
    promoted : bool
        Whether it is in production now because of this deployment.
    answering_s : float or None
        Seconds from the promotion until the running service answered with the version; None if none was asked.
    """

    version: str
    uid: str
    environment: str
    bundle: str
    checks: tuple[CheckResult, ...]
    measurements: Mapping[str, float]
    who: str = ""
    moment: str = ""
    run_uid: str = ""
    page: str = ""
    json: str = ""
    promoted: bool = False
    answering_s: float | None = None

    @property
    def passed(self) -> bool:
        """Whether every check passed, or a person accepted by name that it is not judged."""
        return bool(self.checks) and all(check.allows for check in self.checks)

    @property
    def verdict(self) -> str:
        """Return "passed", "failed", or "not judged" where nothing failed and something could not be judged."""
        if self.passed:
            return "passed"
        return "failed" if any(check.judged and not check.allows for check in self.checks) else "not judged"

    def results(self) -> dict[str, Any]:
        """Return the results of the run, from which `from_run` makes the report again."""
        return {
            "action": "deploy",
            "environment": self.environment,
            "version": self.version,
            "to_uid": self.uid,
            "bundle": self.bundle,
            "verdict": self.verdict,
            "passed": self.passed,
            "tag": "",
            "checks": check_dicts(self.checks),
            **self.measurements,
        }

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        values = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        values |= {"checks": check_dicts(self.checks), "measurements": dict(self.measurements)}
        return {**values, "passed": self.passed, "verdict": self.verdict}

    @classmethod
    def from_run(cls, run: Mapping[str, Any]) -> DeploymentReport:
        """Make the report of a staging from its run."""
        results, labels = run["status"]["results"], run["metadata"]["labels"]
        names = ("start_s", "p50_ms", "p95_ms", "requests", "memory_mb")
        return cls(
            version=str(results["version"]),
            uid=str(results["to_uid"]),
            environment=str(results["environment"]),
            bundle=str(results["bundle"]),
            checks=tuple(
                CheckResult(
                    name=str(check["name"]),
                    state=str(check["state"]),
                    detail=str(check["detail"]),
                    code=str(check["code"]),
                    documentation=str(check["documentation"]),
                    exception=str(check["exception"]),
                )
                for check in results["checks"]
            ),
            measurements={name: results[name] for name in names if name in results},
            who=str(labels.get("owner") or ""),
            moment=str(run["status"].get("start_time") or ""),
            run_uid=str(run["metadata"]["uid"]),
        )


def check_dicts(checks: Sequence[CheckResult]) -> list[dict[str, Any]]:
    """Return checks as plain values."""
    return [{"name": check.name, "documentation": check.documentation, **check.to_dict()} for check in checks]


def staging_result(code: str, name: str, state: str, detail: str) -> CheckResult:
    """Make the result of a check of the staging."""
    return CheckResult(name, state, detail, code, f"{DOCUMENTATION}#staging-{code}")
