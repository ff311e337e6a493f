"""The shared file of the plot library, and its part of a page."""

from __future__ import annotations

import base64
import hashlib
import subprocess
import sys

from plotly.offline import get_plotlyjs

from aletheia.core import plot_library


def test_library_source_is_plotlys_own():
    assert plot_library.library_source().decode() == get_plotlyjs()
    digest = hashlib.sha384(get_plotlyjs().encode()).digest()
    assert plot_library.library_integrity() == "sha384-" + base64.b64encode(digest).decode()


def test_write_library_once_and_whole(tmp_path):
    path = plot_library.write_library(tmp_path)
    assert path.read_text() == get_plotlyjs() and path.name == plot_library.library_name()
    inode = path.stat().st_ino
    assert plot_library.write_library(tmp_path).stat().st_ino == inode  # not written again
    path.write_bytes(b"cut off")
    assert plot_library.write_library(tmp_path).read_text() == get_plotlyjs()
    assert list(tmp_path.iterdir()) == [path]


def test_with_library_exchanges_that_part_only():
    page = f"<head>{plot_library.library_inside()}</head>a \\1 b"
    assert plot_library.needs_library(page)
    small = plot_library.with_library(page, plot_library.library_part("\\g<0> linked"))
    assert len(small) < 200 and "\\g<0> linked" in small and small.endswith("a \\1 b")
    assert plot_library.with_library(small, plot_library.library_inside()) == page
    assert not plot_library.needs_library("<p>no plot</p>")


def test_library_source_without_importing_plotly():
    code = (
        "import sys; from aletheia.core.plot_library import library_name; library_name(); "
        "sys.exit('plotly' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
