"""Limits and errors of opening images."""

from __future__ import annotations

import pytest

from aletheia.core.errors import InputError
from aletheia.core.settings import get_settings
from aletheia.imaging.decoding import UnreadableImageError, decoder_errors, load_bytes, open_image


def test_load_bytes_limits(tmp_path, monkeypatch):
    file = tmp_path / "image.png"
    file.write_bytes(b"x" * 11)
    assert load_bytes(file) == (str(file), b"x" * 11)
    assert load_bytes(b"abc") == ("image of 3 bytes", b"abc")
    monkeypatch.setenv("ALETHEIA_MAX_FILE_BYTES", "10")
    get_settings.cache_clear()
    try:
        with pytest.raises(UnreadableImageError, match="more than the 10 that ALETHEIA_MAX_FILE_BYTES allows"):
            load_bytes(file)
    finally:
        monkeypatch.undo()
        get_settings.cache_clear()


def test_decoder_errors_keep_the_name_and_one_line():
    with pytest.raises(UnreadableImageError) as caught, decoder_errors("face.png"):
        raise SyntaxError("broken\n  chunk")
    assert str(caught.value) == "face.png: is damaged or truncated (broken chunk). Leave it out or replace it."
    assert isinstance(caught.value, InputError)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"just text\n", "is text, not an image"),
        (b"\0\0\0\x18ftypheic" + b"\0" * 20, "'heic'"),
        (b"\x80\x81", "known format"),
    ],
)
def test_open_image_says_what_the_bytes_are(data, reason):
    with pytest.raises(UnreadableImageError, match=reason):
        open_image("x", data, None)
