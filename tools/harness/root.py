# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""A small Debian of any release in a folder, as its user has it: git, make and nothing else. Needs root."""

import os
import pathlib
import shutil

from . import Problem, packages, process

# A proxy's variables go in; nothing else of our environment does.
PROXY = ("http_proxy", "https_proxy", "no_proxy")


def within(root, folder="", at="", devices=False):
    """
    The words before a command that runs in the system in root.

    folder: found there under its own name, or under another (at). devices: it sees this machine's /dev. The
    command's mounts and processes end with the command, and it ends with us.
    """
    # unshare itself ignores SIGTERM while its child runs.
    return ["setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--pid", "--fork", "--kill-child",
            "sh", "-euc", """
        root=$0 folder=$1 at=$2 devices=$3
        shift 3
        # A mount of its own, as / is everywhere else: so one may be made within it.
        mount --bind "$root" "$root"
        if [ "$folder" ]; then
            mkdir -p "$root$at"
            mount --bind "$folder" "$root$at"
        fi
        mount -t proc proc "$root/proc"
        [ ! "$devices" ] || mount --rbind /dev "$root/dev"
        exec chroot "$root" "$@"
    """, str(root), str(folder), str(at or folder), "yes" if devices else ""]


class Root:
    """Such a system; cache is a folder that it keeps kernels and downloads in (its own, if None)."""

    def __init__(self, place, cache=None):
        self.place, self.cache = pathlib.Path(place), cache

    def make(self, release, log):
        """Makes it anew, of the release of that name (as trixie), with this machine's sources of packages."""
        if os.getuid() != 0:
            raise Problem("making a fresh root needs root, for debootstrap and chroot")
        packages.install("root")
        self.remove()
        sources = packages.sources(release)
        https = ["--include=ca-certificates"] if any(" https:" in each for each in sources) else []
        process.run(["debootstrap", "--variant=minbase", *https, release, self.place, packages.mirror()], log)
        apt = self.place / "etc/apt"
        for name in ("apt.conf.d", "auth.conf.d", "trusted.gpg.d"):
            if pathlib.Path("/etc/apt", name).is_dir():
                shutil.copytree(f"/etc/apt/{name}", apt / name, dirs_exist_ok=True)
        for each in pathlib.Path("/usr/share/keyrings").iterdir():
            if not (self.place / "usr/share/keyrings" / each.name).exists():
                shutil.copy(each, self.place / "usr/share/keyrings")
        (apt / "sources.list").write_text("".join(f"{each}\n" for each in sources), encoding="utf-8")
        process.run(self.inside("apt-get", "-q", "update"), log)

    def inside(self, *command):
        """The words before a command that runs in it. Nothing of this machine's environment comes along."""
        given = [f"{name}={os.environ[name]}" for name in PROXY if name in os.environ]
        if self.cache:
            given.append("KTCP_CACHE=/var/cache/ktcp")
        return [*within(self.place, self.cache or "", "/var/cache/ktcp" if self.cache else "", devices=True),
                "env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "TERM=dumb",
                "DEBIAN_FRONTEND=noninteractive", *given, *map(str, command)]

    def remove(self):
        """Removes it."""
        if self.place.exists():
            process.run(["rm", "-rf", "--one-file-system", self.place])
