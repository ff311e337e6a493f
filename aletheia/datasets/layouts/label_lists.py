"""Data sets whose labels stand in a list beside the files: DFDC's ``metadata.json``, and tables of the same content."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from aletheia.datasets.layouts.file_label import FileLabel, Layout, video_key
from aletheia.datasets.layouts.registry import register_tree_layout
from aletheia.datasets.layouts.tree import Tree
from aletheia.datasets.layouts.words import LABEL_WORDS, read_split
from aletheia.imaging.media_types import is_video

_JSON = ("metadata.json", "dataset.json")
_TABLES = ("metadata.csv", "labels.csv")
_NAMES = ("filename", "file_name", "videoname", "video", "file", "path", "name")
_BITS = {"0": 0, "0.0": 0, "false": 0, "no": 0, "1": 1, "1.0": 1, "true": 1, "yes": 1}
_LABELS = {**LABEL_WORDS, "0": "real", "1": "fake"}

Entry = Mapping[str, Any]


@register_tree_layout("label-list")
def _label_list(tree: Tree) -> Layout | None:
    """Read label, split and original of each file from a list in its folder or one above it.

    ``metadata.json`` is that of DFDC (Dolhansky et al., "The DeepFake Detection Challenge Dataset", 2020):
    ``{"a.mp4": {"label": "FAKE", "split": "train", "original": "b.mp4"}}``; ``dataset.json`` that of its preview, with
    ``set``, ``target_id`` and ``swapped_id``. ``metadata.csv`` and ``labels.csv`` have a row a file with ``filename``
    and ``label`` (0 means real, 1 fake), ``is_fake`` or ``is_real``. Frames may lie in a folder that bears the video's
    name, or bear it themselves, with a number behind it or without.
    """
    lists = {folder: entries for folder in tree.folders() if (entries := _read_list(tree, folder))}
    if not lists:
        return None

    def layout(parts: list[str], folder: str) -> FileLabel | None:
        for depth in range(len(parts) - 1, -1, -1):
            entries = lists.get("/".join(parts[:depth]))
            name = _find_entry(entries, parts[depth:]) if entries else ""
            if entries and name:
                return _label(parts[:depth], name, entries[name], folder)
        return None

    return layout


def _read_list(tree: Tree, folder: str) -> dict[str, Entry]:
    """Read the entries of a folder's list by name, each with a known label; empty where there is no such list."""
    top = f"{folder}/" if folder else ""
    entries: dict[str, Entry] = {}
    for name in _JSON:
        content = tree.read_json(top + name)
        if isinstance(content, dict):
            entries.update({str(key): value for key, value in content.items() if isinstance(value, dict)})
    for name in _TABLES:
        for row in tree.read_table(top + name) or ():
            key = next((row[column] for column in _NAMES if row.get(column)), "")
            if key:
                entries[key.replace("\\", "/")] = row
    entries = {key: _with_label(entry) for key, entry in entries.items()}
    known = {key: entry for key, entry in entries.items() if str(entry.get("label", "")).strip().lower() in _LABELS}
    if len(known) < len(entries):
        tree.notes.append(
            f"The list of labels in {folder or tree.name} has {len(entries) - len(known):,} of {len(entries):,} "
            "entries without a label real or fake; they are left out."
        )
    # Frames stand for their video, in folders that bear its name without the suffix.
    stems = {str(PurePosixPath(key).with_suffix("")): key for key in known if is_video(key)}
    return {**{stem: {**known[key], "_key": key} for stem, key in stems.items()}, **known}


def _with_label(entry: Entry) -> Entry:
    """Read ``is_fake`` and ``is_real``, where there is no label."""
    if entry.get("label"):
        return entry
    for column, bits in (("is_fake", ("real", "fake")), ("is_real", ("fake", "real"))):
        text = str(entry.get(column, "")).strip().lower()
        if text in _BITS:
            return {**entry, "label": bits[_BITS[text]]}
    return entry


def _find_entry(entries: Mapping[str, Entry], parts: list[str]) -> str:
    """Find the entry of a file, or of the video that it is a frame of; empty when there is none."""
    for start in range(len(parts)):
        for end in range(len(parts), start, -1):
            name = "/".join(parts[start:end])
            if name in entries:
                return str(entries[name].get("_key", name))
    # A frame beside others: <video>.jpg, <video>_12.jpg or <video>_12_0.jpg.
    stem = PurePosixPath(parts[-1]).stem
    while True:
        for start in range(len(parts)):
            entry = entries.get("/".join((*parts[start:-1], stem)))
            if entry and "_key" in entry:
                return str(entry["_key"])
        shorter = re.sub(r"[_-]\d+$", "", stem)
        if shorter == stem:
            return ""
        stem = shorter


def _label(above: list[str], name: str, entry: Entry, folder: str) -> FileLabel:
    label = _LABELS[str(entry["label"]).strip().lower()]
    split = read_split(str(entry.get("split") or entry.get("set") or ""))
    place = video_key(folder, above)
    # A video is known by its entry; a picture that has an entry of its own is no video.
    video = f"{place}/{PurePosixPath(name).with_suffix('')}" if is_video(name) else ""
    original = str(entry.get("original") or "").strip()
    if original.lower() in ("nan", "none", "null"):
        original = ""
    people = [f"{folder}-{entry[key]}" for key in ("target_id", "swapped_id") if entry.get(key)]
    identity, pair = "", f"{place}/{original or name}" if original or is_video(name) else ""
    if people:
        identity, pair = (people[0], "") if len(set(people)) == 1 else ("", "|".join(people))
    return FileLabel(label, folder, "", split, video, identity, pair)
