"""Small client of an MLRun API (the embedded service, or an MLRun server) that does not import MLRun."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import httpx

from aletheia.core.errors import InputError
from aletheia.tracking.access import without_token
from aletheia.tracking.constants import MLRUN_VERSION

_PAGE_SIZE = 200


class Reader:
    """Reads projects, runs and artifacts, and notes results.

    Parameters
    ----------
    url
        Address of the API, as in ``MLRUN_DBPATH``.
    """

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        # With the version header the service sends NaN and infinity as they were logged.
        headers = {"x-mlrun-client-version": MLRUN_VERSION}
        self._client = httpx.Client(base_url=self.url, headers=headers, timeout=60, trust_env=False)

    def __enter__(self) -> Reader:
        return self

    def __exit__(self, *exception: object) -> None:
        self._client.close()

    def _get(self, path: str, **query: Any) -> dict[str, Any]:
        try:
            response = self._client.get(
                path, params={name: value for name, value in query.items() if value is not None}
            )
            response.raise_for_status()
            answer: dict[str, Any] = response.json()
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
            reason = str(error).replace(self.url, without_token(self.url))
            raise InputError(f"Reading {without_token(self.url)}{path} failed: {reason}") from None
        return answer

    def _pages(self, path: str, key: str, **query: Any) -> Iterator[dict[str, Any]]:
        answer = self._get(path, page=1, **{"page-size": _PAGE_SIZE}, **query)
        yield from answer[key]
        while token := (answer.get("pagination") or {}).get("page-token"):
            answer = self._get(path, **{"page-token": token})
            yield from answer[key]

    def note_run(self, project: str, name: str, results: dict[str, Any]) -> str:
        """Store a run that has ended and has nothing but results; return its uid.

        Raises
        ------
        InputError
            When the server does not take it.
        """
        uid, now = uuid.uuid4().hex, datetime.now(UTC).isoformat()
        body = {
            "kind": "run",
            "metadata": {"name": name, "uid": uid, "project": project, "labels": {"kind": "local"}},
            "spec": {"parameters": {}},
            "status": {"state": "completed", "start_time": now, "last_update": now, "results": results},
        }
        try:
            self._client.post(f"/api/v1/projects/{project}/runs/{uid}", json=body).raise_for_status()
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            reason = str(error).replace(self.url, without_token(self.url))
            raise InputError(f"The run {name} could not be noted at {without_token(self.url)}: {reason}") from None
        return uid

    def projects(self) -> list[str]:
        """List the names of all projects."""
        names: list[str] = self._get("/api/v1/projects", format="name_only")["projects"]
        return names

    def finished(self, project: str, since: str) -> dict[str, str]:
        """Return the last update by uid of the runs that have ended, of those updated since an ISO time."""
        runs = self._pages(f"/api/v1/projects/{project}/runs", "runs", iter="no", last_update_time_from=since)
        terminal = ("completed", "error", "aborted")
        return {
            run["metadata"]["uid"]: run["status"].get("last_update", "")
            for run in runs
            if run["status"].get("state") in terminal
        }

    def runs(self, project: str, uid: str | None = None) -> list[dict[str, Any]]:
        """List runs and their iterations by the time of their start, each run before its iterations.

        Parameters
        ----------
        project : str
            Name of the project.
        uid : str, optional
            Only this run.
        """
        # Without a time filter a server may return the last week only.
        runs = self._pages(
            f"/api/v1/projects/{project}/runs",
            "runs",
            iter="yes",
            uid=uid,
            start_time_from="1970-01-01T00:00:00+00:00",
        )
        return sorted(runs, key=lambda run: (run["status"].get("start_time", ""), _iteration(run)))

    def artifacts(self, project: str, **query: Any) -> list[dict[str, Any]]:
        """List the artifacts that match, each once, with its tags as a list in ``metadata["tags"]``.

        Parameters
        ----------
        project : str
            Name of the project.
        **query
            Query parameters of the API, such as ``kind`` or ``iter``.
        """
        unique: dict[tuple[str, str], dict[str, Any]] = {}
        for item in self._pages(f"/api/v2/projects/{project}/artifacts", "artifacts", **query):
            metadata = item["metadata"]
            key = (item.get("spec", {}).get("db_key") or metadata["key"], metadata["uid"])
            tags = unique.setdefault(key, item)["metadata"].setdefault("tags", [])
            if metadata.get("tag"):
                tags.append(metadata["tag"])
        return list(unique.values())


def _iteration(run: dict[str, Any]) -> int:
    return int(run["metadata"].get("iteration") or 0)
