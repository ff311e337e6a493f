"""How a page gets the library of its plots without holding it: from a file that pages share, or once for a notebook."""

from __future__ import annotations

import json
from html import escape

from aletheia.core.plot_library import (
    PACKED_ID,
    ROUTE,
    library_integrity,
    library_name,
    library_part,
    packed_library,
)

_MISSING = (
    "The plots of this page are not shown, since the file {name} is missing. It lies in the folder of all artifacts: "
    "copy it beside this page, or open the page where it was written."
)

# Plots are drawn while the frame is parsed, but the library may still be on its way: what is to be drawn is kept.
# The text of the library stays with the notebook's page, as a text: objects of a frame end with the frame.
_SHARED = """<script>(function () {
  var calls = [], tries = 0, page = window, key = "aletheiaPlots_" + @name@;
  try { window.parent.document; page = window.parent; } catch (error) { page = window; }
  window.Plotly = {newPlot: function () { calls.push(arguments); }};
  function draw() {
    delete window.Plotly;
    (0, eval)(page[key]);
    calls.forEach(function (call) { window.Plotly.newPlot.apply(null, call); });
  }
  function fail() {
    var note = document.createElement("p");
    note.textContent = @missing@;
    document.body.prepend(note);
  }
  function fetched() {
    var script = document.createElement("script");
    delete window.Plotly;
    script.src = @address@; script.integrity = @integrity@; script.crossOrigin = "anonymous";
    script.onload = function () { calls.forEach(function (call) { window.Plotly.newPlot.apply(null, call); }); };
    script.onerror = fail;
    document.head.appendChild(script);
  }
  function start() {
    if (page[key]) { draw(); }
    else if (tries++ < 100) { setTimeout(start, 100); }
    else if (@address@) { fetched(); }
    else { fail(); }
  }
  var packed = document.getElementById(@id@);
  if (packed && !page[key]) {
    var bytes = Uint8Array.from(atob(packed.textContent), function (c) { return c.charCodeAt(0); });
    var stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    new Response(stream).text().then(function (code) { page[key] = code; });
  }
  start();
})();</script>"""


def library_linked(folder: str, address: str = "") -> str:
    """Return the part of a page that loads the library from a file.

    It is looked for in the folder, beside the page, then at the address that served the page (the tracking service, or
    the MLRun UI in front of it), then at the tracking service's own; a page without it states which file is missing.

    Parameters
    ----------
    folder : str
        Where the file lies, relative to the page, such as ``"../.."``.
    address : str
        The tracking service's address, such as ``"http://127.0.0.1:8765"``; empty for none.
    """
    name = library_name()
    fallbacks = [f'<script src="{name}"></script>', _checked_script(ROUTE + name)]
    if address:
        fallbacks.append(_checked_script(address.rstrip("/") + ROUTE + name))
    note = f"<p>{_MISSING.format(name=name)}</p><script>window.Plotly={{newPlot:function(){{}}}}</script>"
    # document.write keeps the order: the plots further down are drawn only after the library is there.
    parts = [f"<script>window.Plotly||document.write({_quoted(tag)})</script>" for tag in (*fallbacks, note)]
    return library_part(f'<script src="{escape(folder)}/{name}"></script>{"".join(parts)}')


def library_shared(*, holds_library: bool, address: str = "") -> str:
    """Return the part of a page in a frame of a notebook: one frame holds the library, packed, for all of them.

    Parameters
    ----------
    holds_library : bool
        Whether this is the one; the others wait for it for ten seconds.
    address : str
        The tracking service's address, where the library is fetched when no frame holds it; empty for none.
    """
    values = {
        "id": PACKED_ID,
        "name": library_name(),
        "address": address and address.rstrip("/") + ROUTE + library_name(),
        "integrity": library_integrity(),
        "missing": "The plot is not shown: run the cell of the notebook's first plot again.",
    }
    script = _SHARED
    for name, value in values.items():
        script = script.replace(f"@{name}@", _quoted(value))
    return library_part((packed_library() if holds_library else "") + script)


def _checked_script(source: str) -> str:
    """Return a script that another server sends, which browsers run only if it is the library."""
    return f'<script src="{escape(source)}" integrity="{library_integrity()}" crossorigin="anonymous"></script>'


def _quoted(text: str) -> str:
    """Write a text as a literal of JavaScript inside of a script, whose end it must not contain."""
    return json.dumps(text).replace("</", "<\\/")
