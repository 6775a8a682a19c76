# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""tools/lint takes its words in any order."""

import subprocess

import pytest

from harness import TOP


@pytest.mark.parametrize("words", [["figures", "--fix"], ["--fix", "figures"]])
def test_fix_stands_anywhere(words):
    lint = subprocess.run([TOP / "tools/lint", *words], capture_output=True, text=True, check=False)
    assert (lint.returncode, lint.stdout) == (0, "figures: 1 files passed, 0 failed\n1 passed, 0 failed\n")
