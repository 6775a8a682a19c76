# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""Builds for the guests: modules for each kernel, servers and clients, nginx."""

import pathlib
import shutil
import subprocess

from guest import TOP, Wrong, command, given, module, say

HERE = TOP / "bench"
BUILD = TOP / "build" / "bench"
QUIET = ["make", "-s", "--no-print-directory"]
EXAMPLES = ("kecho", "khttpd")


def programs():
    """The folder of echo-load and of the servers in user space."""
    folder = BUILD / "bin"
    command(*QUIET, "-C", HERE / "echo-load", f"OUT={folder}")
    command(*QUIET, "-C", HERE / "capture", f"OUT={folder}")
    command(*QUIET, "-C", HERE / "servers", f"OUT={folder}")
    command(*QUIET, "-C", TOP / "examples" / "user-echo-server", f"OUT={folder}",
            "CXXFLAGS=-O2 -g1 -static")
    return folder


def modules(kernel, top=TOP):
    """kecho and khttpd of a tree."""
    return {name: module.build(kernel, top / "examples" / name, place(top) / kernel.release)[0]
            for name in EXAMPLES}


def floor(kernel):
    return module.build(kernel, HERE / "floor", BUILD / kernel.release)[0]


def costs(kernel):
    return module.build(kernel, HERE / "costs", BUILD / kernel.release)[0]


def commit():
    """This tree's, and whether something was changed since; no repository has none."""
    if not (TOP / ".git").exists():
        return "unknown"
    return command("git", "-C", TOP, "describe", "--always", "--abbrev=7", "--exclude=*", "--dirty").strip()


def place(top):
    return top / "build" / "bench"


def worktree(commit):
    """Another commit's tree, checked out below build/: its short name, and the folder."""
    git = ["git", "-C", TOP]
    name = given.commit(commit, TOP)
    folder = TOP / "build" / f"base-{name}"
    if not (folder / ".git").exists():
        shutil.rmtree(folder, ignore_errors=True)
        command(*git, "worktree", "prune")
        command(*git, "worktree", "add", "--detach", folder, name)
    return name, folder


def base_modules(kernel, top):
    """The other commit's, under names that do not meet ours in the guest's root folder."""
    say(f"building kecho and khttpd of {top.name} for {kernel.release}")
    result = {}
    for name, built in modules(kernel, top).items():
        result[name] = built.with_name(f"base-{name}.ko")
        shutil.copy(built, result[name])
    return result


def peer(path):
    """Somebody else's module, which must not be taken for ours in the guest."""
    known = subprocess.run(["/sbin/modinfo", "-F", "name", path], stdin=subprocess.DEVNULL, check=False,
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    if not path.endswith(".ko") or not pathlib.Path(path).is_file() or known.returncode:
        raise Wrong(f"PEER={path} is not a module: the .ko file, built for the measured kernel (one "
                    f"--kernel), is needed")
    BUILD.mkdir(parents=True, exist_ok=True)
    return str(shutil.copy(path, BUILD / "peer.ko"))


def nginx():
    """
    Debian's, unpacked and not installed: nothing of it runs on this machine. Its program; its configuration here, and
    one without tcp_nopush, which nginx itself does not have by default.
    """
    folder = BUILD / "nginx"
    if not (folder / "usr").exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        command(TOP / "tools" / "fetch", "nginx", cwd=folder)
        command("dpkg", "-x", *folder.glob("nginx_*.deb"), folder)
    own = HERE / "nginx.conf"
    default = folder / "nginx-default.conf"
    default.write_text("".join(line for line in own.read_text().splitlines(True) if "tcp_nopush on" not in line))
    return str(folder / "usr" / "sbin" / "nginx"), str(own), str(default)


def nginx_version():
    return next((BUILD / "nginx").glob("nginx_*.deb")).name.split("_")[1]
