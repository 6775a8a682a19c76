# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""A module of one's own has the name that its sources say, in a folder of any name."""

import subprocess

import pytest

from harness import Wrong, module, play

from conftest import TOP


@pytest.fixture
def folder(tmp_path):
    """As `make new NAME=kvd DIR=.../foo` leaves it."""
    subprocess.run([TOP / "tools/new", "kvd", tmp_path / "foo"], stdout=subprocess.DEVNULL, check=True)
    return tmp_path / "foo"


def test_make_run_loads_it_by_its_name(folder):
    assert [each.name for each in play.Play({}, folder).modules] == ["kvd"]


def test_make_unit_compiles_it_by_its_name(folder):
    said = subprocess.run(["make", "-n", "-C", folder, "unit"], stdout=subprocess.PIPE, text=True, check=True).stdout
    assert """-DKTCP_MODULE_NAME='"kvd"' -DKTCP_MODULE_LIST='"kvd.module.h"'""" in said


@pytest.mark.parametrize("there", [[], ["a.module.h", "b.module.h"]])
def test_a_folder_of_no_module_is_told(tmp_path, there):
    for name in there:
        (tmp_path / name).touch()
    with pytest.raises(Wrong, match=f"has {len(there)} files NAME.module.h"):
        module.name(tmp_path)
