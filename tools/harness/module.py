# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""Modules for guests. One of this tree is built once for a kernel: by the suite that wants it first, for all."""

import shutil

from . import TOP, Problem, child, complaints, lanes
from .cache import Lock


def place(kernel, name):
    """The file of this tree's module of that name."""
    return TOP / "build" / "modules" / kernel.release / name / f"{name}.ko"


def build(kernel, folder, name=None, elsewhere=None):
    """
    The module of a folder, its .ko file, without a word from compiler, objtool or modpost. A Problem says what
    they had to say.

    name: the module's, where it is not the folder's.
    elsewhere: the folder in which a module is built that is none of our examples.
    """
    name = name or folder.name
    file = place(kernel, name) if elsewhere is None or folder.parent == TOP / "examples" else \
        elsewhere / name / f"{name}.ko"
    out = file.parent
    out.mkdir(parents=True, exist_ok=True)
    with Lock(out.with_name(f".{name}.lock"), f"{name}: waiting for another run that builds it"):
        try:
            said = child.run(kernel.make(folder, out, f"-j{lanes.PROCESSORS}"), log=out.with_name(f"{name}.log"))
        except child.Failed as failed:
            file.unlink(missing_ok=True)
            raise Problem(f"{failed.text}\n{name} does not build for Linux {kernel.release} (see above)") from failed
        if wrong := complaints.warnings(said):
            # The next one who builds it is to see them as well.
            shutil.rmtree(out)
            raise Problem(f"{name} does not build as it must for Linux {kernel.release}:\n" + "\n".join(wrong))
    return file
