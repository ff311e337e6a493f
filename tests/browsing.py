"""An installed Chromium and axe-core, for tests of pages."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from .waiting import PATIENCE

_BROWSER = (
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest.fixture(scope="session")
def browser() -> Iterator:
    """Start the installed Chromium."""
    from playwright.sync_api import sync_playwright

    program = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if program is None:
        pytest.skip("no chromium, chromium-browser or google-chrome is installed")
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=program, args=list(_BROWSER), timeout=1000 * PATIENCE)
        yield running
        running.close()


@pytest.fixture(scope="session")
def axe() -> str:
    """Return the script of axe-core."""
    found = importlib.util.find_spec("axe_playwright_python")
    if found is None:
        pytest.skip("axe-playwright-python, which brings axe-core, is not installed")
    return Path(found.origin).with_name("axe.min.js").read_text(encoding="utf-8")


#: Rules of WCAG 2.2, levels A and AA, and axe-core's best practices.
_AXE = """() => axe.run(document, {resultTypes: ["violations"]}).then((found) => found.violations.map(
    (rule) => `${rule.id}: ${rule.nodes.map((node) => node.html.slice(0, 160)).slice(0, 4).join(" | ")}`))"""


def violations(page, axe: str) -> list[str]:
    """Return what axe-core objects to, one line a rule."""
    page.evaluate(axe)
    return page.evaluate(_AXE)
