"""The interactive reference in the browser: it loads nothing from elsewhere and asks the service that shows it."""

from __future__ import annotations

import http.server
import threading
import urllib.request
from html.parser import HTMLParser

import pytest

from aletheia.serving.docs_page import DOCS_CSP, PAGE, docs_file

from ..browsing import violations
from ..waiting import PATIENCE


class Links(HTMLParser):
    """Collects all addresses of a page, and its inline scripts."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.is_inline = False

    def handle_starttag(self, tag: str, attrs: list) -> None:
        values = dict(attrs)
        self.found += [values[name] for name in ("src", "href") if name in values]
        self.is_inline |= tag == "script" and "src" not in values


def test_docs_page_links_are_relative_and_served(served):
    links = Links()
    links.feed(served.client.get("/docs").text)
    assert not links.is_inline and len(links.found) == 6
    for link in links.found:
        assert link.startswith(("docs/", "openapi.json", "data:,"))
        if link != "data:,":
            answer = served.client.get(f"/{link}")
            assert answer.status_code == 200 and len(answer.content) > 300
            assert answer.headers["x-content-type-options"] == "nosniff"
    assert served.client.get("/docs").headers["content-security-policy"] == DOCS_CSP
    assert "'self'" in DOCS_CSP and "http" not in DOCS_CSP and "unsafe-eval" not in DOCS_CSP
    assert "script-src 'self';" in DOCS_CSP and "<script src" in PAGE


@pytest.mark.parametrize("name", ["app.py", "..%2fapp.py", "page.js", "swagger-ui-bundle.js.map", "a" * 300, "%00"])
def test_docs_file_unknown(served, name):
    assert docs_file(name) is None
    assert served.client.get(f"/docs/{name}").status_code == 404


class Proxy(http.server.BaseHTTPRequestHandler):
    """Forwards what is below /tools/faces to a service, without that prefix."""

    target = ""

    def do_GET(self) -> None:
        self._forward(None)

    def do_POST(self) -> None:
        self._forward(self.rfile.read(int(self.headers["Content-Length"])))

    def _forward(self, body: bytes | None) -> None:
        passed = {name: self.headers[name] for name in ("Authorization", "Content-Type") if name in self.headers}
        url = self.target + self.path.removeprefix("/tools/faces")
        with urllib.request.urlopen(urllib.request.Request(url, body, passed)) as answer:
            data = answer.read()
            self.send_response(answer.status)
            for name in ("Content-Type", "Content-Security-Policy"):
                self.send_header(name, answer.headers[name])
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@pytest.mark.slow
def test_docs_page_behind_proxy_with_key(serving, browser, axe, jpeg):
    """Authorised by its button, the page asks through the proxy; its snippets name the address of the proxy."""
    with serving(api_key="s3cret") as locked, http.server.ThreadingHTTPServer(("127.0.0.1", 0), Proxy) as proxy:
        Proxy.target = str(locked.client.base_url).rstrip("/")
        threading.Thread(target=proxy.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{proxy.server_address[1]}/tools/faces"
        page, requested, wrong = browser.new_page(), [], []
        page.set_default_timeout(1000 * PATIENCE)
        page.on("request", lambda sent: requested.append(sent.url))
        page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.goto(f"{address}/docs")
        page.click(".authorize")
        page.fill('[id*="bearer"] input, input[aria-label="auth-bearer-value"]', "s3cret")
        page.locator(".auth-btn-wrapper .authorize").first.click()
        page.click(".btn-done >> nth=0")
        operation = page.locator("#operations-answers-predict_v1_predict_post")
        operation.locator(".opblock-summary-control").click()
        operation.locator(".snippet.shell summary").click()
        assert f"{address}/v1/predict" in operation.locator(".snippet.shell code").inner_text()
        found = violations(page, axe)
        operation.locator(".try-out__btn").click()
        operation.locator('input[type="file"]').set_input_files(
            {"name": "p.jpg", "mimeType": "image/jpeg", "buffer": jpeg}
        )
        operation.locator(".execute").click()
        operation.locator(".live-responses-table .response-col_status:has-text('200')").wait_for()
        assert '"verdict"' in operation.locator(".live-responses-table").inner_text()
        proxy.shutdown()
        page.close()
    assert [url for url in requested if not url.startswith((address, "data:", "blob:"))] == []
    assert wrong == []
    assert [line for line in found if "snippet" in line] == []
