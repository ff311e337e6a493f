"""A check of the built site: links and anchors lead somewhere, and nothing is loaded from elsewhere."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag, urlparse

_LOADED = {("script", "src"), ("link", "href"), ("img", "src"), ("iframe", "src"), ("source", "src"), ("video", "src")}
_NOT_LOADED = {"canonical", "next", "prev", "edit"}


class Page(HTMLParser):
    """Anchors of a page, its links, and the addresses that a browser loads by itself."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.anchors: set[str] = {"", "__search"}
        self.links: set[str] = set()
        self.loaded: set[str] = set()
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Collect anchors and addresses."""
        values = {name: value or "" for name, value in attrs}
        self.anchors |= {values[name] for name in ("id", "name") if name in values}
        if tag == "a" and "href" in values:
            self.links.add(values["href"])
        for name in ("src", "href"):
            if (tag, name) in _LOADED and name in values and not _NOT_LOADED & set(values.get("rel", "").split()):
                self.loaded.add(values[name])


def check_site(site: Path) -> list[str]:
    """Return the problems of a built site, one line each; an empty list when there are none.

    Parameters
    ----------
    site : Path
        Folder with ``index.html``.
    """
    pages = {path: Page(path.read_text()) for path in sorted(site.rglob("*.html"))}
    problems = []
    for path, page in pages.items():
        name = path.relative_to(site)
        problems += [f"{name}: loads {address} from elsewhere" for address in page.loaded if urlparse(address).netloc]
        if path.name == "404.html":  # its addresses are absolute, for it answers at any depth
            continue
        for address in sorted(page.links | page.loaded):
            if (problem := _problem(address, path, site, pages)) is not None:
                problems.append(f"{name}: {address} {problem}")
    return problems


def _problem(address: str, path: Path, site: Path, pages: dict[Path, Page]) -> str | None:
    parts = urlparse(address)
    if parts.scheme or parts.netloc:
        return None
    target, anchor = urldefrag(address)
    target = unquote(urlparse(target).path)
    if target.startswith("/"):
        return "is absolute"
    found = (path.parent / target).resolve() if target else path
    if found.is_dir():
        found /= "index.html"
    if not found.is_file() or not found.is_relative_to(site.resolve()):
        return "does not exist"
    if anchor and found in pages and unquote(anchor) not in pages[found].anchors:
        return "has no such anchor"
    return None
