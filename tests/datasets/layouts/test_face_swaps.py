"""FaceForensics++, Celeb-DF and DF40 in their true shape."""

from __future__ import annotations

import pytest

from aletheia.datasets.layouts.face_swaps import video_parts

MANIPULATED = "manipulated_sequences/Deepfakes/c23"
ORIGINAL = "original_sequences/youtube/c23"
#: The form of the official lists: pairs of originals, either of which is swapped with the other.
PAIRS = {"train": [["033", "097"]], "val": [["720", "672"]], "test": [["953", "974"]]}


def pick(row: dict[str, str], *names: str) -> tuple[str, ...]:
    return tuple(row[name] for name in names)


@pytest.mark.parametrize("place", ["", "splits/"])
def test_face_forensics_videos_with_lists_of_pairs(describe, place):
    files = [f"{ORIGINAL}/videos/{name}.mp4" for name in ("033", "097", "720", "974")]
    files += [f"{MANIPULATED}/videos/{name}.mp4" for name in ("033_097", "672_720", "953_974")]
    files += ["manipulated_sequences/Deepfakes/masks/videos/033_097.mp4"]
    rows = describe("FF", files, {f"{place}{split}.json": pairs for split, pairs in PAIRS.items()})
    assert rows[""]["layout"] == "faceforensics++"
    assert rows[""]["unplaced"] == "manipulated_sequences/Deepfakes/masks/videos/033_097.mp4"
    fake = rows[f"{MANIPULATED}/videos/033_097.mp4"]
    assert pick(fake, "label", "source", "generator", "split") == ("fake", "faceforensics++", "Deepfakes", "train")
    assert pick(fake, "identity", "pair") == ("", "ff-033|ff-097")
    assert rows[f"{MANIPULATED}/videos/672_720.mp4"]["split"] == "val"
    assert rows[f"{MANIPULATED}/videos/953_974.mp4"]["split"] == "test"
    real = rows[f"{ORIGINAL}/videos/974.mp4"]
    assert pick(real, "label", "generator", "split", "identity") == ("real", "", "test", "ff-974")


def test_face_forensics_frames_and_actors(describe):
    """Frames lie in folders of the video's name; the actors' videos have people of their own and no official split."""
    files = [f"{MANIPULATED}/{kind}/033_097/{k:04d}.png" for kind in ("images", "frames") for k in range(2)]
    files += [
        "original_sequences/actors/c40/images/01__exit_phone_room/0000.png",
        "manipulated_sequences/DeepFakeDetection/c40/videos/01_02__exit_phone_room__YVGY8LOK.mp4",
    ]
    rows = describe("FF", files, {"train.json": PAIRS["train"]})
    assert rows[files[0]]["video"] == rows[files[1]]["video"] == f"FF/{MANIPULATED}/images/033_097"
    assert rows[files[2]]["video"] == f"FF/{MANIPULATED}/frames/033_097"
    assert pick(rows[files[4]], "source", "identity", "split") == ("deepfakedetection", "dfd-01", "")
    assert pick(rows[files[5]], "generator", "pair") == ("DeepFakeDetection", "dfd-01|dfd-02")


def test_face_forensics_list_that_is_none(describe):
    rows = describe("FF", [f"{ORIGINAL}/videos/033.mp4"], {"train.json": {"a": 1}, "test.json": "no JSON"})
    assert rows[f"{ORIGINAL}/videos/033.mp4"]["split"] == ""
    assert "train.json is no list of pairs" in rows[""]["notes"]
    assert "test.json lies beside the files but cannot be used" in rows[""]["notes"]


@pytest.mark.parametrize(
    "form", ["{kind}/{video}.mp4", "{kind}/frames/{video}/000.png", "{kind}/{video}/000.png", "{kind}/{video}_12.png"]
)
def test_celeb_df_with_list_of_testing_videos(describe, form):
    known = {
        "Celeb-real/id0_0000": ("real", "celeb-df", "", "test", "celeb-df-id0", ""),
        "Celeb-real/id1_0001": ("real", "celeb-df", "", "train", "celeb-df-id1", ""),
        "Celeb-synthesis/id0_id1_0000": (
            "fake",
            "celeb-df",
            "celeb-synthesis",
            "test",
            "",
            "celeb-df-id0|celeb-df-id1",
        ),
        "YouTube-real/00170": ("real", "celeb-df-youtube", "", "test", "", ""),
    }
    files = {name: form.format(kind=name.split("/")[0], video=name.split("/")[1]) for name in known}
    lines = "1 YouTube-real/00170.mp4\n1 Celeb-real/id0_0000.mp4\n0 Celeb-synthesis/id0_id1_0000.mp4\n"
    rows = describe("Celeb-DF-v2", list(files.values()), {"List_of_testing_videos.txt": lines})
    for name, expected in known.items():
        row = rows[files[name]]
        assert pick(row, "label", "source", "generator", "split", "identity", "pair") == expected
        assert row["video"].endswith(f"/{name.split('/')[1]}")
    assert rows[""]["used"] == "List_of_testing_videos.txt"


def test_celeb_df_without_list_has_no_split(describe):
    rows = describe("celeb", ["Celeb-real/id0_0000.mp4", "Celeb-synthesis/id0_id1_0000.mp4"])
    assert {row["split"] for path, row in rows.items() if path} == {""}


def test_df40_beside_genuine_videos(describe):
    files = [
        "DF40/simswap/ff/frames/033_097/000.png",
        "DF40/simswap/ff/frames/033_097/001.png",
        "DF40/sd2.1/cdf/frames/id0_0000/000.png",
        "DF40/heygen/fake/frames/clip_7/0.png",
        "DF40/heygen/real/frames/clip_7/0.png",
        "FaceForensics++/original_sequences/youtube/c23/frames/033/000.png",
        "Celeb-DF-v2/Celeb-real/frames/id0_0000/000.png",
    ]
    # The lists of FaceForensics++ lie in its own folder.
    rows = describe("sets", files, {f"FaceForensics++/{split}.json": pairs for split, pairs in PAIRS.items()})
    fields = ("label", "generator", "split", "identity", "pair")
    assert pick(rows[files[0]], *fields) == ("fake", "simswap", "train", "", "ff-033|ff-097")
    assert rows[files[0]]["video"] == rows[files[1]]["video"]
    assert pick(rows[files[2]], *fields) == ("fake", "sd2.1", "", "celeb-df-id0", "")
    assert pick(rows[files[3]], *fields) == ("fake", "heygen", "", "", "")
    assert pick(rows[files[4]], "label", "source") == ("real", "df40-heygen")
    assert pick(rows[files[5]], *fields) == ("real", "", "train", "ff-033", "")
    assert pick(rows[files[6]], *fields) == ("real", "", "", "celeb-df-id0", "")
    assert rows[""]["layout"] == "faceforensics++, celeb-df, df40" and rows[""]["unplaced"] == ""


def test_df40_leaves_other_folders_of_these_names_alone(describe):
    rows = describe("faces", ["fake/ff/1.png", "fake/ff/2.png", "real/phone/1.png"])
    assert rows[""]["layout"] == "real-fake" and rows["fake/ff/1.png"]["generator"] == "ff"


def test_video_parts_finds_the_folder_of_frames():
    assert video_parts(["x", "c23", "frames", "033", "downsampled", "1.png"], 0) == ["x", "c23", "frames", "033"]
    assert video_parts(["x", "c23", "1.png"], 0) == []


def test_df40_training_set(describe):
    files = ["simswap/frames/000_003/000.png", "faceswap/frames/001_002/000.png", "uniface/landmarks/000_003/0.png"]
    rows = describe("DF40_train", files)
    assert rows[""]["layout"] == "df40" and rows[""]["unplaced"] == files[2]
    row = rows[files[0]]
    assert (row["label"], row["generator"], row["source"], row["pair"]) == (
        "fake", "simswap", "faceforensics++", "ff-000|ff-003",
    )  # fmt: skip
