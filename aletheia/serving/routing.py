"""Policies of routes (key, limits, headers), their lookup for a request, and routers that other packages add."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Sequence

from fastapi import APIRouter
from fastapi.routing import RouteContext, iter_route_contexts
from starlette.routing import BaseRoute, Match, Mount, Route
from starlette.types import ASGIApp, Scope

from aletheia.core.plugins import load_plugins
from aletheia.inference.errors import RequestError
from aletheia.serving.config import ServeConfig

#: Entry points of other packages; each names a module that calls `register_router`.
PLUGIN_GROUP = "aletheia.routes"

#: For answers without scripts and pictures: nothing is loaded from anywhere.
API_CSP = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

#: Bytes that a body may have around its file (a form) or its picture (JSON).
OVERHEAD_BYTES = 1 << 20

Limit = int | Callable[[ServeConfig], int]

_SCOPE_KEY = "aletheia.policy"
_UNMATCHED_LABEL = "page"
_routers: list[APIRouter] = []


def file_limit(config: ServeConfig) -> int:
    """Return the bytes of a form with a picture or video of the largest size."""
    return max(config.max_video_bytes, config.max_upload_bytes) + OVERHEAD_BYTES


def picture_limit(config: ServeConfig) -> int:
    """Return the bytes of a form with a picture of the largest size."""
    return config.max_upload_bytes + OVERHEAD_BYTES


def base64_limit(config: ServeConfig) -> int:
    """Return the bytes of JSON with a picture of the largest size in base64."""
    return config.max_upload_bytes * 4 // 3 + OVERHEAD_BYTES


@dataclasses.dataclass(frozen=True)
class RoutePolicy:
    """Security rules of a route. The defaults are the strictest; they also hold for a path that no route has.

    A route of FastAPI carries its policy as a dependency, ``dependencies=[Depends(policy)]``, which an `APIRouter` may
    also have for all of its routes; of several, the one nearest to the route counts.

    Attributes
    ----------
    needs_key : bool
        Whether the key of the service, if it has one, must be sent.
    checks_origin : bool
        Whether the headers ``Host`` and ``Origin`` must name this service. Probes ask by names of their own.
    max_body_bytes : int or callable
        Limit of the body; a callable computes it from the configuration.
    max_json_bytes : int or callable, optional
        The limit where the body is JSON; by default the same.
    content_security_policy : str
    cache_control : str, optional
        Response headers, unless the route sends them itself.
    metrics_label : str, optional
        The label ``route`` of the request in the metrics; by default the template of the path.
    is_timed : bool
        Whether the duration of a request counts in the metrics. Streams stay open as long as a tab does.
    v2_errors : bool
        Whether errors have the form of the V2 inference protocol.
    asks : bool
        Whether requests ask about a picture or video: only their errors stand in the prediction log.
    """

    needs_key: bool = True
    checks_origin: bool = True
    max_body_bytes: Limit = OVERHEAD_BYTES
    max_json_bytes: Limit | None = None
    content_security_policy: str = API_CSP
    cache_control: str | None = "no-store"
    metrics_label: str | None = None
    is_timed: bool = True
    v2_errors: bool = False
    asks: bool = False

    async def __call__(self) -> None:
        """Do nothing. FastAPI calls dependencies; the middleware has applied the policy before that."""

    def body_limit(self, config: ServeConfig, content_type: str) -> int:
        """Return how many bytes the body may have."""
        limit = self.max_body_bytes
        if self.max_json_bytes is not None and "json" in content_type:
            limit = self.max_json_bytes
        return limit if isinstance(limit, int) else limit(config)


STRICTEST = RoutePolicy()


class PolicyRoute(Route):
    """A route to an ASGI application, for exactly these methods.

    Parameters
    ----------
    path : str
        Template of the path.
    app : ASGI application
    methods : sequence of str
        Unlike in other routes, GET does not include HEAD.
    policy : RoutePolicy
    """

    def __init__(self, path: str, app: ASGIApp, methods: Sequence[str], policy: RoutePolicy) -> None:
        super().__init__(path, app, name=path, include_in_schema=False)
        self.app, self.methods, self.policy = app, set(methods), policy

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Match the path exactly: Starlette's expression allows a line feed at the end."""
        return (Match.NONE, {}) if scope["path"].endswith("\n") else super().matches(scope)


class FallbackMount(Mount):
    """An application for the paths below a prefix that no route has.

    Starlette prefers it to a route of the same path but another method. Its policy does not apply to those, and the
    application should answer them with status 405 (see `check_method`). Where the application has ``routes`` of its
    own, their policies come first.

    Parameters
    ----------
    path : str
        The prefix.
    app : ASGI application
    policy : RoutePolicy
    """

    def __init__(self, path: str, app: ASGIApp, policy: RoutePolicy = STRICTEST) -> None:
        super().__init__(path, app)
        self.policy = policy


def find_policy(routes: Iterable[BaseRoute], scope: Scope) -> tuple[RoutePolicy, str]:
    """Find the policy of the route that a request belongs to.

    Parameters
    ----------
    routes : iterable of routes
        Of the application.
    scope : dict
        ASGI scope of the request.

    Returns
    -------
    policy : RoutePolicy
        Of the first route with this path and method; else of the first with this path; else `STRICTEST`.
    label : str
        The route's name in the metrics: one of few, whatever is requested.
    """
    try:
        matched = _find(routes, scope)
    except ValueError:  # of a path parameter's convertor, such as an integer of thousands of digits
        matched = None
    return matched or (STRICTEST, _UNMATCHED_LABEL)


def _find(routes: Iterable[BaseRoute], scope: Scope) -> tuple[RoutePolicy, str] | None:
    partial: RouteContext | None = None
    fallbacks: list[tuple[RouteContext, Scope]] = []
    for route in iter_route_contexts(list(routes)):
        match, child_scope = route.matches(scope)
        if match is Match.NONE:
            continue
        if isinstance(route.original_route, FallbackMount):
            fallbacks.append((route, {**scope, **child_scope}))
        elif isinstance(route.original_route, Mount):
            return _find(route.routes, {**scope, **child_scope}) or _resolve(route)
        elif match is Match.FULL:
            return _resolve(route)
        else:
            partial = partial or route
    if partial is not None:
        return _resolve(partial)
    for route, inner_scope in fallbacks:
        return _find(route.routes, inner_scope) or _resolve(route)
    return None


def _resolve(route: RouteContext) -> tuple[RoutePolicy, str]:
    policy = _declared_policy(route)
    template = None if isinstance(route.original_route, Mount) else route.path_format
    return policy, policy.metrics_label or template or _UNMATCHED_LABEL


def _declared_policy(route: RouteContext) -> RoutePolicy:
    for dependency in reversed(getattr(route, "dependencies", ())):
        if isinstance(dependency.dependency, RoutePolicy):
            return dependency.dependency
    policy = getattr(route.original_route, "policy", STRICTEST)
    return policy if isinstance(policy, RoutePolicy) else STRICTEST


def check_method(scope: Scope, routes: Iterable[BaseRoute] = ()) -> None:
    """Raise a RequestError when the application, or one of these routes, has the path for other methods.

    For the application behind a `FallbackMount`, which gets such requests.
    """
    outer = {**scope, "root_path": scope.get("app_root_path", "")}  # as before the mount that calls this
    methods = route_methods(scope["app"].routes, outer) | route_methods(routes, scope)
    if methods:
        raise method_error(scope, methods)


def route_methods(routes: Iterable[BaseRoute], scope: Scope) -> set[str]:
    """Collect the methods of all routes that have the path of a request."""
    methods: set[str] = set()
    for route in iter_route_contexts(list(routes)):
        if not isinstance(route.original_route, Mount) and route.matches(scope)[0] is not Match.NONE:
            methods |= getattr(route.original_route, "methods", None) or set()
    return methods


def head_as_get(scope: Scope) -> Scope:
    """Let a route of the application that has only GET answer HEAD; the server sends no body then (RFC 9110, 9.3.2)."""
    if scope["method"] != "HEAD":
        return scope
    methods = route_methods(scope["app"].routes, scope)
    return {**scope, "method": "GET"} if "GET" in methods and "HEAD" not in methods else scope


def method_error(scope: Scope, methods: set[str]) -> RequestError:
    """Make the error for a path that has routes for these methods alone."""
    allow = sorted(methods | ({"HEAD"} if "GET" in methods else set()))
    text = f"Method Not Allowed (only {', '.join(allow)}): {scope['method'][:20]} {scope['path'][:200]}"
    return RequestError("method_not_allowed", text, allow=allow)


def set_policy(scope: Scope, policy: RoutePolicy) -> None:
    """Note the policy of a request for `current_policy`."""
    scope[_SCOPE_KEY] = policy


def current_policy(scope: Scope) -> RoutePolicy:
    """Return the policy that the middleware applied to a request."""
    policy = scope.get(_SCOPE_KEY)
    return policy if isinstance(policy, RoutePolicy) else STRICTEST


def register_router(router: APIRouter) -> None:
    """Add routes to every service that is created from now on.

    They come after the service's own routes, which they cannot replace. A route finds the service in
    ``request.app.state.service``; without a `RoutePolicy` it has the strictest.

    Parameters
    ----------
    router : APIRouter
    """
    if not any(router is known for known in _routers):
        _routers.append(router)


def registered_routers() -> tuple[APIRouter, ...]:
    """Load the plugins and return all routers that were registered, in this order.

    Raises
    ------
    InputError
        When a plugin cannot be loaded.
    """
    load_plugins(PLUGIN_GROUP)
    return tuple(_routers)
