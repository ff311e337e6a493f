"""Building blocks of the routes: JSON bodies and answers, pages of listings, and the check of a request's origin."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Annotated, Any, TypeVar

from fastapi import Depends, Query, Request, Response
from pydantic import BaseModel, ValidationError
from starlette.types import ASGIApp, Receive, Scope, Send

from aletheia.core.hosts import LOCAL_NAMES, host_of
from aletheia.core.plot_library import ROUTE
from aletheia.tracking import queries
from aletheia.tracking.queries import ApiError, Page
from aletheia.tracking.store import Store

MAX_BODY = 32 * 1024 * 1024  # bytes


class Json(Response):
    """A JSON answer, with NaN and infinity as literals only for clients that can parse them.

    MLRun's own client (it names its version in a header) parses them, and so gets a diverged loss back as it was
    logged. For other clients, such as browsers, they become null.
    """

    media_type = "application/json"

    def __init__(self, content: Any, status_code: int = 200, *, request: Request | None = None) -> None:
        self._literals = request is not None and "x-mlrun-client-version" in request.headers
        super().__init__(content, status_code)

    def render(self, content: Any) -> bytes:
        """Serialise the content."""
        try:
            text = json.dumps(content, separators=(",", ":"), allow_nan=self._literals)
        except ValueError:
            text = json.dumps(_replace_non_finite(content), separators=(",", ":"))
        return text.encode()


def _replace_non_finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _replace_non_finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_replace_non_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def error(status: int, detail: str) -> Json:
    """Make an error answer in the form from which the client takes its message."""
    return Json({"detail": detail}, status)


async def raw_body(request: Request) -> bytes:
    """Read the body of a request; 413 beyond `MAX_BODY` bytes, before all of it is in memory."""
    announced = request.headers.get("content-length", "0")
    if announced.isdigit() and int(announced) > MAX_BODY:
        raise ApiError(413, f"The body is larger than {MAX_BODY} bytes.")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY:
            raise ApiError(413, f"The body is larger than {MAX_BODY} bytes.")
    return bytes(body)


async def json_body(request: Request) -> Any:
    """Parse the JSON body of a request regardless of its content type, which the client leaves out; None if empty."""
    body = await raw_body(request)
    if not body.strip():
        return None
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as exception:
        raise ApiError(400, f"The body is not the JSON it should be: {str(exception)[:200]}") from None


def get_store(request: Request) -> Store:
    """Return the database of the application."""
    store: Store = request.app.state.store
    return store


Body = Annotated[Any, Depends(json_body)]
RawBody = Annotated[bytes, Depends(raw_body)]
Db = Annotated[Store, Depends(get_store)]

Filters = TypeVar("Filters", bound=BaseModel)


class PageQuery(BaseModel):
    """Page number, size and token that a request for a listing names."""

    page: int | None = None
    page_size: int | None = None
    page_token: str | None = None


def page_query(
    page: int | None = Query(None, gt=0, le=queries.PAGE_LIMIT),
    page_size: int | None = Query(None, alias="page-size", gt=0, le=queries.PAGE_LIMIT),
    page_token: str | None = Query(None, alias="page-token", max_length=20_000),
) -> PageQuery:
    """Collect the paging parameters of a request."""
    return PageQuery(page=page, page_size=page_size, page_token=page_token or None)


Paging = Annotated[PageQuery, Depends(page_query)]


def listing(
    key: str,
    filters: Filters,
    paging: PageQuery,
    fetch: Callable[[Filters, Page], tuple[list[Any], bool]],
) -> dict[str, Any]:
    """Answer a request for a listing: the items under ``key``, and the token of the next page.

    A token carries its filters and page size; those of the request count only without one. There is no token on the
    last page, and none in the answer to a request without paging, which is the whole listing.

    Parameters
    ----------
    key
        Name of the items in the answer; tokens are valid for listings of the same name only.
    filters, paging
        Parameters of the request.
    fetch
        Returns the items of a page and whether more follow.
    """
    if paging.page_token:
        stored, page = queries.decode_token(paging.page_token, key)
        try:
            filters = type(filters).model_validate(stored)
        except ValidationError:
            raise ApiError(404, "The page token is unknown.") from None
        if paging.page:
            page = Page(paging.page, page.size)
    elif paging.page or paging.page_size:
        page = Page(paging.page or 1, paging.page_size or queries.PAGE_SIZE)
    else:
        page = Page()
    items, more = fetch(filters, page)
    token = None
    if more:
        token = queries.encode_token(key, filters.model_dump(exclude_defaults=True), Page(page.number + 1, page.size))
    is_page = page.size is not None and bool(items)
    pagination = {
        "page": page.number if is_page else None,
        "page-size": page.size if is_page else None,
        "page-token": token,
    }
    return {key: items, "pagination": pagination}


def is_public(method: str, path: str) -> bool:
    """Return whether pages of any origin may ask for it: the library of plots, also for pages opened from disk."""
    return method == "GET" and path.startswith(f"{ROUTE}plotly-") and path.count("/") == ROUTE.count("/")


class LocalOnly:
    """Middleware that refuses requests to other host names than this machine's, and from pages of other sites."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 403 to such a request, and pass others on."""
        if scope["type"] == "http":
            headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
            reason = self._refusal(headers, is_public(scope["method"], scope["path"]))
            if reason:
                await error(403, reason)(scope, receive, send)
                return
        await self.app(scope, receive, send)

    @staticmethod
    def _refusal(headers: dict[str, str], public: bool) -> str | None:
        """Explain why a request is refused; None when it is not."""
        if host_of(f"//{headers.get('host', '')}") not in LOCAL_NAMES:
            return "This service answers only what is addressed to localhost or 127.0.0.1 (see the Host header)."
        if public:
            return None
        origin = headers.get("origin")
        if origin is not None and host_of(origin) not in LOCAL_NAMES:
            return "This service does not answer pages of other sites (see the Origin header)."
        site = headers.get("sec-fetch-site")
        # Any user of this machine can serve pages from it: "same-site" are those of its other ports. A browser that
        # does not send the header has to ask from a page of this address.
        if site == "same-site" or (origin is not None and site is None and origin != f"http://{headers['host']}"):
            return "This service does not answer pages of other programs on this machine (see the Origin header)."
        if site == "cross-site":
            return "This service does not answer pages of other sites (see the Sec-Fetch-Site header)."
        return None
