"""The examples of docs/extending.md, executed as a package of somebody else would."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

from .commands import ROOT

_BLOCK = re.compile(r'^```python title="([^"]+)"\n(.*?)^```$', re.DOTALL | re.MULTILINE)
EXAMPLES = dict(_BLOCK.findall((ROOT / "docs/extending.md").read_text()))

#: For each example, code that uses it and prints an answer, and the answer.
USES = {
    "aletheia/faces/detectors/whole_picture.py": (
        "import numpy as np\n"
        "from aletheia.faces import create_detector\n"
        "face, = create_detector('whole_picture').detect(np.zeros((40, 100, 3), np.uint8))\n"
        "print(face.box.tolist(), face.keypoints.shape)",
        "[30.0, 0.0, 70.0, 40.0] (6, 2)",
    ),
    "aletheia/models/networks/tiny.py": (
        "import torch\n"
        "from aletheia.models.registry import create_model\n"
        "print(tuple(create_model('tiny_cnn', width=4)(torch.zeros(5, 3, 16, 16)).shape))",
        "(5,)",
    ),
    "aletheia/training/search_strategies.py": (
        "from aletheia.training.search_plan import SearchPlan\n"
        "plan = SearchPlan.of('star', {'learning_rate': [1, 2, 3], 'batch_size': [8]}, 1, 0, 'min.loss')\n"
        "print(plan.hyperparams())",
        "{'learning_rate': [1, 2, 3, 2], 'batch_size': [8, 8, 8, 8]}",
    ),
    "aletheia/release/checks/readable.py": (
        "from aletheia.release import limits_model, registered_checks\n"
        "print(registered_checks()[-1].code, limits_model().parse({'unreadable_faces': 3}).unreadable_faces)",
        "test-faces-readable 3",
    ),
    "my_package/celebrities.py": (
        "from pathlib import Path\n"
        "from aletheia.datasets.layouts import describe_files\n"
        "rows, left = describe_files(Path('celeb'), ['original/a/1.png', 'forged-swap/a/2.png', 'original/b/3.png'])\n"
        "print([(row['label'], row['generator']) for row in rows], left)",
        "[('real', ''), ('fake', 'swap'), ('real', '')] []",
    ),
    "my_package/listed.py": (
        "from pathlib import Path\n"
        "from aletheia.datasets.layouts import describe_files\n"
        "Path('listed').mkdir()\n"
        "Path('listed/fakes.txt').write_text('b/2.png\\n')\n"
        "rows, left = describe_files(Path('listed'), ['a/1.png', 'b/2.png'])\n"
        "print([(row['label'], row['source']) for row in rows], left)",
        "[('real', 'listed'), ('fake', 'listed')] []",
    ),
    "my_package/routes.py": (
        "from aletheia.serving.routing import registered_routers\n"
        "print([route.path for router in registered_routers() for route in router.routes])",
        "['/v1/threshold']",
    ),
}


def test_every_example_is_used():
    assert {title for title in EXAMPLES if title.endswith(".py")} == set(USES)


@pytest.mark.slow
@pytest.mark.parametrize("title", USES)
def test_example_works_from_outside(title, tmp_path):
    (tmp_path / "example_of_docs.py").write_text(EXAMPLES[title])
    use, answer = USES[title]
    path = os.pathsep.join([str(tmp_path), str(ROOT)])
    process = subprocess.run(
        [sys.executable, "-c", f"import example_of_docs\n{use}"],
        env={**os.environ, "PYTHONPATH": path},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 0, process.stderr
    assert process.stdout.strip() == answer
