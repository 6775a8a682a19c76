# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""The files that are kept between runs: kernels, their sources and builds, downloads. And the locks on
them."""

import contextlib
import fcntl
import os
import pathlib

from . import Problem, say


def cache():
    """The folder of all that is kept: $KTCP_CACHE, or ktcp in $XDG_CACHE_HOME or in ~/.cache."""
    given = os.environ.get("KTCP_CACHE")
    if given:
        return pathlib.Path(given).absolute()
    if os.environ.get("XDG_CACHE_HOME"):
        return pathlib.Path(os.environ["XDG_CACHE_HOME"]).absolute() / "ktcp"
    if os.environ.get("HOME"):
        return pathlib.Path(os.environ["HOME"]).absolute() / ".cache" / "ktcp"
    raise Problem("HOME is not set: name a folder in which kernels and downloads may be kept, "
                  "as in KTCP_CACHE=/var/cache/ktcp")


def folder(name):
    """A folder of its own in the cache, there when this returns."""
    place = cache() / name
    try:
        place.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Problem(f"{place} cannot be made ({error.strerror}): name another folder in which "
                      "kernels and downloads may be kept with KTCP_CACHE=") from error
    return place


class Lock(contextlib.AbstractContextManager):
    """
    `with Lock(path, why):` one process at a time; says once when it has to wait.

    why: a line for the person who waits, as "kunit: waiting for another run". The lock is the kernel's: it
    goes with the process, however that ends, and no program that is started meanwhile inherits it.
    """

    def __init__(self, path, why):
        self.path, self.why = pathlib.Path(path), why
        self.file = None

    def __enter__(self):
        self.path.parent.mkdir(parents=True, exist_ok=True)
        # Read-only: the locked file may be another user's.
        self.file = os.fdopen(os.open(self.path, os.O_RDONLY | os.O_CREAT, 0o666))
        try:
            fcntl.flock(self.file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            who, _, what = self.why.partition(": ")
            say(who, what)
            fcntl.flock(self.file, fcntl.LOCK_EX)
        return self

    def __exit__(self, *_):
        self.file.close()
