# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""Modules for guests. One of this tree is built once for a kernel: by the suite that wants it first, for all."""

import pathlib
import shutil

from . import TOP, Problem, Wrong, child, complaints, lanes
from .cache import Lock

BUILD = TOP / "build" / "modules"


def name(folder):
    """The name of the module that a folder has the sources of: NAME.module.h says it, and not the folder."""
    lists = sorted(folder.glob("*.module.h"))
    if len(lists) != 1:
        raise Wrong(f"{folder} has {len(lists)} files NAME.module.h: a folder of make new has one, which names the module")
    return lists[0].name.removesuffix(".module.h")


def build(kernel, folder, into, show=None):
    """
    The modules of a folder, built without a word from compiler, objtool or modpost. A Problem repeats their words.
    Gives the files: copies in the folder into, which no other build touches.

    A folder that is not of this tree, or is below build/, has its objects in a folder of its name there.

    show(line), if it is there, gets what the build says as it comes: each file that is made, too.
    """
    folder = folder.resolve()
    shared = TOP in folder.parents and TOP / "build" not in folder.parents
    out = (BUILD / kernel.release if shared else into) / folder.name
    out.mkdir(parents=True, exist_ok=True)
    into.mkdir(parents=True, exist_ok=True)
    # The mark of a build that ended well, for this kernel's headers. The compiler warns once alone: a build that
    # did not end well begins anew.
    well, wanted = out.with_name(f".{out.name}.well"), f"{kernel.kdir} {kernel.vmlinuz} {folder}\n"
    with Lock(out.with_name(f".{out.name}.lock"), f"{out.name}: waiting for another run that builds it"):
        if not well.exists() or well.read_text() != wanted:
            shutil.rmtree(out)
            out.mkdir()
        well.unlink(missing_ok=True)
        try:
            said = child.run(kernel.make(folder, out, f"-j{lanes.PROCESSORS}", quiet=show is None),
                             log=out.with_name(f"{out.name}.log"), line=show)
        except child.Failed as failed:
            raise Problem(f"{failed.text}\n{folder.name} does not build for Linux {kernel.release} "
                          "(see above)") from failed
        if wrong := complaints.warnings(said):
            raise Problem(f"{folder.name} does not build as it must for Linux {kernel.release}:\n" + "\n".join(wrong))
        well.write_text(wanted)
        names = sorted(pathlib.Path(line).stem for line in (out / "modules.order").read_text().split())
        return [pathlib.Path(shutil.copy2(out / f"{name}.ko", into)) for name in names]
