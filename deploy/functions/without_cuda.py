"""Put libraries without content in the place of CUDA's, of which PyTorch's build on PyPI loads 2 GB also without a GPU.

The build for the CPU alone is only on PyTorch's own index, and with the libraries simply left out `import torch` fails:
the loader wants each of them and every symbol. Here it gets both. Whatever calls one of these symbols, as a computation
on a GPU would, ends the process with a sentence. Small libraries stay as they are, CUDA's runtime among them: it is asked
whether there is a GPU.

    python without_cuda.py SITE-PACKAGES       # needs gcc and nm
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

#: Bytes from which on a library is replaced.
LARGE = 5_000_000
_SOURCE = """
#include <stdio.h>
#include <stdlib.h>
static void refuse(void) { fputs("This image has no CUDA: take the one that was built with ACCELERATOR=cuda.\\n", stderr); abort(); }
"""


def symbols(library: Path, which: str) -> set[str]:
    """Return the names of a library's dynamic symbols, without versions; which is an option of nm."""
    listed = subprocess.run(["nm", "--dynamic", which, library], capture_output=True, text=True, check=True).stdout
    return {line.split()[-1].partition("@")[0] for line in listed.splitlines()}


def main(packages: Path) -> None:
    """Replace the large libraries below ``nvidia/``, with the symbols that those below ``torch/lib/`` want of them."""
    wanted = set[str]().union(*(symbols(path, "--undefined-only") for path in packages.glob("torch/lib/*.so*")))
    for library in sorted(packages.glob("nvidia/**/*.so*")):
        if library.is_symlink() or library.stat().st_size < LARGE:
            continue
        names = sorted(symbols(library, "--defined-only") & wanted)
        source = _SOURCE + "".join(f"void {name}(void) {{ refuse(); }}\n" for name in names)
        library.unlink()
        command = ["gcc", "-shared", "-fPIC", "-w", f"-Wl,-soname,{library.name}", "-x", "c", "-", "-o", library]
        subprocess.run(command, input=source, text=True, check=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
