"""A log with a known past, and the dashboard that follows it, at a clock that stands."""

from __future__ import annotations

import threading

import pandas as pd
import pytest
import uvicorn

from aletheia.cli.serve import address_of, listen
from aletheia.lifecycle.dashboard.app import create_app
from aletheia.lifecycle.dashboard.watch import DashboardWatch
from aletheia.lifecycle.monitoring.sample_traffic import sample_month
from aletheia.lifecycle.prediction_log.reading import read_log
from aletheia.lifecycle.prediction_log.table import PredictionTable

from ...waiting import wait_for

#: The end of the month, and now.
NOW = 1_795_950_123.0


def labels_of(ids, truth):
    """Return accepted labels, as `read_labels` does."""
    return pd.DataFrame({"id": ids, "label": truth, "source": "own"})


@pytest.fixture(scope="session")
def month(tmp_path_factory):
    """Write a month with incidents; returns the path of the log."""
    path = tmp_path_factory.mktemp("month") / "log.sqlite"
    table = PredictionTable(path)
    table.append(list(sample_month(NOW, 6000)))
    table.close()
    return path


@pytest.fixture(scope="session")
def month_rows(month):
    """The month as pandas reads it."""
    return read_log(month)


@pytest.fixture(scope="session")
def watched(month):
    """Follow the month; the clock stands at its end."""
    watch = DashboardWatch(month, clock=lambda: NOW)
    while watch.follower.is_reading or watch.follower.is_searching:
        watch.look()
    return watch


@pytest.fixture
def watch_of(write_log, tmp_path):
    """Provide a function that writes rows into a new log and returns a watch that has read them."""

    def make(*parts, now=NOW, **options):
        (tmp_path / "predictions.sqlite").unlink(missing_ok=True)
        watch = DashboardWatch(write_log(*parts), clock=lambda: now, **options)
        watch.look()
        return watch

    return make


@pytest.fixture
def serve():
    """Provide a function that serves a dashboard and returns its address."""
    running = []

    def start(watch, **options):
        listener = listen("127.0.0.1", 0)
        server = uvicorn.Server(uvicorn.Config(create_app(watch, **options), log_level="error"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        running.append((server, thread, listener))
        wait_for(lambda: server.started or not thread.is_alive())
        assert server.started
        return address_of(listener)

    yield start
    for server, thread, listener in running:
        server.should_exit = True
        thread.join()
        listener.close()
