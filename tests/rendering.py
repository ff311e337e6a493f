"""Pages rendered by an installed Chromium, without a window and without other programs."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from .waiting import PATIENCE

_PLACE = "measured-by-the-test"


def _program() -> str:
    program = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if program is None:
        pytest.skip("no chromium, chromium-browser or google-chrome is installed")
    return program


def render(address: str | Path, folder: Path) -> str:
    """Return the document (HTML) of an address as it stands when its scripts have run."""
    program = _program()
    options = ("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking")
    profile = f"--user-data-dir={folder / 'profile'}"
    target = address.as_uri() if isinstance(address, Path) else address
    command = [program, *options, profile, "--virtual-time-budget=20000", "--window-size=1000,700", "--dump-dom"]
    return subprocess.run([*command, target], capture_output=True, text=True, timeout=PATIENCE, check=True).stdout


def in_browser(page: Path, expression: str, width: int, folder: Path) -> Any:
    """Return what a function of JavaScript returns on a page of that width; a picture of it lies in the folder."""
    # In a thread of its own: the session's browser of the page's tests may hold this one's event loop.
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(_measured, page, expression, width, folder, _program()).result()


def _measured(page: Path, expression: str, width: int, folder: Path, program: str) -> Any:
    from playwright.sync_api import sync_playwright

    arguments = ["--no-sandbox", "--disable-gpu"]
    with (
        sync_playwright() as playwright,
        playwright.chromium.launch(executable_path=program, args=arguments, timeout=1000 * PATIENCE) as browser,
    ):
        opened = browser.new_page(viewport={"width": width, "height": 900})
        opened.set_default_timeout(1000 * PATIENCE)
        opened.goto(page.as_uri())
        opened.wait_for_function("!document.querySelector('.plotly-graph-div:not(.js-plotly-plot)')")
        opened.screenshot(path=folder / f"{page.stem}.png", full_page=True)
        return opened.evaluate(expression)


def measure(page: str, expression: str, folder: Path) -> Any:
    """Render a page and return the value of an expression of JavaScript, evaluated when the plots are drawn."""
    script = (
        f'<pre id="{_PLACE}"></pre><script>window.addEventListener("load", () => setTimeout(() => '
        f'{{document.getElementById("{_PLACE}").textContent = JSON.stringify({expression});}}, 1000));</script>'
    )
    file = folder / "measured.html"
    file.write_text(page.replace("</body>", f"{script}</body>"))
    found = re.search(f'<pre id="{_PLACE}">(.*?)</pre>', render(file, folder), re.DOTALL)
    return json.loads(html.unescape(found[1]))
