"""What people do on the page, and what it then shows."""

from __future__ import annotations

#: An answer that is there.
DONE = ".answer:not(.waiting)"


def hand_in(page, data: bytes, name: str = "picture.jpg", kind: str = "image/jpeg") -> None:
    page.set_input_files("#file", {"name": name, "mimeType": kind, "buffer": data})


def wait_for_answer(page) -> str:
    """Wait for the whole answer; its headline."""
    page.wait_for_selector("#origin section")
    page.wait_for_function("!document.querySelector('#closer [aria-busy]')")
    return page.inner_text(f"{DONE} h2")
