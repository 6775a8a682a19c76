# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""The guests' tests: a kernel that cannot have one does not run it, and says why."""

import dataclasses
import re

import pytest

from harness import check, kernel


@pytest.fixture
def suite():
    return check.load("vm")


@pytest.fixture
def made(tmp_path):
    """A kernel of that release, with that configuration."""
    def make(release, *config):
        (tmp_path / ".config").write_text("\n".join(config))
        return kernel.Kernel("one", release, tmp_path, None, None)
    return make


MPTCP = "listening.to_a_client_of_MPTCP"
CGROUP = "models/memory.is_the_loaders_cgroups_and_its_end_kills_no_process/event"


def test_what_a_kernel_lacks_is_left_out_with_the_reason(suite, made):
    names = ["listening.at_one_address", MPTCP, CGROUP]
    old = suite.left_out(made("5.10.0-46-cloud-amd64", "# CONFIG_MPTCP is not set"), names)
    assert list(old) == [MPTCP, CGROUP]
    assert old[CGROUP] == "Linux 5.10.0-46-cloud-amd64 has not: a cgroup's memory.peak (5.19)"
    for new in ("6.1.0-56-cloud-amd64", "6.12.117+deb12-rt-amd64", "7.3.4"):
        assert not suite.left_out(made(new, "CONFIG_MPTCP=y"), names)
        assert list(suite.left_out(made(new, "CONFIG_MPTCP_KUNIT_TEST=m"), names)) == [MPTCP]


def test_a_module_that_a_test_needs_comes_with_it_alone(suite):
    remote = "models/http_remote.a_file_that_was_replaced_on_its_server/event"
    assert suite.needed([MPTCP, remote]) == ("fuse",)
    assert suite.needed([MPTCP]) == ()


def test_a_machine_of_arm64_does_not_sleep(suite, made):
    name = "icount/suspending.connections_go_on_as_they_were/event"
    one = made("6.12.117+deb12-cloud-arm64", "CONFIG_SUSPEND=y")
    assert not suite.left_out(one, [name])
    assert list(suite.left_out(dataclasses.replace(one, architecture="arm64"), [name])) == [name]


def test_a_need_is_of_tests_that_there_are(suite):
    sources = "".join(each.read_text() for each in (suite.HERE / "guest").glob("*_test.cpp"))
    names = {f"{group}.{name}" for group, name in re.findall(r"TEST_[FP]\((\w+), (\w+)\)", sources)}
    for need in suite.NEEDS:
        assert {re.sub(r"^(models|icount)/|/\*$", "", each) for each in need.tests.split(":")} <= names


def test_a_file_system_comes_with_the_boot_that_mounts_it(suite):
    """Cloud kernels have it built in, and others as a module."""
    files = [each.read_text() for each in (suite.HERE / "guest").glob("http*.cpp")]
    mounted = {name for each in files for name in re.findall(r"mount -t (\w+)", each)}
    assert mounted
    assert mounted <= set(next(each for each in suite.BOOTS if each.name == "http").modules)


def test_a_clock_that_counts_instructions_tells_the_same_on_each_kernel(suite):
    first, second = suite.debian.release().checked
    boot = next(each for each in suite.BOOTS if each.name == "slow")
    assert suite.is_for(boot, first, check.Choice()) and not suite.is_for(boot, second, check.Choice())
    for asked in ({"kernels": [second]}, {"all": True}, {"filter": "*slow_echo*"}, {"boots": ["slow"]}, {"keyword": "slow"}):
        assert suite.is_for(boot, second, check.Choice(**asked))


def test_each_kind_of_guest_is_seen(suite, made, monkeypatch):
    first, second = suite.debian.release().checked
    usual, isolated = (next(each for each in suite.BOOTS if each.name == name) for name in ("tests", "isolated"))
    assert [suite.processors(usual, each, check.Choice()) for each in (first, second)] == [1, 2]
    assert suite.processors(isolated, first, check.Choice()) == 2
    for asked in ({"kernels": [first]}, {"all": True}, {"filter": "*echoes*"}, {"keyword": "echoes"}):
        assert suite.processors(usual, first, check.Choice(**asked)) == 2
    monkeypatch.setenv("KTCP_VM_CPUS", "1")
    assert suite.processors(usual, second, check.Choice()) == 1
    left = suite.left_out(made("6.1.0-56-cloud-amd64", ""), ["models/placing.a_processor_that_goes_away/event"], 1)
    assert list(left.values()) == ["Linux 6.1.0-56-cloud-amd64 has not: a second processor in this guest"]


def test_each_model_is_seen_on_one_of_the_kernels_and_on_each_that_is_asked_for(suite):
    kernels = suite.debian.release().checked
    usual, slow = (next(each for each in suite.BOOTS if each.name == name) for name in ("tests", "slow"))

    def has(boot, name, choice=check.Choice()):
        return [each for each in kernels if not suite.is_anothers(boot, name, each, choice)]
    for both in ("models/echoes.of_all/event", "models/echoes.of_all/softirq", "listening.at_one_address"):
        assert has(usual, both) == list(kernels)
    assert has(usual, "models/echoes.of_all/thread") == [kernels[0]]
    assert has(usual, "models/calls.are_told_apart/thread_verdict") == [kernels[0]]
    assert has(usual, "models/echoes.of_all/work") == [kernels[1]]
    assert has(slow, "models/slow_echo.of_all/work") == list(kernels)
    for asked in ({"kernels": [kernels[0]]}, {"all": True}, {"filter": "*echoes*"}, {"keyword": "echoes"}):
        assert has(usual, "models/echoes.of_all/work", check.Choice(**asked)) == list(kernels)
