# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""What follows the release; kernels by their configuration; fresh roots."""

import os
import pathlib
import signal
import subprocess
import sys
import time

import pytest

from harness import Problem, debian, kernel, root
from harness.kernel import Kernel

OTHERS = {
    "Ubuntu": ({"ID": "ubuntu", "VERSION_CODENAME": "noble", "PRETTY_NAME": "Ubuntu 24.04 LTS"}, "x86_64"),
    "Debian 11": ({"ID": "debian", "VERSION_CODENAME": "bullseye", "PRETTY_NAME": "Debian 11"}, "x86_64"),
    "Fedora": ({"ID": "fedora", "VERSION_CODENAME": "", "PRETTY_NAME": "Fedora 43"}, "x86_64"),
    "no known distribution": ({}, "x86_64"),
    "aarch64": ({"ID": "debian", "VERSION_CODENAME": "trixie", "PRETTY_NAME": "Debian 13"}, "aarch64"),
}


@pytest.mark.parametrize("name", [each.name for each in debian.RELEASES])
def test_each_release_is_known_by_its_name(name):
    of = debian.identify({"ID": "debian", "VERSION_CODENAME": name}, "x86_64")
    assert of.name == name
    assert set(of.checked) <= set(of.kernels)
    groups = debian.groups(of)
    for package in of.headers.values():
        assert package in groups["build"]
    assert of.cxx in groups["build"] and of.cxx in groups["host"]
    assert of.kunit in groups["kunit"]


@pytest.mark.parametrize("name", OTHERS)
def test_another_distribution_is_told_in_one_line_what_works(name):
    with pytest.raises(Problem) as told:
        debian.identify(*OTHERS[name])
    text = str(told.value)
    assert "\n" not in text and name in text
    assert "Debian 12" in text and "Debian 13" in text and "make -C examples/kecho" in text


def test_a_kernel_that_is_not_there_is_named_with_those_that_are():
    with pytest.raises(Problem, match="no kernel 2.6 here: .* has .*backports"):
        kernel.get("2.6")


@pytest.mark.parametrize("config, compiler", [
    ('CONFIG_CC_VERSION_TEXT="gcc-12 (Debian 12.2.0-14+deb12u1) 12.2.0"', "gcc-12"),
    ('CONFIG_CC_VERSION_TEXT="x86_64-linux-gnu-gcc-14 (Debian 14.2.0-19) 14.2.0"', "x86_64-linux-gnu-gcc-14"),
    ('CONFIG_CC_VERSION_TEXT="gcc (Debian 14.2.0-19) 14.2.0"\nCONFIG_GCC_VERSION=140200', "gcc-14"),
    ('CONFIG_CC_VERSION_TEXT="Debian clang version 19.1.7 (3)"\nCONFIG_CC_IS_CLANG=y\n'
     'CONFIG_CLANG_VERSION=190107', "clang-19"),
])
def test_the_compiler_is_the_one_that_built_the_kernel(tmp_path, config, compiler):
    (tmp_path / ".config").write_text(f"# made\n{config}\n")
    one = Kernel("x", "x", tmp_path, None, None)
    assert one.compiler == compiler
    assert not one.kunit
    assert f"CC={compiler}" in one.make("folder", "out")


@pytest.mark.skipif(os.getuid() != 0, reason="namespaces need root")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL, signal.SIGINT])
def test_nothing_of_a_root_outlives_who_started_it(tmp_path, number):
    """Its processes, though they ignore what can be ignored, and its mounts."""
    tools = pathlib.Path(debian.__file__).parents[1]
    script = f"""
import sys
sys.path.insert(0, {str(tools)!r})
import harness
from harness import process, root
harness.main("test", lambda: process.run(root.within("/", {str(tmp_path)!r}, "/mnt") + [
    "sh", "-c", "trap '' TERM INT HUP; echo begun >/mnt/begun; sleep 4321.5 & sleep 4321.5"]))
"""
    with subprocess.Popen([sys.executable, "-B", "-c", script], stderr=subprocess.DEVNULL) as runner:
        wait(lambda: (tmp_path / "begun").exists())
        assert running("4321.5")
        runner.send_signal(number)
    wait(lambda: not running("4321.5"))
    assert str(tmp_path) not in pathlib.Path("/proc/mounts").read_text()
    assert root.within("/x")[0] == "setpriv"


def running(word):
    for each in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if word.encode() in each.read_bytes().split(b"\0"):
                return True
        except OSError:
            pass
    return False


def wait(what, seconds=60):
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end
        time.sleep(0.05)
