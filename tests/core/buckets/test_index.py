"""The table of mirrored objects: what is held, what a process uses, what may go."""

from __future__ import annotations

import hashlib
import subprocess
import sys

from aletheia.core.buckets.index import Index, Version

_USES = """
import sys
from pathlib import Path
from aletheia.core.buckets.index import Index
index = Index(Path(sys.argv[1]))
index.lease(["b/0"])
print("ready", flush=True)
sys.stdin.read()
"""


def test_index_versions_below_a_folder(tmp_path):
    index = Index(tmp_path)
    for name in ("b/a", "b/a/1", "b/a/2", "b/a0", "b/ab", "c/a/1"):
        index.add(name, Version("x", 1))
    assert set(index.versions("b/a")) == {"b/a", "b/a/1", "b/a/2"}
    assert index.total() == 6
    index.remove(["b/a/1"])
    assert index.find("b/a/1") is None and index.find("b/a/2") == Version("x", 1)
    index.add("b/a/2", Version("y", 5))
    assert index.find("b/a/2") == Version("y", 5) and index.total() == 9


def test_index_unused_in_order_of_last_use(tmp_path):
    first = Index(tmp_path)
    for k in range(4):
        first.add(f"b/{k}", Version("x", k))
    first.lease(["b/1"])
    first.lease(["b/0"])
    assert first.unused() == [("b/2", 2), ("b/3", 3)]
    second = Index(tmp_path)
    assert second.unused() == [("b/2", 2), ("b/3", 3)]  # another's lease counts
    first.close()
    assert [name for name, _ in second.unused()] == ["b/2", "b/3", "b/1", "b/0"]


def test_index_lease_of_a_killed_process_ends(tmp_path):
    index = Index(tmp_path)
    index.add("b/0", Version("x", 1))
    command = [sys.executable, "-c", _USES, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "ready\n"
        assert index.unused() == []
        process.kill()
    assert index.unused() == [("b/0", 1)]


def test_version_tells_of_a_file_whether_it_is_the_object(tmp_path):
    file = tmp_path / "object"
    file.write_bytes(b"content")
    md5 = hashlib.md5(b"content").hexdigest()
    assert Version(md5, 7).is_of(file)
    assert not Version(md5, 8).is_of(file) and not Version(hashlib.md5(b"CONTENT").hexdigest(), 7).is_of(file)
    assert not Version(f"{md5}-2", 7).is_of(file)  # sent in parts: unknown
    file.unlink()
    assert not Version(md5, 7).is_of(file)
