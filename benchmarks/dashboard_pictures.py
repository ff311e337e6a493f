"""Pictures of the dashboard for the documentation, of drawn traffic: light, dark, and on a phone.

The month and the alerts are real to the dashboard: rows of a log, and the looks of `aletheia monitor --watch` at it,
replayed hour by hour.
"""

from __future__ import annotations

import argparse
import io
import shutil
import socket
import sys
import tempfile
import threading
import time
from pathlib import Path

import uvicorn
from PIL import Image

from aletheia.lifecycle.alerts.measures import Measured, measure
from aletheia.lifecycle.alerts.rules import DEFAULT_RULES, Rule
from aletheia.lifecycle.alerts.state import AlertStates, states_path
from aletheia.lifecycle.dashboard.app import create_app
from aletheia.lifecycle.dashboard.watch import DashboardWatch
from aletheia.lifecycle.monitoring.sample_traffic import DAY, sample_month
from aletheia.lifecycle.prediction_log.table import PredictionTable

END = 1_795_950_000.0  # of the month: 2026-11-29 11:00 UTC
_COLOURS = 128  # of a picture, which makes it small
#: Name, width and height in pixels, colours, and the heading at the top; none: the top of the page.
SHOTS = (
    ("dashboard-light", 1280, 1120, "light", ""),
    ("dashboard-dark", 1280, 1000, "dark", "#h-inputs"),
    ("dashboard-phone", 360, 1100, "dark", ""),
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("docs/images"))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "predictions.sqlite"
        table = PredictionTable(log)
        table.append(list(sample_month(END)))
        table.close()
        replay_alerts(log, END - 8.5 * DAY, END)
        take(log, options.out)
    return 0


def replay_alerts(log: Path, begin: float, end: float) -> None:
    """Look at the rules every ten minutes, for changes every six hours, as if it were then; keep what fired.

    The rules look back an hour: so few requests come that ten minutes are too short to judge.
    """
    states = AlertStates(states_path(log))
    rules = {name: rule.model_copy(update={"over": max(rule.over, 3600.0)}) for name, rule in DEFAULT_RULES.items()}
    for number, now in enumerate(range(int(begin), int(end), 600)):

        def look(rule: Rule, now: int = now, number: int = number) -> Measured:
            if rule.metric == "changes" and number % 36:
                return Measured(None, "not looked for at this moment")
            return measure(rule, log, now)

        states.look(rules, look, now)
    states.save()


def take(log: Path, out: Path) -> None:
    """Serve the dashboard at the end of the month and photograph it."""
    from playwright.sync_api import sync_playwright

    program = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if program is None:
        sys.exit("No chromium, chromium-browser or google-chrome is installed.")
    watch = DashboardWatch(log, clock=lambda: END)
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(create_app(watch), log_level="error"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        while not (server.started and not watch.follower.is_reading and not watch.follower.is_searching):
            time.sleep(0.1)
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
            for name, width, height, colours, place in SHOTS:
                page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=colours)
                page.clock.set_fixed_time(END)
                page.goto(f"http://127.0.0.1:{listener.getsockname()[1]}/?period=month")
                if place:
                    page.eval_on_selector(place, "item => window.scrollTo(0, item.closest('section').offsetTop - 12)")
                picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
                out.mkdir(parents=True, exist_ok=True)
                picture.quantize(_COLOURS, dither=Image.Dither.NONE).save(out / f"{name}.png", optimize=True)
                page.close()
            browser.close()
    finally:
        server.should_exit = True
        thread.join()


if __name__ == "__main__":
    sys.exit(main())
