"""The model card on the page: folded, escaped, with short ids."""

from __future__ import annotations

import re

from aletheia.serving.web.about_html import render_about, scrollable

RUN = "f585d52041c54be1a6a05e8c2755010f"
CARD = f"""# Detector

Passed **all** checks.

| check | verdict |
| --- | --- |
| calibrated | passed |

## Groups & people

| group | run |
| --- | --- |
| age | {RUN} |

## Origin

Trained in {RUN[:16]}, not in 12345678.
"""


def test_render_about_folds_sections():
    html = render_about(["A <b>limit</b>."], CARD)
    assert re.findall(r"<summary>(.*?)</summary>", html) == ["Each check", "Groups &amp; people", "Origin"]
    lead = html[: html.index("<details")]
    assert "<strong>all</strong>" in lead and "<h2>Detector</h2>" in lead and "<table" not in lead
    assert "<li>A &lt;b&gt;limit&lt;/b&gt;.</li>" in lead
    assert html.count("<details") == html.count("</details>") == 3


def test_render_about_tables_by_keyboard():
    html = render_about([], CARD)
    assert html.count("<table>") == html.count('<div class="scroll" tabindex="0" role="region"') == 2
    assert 'aria-label="Groups &amp; people"' in html


def test_render_about_short_ids():
    html = render_about([], CARD)
    assert f'<span title="{RUN}">f585d520</span>' in html and f">{RUN}<" not in html
    assert "12345678" in html and f'title="{RUN[:16]}"' in html


def test_render_about_hostile_card():
    picture = "![p](http://a.example/x.png) [l](javascript:alert(1))"
    card = f'# <script>x</script>\n\n{picture}\n\n## <b onclick="x">s\n\n<i>t</i>'
    html = render_about(['"><script>'], card)
    assert not re.search(r"<(script|img|b|i)\b", html) and 'href="javascript' not in html


def test_scrollable_escapes():
    start = '<div class="scroll" tabindex="0" role="region" aria-label="&quot;x">'
    assert scrollable("<table></table>", '"x').startswith(start)
