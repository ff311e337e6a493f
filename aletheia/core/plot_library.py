"""The JavaScript library of the plots: its content, the file that pages share, and its part of a page.

The name of the file holds a hash of the content: pages that were drawn with another version keep theirs beside it. In a
page the part that brings the library stands between two comments, so that one way can be exchanged for another when the
page moves: inside for a file that is handed on alone, linked in the store of artifacts, shared in a notebook.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import importlib.util
import re
from functools import lru_cache
from pathlib import Path

from aletheia.core.errors import InputError
from aletheia.core.files import replacing

#: Folder of the tracking service's address that serves the file; the MLRun UI forwards ``/api`` to the service.
ROUTE = "/api/v1/"
_BEGIN, _END = "<!-- plot library -->", "<!-- end of plot library -->"
_PART = re.compile(f"{_BEGIN}.*?{_END}", re.DOTALL)

#: id of the element that holds the packed library.
PACKED_ID = "packed-plot-library"
# Plots are drawn while the page is parsed, but the library is still being unpacked: what is to be drawn is kept.
_UNPACKING = f"""<script>(function () {{
  var calls = [];
  window.Plotly = {{newPlot: function () {{
    var given = arguments;
    return new Promise(function (done) {{ calls.push([given, done]); }});
  }}}};
  function draw(code) {{
    delete window.Plotly;
    (0, eval)(code);
    calls.forEach(function (call) {{ call[1](window.Plotly.newPlot.apply(null, call[0])); }});
  }}
  function fail() {{
    var note = document.createElement("p");
    note.textContent = "The plots of this page need a browser of 2023 or later, which can unpack their library.";
    document.body.prepend(note);
  }}
  if (window.DecompressionStream) {{
    var packed = atob(document.getElementById("{PACKED_ID}").textContent);
    var bytes = Uint8Array.from(packed, function (character) {{ return character.charCodeAt(0); }});
    new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).text().then(draw, fail);
  }} else {{
    window.addEventListener("DOMContentLoaded", fail);
  }}
}})();</script>"""


@lru_cache(maxsize=1)
def library_source() -> bytes:
    """Return the code of plotly.js that the installed plotly package brings; plotly itself is not imported.

    Raises
    ------
    InputError
        When the package is missing or brings no code.
    """
    found = importlib.util.find_spec("plotly")
    file = Path(found.origin).parent / "package_data" / "plotly.min.js" if found and found.origin else None
    if file is None or not file.is_file():
        raise InputError("The package plotly is missing or incomplete; install it again: pip install plotly.")
    return file.read_bytes()


@lru_cache(maxsize=1)
def library_name() -> str:
    """Return the name of the shared file."""
    return f"plotly-{hashlib.sha256(library_source()).hexdigest()[:12]}.min.js"


@lru_cache(maxsize=1)
def library_integrity() -> str:
    """Return the value of a script's ``integrity``: browsers refuse code that differs from it."""
    return "sha384-" + base64.b64encode(hashlib.sha384(library_source()).digest()).decode()


def write_library(folder: Path) -> Path:
    """Write the library into a folder, unless it is there already, and return its path."""
    path = folder / library_name()
    if not path.is_file() or path.stat().st_size != len(library_source()):
        with replacing(path) as file:
            file.write(library_source())
    return path


def library_part(html: str) -> str:
    """Mark HTML as the part of a page that brings the library."""
    return f"{_BEGIN}{html}{_END}"


@lru_cache(maxsize=1)
def packed_library() -> str:
    """Return an element that holds the library, packed, as `PACKED_ID`: 1.8 MB in place of 4.6."""
    packed = base64.b64encode(gzip.compress(library_source(), mtime=0)).decode()
    return f'<script type="text/plain" id="{PACKED_ID}">{packed}</script>'


def library_inside() -> str:
    """Return the part of a page that holds the whole library: 1.8 MB, and nothing is loaded from elsewhere.

    Browsers unpack it themselves, those of 2023 on; an older one is told so in place of the plots.
    """
    return library_part(packed_library() + _UNPACKING)


def with_library(page: str, part: str) -> str:
    """Exchange the part of a page that brings the library; a page without such a part stays as it is."""
    return _PART.sub(lambda _: part, page)


def needs_library(page: str) -> bool:
    """Return whether a page has a part that brings the library."""
    return _PART.search(page) is not None
