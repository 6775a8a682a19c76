# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""Settings that follow the release; kernels by their configuration; fresh roots."""

import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

import pytest

from harness import Problem, check, debian, kernel, proof, root
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
    for each, package in of.realtime.items():
        assert each in of.kernels and package in groups["realtime"] and package not in groups["all"]
    assert of.cxx in groups["build"] and of.cxx in groups["host"]
    # `make unit` and program.mk call it. Debian 13 has g++-14, and no g++ unless somebody asks for it.
    assert "g++" in groups["build"]
    assert of.kunit in groups["kunit"]
    # Not for `make check`, which tests no kernel of another release or architecture.
    assert not set(of.unpacked) & set(of.checked) and not set(groups["arm64"]) & set(groups["all"])
    for each in (*of.unpacked.values(), *of.backports.values()):
        assert each.architecture in ("amd64", *kernel.TRIPLETS)
    # The commands ask for it by this name where none is given.
    assert of.backports["backports"].architecture == of.architecture
    for architecture, triplet in kernel.TRIPLETS.items():
        assert set(of.cross(triplet)) <= set(groups[architecture])
    for each, what in of.built.items():
        assert each in of.kernels and set(what.packages) <= set(groups[each])
        assert each.endswith("-debug") == what.debug
        for options in what.options:
            assert (kernel.TOP / f"tests/vm/{options}.config").exists()


@pytest.mark.parametrize("name", [each.name for each in debian.RELEASES])
def test_proof_names_kernels_that_the_release_has(name):
    of = debian.identify({"ID": "debian", "VERSION_CODENAME": name}, "x86_64")
    parts = proof.parts_of(of)
    kernels = [part.split(":")[1] for part in parts if part.startswith(("matrix:", "storms:"))]
    kernels += [f"{part.split(':')[2]}-debug" for part in parts if part.count(":") == 2]
    assert set(kernels) == set(of.kernels) and "debug:tests" in parts and "mutants" in parts


@pytest.mark.parametrize("name", OTHERS)
def test_another_distribution_is_told_in_one_line_which_work(name):
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
    assert {f"CC={compiler}", f"CC=ccache {compiler}"} & set(one.make("folder", "out"))
    assert not [word for word in one.make("folder", "out") if word.startswith("CROSS_COMPILE=")]


@pytest.mark.parametrize("linker, tools", [("BFD", []), ("LLD", ["LLVM=-19"])])
def test_a_kernel_that_lld_linked_has_its_modules_from_all_of_LLVM(tmp_path, linker, tools):
    (tmp_path / ".config").write_text(f"CONFIG_CC_IS_CLANG=y\nCONFIG_CLANG_VERSION=190107\nCONFIG_LD_IS_{linker}=y\n")
    words = Kernel("x", "x", tmp_path, None, None).make("folder", "out")
    assert [each for each in words if each.startswith("LLVM=")] == tools


def test_what_builds_a_kernel_comes_with_its_packages():
    assert debian.Built("linux-source-9", "gcc-12", ("guest", "debug")).packages == ["linux-source-9", "gcc-12"]
    assert debian.Built("linux-source-9", "clang-19", ("guest",)).packages == [
        "linux-source-9", "clang-19", "lld-19", "llvm-19"]


@pytest.mark.parametrize("text, substitute, compiler", [
    ("gcc-12 (Debian 12.2.0-14) 12.2.0", None, "aarch64-linux-gnu-gcc-12"),
    ("aarch64-linux-gnu-gcc-12 (Debian 12.2.0-14) 12.2.0", None, "aarch64-linux-gnu-gcc-12"),
    ("gcc-10 (Debian 10.2.1-6) 10.2.1", "aarch64-linux-gnu-gcc-12", "aarch64-linux-gnu-gcc-12"),
])
def test_a_kernel_of_another_architecture_is_built_for_across(tmp_path, text, substitute, compiler):
    (tmp_path / ".config").write_text(f'CONFIG_CC_VERSION_TEXT="{text}"\n')
    one = Kernel("x", "x", tmp_path, None, None, architecture="arm64", substitute=substitute)
    assert one.compiler == compiler
    assert "CROSS_COMPILE=aarch64-linux-gnu-" in one.make("folder", "out")


@pytest.mark.parametrize("program", sorted({each for boot in check.load("vm").BOOTS for each in boot.programs}))
def test_a_guest_of_another_architecture_has_what_its_boots_ask_for(program):
    """Of what is installed here: dpkg says of which package it is."""
    if not shutil.which(program, path="/usr/bin:/usr/sbin:/bin:/sbin"):
        pytest.skip("it is not installed")
    owners = subprocess.run(["dpkg-query", "-S", f"*bin/{program}"], stdout=subprocess.PIPE, text=True, check=True).stdout
    assert {line.partition(":")[0] for line in owners.splitlines()} & set(debian.groups(debian.release())["guest"])


@pytest.mark.skipif(os.getuid() != 0, reason="namespaces need root")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL, signal.SIGINT])
def test_nothing_of_a_root_outlives_its_starter(tmp_path, start, number):
    """Its processes, though they ignore what can be ignored, and its mounts."""
    tools = pathlib.Path(debian.__file__).parents[1]
    script = f"""
import sys
sys.path.insert(0, {str(tools)!r})
import harness
from harness import process, root
harness.main("test", lambda: process.run(root.within("/", {str(tmp_path)!r}, "/mnt") + [
    "sh", "-c", "trap '' TERM INT HUP; sleep 4321.5 & sleep 4321.5"]))
"""
    runner = start([sys.executable, "-B", "-c", script], stderr=subprocess.DEVNULL)
    wait(lambda: running("4321.5"))
    runner.send_signal(number)
    runner.wait(60)
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


def test_unpacked_headers_are_used_wherever_they_are(tmp_path):
    for name, text in (("linux-headers-7-cloud", kernel._anywhere(
            "KBUILD_OUTPUT=/usr/src/linux-headers-7-cloud\ninclude /usr/src/linux-headers-7-common/Makefile\n")),
                       ("linux-headers-7-common", "all:\n\t@echo $(KBUILD_OUTPUT)\n")):
        (tmp_path / "was/src" / name).mkdir(parents=True)
        (tmp_path / "was/src" / name / "Makefile").write_text(text)
    (tmp_path / "was").rename(tmp_path / "is")
    folder = tmp_path / "is/src/linux-headers-7-cloud"
    said = subprocess.run(["make", "-s", "--no-print-directory", "-C", folder], stdout=subprocess.PIPE, text=True,
                          env={name: value for name, value in os.environ.items() if name != "MAKEFLAGS"},
                          check=True).stdout
    assert said.strip() == str(folder)
