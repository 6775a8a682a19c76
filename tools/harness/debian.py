# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""
Everything that follows Debian's release: kernels, compilers, names of packages.

A release is added here, as one Release; a kernel of it in that Release (docs/porting.md).
"""

import dataclasses
import functools
import pathlib
import platform

from . import Problem


@dataclasses.dataclass(frozen=True)
class Unpacked:
    """A stock kernel that is not installed here. Its packages are unpacked in the cache (kernel.py)."""

    release: str
    """The name of the release whose archive has it."""
    headers: str
    """The package that depends on its newest headers."""
    architecture: str = "amd64"


@dataclasses.dataclass(frozen=True)
class Built:
    """A kernel that is built here from Debian's source (kernel.py)."""

    source: str
    """The package that has it."""
    compiler: str
    """Its name, as gcc-12 or clang-14. With clang, all of LLVM's tools of that version build the kernel."""
    options: tuple
    """The files of tests/vm (NAME.config) that say what its configuration has beside nothing."""

    @property
    def debug(self):
        """Does it look out for mistakes?"""
        return "debug" in self.options

    @property
    def clang(self):
        """The version of clang that builds it, as 14; "" where that is gcc."""
        return self.compiler.partition("clang-")[2]

    @property
    def packages(self):
        """Of its source, and of what builds it."""
        return [self.source, self.compiler, *(f"{each}-{self.clang}" for each in ("lld", "llvm") if self.clang)]


@dataclasses.dataclass(frozen=True)
class Release:
    """One release of Debian."""

    number: int
    name: str
    gcc: str
    """The version of gcc and g++ that programs and tests are built by."""
    clang: str
    """That of clang, clang-format and clang-tidy."""
    kcfi: str
    """That of the clang whose kernels and modules check their indirect calls (kCFI)."""
    headers: dict
    """Each stock kernel's name, and the package that depends on its newest headers."""
    realtime: dict
    """The same of kernels built with PREEMPT_RT (NAME-rt), which `make matrix` tests as well."""
    unpacked: dict
    """Kernels of other releases and architectures, which `make matrix` tests as well: an Unpacked each."""
    checked: tuple
    """The kernels that the modules are tested on by themselves, the usual one first."""
    built: dict
    """Kernels that are built here: those that look out for mistakes, and those of other compilers. A Built each."""
    kunit: str
    """The source in which KUnit's suites run."""
    next: str
    """The release whose compilers build for the backports' kernels."""
    backports: dict
    """The newest stock kernels of that release's backports; `backports` is amd64's own. An Unpacked each."""
    ssl: str
    """OpenSSL's library, of which the package's name changes."""
    llhttp: str
    """llhttp, with which HTTP is compared: its source, or a library."""
    formatter: tuple
    """The packages of clang-format 14 (formatter.py), or of the libraries that Debian 12's needs."""
    emulators: tuple
    """The packages of QEMU for other architectures, where it is new enough (emulator.py)."""
    architecture: str = "amd64"

    @property
    def usual(self):
        """The name of the kernel for those who name none."""
        return self.checked[0]

    @property
    def kernels(self):
        """Every kernel's name."""
        return (*self.headers, *self.realtime, *self.unpacked, *self.built, *self.backports)

    @property
    def cc(self):
        return f"gcc-{self.gcc}"

    @property
    def cxx(self):
        return f"g++-{self.gcc}"

    def cross(self, triplet):
        """The packages of the compilers for another architecture, by the beginning of their programs' names."""
        return [f"{each}-{triplet}" for each in (self.cc, self.cxx)]

    @property
    def tidy(self):
        return f"clang-tidy-{self.clang}"

    @property
    def variables(self):
        """The answers to scripts (tools/release)."""
        return {"RELEASE_NAME": self.name, "CC": self.cc, "CXX": self.cxx, "CLANG": self.clang, "KCFI_CLANG": self.kcfi,
                "KERNEL": self.usual, "STOCK": " ".join(self.headers), "HEADERS": " ".join(self.headers.values()), "KERNELS": " ".join(self.checked)}

    def __str__(self):
        return f"Debian {self.number} ({self.name}), {self.architecture}"


# Pages have 16 KiB in the last.
TRIXIE_BACKPORTS = {
    "backports": Unpacked("trixie-backports", "linux-headers-cloud-amd64"),
    "backports-rt": Unpacked("trixie-backports", "linux-headers-rt-amd64"),
    "backports-arm64": Unpacked("trixie-backports", "linux-headers-cloud-arm64", "arm64"),
    "backports-arm64-16k": Unpacked("trixie-backports", "linux-headers-arm64-16k", "arm64"),
}

RELEASES = (
    Release(
        number=12, name="bookworm", gcc="12", clang="14", kcfi="19",
        headers={"6.1": "linux-headers-cloud-amd64", "6.12": "linux-headers-6.12-cloud-amd64"},
        realtime={"6.1-rt": "linux-headers-rt-amd64", "6.12-rt": "linux-headers-6.12-rt-amd64"},
        unpacked={"5.10": Unpacked("bullseye", "linux-headers-cloud-amd64"),
                  "6.1-arm64": Unpacked("bookworm", "linux-headers-cloud-arm64", "arm64"),
                  "6.12-arm64": Unpacked("bookworm", "linux-headers-6.12-cloud-arm64", "arm64")},
        checked=("6.1", "6.12"),
        built={"6.1-debug": Built("linux-source-6.1", "gcc-12", ("guest", "debug")),
               "6.12-debug": Built("linux-source-6.12", "gcc-12", ("guest", "debug")),
               "6.12-kcsan": Built("linux-source-6.12", "gcc-12", ("guest", "kcsan")),
               "6.12-clang": Built("linux-source-6.12", "clang-14", ("guest", "hardened")),
               "6.12-kcfi": Built("linux-source-6.12", "clang-19", ("guest", "hardened", "kcfi"))},
        kunit="linux-source-6.1", next="trixie", backports=TRIXIE_BACKPORTS,
        ssl="libssl3", llhttp="node-llhttp",
        formatter=("clang-format-14",), emulators=(),
    ),
    Release(
        number=13, name="trixie", gcc="14", clang="19", kcfi="19",
        headers={"6.12": "linux-headers-cloud-amd64"},
        realtime={"6.12-rt": "linux-headers-rt-amd64"},
        unpacked={},
        checked=("6.12", "backports"),
        built={"6.12-debug": Built("linux-source-6.12", "gcc-14", ("guest", "debug")),
               "6.12-kcsan": Built("linux-source-6.12", "gcc-14", ("guest", "kcsan")),
               "6.12-kcfi": Built("linux-source-6.12", "clang-19", ("guest", "hardened", "kcfi"))},
        kunit="linux-source-6.12", next="trixie", backports=TRIXIE_BACKPORTS,
        ssl="libssl3t64", llhttp="libllhttp-dev",
        formatter=("libedit2", "libxml2", "libz3-4"), emulators=("qemu-system-arm",),
    ),
)


def identify(fields, machine):
    """The Release that /etc/os-release (a dict) and uname's machine name, or a Problem."""
    for each in RELEASES:
        if (fields.get("ID"), fields.get("VERSION_CODENAME"), machine) == ("debian", each.name, "x86_64"):
            return each
    here = fields.get("PRETTY_NAME") or fields.get("ID") or "no known distribution"
    raise Problem(
        f"ktcp's commands run on {' and on '.join(map(str, RELEASES))}; this is {here}, {machine}: "
        "here `make -C examples/kecho` builds a module for the running kernel, where its headers, the "
        "gcc that built it and the g++ of the same version are installed.")


@functools.cache
def release():
    """This machine's Release. On another system a Problem, which says in one line what works there."""
    try:
        text = pathlib.Path("/etc/os-release").read_text(encoding="utf-8")
    except OSError:
        text = ""
    fields = {}
    for line in text.splitlines():
        name, _, value = line.partition("=")
        fields[name] = value.strip("\"'")
    return identify(fields, platform.machine())


def groups(of):
    """The packages that each of ktcp's commands needs on a Release, by the name of the group."""
    compilers = [of.cc, of.cxx]
    kernel = ["make", *compilers, "binutils", "libelf-dev", "xz-utils", "kmod"]
    from_source = [*kernel, "flex", "bison", "bc", "libssl-dev", "dwarves", "cpio", "rsync", "python3"]
    result = {
        # These scripts' interpreter, and the tests' runner.
        "python": ["python3"],
        "check": ["python3", "python3-pytest", "util-linux"],
        # A module's needs: compilers, and the headers of the kernels it is built for. 6.12's headers depend
        # on their kernel's image, so apt installs that too; nothing here boots it.
        # g++ is what make calls by default: a module's unit test and the same sources as a program.
        "build": [*kernel, "g++", *of.headers.values()],
        "realtime": [*of.realtime.values()],
        # A guest's needs: the machine, the parts of its initramfs, the test framework, and clients, in the
        # guest and on the host.
        "vm": ["qemu-system-x86", "busybox-static", "cpio", "gzip", "kmod", "xz-utils", "iproute2",
               "libgtest-dev", "netcat-openbsd", "telnet", "procps", "util-linux", "curl", "wget",
               "apache2-utils", "wrk", "nghttp2-client", "slowhttptest", "python3", "python3-h11",
               "e2fsprogs", "dmsetup", f"clang-{of.clang}", "libbpf-dev", "bpftool"],
        # To build for kernels of that architecture, and to run them. Its programs for the guest are fetched
        # (guest.py).
        "arm64": [*of.cross("aarch64-linux-gnu"), *of.emulators],
        # A guest of another architecture has these from its packages. The test program is built for it.
        "guest": ["busybox-static", "iproute2", "libgtest-dev", "kmod", "curl", "wget", "apache2-utils", "wrk",
                  "nghttp2-client", "slowhttptest", "python3", "python3-h11", "e2fsprogs", "dmsetup", "bpftool"],
        # The browser that looks at khttpd, what drives it, and letters to see.
        "browser": ["chromium", "chromium-driver", "python3", "fonts-dejavu-core", "curl"],
        # Programs that fetch, install and cache, for tests/clients; npm where it is there already.
        "clients": ["curl", "wget", "wget2", "aria2", "lftp", "rclone", "httpdirfs", "busybox-static",
                    "python3", "python3-pip", "apt", "dpkg-dev", "git", "zsync", "zchunk", "nginx",
                    "libnginx-mod-stream", "haproxy", "varnish", "squid", "apache2-utils", "openssl", "diffutils"],
        # More of them, which are large or take long: for `make proof`.
        "clients-proof": ["debootstrap", "xz-utils", "ffmpeg", "mpv", "qemu-system-x86", "ipxe-qemu",
                          "busybox-static", "cpio"],
        # Tests and checks in user space.
        "host": ["make", "cmake", "ccache", "git", of.cxx, "libgtest-dev", "libgmock-dev", "clang", f"clang-{of.clang}",
                 f"clang-{of.kcfi}", of.headers[of.usual],
                 f"libclang-rt-{of.clang}-dev", f"llvm-{of.clang}", *of.formatter, of.tidy, "cppcheck",
                 "sparse", "shellcheck", "python3", "liburing-dev", "netcat-openbsd", "procps", "iproute2", "curl",
                 "apache2-utils", "wrk", "libboost-dev", of.llhttp, "python3-h11",
                 "media-types"],
        # The kernel's own test runner, from the kernel's source.
        "kunit": [*from_source, of.kunit],
        # Copies of the tree with defects in them (tests/mutants).
        "mutants": ["git", "patch", "rsync"],
        # The kernel of the next release's backports, with that release's compiler.
        "backports": [*kernel, "pahole"] if of.next == of.name else ["debootstrap"],
        # The benchmark: its scripts, the io_uring server, the figures, clients of HTTP, and the
        # libraries of nginx, which is fetched without being installed.
        "bench": ["make", of.cxx, "python3", "liburing-dev", "gnuplot-nox", "wrk", "apache2-utils",
                  "nghttp2-client", "libcrypt1", "libpcre2-8-0", of.ssl, "zlib1g"],
        # The documentation's tests, and the reference.
        "docs": ["make", "python3", "perl", "gdb", "doxygen", "graphviz", "ipvsadm", "tmux", "mawk", "mkdocs",
                 "python3-pygments", "libjs-jquery",
                 "busybox-static", "fonts-dejavu-core", "locales"],
        # Pictures of the site: Chinese letters.
        "site": ["fonts-wqy-zenhei"],
        # make install and make deb; debootstrap is for trying the package.
        "install": ["make", "cmake", of.cxx],
        "deb": ["git", "make", "cmake", "g++", of.cxx, "debhelper", "dh-dkms", "dpkg-dev", "fakeroot",
                "debootstrap", "python3"],
        # Fresh roots of each release (tests/package).
        "root": ["debootstrap"],
    }
    # Other kernels are built from source as well.
    for name, what in of.built.items():
        result[name] = [*from_source, *what.packages]
    result["all"] = sorted({each for name in ("check", "build", "vm", "browser", "clients", "host", "kunit", "bench",
                                         "docs")
                            for each in result[name]})
    return result
