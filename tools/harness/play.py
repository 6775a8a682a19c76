# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""
kecho and khttpd in a virtual machine, or a module of one's own, to talk to from here:

    tools/run            boots, loads, and shows the kernel's log until Ctrl-C or Ctrl-D
    tools/run --demo     a scripted conversation in each model, then a verdict; also what happens when
                         no terminal is attached
    tools/run FOLDER     the first with the module of a folder (make new)

In the environment:
    HOST_PORT   kecho's port on this machine (12345), or that of a FOLDER's module (7000)
    HTTP_PORT   khttpd's (8081)
    MODEL       event, softirq, work or thread (event; the demo uses all)
    PARAMS      further parameters of the modules, as in "max_connections=10"
    KECHO_DIR   the example to run (examples/kecho)
    KERNEL      another than the usual one

Nothing is ever loaded into this machine's own kernel.
"""

import contextlib
import dataclasses
import os
import pathlib
import re
import select
import shutil
import signal
import socket
import sys
import tempfile
import threading
import urllib.request

from . import TOP, Problem, Wrong, given, guest, module, packages
from . import kernel as kernels
from .cache import Lock

MODELS = ("event", "softirq", "work", "thread")


def say(text):
    print(f"run: {text}", flush=True)


@dataclasses.dataclass(frozen=True)
class Module:
    """A module of the guest, and how it is reached from here."""
    name: str
    folder: pathlib.Path
    port: int
    """On this machine, by the environment's variable of that name …"""
    variable: str
    inside: int
    """… and in the guest."""
    words: tuple = ()
    """Parameters beside port."""


class Play:
    """The wishes of the environment (see tools/run), and the guest that has them."""

    def __init__(self, environment, folder=None):
        self.kernel_name = kernels.known(environment["KERNEL"]) if environment.get("KERNEL") else None
        self.model = environment.get("MODEL") or ("" if folder else "event")
        if self.model and self.model not in MODELS:
            raise Wrong(f"MODEL={self.model} is not known: event, softirq, work or thread")
        self.parameters = (environment.get("PARAMS") or "").split()
        if folder:
            place = given.folder(folder).resolve()
            # Beside the module: the folder of an installed ktcp is root's.
            self.build = place / "build" / "run"
            port = self._port(environment, "HOST_PORT", "7000")
            self.modules = (Module(module.name(place), place, port, "HOST_PORT", port),)
        else:
            self.build = TOP / "build" / "run"
            kecho = given.folder(environment.get("KECHO_DIR") or TOP / "examples" / "kecho")
            self.modules = (
                Module("kecho", kecho, self._port(environment, "HOST_PORT", "12345"), "HOST_PORT", 12345),
                Module("khttpd", TOP / "examples" / "khttpd", self._port(environment, "HTTP_PORT", "8081"),
                       "HTTP_PORT", 8081, ("root=/www",)))
            if self.modules[0].port == self.modules[1].port:
                raise Wrong(f"HOST_PORT and HTTP_PORT are both {self.modules[0].port}")
        self.session, self.www = None, None

    @staticmethod
    def _port(environment, name, usual):
        text = environment.get(name) or usual
        if not re.fullmatch("[1-9][0-9]{0,4}", text) or int(text) > 65535:
            raise Wrong(f"{name}={text} is not a port: 1 to 65535")
        return int(text)

    @contextlib.contextmanager
    def booted(self):
        """The guest, with all modules in it and none loaded."""
        packages.install("build", "vm")
        for each in self.modules:
            with socket.socket() as listener:
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    listener.bind(("127.0.0.1", each.port))
                except OSError as error:
                    raise Problem(f"port {each.port} of this machine is in use ({error.strerror}): stop what "
                                  f"listens there, or choose another with {each.variable}=...") from error
        kernel = kernels.get(self.kernel_name)
        with tempfile.TemporaryDirectory() as work:
            self.www = pathlib.Path(work, "www")
            # Two may run at once, on different ports; they build in one folder.
            with Lock(self.build / "lock", "run: waiting for another run that builds here"):
                say(f"building {self._names()} for Linux {kernel.release}")
                built = [file for each in self.modules for file in module.build(kernel, each.folder, self.build)]
                served = []
                if any("root=/www" in each.words for each in self.modules):
                    # khttpd serves this project.
                    self.www.mkdir()
                    shutil.copy(TOP / "README.md", self.www)
                    for name in ("docs", "include"):
                        shutil.copytree(TOP / name, self.www / name)
                    served = [self.www]
                image = guest.Session.image(
                    kernel, folders=served, files=built).write(pathlib.Path(work, "initramfs"))
            say(f"booting Linux {kernel.release}")
            console = self.build / f"console-{self.modules[0].port}.log"
            with guest.Session(kernel, image, console, [(each.port, each.inside) for each in self.modules],
                               lambda line: print(f"  guest: {line}", flush=True)) as self.session:
                over = threading.Event()
                shown = threading.Thread(target=self._show, args=(over,), daemon=True)
                shown.start()
                try:
                    yield
                    self.session.shut_down()
                except Problem as problem:
                    raise Problem(f"FAILED: {problem}\n{self.session.last(40)}") from problem
                finally:
                    over.set()
                    shown.join(5)

    def _show(self, over):
        """The kernel's log, from here on."""
        with open(self.session.console, encoding="utf-8", errors="replace") as file:
            file.seek(0, os.SEEK_END)
            last = False
            while not last:
                last = over.wait(0.2)
                for line in file:
                    print(f"  kernel: {line.rstrip()}", flush=True)

    def load(self, one, model):
        words = [f"port={one.inside}", *one.words, *([f"model={model}"] if model else [])]
        # As one word each, or the guest's shell would act on what is in the parameters.
        given = "".join(" '" + each.replace("'", "'\\''") + "'" for each in self.parameters)
        self.session.do(f"/sbin/insmod /{one.name}.ko {' '.join(words)}{given}",
                        f"{one.name} could not be loaded with: {' '.join(words)}{given}")

    def load_all(self, model):
        for each in self.modules:
            self.load(each, model)

    def _names(self):
        return " and ".join(each.name for each in self.modules)

    # ---- with a person

    def interactive(self):
        with self.booted():
            self.load_all(self.model)
            for each in self.modules:
                by = f" (model={self.model})" if self.model else ""
                if each.name == "khttpd":
                    say(f"khttpd is loaded{by}. Open in a browser:")
                    say(f"    http://localhost:{each.port}/")
                else:
                    say(f"{each.name} is loaded{by}. Talk to it from another terminal:")
                    say(f"    telnet localhost {each.port}")
            say(f"Ctrl-C unloads {'it' if len(self.modules) == 1 else 'them'} and ends the virtual machine.")
            self._wait()
            print(flush=True)
            say("unloading")
            for each in self.modules:
                self.session.do(f"rmmod {each.name}", f"{each.name} could not be unloaded")
        say("done")

    def _wait(self):
        """
        Until Ctrl-C, or Ctrl-D. Typed text has no reader here, but its end matters: the terminal may be
        gone, and make, which alone was told so, waits for us.
        """
        interrupted = []
        signal.signal(signal.SIGINT, lambda *_: interrupted.append(True))
        while not interrupted:
            if select.select([sys.stdin], [], [], 0.5)[0]:
                try:
                    typed = os.read(sys.stdin.fileno(), 4096)
                except OSError:
                    typed = b""
                if not typed:
                    break
            if not self.session.alive():
                raise Problem("the virtual machine has ended by itself")

    # ---- by itself

    def _connect(self, port):
        client = socket.create_connection(("127.0.0.1", port), 20)
        client.settimeout(20)
        return client, client.makefile("rb")

    def _talk(self, text):
        client, replies = self._connect(self.modules[0].port)
        with client:
            client.sendall(text.encode() + b"\n")
            back = replies.readline().decode(errors="replace").rstrip("\n")
        if back != text:
            raise Problem(f"sent '{text}', got '{back}'")

    def _fetch(self, path):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.modules[1].port}/{path}", timeout=20) as response:
            return response.read()

    def demo(self):
        with self.booted():
            for model in MODELS:
                say(f"model={model}")
                self.load_all(model)
                try:
                    self._conversation()
                except OSError as error:
                    raise Problem(f"no conversation with model={model}: {error}") from error
            if said := self.session.complaints():
                raise Problem("the kernel complained:\n" + "\n".join(said))
        say("PASSED: kecho echoes and khttpd serves in all models, and both unload with clients connected")

    def _conversation(self):
        text = "hello from the host, over IPv4"
        self._talk(text)
        say(f"  '{text}' came back")
        self._talk("x" * 1000)
        self.session.do('test "$(echo over IPv6 | timeout 20 nc ::1 12345)" = "over IPv6"',
                        "no echo over IPv6 in the guest")
        say("  the same over IPv6, inside the guest")

        # A client that stays while the module is unloaded.
        client, replies = self._connect(self.modules[0].port)
        with client:
            client.sendall(b"still here\n")
            if (back := replies.readline()) != b"still here\n":
                raise Problem(f"the client that stays got {back}")
            self.session.do("rmmod kecho", "kecho could not be unloaded with a client connected")
            if (back := replies.readline()) != b"":
                raise Problem(f"the client that stayed got {back} and not the end of the stream")
        say("  unloaded with a client connected, which saw the connection end")

        if self._fetch("README.md") != (self.www / "README.md").read_bytes():
            raise Problem("khttpd's README.md is not the one here")
        if b'<a href="include/">' not in self._fetch(""):
            raise Problem("khttpd does not list its folder")
        say("  khttpd sent a file, to the byte, and its folder")
        # A client that keeps its connection.
        client, replies = self._connect(self.modules[1].port)
        with client:
            client.sendall(b"HEAD / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            if (back := replies.readline()) != b"HTTP/1.1 200 OK\r\n":
                raise Problem(f"the client that stays got {back}")
            self.session.do("rmmod khttpd", "khttpd could not be unloaded with a client connected")
        say("  unloaded with a client connected")


def main(arguments):
    """tools/run."""
    parser = given.Parser(__doc__)
    one = parser.add_mutually_exclusive_group()
    one.add_argument("--demo", action="store_true", help="a scripted conversation, and a verdict")
    one.add_argument("folder", nargs="?", metavar="FOLDER", help="of a module of one's own")
    asked = parser.parse_args(arguments)
    for each in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL"):
        os.environ.pop(each, None)
    play = Play(os.environ, asked.folder)
    if asked.demo or not asked.folder and not sys.stdin.isatty():
        play.demo()
    else:
        play.interactive()
