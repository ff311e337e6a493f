"""The page in Chromium: live, light and dark, on a phone, by keyboard, without another site."""

from __future__ import annotations

import time

import pytest

from aletheia.lifecycle.dashboard.watch import DashboardWatch
from aletheia.lifecycle.prediction_log.entry import LogEntry
from aletheia.lifecycle.prediction_log.table import PredictionTable

from ...browsing import violations

pytestmark = pytest.mark.slow


@pytest.fixture
def open_page(browser):
    """Open an address in a new window; errors in it and requests to other sites fail the test."""
    contexts, wrong = [], []

    def start(address: str, path: str = "/", *, width: int = 1200, dark: bool = False, zone: str = "UTC"):
        context = browser.new_context(
            viewport={"width": width, "height": 900},
            color_scheme="dark" if dark else "light",
            timezone_id=zone,
            reduced_motion="reduce",
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(120_000)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
        page.on(
            "request",
            lambda request: wrong.append(request.url) if not request.url.startswith((address, "data:")) else None,
        )
        page.goto(address + path)
        return page

    yield start
    for context in contexts:
        context.close()
    assert [line for line in wrong if "503" not in line] == []  # which a test answers with


def text(page, part: str) -> str:
    return page.locator(f'[data-part="{part}"]').inner_text()


@pytest.mark.parametrize(("width", "dark"), [(1200, False), (1200, True), (360, False)])
def test_accessible_at_any_size(serve, watched, open_page, axe, width, dark):
    page = open_page(serve(watched), "/?period=month", width=width, dark=dark)
    for summary in page.locator("details summary").all()[-3:]:  # tables of thousands of cells take axe-core a while
        summary.click()
    assert violations(page, axe) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator("svg.plot").count() == 7
    boxes = page.eval_on_selector_all("svg.plot", "items => items.map(item => item.getBoundingClientRect().width)")
    assert all(250 < box < width for box in boxes)
    # Texts keep their size, however narrow the drawing.
    sizes = page.eval_on_selector_all(".plot text", "items => items.map(item => item.getBoundingClientRect().height)")
    assert min(sizes) > 10


def test_row_arrives(tmp_path, serve, open_page):
    """A row that is written appears by itself: nothing that is open closes, nothing that has the focus loses it."""
    table = PredictionTable(tmp_path / "log.sqlite")
    watch = DashboardWatch(tmp_path / "log.sqlite")
    page = open_page(serve(watch), "/?period=hour")
    page.get_by_text("nothing was asked yet").wait_for()
    page.locator('[data-part="throughput-chart"] .empty').wait_for()
    page.get_by_text("Time to the answer as a table").click()
    chosen = page.get_by_role("link", name="week")
    chosen.focus()
    now = time.time()
    row = LogEntry(now, "a", "first", "u", "image", "fake", faces=1, probability=0.9, ms_total=321.0)
    table.append([row])
    page.locator('[data-part="tiles"]', has_text="321 ms").wait_for()
    page.locator('[data-part="latency-table"] td', has_text="321").first.wait_for()
    assert page.locator('[data-part="latency-table"]').is_visible()
    assert chosen.evaluate("item => item === document.activeElement")
    drawn = page.locator('[data-part="throughput-chart"] svg.plot').element_handle()
    table.append([row._replace(id="b", time=now + 0.1, version="<b>second", verdict="real", ms_total=900.0)])
    page.locator('[data-part="versions"]', has_text="<b>second").wait_for()
    assert page.locator('[data-part="versions"] b').count() == 0
    assert not drawn.evaluate("item => item.isConnected")  # redrawn, since it changed
    other = page.locator('[data-part="inputs"] details')
    other.locator("summary").click()
    table.append([row._replace(id="c", time=now + 0.2, ms_total=700.0)])
    page.get_by_text("3 answers to 3 requests").wait_for()
    page.wait_for_timeout(3000)  # another refresh
    assert other.get_attribute("open") is not None
    table.close()


def test_nothing_is_redrawn_without_a_change(serve, watched, open_page):
    page = open_page(serve(watched), "/?period=month")
    page.evaluate("window.changed = 0; new MutationObserver(() => window.changed++).observe("
                  "document.querySelector('.panels'), {subtree: true, childList: true}); null")  # fmt: skip
    with page.expect_response(lambda answer: answer.status == 304):
        pass
    changed = page.evaluate("window.changed")
    with page.expect_response(lambda answer: answer.status == 304):
        pass
    assert page.evaluate("window.changed") == changed


def test_colours(serve, watched, open_page):
    """They follow the system, or the choice, which lasts."""
    page = open_page(serve(watched), "/?period=day", dark=True)
    ground = "getComputedStyle(document.body).backgroundColor"
    dark = page.evaluate(ground)
    page.get_by_role("button", name="light").click()
    light = page.evaluate(ground)
    assert dark == "rgb(20, 23, 27)" and light == "rgb(247, 246, 242)"
    page.reload()
    assert page.evaluate(ground) == light
    assert page.get_by_role("button", name="light").get_attribute("aria-pressed") == "true"
    page.get_by_role("button", name="auto").click()
    assert page.evaluate(ground) == dark
    stroke = page.eval_on_selector("path.line.real", "item => getComputedStyle(item).stroke")
    assert stroke == "rgb(86, 180, 233)"


def test_keyboard(serve, watched, open_page):
    """Every control is reached, and a chart is read by arrow keys."""
    page = open_page(serve(watched), "/?period=month", width=360)
    reached = set()
    for _ in range(80):
        page.keyboard.press("Tab")
        reached.add(
            page.evaluate(
                "(e => e.dataset.themeChoice || e.getAttribute('aria-label') || e.textContent)(document.activeElement)"
            )
        )
        if "api/v1/summary" in reached:
            break
    assert {"To the numbers", "hour", "day", "week", "month", "earlier", "auto", "light", "dark"} <= reached
    assert "Verdicts: chart, read with the arrow keys" in reached and "api/v1/summary" in reached
    chart = page.get_by_role("group", name="Time to the answer: chart")
    chart.focus()
    page.keyboard.press("End")
    readout = chart.locator(".readout")
    values = watched.summary("month")["intervals"]
    assert f"95 of 100 within {values['p95'][-1]:.3g}" in readout.inner_text().replace("\xa0", " ")
    page.keyboard.press("ArrowLeft")
    assert f"half within {values['p50'][-2]:.3g}" in readout.inner_text().replace("\xa0", " ")
    assert chart.locator(".cursor.shown").count() == 1
    page.keyboard.press("Tab")
    assert readout.inner_text() == ""


def test_incident_is_seen(serve, watched, open_page):
    """The peak of the times stands where the slow hours were, and pointing at it names them."""
    page = open_page(serve(watched), "/?period=month", zone="America/New_York")
    page.get_by_text("time of America/New_York (UTC-05:00)").wait_for()
    p95 = [value or 0 for value in watched.summary("month")["intervals"]["p95"]]
    at = (p95.index(max(p95)) + 0.5) / len(p95)
    drawing = page.locator('[data-part="latency-chart"] svg.plot')
    drawing.scroll_into_view_if_needed()
    box = drawing.bounding_box()
    page.mouse.move(box["x"] + at * box["width"], box["y"] + 60)
    shown = page.get_by_role("group", name="Time to the answer: chart").locator(".readout").inner_text()
    assert shown.startswith("25 Nov") and f"95 of 100 within {max(p95):,.0f}" in shown.replace("\xa0", " ")
    top = page.eval_on_selector('[data-part="latency-chart"] path.dashed', "item => item.getBBox().y")
    assert top < 40  # it reaches the upper part of its hundred units
    assert page.locator('[data-part="scores-chart"] .mark.change').count() == 1


def test_earlier_and_back(serve, watched, open_page):
    page = open_page(serve(watched), "/?period=day")
    page.get_by_role("link", name="earlier").click()
    page.get_by_text("past", exact=True).wait_for()
    assert page.get_by_role("link", name="later").is_visible()
    page.get_by_role("link", name="now").click()
    page.get_by_text("live", exact=True).wait_for()


def test_service_that_is_gone(serve, watch_of, open_page, browser):
    """What was last known stays, and the page says that it is old."""
    watch = watch_of([])
    page = open_page(serve(watch), "/?period=day")
    page.locator('[data-part="tiles"]').wait_for()
    page.route("**/*", lambda route: route.fulfill(status=503, body=""))
    page.get_by_text("no connection").wait_for()
    page.unroute("**/*")
    page.get_by_text("live", exact=True).wait_for()


def test_without_scripts(serve, watched, browser):
    """Everything is there without them, in UTC."""
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.set_default_timeout(120_000)
    page.goto(serve(watched) + "/?period=month")
    assert page.locator("svg.plot").count() == 7
    assert "time of UTC" in text(page, "periods")
    page.get_by_role("link", name="week").click()
    assert "in steps of 2 hours" in text(page, "periods")
    context.close()
