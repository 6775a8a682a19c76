# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""
The kernels that modules are built for and guests boot: `get("6.1")`.

Only the headers of the stock ones are installed. Images are unpacked in the cache, one folder a version,
and kernels with other options or compilers are built there.
"""

import dataclasses
import hashlib
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import threading
import time

from . import TOP, Problem, Wrong, cache, debian, given, packages, process, say
from .root import within


TRIPLETS = {"arm64": "aarch64-linux-gnu"}
"""The names by which compilers know architectures other than this machine's."""


@dataclasses.dataclass(frozen=True)
class Kernel:
    """A kernel to build modules for and to boot."""

    name: str
    """By which it is asked for, as 6.1, 6.12-debug or backports."""
    release: str
    """What uname -r says in the guest."""
    kdir: pathlib.Path
    """Where modules are built against: headers, or a build tree."""
    vmlinuz: pathlib.Path | None
    """What boots; None where only the headers were asked for."""
    modules: pathlib.Path | None
    """Its /lib/modules/RELEASE."""
    root: pathlib.Path | None = None
    """A small system in which kdir and the compiler are (prefix()); None: this one."""
    debug: bool = False
    """Does it look out for mistakes (KASAN, lockdep)? It is some five times slower then."""
    architecture: str = "amd64"
    substitute: str | None = None
    """What its modules are built by, where the compiler that built it is not to be had."""

    @property
    def cross(self):
        """The beginning of the names of compilers and other tools for its architecture."""
        return "" if self.architecture == Kernel.architecture else f"{TRIPLETS[self.architecture]}-"

    @property
    def compiler(self):
        """The C compiler that built it, by name, as gcc-12: its modules are built by the same."""
        if self.substitute:
            return self.substitute
        name = self._compiler()
        return name if "clang" in name or name.startswith(self.cross) else f"{self.cross}{name}"

    def _compiler(self):
        words = self._option("CC_VERSION_TEXT").strip('"').split()
        if self._option("CC_IS_CLANG") == "y":
            return f"clang-{int(self._option('CLANG_VERSION')) // 10000}"
        if not words or not re.search(r"-\d+$", words[0]):
            return f"gcc-{int(self._option('GCC_VERSION') or 0) // 10000}"
        return words[0]

    @property
    def kunit(self):
        """Does it have KUnit?"""
        return self._option("KUNIT") == "y"

    @property
    def numbers(self):
        """Its release's first two, to compare: (6, 1)."""
        return tuple(int(each) for each in re.findall(r"\d+", self.release)[:2])

    def has(self, option):
        """Is that option of its configuration on, or a module?"""
        return self._option(option) in ("y", "m")

    def prefix(self, folder):
        """The words before a command that builds for it, with a folder that the command must find."""
        return within(self.root, folder) if self.root else []

    def make(self, folder, out, *arguments, quiet=True):
        """The command that builds the module of a folder into another, by ccache where that is; words."""
        launcher = "ccache " if shutil.which("ccache") and not self.root else ""
        return [*self.prefix(TOP), "make", *(["-s"] if quiet else []), "--no-print-directory",
                "-C", str(folder), f"KDIR={self.kdir}", f"OUT={out}", *self._tools(), f"CC={launcher}{self.compiler}",
                *([f"CROSS_COMPILE={self.cross}"] if self.cross else []), *arguments]

    def _tools(self):
        """The kernel's make finds a compiler's other tools by this. A kernel that lld linked wants LLVM's."""
        return llvm(self.compiler) if self.has("LD_IS_LLD") else []

    def _option(self, name):
        kdir = pathlib.Path(f"{self.root or ''}{self.kdir}")
        for line in (kdir / ".config").read_text(encoding="utf-8").splitlines():
            if line.startswith(f"CONFIG_{name}="):
                return line.partition("=")[2]
        return ""


def known(name):
    """The name of a kernel, if there is one of it here; a Wrong if not."""
    of = debian.release()
    if name not in of.kernels:
        raise Wrong(f"there is no kernel {name} here: {of} has {', '.join(of.kernels)}")
    return name


def get(name=None):
    """The kernel of that name (None: the usual one), fetched or built first where it is not there."""
    of = debian.release()
    name = known(name or of.usual)
    packages.install("build")
    if name in of.realtime:
        packages.install("realtime")
    if name in of.headers or name in of.realtime:
        return _stock(name, of)
    if name in of.unpacked:
        return _unpacked(name, of)
    if name in of.backports:
        return _backports(name, of)
    return _built(name, of)


def headers(name):
    """A kernel to build for alone: of a stock one nothing is fetched."""
    of = debian.release()
    if name not in of.headers:
        return get(name)
    packages.install("build")
    release = _release_of(name, of)
    return Kernel(name, release, pathlib.Path(f"/usr/src/linux-headers-{release}"), None, None)


# ---- Debian's own ----------------------------------------------------------------------------------

def _release_of(name, of):
    """The name that uname -r prints: the package depends on the headers of one exact version."""
    package = _headers_of(name, of)
    depends = packages.query(package, "${Depends}")
    found = re.search(r"linux-headers-(\d\S*?)(?:[\s,(]|$)", depends)
    if not found or not found[1].startswith(f"{name.removesuffix('-rt')}."):
        raise Problem(f"{package} is for another kernel than {name} here ({depends}): "
                      f"{of}'s own package is needed")
    return found[1]


def _headers_of(name, of):
    """The package that depends on its newest headers."""
    return of.headers.get(name) or of.realtime[name]


def _stock(name, of):
    """Its image is the one of exactly the installed headers' version."""
    release = _release_of(name, of)
    version = packages.query(f"linux-headers-{release}", "${Version}")
    folder = cache.folder("kernel")
    place = folder / f"{release}_{version}"
    if not place.exists():
        with _new(folder) as new:
            say("kernel", f"fetching linux-image-{release} {version}")
            try:
                image = packages.fetch(f"linux-image-{release}={version}", new)
            except Problem as problem:
                raise Problem(
                    f"{problem}\n{version} is the version of the installed headers. If the archive has "
                    f"moved on, upgrade them: apt-get update && apt-get install {_headers_of(name, of)}"
                ) from None
            root = new / "root"
            packages.unpack(image, root)
            _install_image(root, release, new / "kernel")
            _keep(new / "kernel", place)
    return Kernel(name, release, pathlib.Path(f"/usr/src/linux-headers-{release}"),
                  place / "vmlinuz", place / "modules")


def _install_image(root, release, place):
    """The image and its modules, of the unpacked packages in root; moved into place."""
    modules = next(each for each in (root / "usr/lib/modules" / release, root / "lib/modules" / release)
                   if each.is_dir())
    # depmod wants lib/modules/RELEASE.
    if not (root / "lib").exists():
        (root / "lib").symlink_to("usr/lib")
    process.run(["depmod", "-b", root, release])
    vmlinuz = modules / "vmlinuz"
    if not vmlinuz.exists():
        vmlinuz = root / f"boot/vmlinuz-{release}"
    place.mkdir()
    shutil.move(vmlinuz, place / "vmlinuz")
    shutil.move(modules, place / "modules")


def _new(folder):
    """A folder beside those that are kept, in which one is made; it goes with the `with`."""
    return _Temporary(prefix=".new.", dir=folder)


class _Temporary(tempfile.TemporaryDirectory):
    def __enter__(self):
        return pathlib.Path(super().__enter__())


def _keep(new, place):
    """All of it appears at once. Another run may have been quicker; its result is the same."""
    try:
        new.rename(place)
    except OSError:
        if not place.is_dir():
            raise


# ---- the newest of the backports -----------------------------------------------------------------------

def _backports(name, of):
    """
    A stock kernel of a release's backports, with what modules for it are built with. Where this release lacks its
    compiler, that and the kernel are in a small system of the next.
    """
    what = of.backports[name]
    packages.install("backports")
    folder = cache.folder("backports-kernel")
    with cache.Lock(folder / ".lock", "kernel: waiting for another run that fetches the backports' kernels"):
        if of.next == of.name:
            return _beside(name, of, what, folder / f"{of.name}-{name}")
        root = folder / of.next
        _make_root(of, root, folder / "log")
        one = _beside(name, of, what, root / "kernels" / name)
        return dataclasses.replace(one, root=root, kdir=pathlib.Path("/") / one.kdir.relative_to(root))


def _make_root(of, root, log):
    """A small system of the next release, with what builds modules for all kernels of its backports."""
    compiler = next(each for each in debian.RELEASES if each.name == of.next)
    foreign = {each.architecture for each in of.backports.values()} - {of.architecture}
    wanted = ["make", compiler.cc, compiler.cxx, "libelf1t64", "kmod", "pahole",
              *(each for name in sorted(foreign) for each in compiler.cross(TRIPLETS[name]))]
    done = root / "made"
    if done.exists() and done.read_text(encoding="utf-8").split() == wanted:
        return
    if os.getuid() != 0:
        raise Problem(f"making a {of.next} in a folder needs root, once: sudo -E tools/kernel backports")
    process.run(["rm", "-rf", "--one-file-system", root])
    log.write_bytes(b"")
    say("kernel", f"making a {of.next} in a folder (debootstrap)")
    process.run(["debootstrap", "--variant=minbase", of.next, root, packages.mirror()], log)
    # No process of its packages is to run on here.
    apt = [*within(root), "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-q", "-y", "--no-install-recommends"]
    process.run([*apt, "update"], log)
    process.run([*apt, "install", *wanted], log)
    process.run([*apt, "clean"], log)
    (root / "kernels").mkdir()
    done.write_text("\n".join(wanted) + "\n", encoding="utf-8")


def _beside(name, of, what, place, lines=()):
    """
    A kernel that is not installed: image, headers and the programs of its build are unpacked at a place in
    the cache. It stays what it was, however the archive moves on, until that folder is removed.
    """
    foreign = what.architecture if what.architecture != of.architecture else None
    theirs = f":{foreign}" if foreign else ""
    if foreign:
        packages.install(foreign)
    if not place.exists():
        log = place.parent / "log"
        log.write_bytes(b"")
        with _new(place.parent) as new:
            suite = packages.Suite(what.release, new / "apt", log, lines, foreign)
            release = _newest(suite.depends(f"{what.headers}{theirs}"))
            say("kernel", f"fetching {release} of {what.release}")
            headers = f"linux-headers-{release}{theirs}"
            image = [f"linux-image-{release}"]
            if suite.knows(f"linux-modules-{release}"):
                image = [f"linux-{each}-{release}" for each in ("base", "binary", "modules")]
            # The programs that build a module are this machine's.
            build = [each for each in suite.depends(headers) if re.match("linux-(headers|kbuild)-", each)]
            root = new / "root"
            for each in suite.download([headers, *build, *(f"{each}{theirs}" for each in image)], new):
                packages.unpack(each, root)
            kept = new / "kernel"
            _install_image(root, release, kept)
            makefile = root / f"usr/src/linux-headers-{release}" / "Makefile"
            makefile.write_text(_anywhere(makefile.read_text(encoding="utf-8")), encoding="utf-8")
            shutil.move(root / "usr", kept / "usr")
            (kept / "release").write_text(release, encoding="utf-8")
            _keep(kept, place)
    release = (place / "release").read_text(encoding="utf-8")
    return Kernel(name, release, place / f"usr/src/linux-headers-{release}", place / "vmlinuz",
                  place / "modules", architecture=what.architecture)


def _unpacked(name, of):
    """One of another release or architecture."""
    what = of.unpacked[name]
    lines = [each for each in packages.sources(what.release) if "-updates" not in each]
    folder = cache.folder("unpacked-kernel")
    with cache.Lock(folder / f".{name}.lock", f"kernel: waiting for another run that fetches {name}"):
        one = _beside(name, of, what, folder / f"{of.name}-{name}", lines)
    # This release may not have the compiler that built it.
    return one if shutil.which(one.compiler) else dataclasses.replace(one, substitute=f"{one.cross}{of.cc}")


def _anywhere(makefile):
    """
    The headers' makefile, with the folders of the headers given by its own place. The cache may be moved,
    or seen by another name.
    """
    return ("ktcp-headers := $(abspath $(dir $(lastword $(MAKEFILE_LIST)))..)\n" +
            makefile.replace("/usr/src/", "$(ktcp-headers)/"))


def _newest(depends):
    """The release of the headers among what their package depends on."""
    for each in depends:
        if re.match(r"linux-headers-\d", each):
            return each.removeprefix("linux-headers-")
    raise Problem(f"the package of the newest headers depends on none: {', '.join(depends)}")


# ---- kernels that are built here -------------------------------------------------------------------------

# A probability of 100 asks for no random number. fail_function decides in a breakpoint's handler, and a
# random number may take a lock that is held where the breakpoint was hit. lockdep says so, and looks out
# for nothing any more after that.
CERTAIN = "s/if (attr->probability <= /if (attr->probability < 100 \\&\\& attr->probability <= /"


def llvm(compiler):
    """make's words for all of LLVM's tools of a clang's version: clang-14's are called ld.lld-14 and so on."""
    return [f"LLVM={compiler.removeprefix('clang')}"]


def _built(name, of):
    """
    Built from Debian's source, keyed by the source's version, the compiler and linker, and the configuration.
    A debug kernel takes a quarter of an hour on two cores, once.
    """
    packages.install(name)
    what = of.built[name]
    version = packages.query(what.source, "${Version}")
    config = "".join((TOP / f"tests/vm/{each}.config").read_text(encoding="utf-8") for each in what.options) + \
        f'# Its name\nCONFIG_LOCALVERSION="-{name.partition("-")[2]}"\n'
    linker = f"ld.lld-{what.clang}" if what.clang else "ld"
    key = hashlib.sha256("".join((
        f"{version}\n", process.output([what.compiler, "--version"]), process.output([linker, "--version"]),
        config, f"{CERTAIN}\n")).encode()).hexdigest()[:12]
    folder = cache.folder("built-kernel")
    place = folder / f"{name}_{version}_{key}"
    # A kernel that is there does not wait for the build of another.
    if not (place / "done").exists():
        with cache.Lock(folder / ".lock", "kernel: waiting for another build of a kernel"):
            if not (place / "done").exists():
                _build(place, what, version, config)
    build = place / "build"
    release = (build / "include/config/kernel.release").read_text(encoding="utf-8").strip()
    return Kernel(name, release, build, build / "arch/x86/boot/bzImage",
                  place / "root/lib/modules" / release, debug=what.debug)


def _build(place, what, version, config):
    shutil.rmtree(place, ignore_errors=True)
    tree, build, log = place / "tree", place / "build", place / "log"
    tree.mkdir(parents=True)
    build.mkdir()
    say("kernel", f"unpacking {what.source} {version}")
    process.run(["tar", "-xf", f"/usr/src/{what.source}.tar.xz", "-C", tree, "--strip-components=1"])
    inject = tree / "lib/fault-inject.c"
    process.run(["sed", "-i", CERTAIN, inject])
    if "probability < 100 && " not in inject.read_text(encoding="utf-8"):
        raise Problem(f"lib/fault-inject.c of {what.source} {version} is another: CERTAIN in "
                      "tools/harness/kernel.py does not match it")
    options = place / "config"
    options.write_text(config, encoding="utf-8")
    tools = llvm(what.compiler) if what.clang else [f"CC={what.compiler}", f"HOSTCC={what.compiler}"]
    make = ["make", "-s", "-C", tree, f"O={build}", *tools]
    process.run([*make, "allnoconfig"], log, env={"KCONFIG_ALLCONFIG": str(options)})
    # An option that has got another name is better known than missed.
    taken = (build / ".config").read_text(encoding="utf-8").splitlines()
    for line in config.splitlines():
        if line.startswith("CONFIG") and line not in taken:
            say("kernel", f"not taken: {line}")
    with _Progress(build):
        # Its objects are kept here, and are too many for ccache.
        process.run(["nice", *make, f"-j{given.jobs()}", "bzImage", "modules"], log, env={"CCACHE_DISABLE": "1"})
        process.run([*make, "modules_prepare"], log)
        process.run([*make, f"INSTALL_MOD_PATH={place}/root", "modules_install"], log)
    (place / "done").touch()


class _Progress:
    """Shows that a kernel's long build is alive."""

    def __init__(self, build):
        self.build, self.done = build, threading.Event()
        self.thread = threading.Thread(target=self._tell, daemon=True)

    def __enter__(self):
        self.thread.start()

    def __exit__(self, *_):
        self.done.set()
        self.thread.join()

    def _tell(self):
        start = time.monotonic()
        while not self.done.wait(30):
            objects = subprocess.run(["find", self.build, "-name", "*.o"], stdout=subprocess.PIPE,
                                     stderr=subprocess.DEVNULL, check=False).stdout.count(b"\n")
            say("kernel", f"building: {objects} objects, {time.monotonic() - start:.0f} s")
