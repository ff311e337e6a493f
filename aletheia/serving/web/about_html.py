"""Model card and limits as HTML: sections folded, tables reachable by keyboard, ids short. The card is untrusted."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from html import escape, unescape

from markdown_it import MarkdownIt

_SHOWN_DIGITS = 8  # of a run's id or a hash, as in `aletheia runs list`
_ID = re.compile(r"\b[0-9a-f]{16,128}\b")
_SECTION = re.compile(r"^## +(.+?)[ #]*$", re.MULTILINE)
_TABLE = re.compile(r"<table>.*?</table>", re.DOTALL)
_TAG = re.compile(r"<[^>]*>")
_HEADING = re.compile(r"(</?h)([1-5])(?=>)")
# Text only: pictures would be asked of other sites, and markup in a card could imitate the page.
_MARKDOWN = MarkdownIt("commonmark", {"html": False}).enable("table").disable("image")


def render_about(sentences: Sequence[str], card: str) -> str:
    """Render the limits of a model as a list, and its card below.

    Parameters
    ----------
    sentences : sequence of str
        Limits, as plain text.
    card : str
        Markdown. What stands before the first heading of the second level is shown at once (its tables folded), each
        section after it is folded.
    """
    limits = "".join(f"<li>{escape(sentence)}</li>" for sentence in sentences)
    lead, *rest = _SECTION.split(card)
    folded = "".join(
        _fold(_render_text(title), _render(text, _plain(title)))
        for title, text in zip(rest[::2], rest[1::2], strict=True)
    )
    return f'<div class="about"><ul>{limits}</ul>{"".join(_lead(lead))}{folded}</div>'


def scrollable(table: str, name: str) -> str:
    """Wrap a table, so that one that is wider than the screen can be scrolled by keyboard, too."""
    return f'<div class="scroll" tabindex="0" role="region" aria-label="{escape(name)}">{table}</div>'


def _lead(text: str) -> Iterator[str]:
    """Yield what stands before the first section, each of its tables folded."""
    html, end = _render(text, "Table"), 0
    for found in re.finditer(r'<div class="scroll".*?</div>', html, re.DOTALL):
        first = re.search(r"<th[^>]*>(.*?)</th>", found[0], re.DOTALL)
        yield html[end : found.start()]
        yield _fold(f"Each {_TAG.sub('', first[1]).strip() if first else 'row'}", found[0])
        end = found.end()
    yield html[end:]


def _fold(summary: str, body: str) -> str:
    return f'<details class="more"><summary>{summary}</summary>{body}</details>'


def _render(text: str, name: str) -> str:
    """Render Markdown: headings one level lower, since the page has its own first one; tables named so."""
    html = _HEADING.sub(lambda found: f"{found[1]}{int(found[2]) + 1}", _MARKDOWN.render(text))
    return _TABLE.sub(lambda found: scrollable(found[0], name), _ID.sub(_short, html))


def _render_text(title: str) -> str:
    return str(_MARKDOWN.renderInline(title))


def _plain(title: str) -> str:
    return unescape(_TAG.sub("", _render_text(title)))


def _short(found: re.Match[str]) -> str:
    return f'<span title="{found[0]}">{found[0][:_SHOWN_DIGITS]}</span>'
