from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from aletheia.core.errors import InputError
from aletheia.core.journal import JournalWriter, read_lines, read_rows


def test_rows_come_back(tmp_path: Path) -> None:
    path = tmp_path / "new" / "journal.jsonl"
    assert read_rows(path) == [] and read_lines(path) == []
    rows = [["a\nb", 1.5], {"name": "é\u2028\udcff"}, []]
    for row in rows:  # each by a writer of its own, as of runs one after another
        with JournalWriter(path) as journal:
            journal.append(row)
    assert read_rows(path) == rows
    assert path.read_bytes().count(b"\n") == len(rows)


def test_rows_are_there_after_a_kill(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    code = (
        "import os, pathlib, sys\n"
        "from aletheia.core.journal import JournalWriter\n"
        "journal = JournalWriter(pathlib.Path(sys.argv[1]))\n"
        "journal.append([1]); journal.append([2]); os.kill(os.getpid(), 9)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, timeout=120)
    assert done.returncode == -9, done.stderr
    assert read_rows(path) == [[1], [2]]


def test_a_last_line_that_was_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    with JournalWriter(path) as journal:
        journal.append(["whole"])
        journal.append(["cut off"])
    os.truncate(path, path.stat().st_size - 4)
    assert read_rows(path) == [["whole"]]
    with JournalWriter(path) as journal:
        journal.append(["next"])
    assert read_rows(path, skip_damaged=True) == [["whole"], ["next"]]


def test_a_whole_last_line_without_its_end(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    path.write_bytes(b'["a"]\n["b"]')
    assert read_rows(path) == [["a"], ["b"]]
    with JournalWriter(path) as journal:
        journal.append_line("key []")
    assert read_lines(path) == [b'["a"]', b'["b"]', b"key []", b""]


@pytest.mark.parametrize("damage", [b'["cut', b"\xff\xfe", b"plain text"])
def test_a_damaged_line_is_named(tmp_path: Path, damage: bytes) -> None:
    path = tmp_path / "journal.jsonl"
    path.write_bytes(b'["a"]\n' + damage + b'\n["b"]\n')
    with pytest.raises(InputError, match=r"journal\.jsonl: line 2 is damaged"):
        read_rows(path)
    assert read_rows(path, skip_damaged=True) == [["a"], ["b"]]
