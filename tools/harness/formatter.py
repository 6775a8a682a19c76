# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""The clang-format that .clang-format is written for."""

import shutil

from . import cache, debian, packages, process, say

VERSION = "14"


def formatter():
    """
    Its path. Each version of clang-format breaks some lines in another way, so all releases use the same.
    Where the release has another it is Debian 12's, unpacked without being installed, and kept in the
    cache.
    """
    if debian.release().clang == VERSION:
        return shutil.which(f"clang-format-{VERSION}")
    folder = cache.folder("formatter")
    path = folder / "clang-format"
    with cache.Lock(folder / ".lock", "formatter: waiting for another run that fetches clang-format"):
        if not path.exists():
            _fetch(folder, path)
    return str(path)


def _fetch(folder, path):
    of = next(each for each in debian.RELEASES if each.clang == VERSION)
    say("formatter", f"fetching clang-format {VERSION} of {of}")
    log, root = folder / "log", folder / "root"
    log.write_bytes(b"")
    shutil.rmtree(root, ignore_errors=True)
    suite = packages.Suite(of.name, folder, log)
    for each in suite.download([f"clang-format-{VERSION}", f"libclang-cpp{VERSION}", f"libllvm{VERSION}"],
                               folder):
        packages.unpack(each, root)
        each.unlink()
    shutil.rmtree(folder / "lists")
    new = folder / "clang-format.new"
    new.write_text("#!/bin/sh\n"
                   f"LD_LIBRARY_PATH='{root}/usr/lib/x86_64-linux-gnu' "
                   f"exec '{root}/usr/lib/llvm-{VERSION}/bin/clang-format' \"$@\"\n", encoding="utf-8")
    new.chmod(0o755)
    process.run([new, "--version"], log)
    new.rename(path)
