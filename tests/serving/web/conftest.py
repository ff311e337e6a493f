"""A running service with its page, and a browser whose requests are recorded."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from ...waiting import PATIENCE, wait_for

TRAINED_ON = "321 faces: 200 real from cam-a; 121 fake by <b>face-swap</b>"
CARD = """# What this model is

**Registered as `candidate`:** of 2 checks, 1 passed.

| check | verdict | numbers |
| --- | --- | --- |
| calibrated | passed | 0.02 |
| beats the file-property shortcut | not judged | the genuine test faces are of 2 groups; bring more people |

## Groups of people

| group | real / fake | AUC | called fake though genuine | missed fakes | run | data |
| --- | --- | --- | --- | --- | --- | --- |
| skin tone: monk 1-2 | 5 / 15 | 0.91 | 0.02 | too few | f585d52041c54be1a6a05e8c2755010f | c558912363a44ac8 |

## Provenance

Trained in f585d52041c54be1a6a05e8c2755010f.
"""
MIN_FACE = 80  # pixels of a face that gets a verdict


@pytest.fixture(scope="session")
def start_site(serving, with_rules) -> Iterator[Callable[..., AbstractContextManager[SimpleNamespace]]]:
    """Start a service with its page: ``url``, ``service`` and ``kept()``, the bytes of its uploads."""
    # All probabilities of the random network lie between 0.4 and 0.6, here far above the threshold.
    model = with_rules({"trained_on": TRAINED_ON, "threshold": 0.2, "threshold_how": "by the test"}, min_face=MIN_FACE)
    (model / "README.md").write_text(CARD)

    @contextlib.contextmanager
    def start(**values) -> Iterator[SimpleNamespace]:
        limits = {"max_upload_bytes": 1_000_000, "max_video_bytes": 3_000_000}
        key = {"X-API-Key": values.get("api_key", "")}
        with serving(models=(str(model),), page=True, **limits, **values) as running:
            wait_for(lambda: running.client.get("/config", headers=key).is_success, 300, "the page did not come")
            page = running.app.router.routes[-1].app
            page._inner.router.routes[-1].app._streams.listen_timeout = PATIENCE
            url = str(running.client.base_url).rstrip("/")
            yield SimpleNamespace(url=url, service=running.app.state.service, kept=page.size, uploads=page._uploads)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("aletheia.serving.web.mount._KEEP_SECONDS", PATIENCE)  # the browser may stand still
        yield start


@pytest.fixture(scope="module")
def make_service(bundle):
    """Make services of the small model with one worker, without an application; closed with the module."""
    from aletheia.serving.config import ServeConfig
    from aletheia.serving.model_loading import load_model
    from aletheia.serving.service import InferenceService

    with contextlib.ExitStack() as made:

        def make(**values) -> InferenceService:
            config = ServeConfig(models=(str(bundle),), workers=1, **values)
            return made.enter_context(contextlib.closing(InferenceService(load_model(config), config)))

        yield make


@pytest.fixture(scope="session")
def site(start_site) -> Iterator[SimpleNamespace]:
    """Start a service with the default limits."""
    with start_site() as running:
        yield running


@pytest.fixture
def open_page(browser, site, tmp_path, request) -> Iterator:
    """Open the page in a new window; requests to other sites and errors in the browser fail the test."""
    contexts, requested, wrong, sites = [], [], [], {site.url}

    def start(width: int = 1280, height: int = 900, dark: bool = False, at: str = site.url, **options):
        context = browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme="dark" if dark else "light",
            reduced_motion="reduce",
            **options,
        )
        sites.add(at)
        contexts.append(context)
        context.on("request", lambda sent: requested.append(sent.url))
        page = context.new_page()
        page.set_default_timeout(1000 * PATIENCE)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
        page.goto(at)
        page.wait_for_selector("#intake .zone")
        page.wait_for_function("!document.querySelector('p.loading')")  # of the framework; late on a busy machine
        return page

    start.expected = []  # parts of errors that a test brings about
    yield start
    for number, context in enumerate(contexts):
        for page in context.pages:
            page.screenshot(path=tmp_path / f"{request.node.name}-{number}.png", full_page=True)
        context.close()
    assert requested
    own = (*(f"{url}/" for url in sites), "blob:", "data:")
    assert [url for url in requested if not url.startswith(own)] == []
    assert [text for text in wrong if not any(part in text for part in start.expected)] == []


@pytest.fixture(scope="session")
def jpeg():
    """Provide a function that encodes pixels (H, W, 3) as JPEG."""

    def encode(rgb: np.ndarray) -> bytes:
        return cv2.imencode(".jpg", cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 95])[1].tobytes()

    return encode
