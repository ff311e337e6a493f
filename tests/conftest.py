"""Fixtures that several parts share: a tracking service of the session's own, and a fresh MLRun project."""

from __future__ import annotations

import copy
import functools
import gc
import os
import sys
import uuid
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aletheia.core.settings import get_settings
from aletheia.release.evaluation_report import EvaluationReport
from aletheia.tracking import service
from aletheia.tracking.constants import WHILE_PID

from .browsing import axe, browser
from .factories import face_folder, make_manifest, save_image
from .waiting import PATIENCE


def pytest_configure(config: pytest.Config) -> None:
    """Let the tests, and the many processes that they start, share compiled imports: each start takes a third."""
    folder = str(config.rootpath / ".pytest_cache" / "bytecode")
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    os.environ["PYTHONPYCACHEPREFIX"] = folder
    for wait in ("CONNECT", "TCP"):  # of a process of Dask for another one that does not answer: minutes, not seconds
        os.environ[f"DASK_DISTRIBUTED__COMM__TIMEOUTS__{wait}"] = "300s"
    os.environ[WHILE_PID] = str(os.getpid())  # a killed test session leaves no service behind
    sys.dont_write_bytecode, sys.pycache_prefix = False, folder
    sys.modules.setdefault("rfc3987_syntax", None)  # grammars that jsonschema would build for a second, for no test
    if not config.getoption("numprocesses", None):  # the process that only hands out the tests collects none
        gc.disable()  # what is imported stays: looking through it again and again takes a quarter of the collection


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave files without a slow, or long, test alone when those are asked for: importing all takes half a minute."""
    mark = str(config.getoption("markexpr")).partition(" ")[0]
    is_asked = mark in ("slow", "long") and collection_path.match("test_*.py")
    return True if is_asked and f"mark.{mark}" not in collection_path.read_text("utf-8") else None


def pytest_collection_finish() -> None:
    """Collect garbage of the tests alone, not of the modules that they have imported."""
    gc.collect()
    gc.freeze()
    gc.enable()


@pytest.fixture(scope="session", autouse=True)
def _cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Prepared networks are kept in a folder of the session's, not in the user's cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ALETHEIA_CACHE", str(tmp_path_factory.getbasetemp().parent / "aletheia-cache"))
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)  # the user's would get copies of all runs
        get_settings.cache_clear()
        yield


#: Variables that choose servers, folders and accounts; libraries set others when they are imported.
_CHOOSING = ("ALETHEIA_", "AWS_", "MLFLOW_TRACKING_", "MLRUN_CONFIG", "MLRUN_DBPATH", "MLRUN_ENV", "MLRUN_IGNORE")
#: Those of the session's tracking service, once a test has started it.
_OF_THE_SERVICE: dict[str, str] = {}


@pytest.fixture(scope="module", autouse=True)
def _leaves_nothing_to_the_next(_cache: None) -> Iterator[None]:
    """Fail a file of tests after which another one of the same process would find another server or folder."""

    def chosen() -> dict[str, str]:
        found = {name: value for name, value in os.environ.items() if name.startswith(_CHOOSING)}
        found.pop("ALETHEIA_TRACKING_EMBEDDED", None)  # which service this process has found, and not which it takes
        if found.get("MLRUN_DBPATH") == "./":  # MLRun's own default, which it notes when it is used without a server
            del found["MLRUN_DBPATH"]
        return found

    before, folder = chosen(), Path.cwd()
    yield
    if "mlrun" in sys.modules:  # which goes on with the last server that anyone asked for, gone or not
        sys.modules["mlrun"].mlconf.dbpath = os.environ.get("MLRUN_DBPATH", "")
    assert chosen() == before | _OF_THE_SERVICE
    assert Path.cwd() == folder


@pytest.fixture(autouse=True)
def _settings_of_one_test(_cache: None) -> Iterator[None]:
    """Settings that a test changed by variables end with it: this is set up before, so it ends after, `monkeypatch`."""
    yield
    get_settings.cache_clear()


@pytest.fixture(scope="session", autouse=True)
def _detector() -> Iterator[None]:
    """The face detector's networks are loaded once, not for each of some hundred predictors."""
    from aletheia.faces.detectors import blazeface_networks

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blazeface_networks, "Network", functools.cache(blazeface_networks.Network))
        yield


@pytest.fixture(scope="session")
def tracking_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Home folder of the session's tracking service (each pytest-xdist worker has its own)."""
    return tmp_path_factory.mktemp("tracking")


@pytest.fixture(scope="session")
def embedded_url(tracking_home: Path) -> Iterator[str]:
    """Address of a tracking service in a temporary home on a free port; MLRun is pointed at it."""
    running = service.start(tracking_home, port=0, timeout=PATIENCE)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ALETHEIA_HOME", str(tracking_home))
        patch.setenv("ALETHEIA_TRACKING_PORT", str(running.port))
        patch.setenv("MLRUN_DBPATH", running.url)
        patch.setenv("MLRUN_IGNORE_ENV_FILE", "1")
        get_settings.cache_clear()
        names = ("ALETHEIA_HOME", "ALETHEIA_TRACKING_PORT", "MLRUN_DBPATH", "MLRUN_IGNORE_ENV_FILE")
        _OF_THE_SERVICE.update({name: os.environ[name] for name in names})
        yield running.url
        _OF_THE_SERVICE.clear()
    get_settings.cache_clear()
    service.stop(tracking_home)


@pytest.fixture(scope="session")
def tracking_url(embedded_url: str) -> str:
    """Address of the tracking service of the tests (the conformance suite may put another in its place)."""
    return embedded_url


@pytest.fixture(scope="session")
def write_video() -> Callable[..., Path]:
    """Write pictures (H, W, 3) uint8 as the frames of a video, in order; the container by the file's name."""

    def write(path: Path, pictures: Sequence[np.ndarray], rate: int = 5, crf: int = 23) -> Path:
        import av

        with av.open(str(path), "w") as container:
            stream = container.add_stream("libx264", rate=rate, options={"crf": str(crf)})
            stream.height, stream.width, stream.pix_fmt = *pictures[0].shape[:2], "yuv420p"
            for picture in pictures:
                container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
            container.mux(stream.encode())
        return path

    return write


@pytest.fixture
def mlrun_project(tracking_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator:
    """A new MLRun project whose folder and artifacts are in ``tmp_path``; deleted afterwards."""
    import mlrun

    monkeypatch.setenv("MLRUN_DBPATH", tracking_url)
    mlrun.mlconf.dbpath = tracking_url
    monkeypatch.chdir(tmp_path)
    name = f"test-{uuid.uuid4().hex[:8]}"
    project = mlrun.new_project(name, context=str(tmp_path / "project"), user_project=False)
    project.spec.artifact_path = str(tmp_path / "artifacts" / "{{run.uid}}")
    project.save()
    os.chdir(tmp_path)
    yield project
    mlrun.get_run_db().delete_project(name, "cascade")


@pytest.fixture(scope="session")
def portraits() -> list[tuple]:
    """Pictures (256, 256, 3) uint8 of eight people, and their landmarks in pixels."""
    from aletheia.datasets.synthetic.faces import render
    from aletheia.datasets.synthetic.people import draw_people
    from aletheia.datasets.synthetic.scene import draw_shot

    drawn = []
    for i, person in enumerate(draw_people(8, "cam-b", seed=3)):
        image, points = render(person, draw_shot(np.random.default_rng(i)))
        drawn.append(((image * 255 + 0.5).astype(np.uint8), points))
    return drawn


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real photographs."""
    default = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("ALETHEIA_SHARED_DATA", default))
    if not (folder / "faces").is_dir():
        pytest.skip(f"no photographs at {folder}: set ALETHEIA_SHARED_DATA")
    return folder


@pytest.fixture(scope="session")
def _good() -> dict[str, Any]:
    """What `good` hands out copies of: its intervals are bootstrapped, which takes a quarter of a second."""
    from aletheia.core.jsonable import to_records
    from aletheia.evaluation.prevalence import prior_shift
    from aletheia.stats.calibration_error import expected_calibration_error
    from aletheia.stats.metrics import evaluate_scores
    from aletheia.stats.scored_set import ScoredSet

    rng = np.random.default_rng(0)
    y = np.repeat([0, 1], 150)
    logits = rng.normal(6 * y - 3, 2.0)
    p = 1 / (1 + np.exp(-1.5 * logits))  # what Bayes' rule says for these two normal distributions
    baseline = {"auc": 0.52, "low": 0.45, "high": 0.59, "reason": "", "leading": []}
    baseline |= {"difference": 0.46, "standard_error": 0.04, "df": 20}
    coverage = {"n": 150, "covered": 0.91, "covered_low": 0.85, "covered_high": 0.95, "promised": 0.9, "kept": True}
    family = {"auc": 0.52, "low": 0.45, "high": 0.59, "tells": False}
    names = {
        "files": "file properties alone",
        "keypoints": "control: six keypoints alone",
        "thumbnail": "control: a thumbnail",
        "blanked": "control: the picture with the face blanked out",
        "template": "control: template of mean residuals",
        "window": "control: the best small window",
        "spectrum": "frequency spectrum alone",
        "network_blanked": "control: the same network, face blanked out",
        "network_small": "control: the same network, crops of 28 pixels",
    }
    scored = ScoredSet(y, p, 0.5)
    return {
        **evaluate_scores(scored).to_dict(),
        "unit": "groups of 300 people",
        "baselines": {
            **{key: {"name": name, **baseline} for key, name in names.items()},
            "light": {"name": "light alone", "kind": "family", **baseline},
        },
        "alike": {"auc": 0.97, "auc_low": 0.93, "auc_high": 0.99, "share": 0.2, "columns": ["gender", "thumbnail"]},
        "saliency": {
            **{"fake": 0.16, "fake_low": 0.14, "fake_high": 0.18},
            **{"real": 0.24, "real_low": 0.2, "real_high": 0.27, "uniform": 1 / 16},
        },
        "leaks": 0,
        "own_rows": True,
        "groups_real": 20,
        "groups_fake": 20,
        "grouping": {"rows": 300, "known": 300, "guessed": 0, "people": 300},
        "audit": [{"key": key, "name": key, **family} for key in ("light", "background", "all")],
        "associations": [{"column": column, "cramers_v": 0.1, "n": 1000} for column in ("age", "gender")],
        "unjudged_cells": [],
        "fault": "none",
        "fpr_ratios": [
            {
                **{"column": "gender", "group": "female", "ratio": 1.2, "low": 0.8, "high": 1.7, "p": 0.4},
                "lowest": "male",
            },
            {"column": "age", "group": "60+", "ratio": None, "low": None, "high": None, "p": None},
        ],
        "gaps": [
            {
                **{"column": "gender", "rate": "fpr", "n_values": 2, "gap": 0.03, "gap_low": 0.0, "gap_high": 0.08},
                **{"p_value": 0.4, "highest": "female", "highest_rate": 0.06, "lowest": "male", "lowest_rate": 0.03},
                **{"ratio": 1.2, "ratio_low": 0.8, "ratio_high": 1.7, "verdict": ""},
            }
        ],
        "worst_cell": {
            "trained_on": "everything",
            "source": "cam-a",
            "generator": "swap",
            "n_real": 40,
            "n_fake": 40,
            "auc": 0.9,
            "auc_low": 0.85,
            "auc_high": 0.94,
        },
        "calibration_error": expected_calibration_error(scored).to_dict(),
        "subgroups": [],
        "prior": to_records(prior_shift(scored)),
        "abstention": {"coverage": [{"label": label, **coverage} for label in ("real", "fake")]},
        "production": None,
        "sealed": {"n": 80, "auc": 0.98, "low": 0.95, "high": 0.99, "groups_real": 40, "groups_fake": 40, "number": 1},
        "weights_sha256": "e" * 64,
        "test_data_hash": "d" * 64,
        "evaluate_run": "run-of-evaluate",
    }


@pytest.fixture
def good(_good: dict[str, Any]) -> dict[str, Any]:
    """Fields of an evaluation of a model that passes every check; the numbers are those of drawn scores."""
    return copy.deepcopy(_good)


@pytest.fixture
def good_report(good: dict[str, Any]) -> EvaluationReport:
    """The same as the typed report."""
    return EvaluationReport.parse(good)


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """Start with an empty cache of features, and count the faces that go through a network, call by call."""
    from aletheia.models import feature_cache

    feature_cache.clear_cache()
    counts: list[int] = []
    pooled_features = feature_cache.pooled_features

    def counted(net, head, crops, *args, **kwargs):
        counts.append(len(crops))
        return pooled_features(net, head, crops, *args, **kwargs)

    monkeypatch.setattr(feature_cache, "pooled_features", counted)
    yield counts
    feature_cache.clear_cache()
