"""Builds the compiled core (``ext/``) into ``firmware_py`` and carries the weights manifest along."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy
from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build_py import build_py

HERE = Path(__file__).resolve().parent
FLAGS = ["-std=c11", "-O3", "-Wall", "-Wextra", "-Wno-unused-function", "-fvisibility=hidden"]
SANITIZE = os.environ.get("RTVA_SANITIZE")  # "address,undefined" or "thread": see make stress
if SANITIZE:
    FLAGS += [f"-fsanitize={SANITIZE}", "-fno-omit-frame-pointer", "-g", "-O1"]


class BuildPy(build_py):
    """Copies ``models/manifest.toml`` beside the code, so that an installed wheel has it."""

    def run(self) -> None:
        shutil.copyfile(HERE / "models" / "manifest.toml", HERE / "firmware_py" / "manifest.toml")
        super().run()


def extensions() -> list[Extension]:
    """One extension a ``.pyx`` in ``ext/``: ``ext/_ring.pyx`` becomes ``firmware_py._ring``."""
    headers = sorted(str(p.relative_to(HERE)) for p in (HERE / "ext").glob("*.h"))
    return [
        Extension(
            f"firmware_py.{pyx.stem}",
            [str(pyx.relative_to(HERE))],
            include_dirs=["ext", numpy.get_include()],
            define_macros=[("NPY_NO_DEPRECATED_API", "NPY_1_7_API_VERSION")],
            depends=headers,
            extra_compile_args=FLAGS,
            extra_link_args=[f"-fsanitize={SANITIZE}"] if SANITIZE else [],
        )
        for pyx in sorted((HERE / "ext").glob("*.pyx"))
    ]


setup(
    cmdclass={"build_py": BuildPy},
    ext_modules=cythonize(
        extensions(),
        include_path=["ext"],
        build_dir="build/cython",
        compiler_directives={"language_level": 3, "embedsignature": True},
    ),
)
