# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""Debian's packages: those that are installed, and those that are only unpacked."""

import os
import pathlib
import re
import shutil
import subprocess
import sys

from . import Problem, Wrong, debian, process, say
from .cache import Lock

# As root, apt would hand the download to a user who may not write everywhere, and complain.
DOWNLOAD = ("-q", "-o", "APT::Sandbox::User=root")


def installed(package):
    """Is it?"""
    return query(package, "${db:Status-Status}") == "installed"


def query(package, form):
    """dpkg-query's word on an installed package; "" for one that it does not know."""
    return subprocess.run(["dpkg-query", "-W", "-f", form, package], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                          check=False).stdout.strip()


def install(*names):
    """
    Installs the packages of these groups (debian.groups) that are missing. Nothing is asked of the
    network when everything is there already.
    """
    groups = debian.groups(debian.release())
    for name in names:
        if name not in groups:
            raise Wrong(f"unknown group '{name}'; there are: {' '.join(groups)}")
    wanted = sorted({package for name in names for package in groups[name]})
    if not _missing(wanted):
        return
    # apt itself waits for dpkg, but not for another update of its lists.
    with Lock("/usr/bin/apt-get", "deps: waiting for another run that installs packages"):
        missing = _missing(wanted)
        if missing:
            _install(missing)


def _missing(wanted):
    return [package for package in wanted if not installed(package)]


def _as_root(missing):
    """The words before a command that make root of us."""
    if os.getuid() == 0:
        return []
    # A password can only be typed at a terminal.
    if shutil.which("sudo") and (sys.stdin.isatty() or process.run(
            ["sudo", "-n", "true"], check=False, stderr=subprocess.DEVNULL) == 0):
        return ["sudo"]
    raise Problem(
        f"these Debian packages are missing: {' '.join(missing)}\n"
        "installing needs root, or sudo (without a password when no terminal is attached).\n"
        f"run this as root and try again:  apt-get install {' '.join(missing)}")


def _install(missing):
    apt = [*_as_root(missing), "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-q", "-y",
           "-o", "DPkg::Lock::Timeout=600"]
    say("deps", f"missing: {' '.join(missing)}")
    say("deps", "apt-get update")
    _apt([*apt, "update"], "check the network and the apt sources")
    say("deps", f"apt-get install ({len(missing)} packages and what they depend on)")
    _apt([*apt, "install", "--no-install-recommends", *missing],
         "make room, or remove what contradicts it")
    say("deps", "done")


def _apt(command, hint):
    """Runs it; shows that apt is alive without showing all it says."""
    said, count = [], 0
    # Not a session of its own: sudo asks for a password at our terminal.
    with subprocess.Popen([*process.WITH_US, *command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, errors="replace") as running:
        for line in running.stdout:
            said.append(line)
            if line.startswith("Setting up "):
                count += 1
                if count % 10 == 0:
                    say("deps", f"  {count} packages set up")
    if running.returncode:
        action = "update" if "update" in command else "install"
        why = next((line[3:].strip() for line in said if line.startswith("E: ")), "see above")
        raise Problem(f"{''.join(said[-40:])}apt-get {action} failed ({why}): {hint}")


def fetch(package, folder):
    """Downloads a package, or PACKAGE=VERSION, into a folder without installing it; the file."""
    # apt-get would take another word as an option, or as a pattern of many names.
    if not re.fullmatch(r"[a-z0-9][a-z0-9.+-]*(:[a-z0-9]+)?(=[A-Za-z0-9.+:~-]+)?", package):
        raise Wrong(f"'{package}' is no package's name: Debian's have small letters, digits and . + -, and =VERSION "
                    "may stand behind one")
    command = ["apt-get", *DOWNLOAD, "download", package]

    def download():
        return subprocess.run([*process.WITH_US, *command], cwd=folder, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    done = download()
    if done.returncode:
        # The lists may be absent or out of date; only root may renew them.
        root = [] if os.getuid() == 0 else ["sudo", "-n"]
        if not root or shutil.which("sudo"):
            with Lock("/usr/bin/apt-get", "fetch: waiting for another run that installs packages"):
                process.run([*root, "apt-get", "-q", "update"], check=False,
                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        done = download()
    if done.returncode:
        raise Problem(f"{done.stdout}cannot fetch {package} (see above): is Debian's archive reachable?")
    # Where it is there already, apt-get leaves it as it is. A version's : is %3a in the file's name.
    name, _, version = package.partition("=")
    files = pathlib.Path(folder).glob(f"{name.partition(':')[0]}_{version.replace(':', '%3a') or '*'}_*.deb")
    return max(files, key=lambda each: each.stat().st_mtime)


def unpack(package, folder):
    """Unpacks a package's file into a folder."""
    process.run(["dpkg", "-x", package, folder])


def mirror():
    """Where this machine has its own Debian from."""
    for line in process.output(["apt-get", "indextargets", "--format", "$(REPO_URI) $(LABEL)"]).splitlines():
        address, _, label = line.partition(" ")
        if label == "Debian":
            return address
    raise Problem("apt knows no archive of Debian's: its sources (/etc/apt) have to name one")


def sources(name):
    """Where this machine has Debian's packages from, as lines of a sources.list for the release of a name."""
    here = debian.release().name
    lines = []
    for line in process.output(["apt-get", "indextargets", "--format",
                                "$(CREATED_BY)|$(LABEL)|$(REPO_URI)|$(RELEASE)|$(COMPONENT)"]).splitlines():
        kind, label, address, suite, component = line.split("|")
        if kind == "Packages" and label in ("Debian", "Debian-Security") and here in suite:
            lines.append(f"deb {address} {suite.replace(here, name)} {component}")
    return list(dict.fromkeys(lines))


class Suite:
    """
    A suite of Debian's archive, as `bookworm-backports`, that this machine's apt need not know. Its lists
    are in a folder of their own, and its packages are downloaded, never installed.
    """

    def __init__(self, suite, folder, log, lines=(), architecture=None):
        """
        lines: of a sources.list, in place of that of the suite. architecture: a second one, whose packages
        are NAME:ARCHITECTURE then.
        """
        self.log = log
        folder = pathlib.Path(folder)
        (folder / "lists" / "partial").mkdir(parents=True, exist_ok=True)
        # A package that is installed here is none of its versions.
        (folder / "status").write_text("", encoding="ascii")
        sources = folder / "sources.list"
        sources.write_text("".join(
            each.replace("deb ", "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] ", 1) + "\n"
            for each in lines or [f"deb {mirror()} {suite} main"]), encoding="ascii")
        self.options = ["-o", f"Dir::Etc::SourceList={sources}", "-o", "Dir::Etc::SourceParts=/dev/null",
                        "-o", f"Dir::State::Lists={folder}/lists", "-o", f"Dir::State::status={folder}/status",
                        "-o", "Dir::Cache::pkgcache=",
                        "-o", "Dir::Cache::srcpkgcache=",
                        # Old releases are signed for a time that is over.
                        "-o", "Acquire::Check-Valid-Until=false"]
        if architecture:
            self.options += ["-o", f"APT::Architectures={debian.release().architecture},{architecture}"]
        process.run(["apt-get", *DOWNLOAD, *self.options, "update"], log)

    def depends(self, package):
        """The packages that the newest version of a package depends on: their names."""
        shown = process.output(["apt-cache", *self.options, "show", "--no-all-versions", package])
        for line in shown.splitlines():
            if line.startswith("Depends: "):
                return [each.split()[0] for each in line.removeprefix("Depends: ").split(",")]
        return []

    def knows(self, package):
        """Does it have a package of that name?"""
        return package in process.output(["apt-cache", *self.options, "pkgnames", package]).split()

    def download_all(self, packages, folder, architecture):
        """Downloads packages of another architecture, and all that they depend on; the files."""
        folder = pathlib.Path(folder)
        (folder / "partial").mkdir(parents=True, exist_ok=True)
        process.run(["apt-get", *DOWNLOAD, *self.options, "-o", f"APT::Architecture={architecture}",
                     "-o", f"Dir::Cache::archives={folder}",
                     "-o", "APT::Install-Recommends=false", "--yes", "--download-only", "install", *packages],
                    self.log)
        return sorted(folder.glob("*.deb"))

    def download(self, packages, folder):
        """Downloads the newest of these packages; the files."""
        process.run(["apt-get", *DOWNLOAD, *self.options, "download", *packages], self.log, cwd=folder)
        return sorted(pathlib.Path(folder).glob("*.deb"))
