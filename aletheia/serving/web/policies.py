"""Policies of the page's routes. Imports nothing of Gradio: the service needs them before the page is built."""

from __future__ import annotations

import dataclasses

from aletheia.serving.routing import RoutePolicy, file_limit

#: Gradio writes its configuration into inline scripts and its theme into inline styles, and compiles functions from
#: strings. Everything else is loaded from this service alone.
PAGE_CSP = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; media-src 'self' data: blob:; font-src 'self' data:; connect-src 'self' data: blob:; "
    "worker-src 'self' blob:; object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'self'"
)

PAGE = RoutePolicy(content_security_policy=PAGE_CSP, cache_control=None, metrics_label="page")
#: Scripts, styles and pictures of the page, which are the same for everybody and hold no data.
ASSET = dataclasses.replace(PAGE, needs_key=False)
UPLOAD = dataclasses.replace(PAGE, max_body_bytes=file_limit)
STREAM = dataclasses.replace(PAGE, is_timed=False)
