"""Options of a run: limits, former names, layers, checks, and the configurations made of them."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from aletheia.core.errors import InputError
from aletheia.faces.crop_config import CropConfig
from aletheia.project.options import Options, option, option_of
from aletheia.project.run_config import RunConfig
from aletheia.training.config import TrainConfig


class Small(Options):
    """Two options in two groups."""

    folder: str = option("places", "here", "A folder.", path=True, old="place")
    n: int = option("sizes", 3, "A number.", ge=2)


def test_options_layers_later_win():
    assert Small.parse({"n": 4, "folder": "a"}, {}, {"n": 5}) == Small(n=5, folder="a")
    assert Small.parse({"n": 4}, {"n": None}).n == 4  # None is not given


def test_option_of_another_configuration():
    class Derived(Options):
        margin: float = option_of("faces", CropConfig, "margin")
        threshold: float = option_of("faces", CropConfig, "threshold", description="Other.")

    field = CropConfig.model_fields["margin"]
    assert Derived().margin == field.default and Derived.model_fields["margin"].description == field.description
    assert Derived.model_fields["threshold"].description == "Other."
    for wrong in ({"margin": 2.5}, {"margin": -0.1}, {"threshold": 0.0}, {"threshold": 1.0}):
        with pytest.raises(InputError, match=next(iter(wrong))):
            Derived.parse(wrong)


def test_options_describe():
    assert Small.describe("folder") == "A folder." and Small.describe("n") == "A number. (at least 2)"
    assert RunConfig.describe("detector_threshold").endswith(" (more than 0, less than 1)")


def test_options_former_name():
    assert Small.parse({"place": "a"}).folder == "a"
    assert Small.parse({"folder": "a"}, {"place": "b"}).folder == "b"
    with pytest.raises(InputError, match="folder is given twice, once by its former name place"):
        Small.parse({"folder": "a", "place": "b"})


def test_options_are_frozen():
    with pytest.raises(ValidationError, match="frozen"):
        Small().n = 3


def test_options_unknown_name():
    with pytest.raises(InputError, match="no option 'plase'; did you mean place"):
        Small.parse({"plase": "a"})
    with pytest.raises(InputError, match=r"no option 'x'\. There are: folder, n"):
        Small.parse({"x": 1})


@pytest.mark.parametrize("value", [1, "many", 2.5, [3]])
def test_options_value_that_does_not_fit(value):
    with pytest.raises(InputError, match=r"^The options do not fit\. n: Input should .*given: "):
        Small.parse({"n": value})


def test_option_names_by_group_and_by_name():
    assert Small.option_names() == ["folder", "n"]
    assert Small.option_names("sizes") == Small.option_names("n") == ["n"]
    assert RunConfig.option_names("search", "face_policy") == [
        "face_policy", "learning_rates", "batch_sizes", "search_epochs", "search", "search_columns", "search_trials",
        "search_selector", "seed",
    ]  # fmt: skip
    with pytest.raises(InputError, match="'nothing'"):
        Small.option_names("nothing")


def test_with_absolute_paths(tmp_path):
    def resolve(folder: str) -> str:
        return Small.with_absolute_paths({"place": folder}, tmp_path)["folder"]

    assert resolve("a/../b") == str(tmp_path / "b")
    assert resolve("/a/b") == "/a/b"
    assert resolve("s3://a/b") == "s3://a/b"
    assert resolve("../x") == str(tmp_path.parent / "x")
    assert resolve("here") == "here"  # a default is no place
    assert resolve("") == ""
    roots = RunConfig.with_absolute_paths({"link_roots": ["cache", "/a"]}, tmp_path)["link_roots"]
    assert roots == [str(tmp_path / "cache"), "/a"]


def test_from_variables_takes_options_only():
    variables = {"n_synthetic": 400, "images": 60, "recipe": None, "run": object(), "seed": 2}
    assert RunConfig.from_variables(variables) == RunConfig(n_synthetic=60, seed=2)


def test_run_config_every_option_is_described():
    for name, field in RunConfig.model_fields.items():
        assert field.description.endswith((".", "…")), name
        assert RunConfig.default_of(name) == getattr(RunConfig(), name)


def test_run_config_former_names():
    former = {"ffhq": "a", "images": 60, "held_out": ["source=b"], "face_size": 64, "balance_policy": "count"}
    config = RunConfig.parse(former)
    values = (config.real_pool, config.n_synthetic, config.leave_out, config.image_size, config.balance)
    assert values == ("a", 60, ["source=b"], 64, "count")


@pytest.mark.parametrize("value", ["8,16", "8, 16,", [8, 16], (8, 16), ["8", 16]])
def test_run_config_grid_values(value):
    assert RunConfig.parse({"batch_sizes": value}).batch_sizes == [8, 16]


def test_run_config_single_values():
    config = RunConfig.parse({"learning_rates": 1e-3, "remedies": "match=light", "leave_out": "nothing"})
    assert (config.learning_rates, config.remedies, config.leave_out) == ([1e-3], ["match=light"], ["nothing"])
    assert RunConfig.parse({"learning_rates": "1e-3,2e-3"}).learning_rates == [1e-3, 2e-3]


@pytest.mark.parametrize("text", ["", " ", ",", [], ()])
def test_run_config_grid_without_values(text):
    with pytest.raises(InputError, match="learning_rates: it holds no value"):
        RunConfig.parse({"learning_rates": text})


@pytest.mark.parametrize("text", ["a,b", "1;2", "1.5x"])
def test_run_config_grid_of_no_numbers(text):
    with pytest.raises(InputError, match=r"learning_rates\.0: Input should be a valid number"):
        RunConfig.parse({"learning_rates": text})


def test_run_config_recipe_words():
    assert RunConfig.parse({"recipe": ["augmentation=strong", "weights=a=b", "x="]}).recipe == {
        "augmentation": "strong",
        "weights": "a=b",
        "x": "",
    }
    with pytest.raises(InputError, match="'strong' is not key=value"):
        RunConfig.parse({"recipe": ["strong"]})


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"balance": "most"}, "matched, per-source"),
        ({"architecture": "resnet"}, "attention_cnn"),
        ({"learning_rates": [1e-3, 0.0]}, "learning_rate"),
        ({"batch_sizes": [8, 0]}, "batch_size"),
        ({"seed": -1}, "seed"),
        ({"face_policy": "oval"}, "no face policy 'oval'; choose one of scale, tight, aligned"),
        ({"face_margin": 3.0}, "margin"),
        ({"frames": 0}, "frames"),
        ({"face_policy": "none"}, "no face policy 'none'"),
        ({"detector": "nose"}, "nose.*blazeface"),
        ({"remedies": ["paint"]}, "no remedy 'paint'"),
        ({"fault": "gremlins"}, "shuffled_labels"),
        ({"search_epochs": 100_000}, "max_epochs"),
        ({"recipe": {"augmentation": "huge"}}, "albumentations"),
        ({"recipe": {"seed": 3, "batch_size": 4}}, "batch_size, seed has an option of its own"),
        ({"recipe": {"devices": "3"}, "batch_sizes": [12, 16]}, "16 cannot be shared evenly by 3"),
        ({"leave_out": ["everything"]}, "'everything' cannot be left out"),
        ({"leave_out": ["generator="]}, "generator="),
    ],
)
def test_run_config_check_refuses(arguments, words):
    with pytest.raises(InputError, match=words):
        RunConfig.parse(arguments).check()


def test_run_config_check_accepts():
    assert RunConfig().check() == RunConfig()
    good = {"balance": "count", "learning_rates": [1e-3], "batch_sizes": [8, 16], "epochs": 3, "seed": 0}
    RunConfig.parse({"recipe": {"devices": "3"}, "batch_sizes": [12]}).check()
    RunConfig.parse(good, {"leave_out": ["nothing", "source=a", "generator=b"]}).check()


def test_run_config_crop_config():
    options = {"image_size": 64, "face_policy": "tight", "face_margin": 0.0, "frames": 3}
    more = {"all_faces": True, "min_face": 20, "threshold": 0.5, "detector": "other"}
    assert RunConfig.parse(options, more).crop_config() == CropConfig(
        size=64, policy="tight", margin=0.0, frames=3, largest_only=False, min_size=20, threshold=0.5, detector="other"
    )


def test_run_config_train_config_recipe_wins():
    config = RunConfig.parse({"epochs": 4, "seed": 2, "recipe": {"patience": "7"}})
    expected = TrainConfig(image_size=96, max_epochs=4, seed=2, patience=7, learning_rate=0.01)
    assert config.train_config(learning_rate=0.01, patience=5) == expected
    assert RunConfig().train_config(patience=5, max_epochs=3) == TrainConfig(image_size=96, patience=5, max_epochs=3)


def test_run_config_params():
    config = RunConfig.parse({"face_policy": "aligned", "seed": 4})
    params = config.params("balancing", "face_policy")
    assert params == {"face_policy": "aligned", "remedies": [], "split": "official", "balance": "matched", "seed": 4}
    assert RunConfig.parse(config.params()) == config


def test_run_config_split_shares():
    assert RunConfig().split_fractions() == pytest.approx((0.7, 0.15, 0.15))
    assert RunConfig.parse({"val_share": 0.2, "test_share": 0.3}).split_fractions() == pytest.approx((0.5, 0.2, 0.3))
    assert {"val_share", "test_share", "sealed_share", "seed"} == set(RunConfig.option_names("splitting"))
    with pytest.raises(InputError, match=r"test_share.*val_share 0\.5.*less than a tenth"):
        RunConfig(val_share=0.5, test_share=0.45)
    with pytest.raises(InputError, match="val_share"):
        RunConfig(val_share=0.0)


def test_run_config_detector_threshold_by_its_former_name():
    assert RunConfig.parse({"threshold": 0.7}).crop_config().threshold == 0.7
    assert RunConfig(detector_threshold=0.6).crop_config().threshold == 0.6


@pytest.mark.parametrize("name", ["-x", "a b", "a" * 64, "x/y", "ü"])
def test_run_config_experiment_is_a_label(name):
    assert RunConfig().labels() == {}
    assert RunConfig(experiment="ablation-2.b_1").labels() == {"experiment": "ablation-2.b_1"}
    with pytest.raises(InputError, match=r"experiment.*at most 63"):
        RunConfig(experiment=name)


def test_run_config_search():
    grid = RunConfig(learning_rates=[1e-3, 1e-2], batch_sizes=[8, 16], recipe={"weight_decay": 0.1}).grid(7)
    assert [(c.learning_rate, c.batch_size) for c in grid] == [(1e-3, 8), (1e-3, 16), (1e-2, 8), (1e-2, 16)]
    assert {(c.max_epochs, c.weight_decay) for c in grid} == {(7, 0.1)}
    with pytest.raises(InputError, match=r"no search 'rondom'\. Did you mean random"):
        RunConfig(search="rondom")
    with pytest.raises(InputError, match="halving pauses"):
        RunConfig(search="halving", recipe={"devices": 2}).check()


def test_run_config_search_columns():
    config = RunConfig.parse({"search_columns": ["weight_decay=0.01,0.1", "optimizer=sgd"], "batch_sizes": [8]})
    assert config.search_columns == {"weight_decay": ["0.01", "0.1"], "optimizer": ["sgd"]}
    cells = config.check().grid()
    assert {(cell.weight_decay, cell.optimizer, cell.batch_size) for cell in cells} == {
        (0.01, "sgd", 8),
        (0.1, "sgd", 8),
    }
    arguments = config.search_arguments()
    assert arguments["hyperparams"] == {
        "learning_rate": config.learning_rates, "batch_size": [8], "weight_decay": [0.01, 0.1], "optimizer": ["sgd"],
    }  # fmt: skip
    assert str(arguments["hyper_param_options"].strategy) == "grid"


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"search_columns": ["weight_decay"]}, "'weight_decay' is not column=values"),
        (
            {"search_columns": {"weight_dekay": [1]}},
            "'weight_dekay' cannot be a column of the search. There are: archit",
        ),
        ({"search_columns": {"max_epochs": [1]}}, "'max_epochs' cannot be a column"),
        ({"search_columns": {"weight_decay": [-1]}}, "weight_decay: Input should be greater than or equal to 0"),
        ({"search_columns": {"weight_decay": [1]}, "recipe": {"weight_decay": 2}}, "weight_decay is a column of the"),
        (
            {"search_columns": {"weight_decay": ["1e-4..1e-2"]}},
            "is a range, which exhaustive cannot go through; choose r",
        ),
        ({"search_columns": {"weight_decay": ["2..1"]}, "search": "random"}, "weight_decay=2..1 is no range"),
        (
            {"search_columns": {"learning_rate": ["1e-4..90"]}, "search": "random"},
            "learning_rate: Input should be less",
        ),
        ({"search": "list"}, "the columns differ: learning_rate 6, batch_size 3"),
        ({"search_selector": "max.recal"}, "'max.recal' names no result of a cell"),
        ({"search_selector": "loss"}, "'loss' names no result of a cell"),
        ({"search_selector": "max.auc", "search": "halving"}, "halving compares losses"),
    ],
)
def test_run_config_check_refuses_a_search(options, says):
    with pytest.raises(InputError, match=says):
        RunConfig.parse(options).check()


def test_run_config_parse_cell():
    options = {"search_columns": {"weight_decay": [0.1]}, "weight_decay": 0.1, "seed": 4}
    config, point = RunConfig.parse_cell(options, learning_rate=0.5, trial=None)
    assert point == {"learning_rate": 0.5, "weight_decay": 0.1} and config.seed == 4
    with pytest.raises(InputError, match="no option 'optimiser'"):
        RunConfig.parse_cell({**options, "optimiser": "sgd"})
