"""What a run would refuse of its data is refused before it starts."""

from __future__ import annotations

import pytest

from aletheia.core.errors import InputError
from aletheia.project.run_config import RunConfig
from aletheia.project.source_check import check_data

DRAWN = {"n_synthetic": 60}


@pytest.fixture
def folder(tmp_path):
    """A folder of empty files: none is opened."""
    for name in ("real/phone/a.jpg", "real/phone/b.jpg", "fake/swapper/c.jpg", "fake/drawer/d.jpg"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


def test_check_data_lists_the_files(folder):
    assert sorted(check_data(RunConfig(source=str(folder))).label) == ["fake", "fake", "real", "real"]
    assert len(check_data(RunConfig(**DRAWN))) == 60


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"real_pool": "/nonexistent"}, "/nonexistent: there is no such folder or manifest"),
        ({"source": "/nonexistent"}, "/nonexistent: there is no such folder or manifest"),
        ({"leave_out": ["generator=swap"]}, "leave_out: No row has the generator 'swap'; there are .*upsampl"),
        ({"leave_out": ["source=nosuch"]}, "leave_out: No row has the source 'nosuch'; there are"),
        ({"waive": ["nosuch"]}, "waive: there is no family of the audit, and no column, 'nosuch'; there are: source"),
        ({"waive": ["backgruond"]}, "did you mean background?"),
    ],
)
def test_check_data_refuses(options, says):
    with pytest.raises(InputError, match=says):
        check_data(RunConfig(**DRAWN, **options))


def test_check_data_of_a_folder_knows_its_generators(folder):
    check_data(RunConfig(source=str(folder), leave_out=["generator=swapper"], waive=["background", "gender"]))
    with pytest.raises(InputError, match="No row has the generator 'swap'; there are drawer, swapper"):
        check_data(RunConfig(source=str(folder), leave_out=["generator=swap"]))


def test_check_data_opens_the_manifest(folder):
    manifest = folder / "table.csv"
    manifest.write_text("path,label\nreal/phone/a.jpg,real\nfake/swapper/gone.jpg,fake\n")
    with pytest.raises(InputError, match=r"gone\.jpg"):
        check_data(RunConfig(source=str(manifest)))
    manifest.write_text("nothing,useful\nreal/phone/a.jpg,real\n")
    with pytest.raises(InputError, match="path"):
        check_data(RunConfig(source=str(manifest)))


def test_check_data_wants_both_classes(folder):
    (folder / "table.csv").write_text("path,label\nreal/phone/a.jpg,real\n")
    with pytest.raises(InputError, match=r"table\.csv holds only real images; add fake images"):
        check_data(RunConfig(source=str(folder / "table.csv")))
