"""FaceForensics++ by method and DeeperForensics in their true shape."""

from __future__ import annotations

import aletheia.datasets.layouts.video_folders  # noqa: F401 (the layouts are found by their registration)

METHODS = ["Deepfakes", "Face2Face", "FaceSwap", "FaceShifter", "NeuralTextures"]


def test_face_forensics_by_method(describe):
    files = ["original/000.mp4", "original/003.mp4", *(f"{method}/000_003.mp4" for method in METHODS)]
    rows = describe("FaceForensics++_C23", [*files, "DeepFakeDetection/01_02__exit__YVGY8LOK.mp4"])
    assert rows[""]["layout"] == "faceforensics++-by-method" and not rows[""]["unplaced"]
    genuine, fake = rows["original/000.mp4"], rows["FaceSwap/000_003.mp4"]
    assert (genuine["label"], genuine["identity"], genuine["generator"]) == ("real", "ff-000", "")
    assert (fake["label"], fake["pair"], fake["generator"]) == ("fake", "ff-000|ff-003", "FaceSwap")
    assert {rows[file]["source"] for file in files} == {"faceforensics++"}
    assert rows["DeepFakeDetection/01_02__exit__YVGY8LOK.mp4"]["pair"] == "dfd-01|dfd-02"


def test_face_forensics_by_method_as_frames(describe):
    files = [
        f"ff/{folder}/{k}.png" for folder in ("original/000", "Deepfakes/000_003", "FaceSwap/000_003") for k in (1, 2)
    ]
    rows = describe("set", files)
    assert {rows[file]["video"] for file in files[2:4]} == {"set/ff/Deepfakes/000_003"}


def test_deeper_forensics(describe):
    real, fake = "source_videos/M004/light_leftdown/neutral/a.mp4", "manipulated_videos/end_to_end/000_M101.mp4"
    rows = describe("DeeperForensics-1.0", [real, fake])
    assert rows[""]["layout"] == "deeperforensics"
    assert (rows[real]["label"], rows[real]["identity"]) == ("real", "deeperforensics-m004")
    assert (rows[fake]["label"], rows[fake]["pair"]) == ("fake", "ff-000|deeperforensics-m101")
    assert rows[fake]["generator"] == rows[fake]["source"] == "deeperforensics"
