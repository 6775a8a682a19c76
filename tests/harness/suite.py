# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""The harness's own tests: pytest's, of this folder."""

import pathlib

from harness import pytests


def parts(choice):
    yield pytests.part("harness", pathlib.Path(__file__).resolve().parent, choice)
