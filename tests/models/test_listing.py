"""List of the networks, without PyTorch where no extension needs it."""

from __future__ import annotations

import subprocess
import sys

from aletheia.models.listing import list_entries
from aletheia.models.registry import describe_network

SOURCE = """
from torch import nn
from aletheia.models.registry import register_network
@register_network("tiny_of_a_test")
def build(*, width: int = 4) -> nn.Module:
    return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 1), nn.Flatten(0))
"""


def test_list_entries_with_networks_of_other_packages(own_registry, declare_network):
    declare_network("tiny_of_a_test", SOURCE)
    names = [entry.name for entry in list_entries()]
    assert "tiny_of_a_test" in names and names == sorted(names)
    (entry,) = list_entries("tiny_of*")
    assert entry == describe_network("tiny_of_a_test")
    assert [entry.name for entry in list_entries("xcep*")] == ["xception"]


def test_list_networks_imports_neither_torch_nor_mlrun():
    code = (
        "import sys; from aletheia.cli import main; sys.argv = ['aletheia', 'models', 'architectures'];\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "sys.exit(str({'torch', 'mlrun', 'timm', 'lightning', 'pandas'} & set(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "attention_cnn" in run.stdout and run.stderr.strip() == "set()"
