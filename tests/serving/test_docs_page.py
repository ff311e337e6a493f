"""The OpenAPI description as a page."""

from __future__ import annotations

from html.parser import HTMLParser

from aletheia.serving.docs_page import docs_page

BAD = "<script>alert(1)</script>"
BODY = {
    "schema": {"properties": {"file": {}, "frames": {}}, "required": ["file"]},
    "example": {"image": BAD},
}
DESCRIPTION = {
    "info": {"title": BAD},
    "paths": {
        f"/v1/{BAD}": {
            "post": {
                "description": BAD,
                "requestBody": {"content": {BAD: BODY}},
                "responses": {"200": {"description": BAD}, "413": {"description": "too large"}},
            }
        }
    },
    "components": {
        "schemas": {BAD: {"description": BAD, "properties": {BAD: {"description": BAD}}, "examples": [{"a": BAD}]}}
    },
}


class Tags(HTMLParser):
    """Collects the names of all tags."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list) -> None:
        self.names.add(tag)


def test_docs_page_escapes():
    page, tags = docs_page(DESCRIPTION), Tags()
    tags.feed(page)
    assert "script" not in tags.names and {"h2", "table", "pre"} <= tags.names
    assert page.count("&lt;script&gt;") == 12


def test_docs_page_contents():
    page = docs_page(DESCRIPTION)
    assert "<b>POST</b>" in page and "file, frames (optional)" in page
    assert "<td>413</td><td>too large</td>" in page


def test_docs_page_minimal():
    """Parts that a description may lack."""
    page = docs_page({"info": {"title": "t"}, "paths": {"/x": {"get": {}}}})
    assert "<code>/x</code>" in page
