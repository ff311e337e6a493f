"""Images built with Buildah and run with Podman, on a base that Debian's packages make; what that needs, as marks."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from ..packaging.commands import ROOT

_TOOLS = ("buildah", "podman", "runc", "mmdebstrap", "docker-registry")
_MISSING = [name for name in _TOOLS if not (shutil.which(name) or Path("/usr/sbin", name).is_file())]
NEEDED = [
    pytest.mark.timeout(1500),
    pytest.mark.skipif(bool(_MISSING), reason=f"not installed: {', '.join(_MISSING)}"),
    pytest.mark.skipif(os.geteuid() != 0, reason="Podman without root needs ranges of user numbers; run as root"),
]
PODMAN = ("podman", "--cgroup-manager", "cgroupfs", "--runtime", "/usr/sbin/runc")
LIMITS = ("--ulimit", "nofile=1024:1024", "--ulimit", "nproc=4096:4096", "--no-healthcheck", "--network", "host")
_BASE = "localhost/aletheia-test-base"
_CERTIFICATES = Path("/etc/ssl/certs")


def run(*command: str | Path, **options) -> str:
    """Run a command that must succeed; its output."""
    result = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False, **options)
    assert result.returncode == 0, f"{command[:3]}: {result.stdout[-1500:]}{result.stderr[-1500:]}"
    return result.stdout.strip()


def build_image(name: str, **arguments: str) -> str:
    """Build ``deploy/NAME`` on Debian as it is; what did not change since the last build is taken from there."""
    if subprocess.run(["podman", "image", "exists", _BASE], check=False).returncode:
        with tempfile.TemporaryDirectory() as folder:
            packages = "--include=python3,python3-venv,ca-certificates"
            run("mmdebstrap", "--quiet", "--variant=minbase", packages, "bookworm", archive := Path(folder, "base.tar"))
            run("podman", "import", "--quiet", archive, _BASE)
    options = ["--isolation", "chroot", "--format", "docker", "--layers"]
    for key, value in {"BASE": _BASE, **arguments}.items():
        options += ["--build-arg", f"{key}={value}"]
    options += ["--volume", f"{_CERTIFICATES}:{_CERTIFICATES}:ro"]  # of a proxy, should there be one
    image = "-".join(["localhost/aletheia-test", name, *arguments.values()])
    run("buildah", "bud", *options, "--tag", image, "--file", f"deploy/{name}/Dockerfile", ".", cwd=ROOT)
    return image
