"""Building blocks of the resources: API errors, checks of names, times, SQL filters, pages, paths inside objects."""

from __future__ import annotations

import base64
import binascii
import json
import re
import sqlite3
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from aletheia.core.errors import AletheiaError

PAGE_SIZE = 200
PAGE_LIMIT = 1_000_000

_LABEL_VALUE = re.compile(r"(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?")
_KEY = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?")
_PROJECT = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")


class ApiError(AletheiaError):
    """An answer other than success: a status code and a sentence for the client."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail


def check_tag(tag: str) -> None:
    """Refuse a tag that cannot be part of a URI (the rule of Kubernetes label values)."""
    if len(tag) > 63 or not tag or not _LABEL_VALUE.fullmatch(tag):
        raise ApiError(
            400,
            f"Tag {tag!r} is invalid: up to 63 letters, digits, '-', '_', '.'; letter or digit at both ends.",
        )


def check_key(key: str) -> None:
    """Refuse an artifact key that cannot be part of a URI."""
    if len(key) > 255 or not _KEY.fullmatch(key):
        raise ApiError(
            400,
            f"Artifact key {key!r} is invalid: letters, digits, '-', '_', '.'; letter or digit at both ends.",
        )


def check_project(name: str) -> None:
    """Refuse a project name that is not a DNS label, as Kubernetes and an MLRun server do."""
    if len(name) > 63 or not _PROJECT.fullmatch(name):
        raise ApiError(
            400,
            f"Project name {name!r} is invalid: up to 63 lower-case letters, digits and '-', none of it at an end.",
        )


def check_length(text: str, name: str, limit: int = 255) -> None:
    """Refuse an identifier that is longer than the column of an MLRun server, or holds a NUL."""
    if len(text) > limit or "\0" in text:
        raise ApiError(400, f"{name} is longer than {limit} characters or holds a NUL.")


def now() -> float:
    """Return the current time in seconds since 1970, UTC."""
    return time.time()


def to_iso(seconds: float) -> str:
    """Format seconds since 1970 as ISO 8601 with time zone."""
    return datetime.fromtimestamp(seconds, UTC).isoformat()


def parse_time(value: Any) -> float | None:
    """Parse an ISO time into seconds since 1970; without a zone it is UTC, as in MLRun. None and "" give None."""
    if value is None or value == "":
        return None
    try:
        moment = datetime.fromisoformat(str(value).strip())
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        raise ApiError(400, f"{str(value)[:60]!r} is no ISO time.") from None


def encode(body: Any) -> str:
    """Serialise as JSON for the database. NaN and infinity are kept: a diverged loss is a result like any other.

    The text is ASCII, so that lone surrogates, which SQLite refuses, stay escaped as they came.
    """
    return json.dumps(body, separators=(",", ":"))


def decode(text: str) -> dict[str, Any]:
    """Parse a JSON object of the database."""
    body: dict[str, Any] = json.loads(text)
    return body


def encode_labels(labels: Any) -> str:
    """Serialise labels as a JSON object of strings, for filters. Null values count as empty."""
    if not isinstance(labels, dict):
        return "{}"
    for name, value in labels.items():
        check_length(str(value), f"The value of label {str(name)[:60]!r}")
    return encode({str(k): "" if v is None else str(v) for k, v in labels.items()})


def get_in(body: Any, path: str, default: Any = None) -> Any:
    """Return the value at a dotted path of nested dictionaries; the default when a step is missing or null."""
    for step in path.split("."):
        if not isinstance(body, dict) or body.get(step) is None:
            return default
        body = body[step]
    return body


def split_path(path: str) -> list[str]:
    r"""Split a dotted path; a dot between two backslashes belongs to the name (MLRun's escaping)."""
    steps, step, quoted = [], "", False
    for char in path:
        if char == "\\":
            quoted = not quoted
        elif char == "." and not quoted:
            steps.append(step)
            step = ""
        else:
            step += char
    return [*steps, step]


def set_in(body: dict[str, Any], path: str, value: Any) -> None:
    """Set the value at a dotted path and create missing dictionaries on the way (null counts as missing)."""
    *parents, last = split_path(path)
    for step in parents:
        inner = body.get(step)
        if inner is None:
            inner = body[step] = {}
        if not isinstance(inner, dict):
            raise ApiError(400, f"{path!r} leads through a value that is no object.")
        body = inner
    body[last] = value


def select_paths(body: dict[str, Any], paths: Iterable[str]) -> dict[str, Any]:
    """Copy the values at the given dotted paths, and nothing else, into a new nested dictionary."""
    selected: dict[str, Any] = {}
    for path in paths:
        source: Any = body
        target = selected
        *parents, last = path.split(".")
        for step in parents:
            source = source.get(step) if isinstance(source, dict) else None
            target = target.setdefault(step, {})
        if isinstance(source, dict) and last in source:
            target[last] = source[last]
    return selected


def placeholders(values: Sequence[Any]) -> str:
    """Return as many SQL placeholders as there are values."""
    return ",".join("?" * len(values))


@dataclass
class Where:
    """A conjunction of SQL conditions with their arguments; values are bound, never pasted into the text."""

    parts: list[str] = field(default_factory=list)
    values: list[Any] = field(default_factory=list)

    def add(self, sql: str, *values: Any) -> None:
        """Add a condition with the values of its placeholders."""
        self.parts.append(sql)
        self.values.extend(values)

    def equals(self, column: str, value: Any) -> None:
        """Require equality if a value is given."""
        if value is not None and value != "":
            self.add(f"{column} = ?", value)

    def any_of(self, column: str, values: Iterable[Any]) -> None:
        """Require membership if any value is given."""
        values = list(values)
        if values:
            self.add(f"{column} IN ({placeholders(values)})", *values)

    def name(self, column: str, name: str | None) -> None:
        """Require equality, or with a leading ``~`` a substring regardless of case."""
        if name and name.startswith("~"):
            escaped = re.sub(r"([\\%_])", r"\\\1", name[1:])
            self.add(f"{column} LIKE ? ESCAPE '\\'", f"%{escaped}%")
        else:
            self.equals(column, name)

    def project(self, column: str, project: str) -> None:
        """Restrict to one project; ``*`` means all."""
        if project != "*":
            self.add(f"{column} = ?", project)

    def labels(self, column: str, labels: Iterable[str]) -> None:
        """Require each of the labels: ``name`` (present) or ``name=value``."""
        for label in labels:
            name, equals, value = label.partition("=")
            sql = f"EXISTS (SELECT 1 FROM json_each({column}) AS label WHERE label.key = ?"
            self.add(sql + (" AND label.value = ?)" if equals else ")"), name, *([value] if equals else []))

    def between(self, column: str, start: Any, end: Any) -> None:
        """Require a time in a closed interval, which is open at an end that is not given."""
        for value, operator in ((start, ">="), (end, "<=")):
            seconds = parse_time(value)
            if seconds is not None:
                self.add(f"{column} {operator} ?", seconds)

    def sql(self) -> str:
        """Join the conditions by AND."""
        return " AND ".join(self.parts) or "1"


@dataclass(frozen=True)
class Page:
    """A page of a listing, counted from 1; size None means everything."""

    number: int = 1
    size: int | None = None

    def fetch(self, connection: sqlite3.Connection, sql: str, values: list[Any]) -> tuple[list[sqlite3.Row], bool]:
        """Run the query for this page; return its rows and whether more follow."""
        if self.size is None:
            return connection.execute(sql, values).fetchall(), False
        # One row beyond the page shows whether there is a next page.
        offset = (self.number - 1) * self.size
        rows = connection.execute(f"{sql} LIMIT ? OFFSET ?", [*values, self.size + 1, offset]).fetchall()
        return rows[: self.size], len(rows) > self.size


def encode_token(kind: str, filters: dict[str, Any], page: Page) -> str:
    """Make a page token that carries its query, so that it needs no memory and survives a restart."""
    text = encode({"kind": kind, "filters": filters, "page": page.number, "size": page.size})
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decode_token(token: str, kind: str) -> tuple[dict[str, Any], Page]:
    """Return the filters and the page of a token of this kind.

    Raises
    ------
    ApiError
        404, which clients take for the end of the listing, if it is not such a token.
    """
    try:
        data = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
        if data["kind"] != kind or not isinstance(data["filters"], dict):
            raise ValueError
        number, size = data["page"], data["size"]
        if not (isinstance(number, int) and isinstance(size, int) and 0 < number <= PAGE_LIMIT and size > 0):
            raise ValueError
        return data["filters"], Page(number, min(size, PAGE_LIMIT))
    except (ValueError, KeyError, TypeError, binascii.Error, RecursionError):
        raise ApiError(404, "The page token is unknown.") from None


def partitioned(
    select: str, where: Where, *, by: str, sort: str, order: str, rows: int, partitions: int, tail: str
) -> tuple[str, list[Any]]:
    """Wrap a selection so that only the first rows of each partition remain.

    Parameters
    ----------
    select, tail
        ``SELECT … FROM …`` before, ``ORDER BY …`` after.
    by, sort, order
        Columns that define a partition; column and direction by which its rows are ranked.
    rows, partitions
        Number of rows kept of each partition; number of partitions kept, those with the newest rows (0: all).

    Returns
    -------
    tuple
        SQL text and the values of its placeholders.
    """
    direction = "ASC" if order == "asc" else "DESC"
    inner = (
        f"SELECT *, ROW_NUMBER() OVER (PARTITION BY {by} ORDER BY {sort} {direction}, id {direction}) AS rank_in,"
        f" MAX({sort}) OVER (PARTITION BY {by}) AS newest FROM ({select} WHERE {where.sql()})"
    )
    values = [*where.values, rows]
    ranked = f"DENSE_RANK() OVER (ORDER BY newest DESC, {by}) AS rank_of"
    sql = f"SELECT *, {ranked} FROM ({inner}) WHERE rank_in <= ?"
    if partitions > 0:
        sql = f"SELECT * FROM ({sql}) WHERE rank_of <= ?"
        values.append(partitions)
    return f"{sql} {tail}", values
