"""Read what an MLRun API (the embedded service, or a real server) knows, without importing MLRun."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx

from aletheia.core.errors import InputError

_PAGE = 200


class Reader:
    """A small read-only client.

    Parameters
    ----------
    url
        Address of the API, as in ``MLRUN_DBPATH``.
    """

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        # The version header asks for NaN and infinity as they were logged.
        headers = {"x-mlrun-client-version": "1.12.1"}
        self._client = httpx.Client(base_url=self.url, headers=headers, timeout=60, trust_env=False)

    def __enter__(self) -> Reader:
        return self

    def __exit__(self, *exception: object) -> None:
        self._client.close()

    def _get(self, path: str, **query: Any) -> dict[str, Any]:
        try:
            response = self._client.get(path, params={k: v for k, v in query.items() if v is not None})
            response.raise_for_status()
            return response.json()
        except (httpx.HTTPError, ValueError) as error:
            raise InputError(f"Reading {self.url}{path} failed: {error}") from None

    def _pages(self, path: str, key: str, **query: Any) -> Iterator[dict[str, Any]]:
        answer = self._get(path, page=1, **{"page-size": _PAGE}, **query)
        yield from answer[key]
        while token := (answer.get("pagination") or {}).get("page-token"):
            answer = self._get(path, **{"page-token": token})
            yield from answer[key]

    def projects(self) -> list[str]:
        """Names of all projects."""
        return self._get("/api/v1/projects", format="name_only")["projects"]

    def finished(self, project: str, since: str) -> dict[str, str]:
        """Uid and time of the last change of the runs that ended, those changed since an ISO time only."""
        runs = self._pages(f"/api/v1/projects/{project}/runs", "runs", iter="no", last_update_time_from=since)
        final = ("completed", "error", "aborted")
        return {
            run["metadata"]["uid"]: run["status"].get("last_update", "")
            for run in runs
            if run["status"].get("state") in final
        }

    def runs(self, project: str, uid: str | None = None) -> list[dict[str, Any]]:
        """Runs with their iterations, each parent before its iterations, in the order in which they began."""
        # Without a time filter a server may show the last week only.
        found = self._pages(
            f"/api/v1/projects/{project}/runs",
            "runs",
            iter="yes",
            uid=uid,
            start_time_from="1970-01-01T00:00:00+00:00",
        )
        return sorted(found, key=lambda run: (run["status"].get("start_time", ""), _iteration(run)))

    def artifacts(self, project: str, **query: Any) -> list[dict[str, Any]]:
        """Artifacts that match, each once; its tags as a list in ``metadata["tags"]``."""
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
