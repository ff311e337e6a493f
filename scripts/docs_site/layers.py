"""The picture of the layers, drawn from the contract that import-linter checks."""

from __future__ import annotations

import tomllib
from html import escape
from pathlib import Path

_WIDTH, _ROW, _GAP, _LEFT = 560, 34, 8, 64


def read_layers(pyproject: Path) -> list[list[str]]:
    """Return the layers of the contract, top down; packages of one layer may not import each other.

    Parameters
    ----------
    pyproject : Path
        ``pyproject.toml`` with ``[[tool.importlinter.contracts]]``.
    """
    contracts = tomllib.loads(pyproject.read_text())["tool"]["importlinter"]["contracts"]
    contract = next(item for item in contracts if item["type"] == "layers")
    return [[name.strip("() ") for name in layer.split("|")] for layer in contract["layers"]]


def draw_layers(layers: list[list[str]], links: dict[str, str]) -> str:
    """Draw the layers as an SVG whose colours are the page's.

    Parameters
    ----------
    layers : list of list of str
        As :func:`read_layers` returns them.
    links : dict
        Addresses of pages by package; a package without one is drawn without a link.
    """
    height = len(layers) * (_ROW + _GAP) + _GAP
    parts = [
        f'<svg class="layers" viewBox="0 0 {_WIDTH} {height}" role="img" aria-label="The packages, top down: '
        f'{escape("; ".join(" beside ".join(layer) for layer in layers))}" xmlns="http://www.w3.org/2000/svg">',
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="4" refY="7" markerWidth="8" markerHeight="8">'
        '<path d="M0 0 L8 0 L4 8 z"/></marker></defs>',
        f'<line x1="36" y1="{_GAP}" x2="36" y2="{height - _GAP - 4}" marker-end="url(#tip)"/>',
        f'<text class="note" transform="translate(24 {height / 2:g}) rotate(-90)">may import</text>',
    ]
    for i, layer in enumerate(layers):
        y = _GAP + i * (_ROW + _GAP)
        width = (_WIDTH - _LEFT - _GAP * len(layer)) / len(layer)
        for j, name in enumerate(layer):
            x = _LEFT + j * (width + _GAP)
            box = (
                f'<rect x="{x:g}" y="{y}" width="{width:g}" height="{_ROW}" rx="6"/>'
                f'<text x="{x + width / 2:g}" y="{y + _ROW / 2 + 5:g}">{escape(name)}</text>'
            )
            parts.append(f'<a href="{escape(links[name])}">{box}</a>' if name in links else box)
    return "".join(parts) + "</svg>"
