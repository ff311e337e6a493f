"""Small client of an MLRun API (the embedded service, or an MLRun server) that does not import MLRun."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

import httpx

from aletheia.core.errors import InputError
from aletheia.tracking.access import without_token
from aletheia.tracking.constants import MLRUN_VERSION

_PAGE_SIZE = 200
_UNKNOWN_ROUTE = (HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.NOT_IMPLEMENTED)


class Reader:
    """Reads projects, runs and artifacts, notes runs, sets tags and claims versions.

    Parameters
    ----------
    url
        Address of the API, as in ``MLRUN_DBPATH``.
    """

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        # With the version header the service sends NaN and infinity as they were logged.
        headers = {"x-mlrun-client-version": MLRUN_VERSION}
        # Reading the certificates takes a tenth of a second, and without TLS (redirects are not followed) none is used.
        verify = not self.url.startswith("http://")
        self._client = httpx.Client(base_url=self.url, headers=headers, timeout=60, trust_env=False, verify=verify)

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

    def _send(self, method: str, path: str, what: str, **arguments: Any) -> httpx.Response:
        """Send a request; an answer that is no success stays for the caller to judge."""
        try:
            return self._client.request(method, path, **arguments)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            reason = str(error).replace(self.url, without_token(self.url))
            raise InputError(f"{what} could not be reached at {without_token(self.url)}: {reason}") from None

    def _store(self, method: str, path: str, what: str, **arguments: Any) -> None:
        response = self._send(method, path, what, **arguments)
        if response.is_error:
            address = without_token(self.url)
            raise InputError(f"{what} could not be noted at {address}: {response.status_code} {response.text[:500]}")

    def note_run(
        self,
        project: str,
        name: str,
        results: dict[str, Any],
        *,
        parameters: dict[str, Any] | None = None,
        labels: dict[str, str] | None = None,
        state: str = "completed",
    ) -> str:
        """Store a run that has ended, or is about to be carried on by `end_run`; return its uid.

        Raises
        ------
        InputError
            When the server does not take it.
        """
        uid, now = uuid.uuid4().hex, datetime.now(UTC).isoformat()
        body = {
            "kind": "run",
            "metadata": {"name": name, "uid": uid, "project": project, "labels": {"kind": "local", **(labels or {})}},
            "spec": {"parameters": parameters or {}},
            "status": {"state": state, "start_time": now, "last_update": now, "results": results},
        }
        self._store("POST", f"/api/v1/projects/{project}/runs/{uid}", f"The run {name}", json=body)
        return uid

    def end_run(self, project: str, uid: str, state: str, error: str = "") -> None:
        """Set the state of a run that was noted as running: completed or error.

        Raises
        ------
        InputError
            When the server does not take it.
        """
        now = datetime.now(UTC).isoformat()
        change = {"status.state": state, "status.last_update": now, "status.end_time": now}
        change |= {"status.error": error} if error else {}
        self._store("PATCH", f"/api/v1/projects/{project}/runs/{uid}", f"The end of run {uid[:8]}", json=change)

    def update_run(self, project: str, uid: str, change: dict[str, Any], iteration: int = 0) -> None:
        """Change fields of a run or one of its iterations, such as ``{"status.results": …}``.

        Raises
        ------
        InputError
            When the server does not take it.
        """
        now = datetime.now(UTC).isoformat()
        body = {"status.last_update": now, **change}
        query = {"iter": iteration} if iteration else None
        self._store("PATCH", f"/api/v1/projects/{project}/runs/{uid}", f"The run {uid[:8]}", params=query, json=body)

    def note_artifact(self, project: str, key: str, path: str, *, run: str, name: str) -> str:
        """Note a file as an artifact of a run that was noted; return its address, ``store://…``.

        Parameters
        ----------
        project : str
            Name of the project.
        key : str
            Of the artifact in the run.
        path : str
            Where the file lies.
        run, name : str
            uid and name of the run.

        Raises
        ------
        InputError
            When the server does not take it.
        """
        stored = f"{name}_{key}"
        body = {
            "kind": "artifact",
            "metadata": {"key": key, "project": project, "tree": run, "iter": 0},
            "spec": {
                "target_path": path,
                "db_key": stored,
                "producer": {"kind": "run", "name": name, "uri": f"{project}/{run}"},
            },
            "status": {"state": "created"},
        }
        path = f"/api/v2/projects/{project}/artifacts/{stored}"
        self._store("PUT", path, f"The artifact {key}", params={"tree": run, "tag": "latest"}, json=body)
        return f"store://artifacts/{project}/{stored}#0@{run}"

    def set_tag(self, project: str, tag: str, key: str, uid: str) -> None:
        """Point a tag at an artifact and away from every other of its key: one transaction of the server.

        Raises
        ------
        InputError
            When the server does not take it.
        """
        self._tag("PUT", project, tag, key, uid)

    def remove_tag(self, project: str, tag: str, key: str, uid: str) -> None:
        """Remove a tag from an artifact.

        Raises
        ------
        InputError
            When the server does not take it.
        """
        self._tag("DELETE", project, tag, key, uid)

    def _tag(self, method: str, project: str, tag: str, key: str, uid: str) -> None:
        body = {"kind": "artifact", "identifiers": [{"key": key, "uid": uid}]}
        self._store(method, f"/api/v1/projects/{project}/tags/{tag}", f"The tag {tag}", json=body)

    def model_versions(self, project: str, key: str) -> dict[str, list[dict[str, Any]]] | None:
        """Return the claimed versions of the models of a key and the changes of production.

        See `aletheia.tracking.resources.model_versions`; None from an MLRun server, which keeps neither.
        """
        path = f"/api/v1/projects/{project}/model-versions/{key}"
        if self._send("GET", path, "The versions").status_code in _UNKNOWN_ROUTE:
            return None
        return self._get(path)

    def claim_version(self, project: str, key: str, version: str, recipe: str) -> bool:
        """Claim a version of the models of a key for ever; False when it was claimed before.

        Raises
        ------
        InputError
            When the server does not take it.
        """
        path, body = f"/api/v1/projects/{project}/model-versions/{key}", {"version": version, "recipe": recipe}
        response = self._send("POST", path, f"The version {version}", json=body)
        if response.status_code == HTTPStatus.CONFLICT:
            return False
        if response.is_error:
            raise InputError(f"The version {version} could not be claimed: {response.text[:500]}")
        return True

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

    def runs(
        self, project: str, uid: str | None = None, label: str | None = None, states: Sequence[str] | None = None
    ) -> list[dict[str, Any]]:
        """List runs and their iterations by the time of their start, each run before its iterations.

        Parameters
        ----------
        project : str
            Name of the project.
        uid : str, optional
            Only this run.
        label : str, optional
            Only runs that have this label, with whatever value.
        states : sequence of str, optional
            Only runs in one of these states.
        """
        # Without a time filter a server may return the last week only.
        runs = self._pages(
            f"/api/v1/projects/{project}/runs",
            "runs",
            iter="yes",
            uid=uid,
            label=label,
            state=states,
            start_time_from="1970-01-01T00:00:00+00:00",
        )
        return sorted(runs, key=lambda run: (run["status"].get("start_time", ""), _iteration(run)))

    def artifact(self, project: str, key: str, tag: str) -> dict[str, Any] | None:
        """Return the artifact that has a tag; None where none has it.

        Raises
        ------
        InputError
            When the server does not answer.
        """
        path, what = f"/api/v2/projects/{project}/artifacts/{key}", f"The artifact {key}:{tag}"
        response = self._send("GET", path, what, params={"tag": tag})
        if response.status_code == HTTPStatus.NOT_FOUND:
            return None
        if response.is_error:
            raise InputError(f"{what} could not be read at {without_token(self.url)}: {response.text[:500]}")
        body: dict[str, Any] = response.json()
        artifact: dict[str, Any] = body.get("data", body)
        return artifact

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
