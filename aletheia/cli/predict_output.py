"""Files that ``aletheia predict`` classifies, and the table that it writes of them."""

from __future__ import annotations

import contextlib
import csv
import json
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from aletheia.core.errors import InputError
from aletheia.core.files import replacing
from aletheia.core.journal import JournalWriter, read_rows
from aletheia.core.paths import check_is_local
from aletheia.core.wording import counted

if TYPE_CHECKING:
    from aletheia.client_types import ModelNote
    from aletheia.inference.prediction import Prediction, VideoPrediction

#: Columns of a CSV file; JSON has all that is known of each face and person instead of their number.
COLUMNS = (
    "file", "verdict", "probability", "confidence", "n_faces", "reason", "notes", "model", "version", "settings",
)  # fmt: skip
_SUFFIXES = (".csv", ".json", ".jsonl")


def list_files(paths: Sequence[Path], recursive: bool = False) -> list[Path]:
    """Replace each folder by its pictures and videos, in the order of their names.

    What is left out is reported on stderr.

    Parameters
    ----------
    paths
        Files and folders.
    recursive
        Whether to enter the folders of a folder, other than symbolic links.

    Raises
    ------
    InputError
        When a folder holds neither pictures nor videos.
    """
    from aletheia.imaging.decoding import IMAGE_SUFFIXES
    from aletheia.imaging.media_types import VIDEO_SUFFIXES

    files: list[Path] = []
    for path in paths:
        check_is_local(path)
        if not path.is_dir():
            files.append(path)
            continue
        found, n_others, n_folders = [], 0, 0
        for folder, folders, names in os.walk(path):
            folders.sort()
            for name in sorted(names):
                is_read = name.lower().endswith((*IMAGE_SUFFIXES, *VIDEO_SUFFIXES))
                found += [Path(folder, name)] * is_read
                n_others += not is_read
            if not recursive:
                n_folders = len(folders)
                folders.clear()
        _report_left_out(path, n_others, n_folders)
        if not found:
            raise InputError(f"{path} holds neither pictures nor videos; --recursive searches its folders, too.")
        files += found
    return files


def _report_left_out(path: Path, n_others: int, n_folders: int) -> None:
    if n_others:
        print(
            f"{path}: {counted(n_others, 'file')} left out: by name neither picture nor video.",
            file=sys.stderr,
        )
    if n_folders:
        print(f"{path}: {counted(n_folders, 'folder')} not entered; --recursive enters them.", file=sys.stderr)


class ResultTable:
    """A CSV, JSON or JSON Lines file with a row for each classified file, which a later run may continue.

    CSV and JSON Lines grow row by row; JSON is written at the end, also of a run that was interrupted.

    Parameters
    ----------
    path : Path
        Its suffix names the form.
    note : ModelNote
        The model that answers.
    settings : str
        Options that change answers, as text.

    Raises
    ------
    InputError
        For another suffix, and for a file that another model, or the same one with other settings, has written.
    """

    def __init__(self, path: Path, note: ModelNote, settings: str = "") -> None:
        if path.suffix.lower() not in _SUFFIXES:
            raise InputError(f"{path} must end in {', '.join(_SUFFIXES)}: that names the form of the output.")
        self.path, self._note, self._settings = path, note, settings
        self._form = path.suffix.lower()
        self._rows = [row for row in self._read() if row.get("verdict") != "error"]  # those are tried again
        self._stream: IO[str] | None = None
        self._journal: JournalWriter | None = None

    def __enter__(self) -> ResultTable:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._rewrite()
        if self._form == ".csv":
            self._stream = self.path.open("a", encoding="utf-8", newline="")
        if self._form == ".jsonl":
            self._journal = JournalWriter(self.path)
        return self

    def __exit__(self, *_: object) -> None:
        if self._form == ".json":
            self._rewrite()
        for file in (self._stream, self._journal):
            if file is not None:
                file.close()

    @property
    def done(self) -> set[str]:
        """Files that are answered already."""
        return {str(row["file"]) for row in self._rows}

    def add(self, path: Path, prediction: Prediction | VideoPrediction) -> None:
        """Write the row of a file."""
        origin = {"model": self._note.uri, "version": self._note.version, "settings": self._settings}
        row = {"file": str(path), **prediction.to_dict(), "confidence": prediction.confidence, **origin}
        if self._form == ".csv":
            row["n_faces"] = len(row.get("people") or row.get("faces") or ())
            row["notes"] = " ".join(prediction.notes)
        if self._journal is not None:
            self._journal.append(row)
        elif self._stream is not None:
            self._write(self._stream, [row])
            self._stream.flush()
        else:
            self._rows.append(row)

    def _read(self) -> list[dict[str, Any]]:
        if not self.path.exists():
            return []
        try:
            rows = self._parse()
            written_by = {(row["model"], row["version"], row["settings"]) for row in rows if row["file"]}
        except InputError:  # names a damaged line
            raise
        except (OSError, ValueError, KeyError, TypeError):
            raise InputError(f"{self.path} is no output of `aletheia predict`; name another file.") from None
        if written_by - {(self._note.uri, self._note.version, self._settings)}:
            raise InputError(
                f"{self.path} was written by another model or with other settings; name another file, or delete it."
            )
        return rows

    def _parse(self) -> list[dict[str, Any]]:
        if self._form == ".jsonl":
            return read_rows(self.path)
        text = self.path.read_text(encoding="utf-8")
        if self._form == ".csv":
            return list(csv.DictReader(text.splitlines(keepends=True)))
        rows: list[dict[str, Any]] = json.loads(text)
        return rows

    def _rewrite(self) -> None:
        with replacing(self.path) as file, _as_text(file) as stream:
            if self._form == ".csv":
                csv.DictWriter(stream, COLUMNS).writeheader()
            if self._form == ".json":
                json.dump(self._rows, stream, indent=1)
            else:
                self._write(stream, self._rows)

    def _write(self, stream: IO[str], rows: Sequence[dict[str, Any]]) -> None:
        if self._form == ".csv":
            csv.DictWriter(stream, COLUMNS, extrasaction="ignore").writerows(rows)
        else:
            stream.writelines(json.dumps(row) + "\n" for row in rows)


@contextlib.contextmanager
def _as_text(file: IO[bytes]) -> Iterator[IO[str]]:
    import io

    stream = io.TextIOWrapper(file, encoding="utf-8", newline="")
    try:
        yield stream
    finally:
        stream.flush()
        stream.detach()
