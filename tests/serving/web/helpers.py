"""Actions on the page in the browser."""

from __future__ import annotations

#: Selector of a finished answer.
DONE = ".answer:not(.waiting)"


def hand_in(page, data: bytes, name: str = "picture.jpg", kind: str = "image/jpeg") -> None:
    """Hand in a file, as soon as the page takes one."""
    page.wait_for_function("!document.querySelector('#intake.busy')")
    page.set_input_files("#file", {"name": name, "mimeType": kind, "buffer": data})


def wait_for_headline(page) -> str:
    """Wait until the page takes another file, which it does with the first part of an answer; returns its headline."""
    page.wait_for_function("!document.querySelector('#intake.busy')")
    return page.inner_text(f"{DONE} h2")


def wait_for_answer(page) -> str:
    """Wait for the whole answer; returns its headline."""
    wait_for_headline(page)  # what stands there before it is of the file before
    page.wait_for_selector("#origin section")
    page.wait_for_function("!document.querySelector('#closer [aria-busy]')")
    return page.inner_text(f"{DONE} h2")
