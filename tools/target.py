"""What the package is built for: Lambda's runtime and processor, whatever machine builds it.

The runtime is the oldest Python that Guzo supports, which is the one that its types and tests are checked with. It is
raised here, and nowhere else.
"""

from __future__ import annotations

import hashlib
import platform
import shutil
import struct
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Self, get_args

Architecture = Literal["arm64", "x86_64"]
"""As Lambda names it."""

RUNTIME = "python3.11"
ARCHITECTURES: tuple[Architecture, ...] = get_args(Architecture)

_MACHINES = {"arm64": "aarch64", "x86_64": "x86_64"}
_ELF_MACHINES = {"arm64": 183, "x86_64": 62}
# Lambda's Amazon Linux 2 has glibc 2.26. Wheels for newer ones would install, and fail to load.
_MANYLINUX = ("manylinux2014", "manylinux_2_17", "manylinux_2_24", "manylinux_2_26")


class TargetError(Exception):
    """Something cannot be built for the target; the message says what is missing."""


@dataclass(frozen=True)
class Target:
    """A runtime and a processor of Lambda."""

    architecture: Architecture = "arm64"
    runtime: str = RUNTIME

    @classmethod
    def of_this_machine(cls) -> Self:
        """What this machine's own Python can run: for an emulator, and for measuring."""
        machine = {"aarch64": "arm64", "AMD64": "x86_64"}.get(platform.machine(), platform.machine())
        if machine not in ARCHITECTURES:
            raise TargetError(f"There are no wheels for a processor of the kind {machine}: {', '.join(ARCHITECTURES)}.")
        return cls(machine, f"python{sys.version_info.major}.{sys.version_info.minor}")

    @property
    def python(self) -> str:
        """The runtime's version: 3.11"""
        return self.runtime.removeprefix("python")

    def interpreter(self) -> str:
        """A Python of the runtime's version, which compiles byte code for it. Raises TargetError."""
        if sys.version_info[:2] == tuple(map(int, self.python.split("."))):
            return sys.executable
        found, error = self._uv("find")
        if not found:
            self._uv("install")
            found, error = self._uv("find")
        if not found:
            raise TargetError(f"Byte code for {self.runtime} is compiled by that Python, which is not here:\n{error}")
        return found

    def _uv(self, command: str) -> tuple[str, str]:
        """What uv says of the runtime's Python: its path, and what went wrong."""
        uv = Path(sys.executable).with_name("uv")
        run = subprocess.run([str(uv), "python", command, self.python], capture_output=True, text=True, check=False)
        return (run.stdout.strip() if run.returncode == 0 else ""), run.stderr.strip()

    def install(self, requirements: Path, cache: Path) -> Path:
        """A folder with these requirements' wheels for the target, installed once for the same requirements."""
        text = requirements.read_bytes()
        key = hashlib.sha256(text + f"{self.runtime} {self.architecture}".encode()).hexdigest()[:16]
        folder = cache / f"{self.runtime}-{self.architecture}-{key}"
        if folder.exists():
            return folder
        unfinished = folder.with_suffix(".unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        platforms = [f"--platform={each}_{_MACHINES[self.architecture]}" for each in _MANYLINUX]
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"]
        run = subprocess.run(
            [
                *command,
                "--no-deps",
                "--require-hashes",
                "--no-compile",
                "--only-binary=:all:",
                "--implementation=cp",
                *platforms,
                f"--python-version={self.python}",
                f"--target={unfinished}",
                f"--requirement={requirements}",
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if run.returncode:
            raise TargetError(
                f"Not every requirement has a wheel for {self.runtime} on {self.architecture}:\n{run.stdout}"
            )
        shutil.rmtree(unfinished / "bin", ignore_errors=True)
        unfinished.rename(folder)
        return folder

    def check(self, folder: Path) -> None:
        """Raise TargetError for a compiled library in a folder that the target's processor cannot run."""
        for library in folder.rglob("*.so"):
            head = library.read_bytes()[:20]
            if head[:4] != b"\x7fELF" or struct.unpack("<H", head[18:20])[0] != _ELF_MACHINES[self.architecture]:
                raise TargetError(f"{library.relative_to(folder)} is not for {self.architecture}.")
