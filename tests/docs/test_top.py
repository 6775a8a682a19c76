# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""
ktcp-top, with files as the kernel makes them: its output, with each awk and shell that is here. A person at
a terminal sees it, can end it, and has the terminal back.
"""

import json
import pathlib
import subprocess
import threading
import time

import pytest

TOP = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = str(TOP / "tools" / "ktcp-top")

EXPECTED = """\
SERVER             ACTIVE  ACCEPT/s  REFUSE/s      IN/s     OUT/s   TURNS/s
kecho                   5        20         3   2500.0k         0       200
other                   0         0         0         0         0         0

kecho since it was loaded: 1200 accepted, 990 closed, 7 timed out; listened again 0 times
  refused: full 30, source 4, rate 10, of_a_later_version 1
  timeouts that were over: write 7, keep_alive 1500
  PEER                                     CONNECTIONS  WRITING        IN       OUT   IDLE ms
  192.0.2.1                                          2        0     12.4k     12.4k        90
  192.0.2.7                                          1        1   1000.0k    900.0k       800

other since it was loaded: 5 accepted, 0 closed, 0 timed out; listened again 0 times
"""


def record(folder, uptime, accepted, active, refused_full, refused_source, bytes_in, turns):
    """The files of two servers, and of something else, at a moment."""
    for name in ("kecho", "other", "not-ours"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / "uptime").write_text(f"{uptime} 1.00\n")
    (folder / "kecho" / "statistics").write_text(
        f"accepted {accepted}\nactive {active}\nrefused_full {refused_full}\n"
        f"refused_source {refused_source}\nrefused_memory 0\nrefused_rate {refused_full // 3}\nrefused_of_a_later_version 1\nclosed 990\n"
        "timed_out 7\nstopped 0\nrelistened 0\n"
        f"bytes_in {bytes_in}\nbytes_out 500000\nturns {turns}\nexhausted 1\n"
        "timed_out_idle 0\ntimed_out_write 7\ntimed_out_keep_alive 1500\n")
    head = "peer age_ms idle_ms waits_to bytes_in bytes_out\n"
    (folder / "kecho" / "connections").write_text(
        head + "192.0.2.7:40001 900 800 write 1000000 900000\n192.0.2.1:40001 7000 2000 read 100 100\n"
        "[2001:db8::1]:50000 900 30 read 5 5\n192.0.2.1:40002 100 90 read 12345 12345\n"
        "gone 10 10 read 0 0\n")
    (folder / "other" / "statistics").write_text("accepted 5\nactive 0\n")
    (folder / "other" / "connections").write_text(head)


@pytest.fixture
def look(tmp_path):
    """
    look(SHELL, OPTION...): once, while the files change between its two looks, all at once. The first
    is over when the last line of the last server is in what ktcp-top keeps of it.
    """
    record(tmp_path / "first", "100.00", 1000, 3, 10, 0, 500000, 2000)
    record(tmp_path / "second", "110.00", 1200, 5, 30, 4, 25500000, 4000)
    (tmp_path / "tmp").mkdir()

    def run(shell, *options, **environment):
        now, following = tmp_path / "now", tmp_path / "next"
        now.unlink(missing_ok=True)
        now.symlink_to("first")
        following.symlink_to("second")
        stop = threading.Event()

        def change():
            while not stop.is_set():
                for old in (tmp_path / "tmp").glob("*/old"):
                    if "number active 0" in old.read_text().splitlines():
                        following.replace(now)
                        return
                time.sleep(0.02)

        changing = threading.Thread(target=change)
        changing.start()
        try:
            return subprocess.run(
                [*shell.split(), PROGRAM, "--once", "--interval", "1", "--root", now, *options],
                env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "TMPDIR": str(tmp_path / "tmp"),
                     **environment},
                stdout=subprocess.PIPE, text=True, check=True, timeout=60).stdout
        finally:
            stop.set()
            changing.join()
    return run


@pytest.mark.parametrize("shell", ["sh", "bash", "busybox sh"])
def test_prints_traffic(look, shell):
    assert look(shell, "--peers", "2") == EXPECTED


def test_json(look):
    seen = json.loads(look("sh", "--json"))
    assert seen["seconds"] == 10
    kecho, other = seen["servers"]
    assert (kecho["name"], kecho["accepted"], kecho["active"]) == ("kecho", 1200, 5)
    assert kecho["rates"]["accepted"] == 20 and kecho["rates"]["refused_full"] == 2
    assert "active" not in kecho["rates"]
    assert [each["peer"] for each in kecho["peers"]] == ["192.0.2.1", "192.0.2.7", "[2001:db8::1]", "gone"]
    assert kecho["peers"][0] == {"peer": "192.0.2.1", "connections": 2, "writing": 0,
                                 "bytes_in": 12445, "bytes_out": 12445, "idle_ms": 90}
    assert kecho["peers"][1]["writing"] == 1
    assert other["peers"] == []


def test_json_where_numbers_have_a_comma(look, tmp_path):
    subprocess.run(["localedef", "-i", "de_DE", "-f", "UTF-8", tmp_path / "de_DE.UTF-8"], check=True)
    german = {"LOCPATH": str(tmp_path), "LC_ALL": "de_DE.UTF-8"}
    comma = subprocess.run(["mawk", "BEGIN { printf \"%.1f\", 1.5 }"], env={"PATH": "/usr/bin", **german},
                           stdout=subprocess.PIPE, text=True, check=True).stdout
    assert comma == "1,5", "this locale is like C's, and shows nothing"
    assert json.loads(look("sh", "--json", **german)) == json.loads(look("sh", "--json"))


@pytest.mark.parametrize("wrong", ["--interval 0", "--interval 26", "--interval x", "--interval", "--what",
                                   "--root /nowhere"])
def test_explains_a_refused_option(wrong):
    done = subprocess.run([PROGRAM, *wrong.split()], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False)
    assert done.returncode != 0
    assert done.stdout.startswith("ktcp-top: ")
    assert done.stdout.rstrip().endswith("; ktcp-top --help tells what there is")


def test_wants_a_terminal():
    done = subprocess.run([PROGRAM], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False)
    assert done.returncode != 0 and "no terminal is attached" in done.stdout


class Terminal:
    """A tmux of our own: one that runs already has its own settings, and other sessions."""

    def __init__(self, folder):
        self.socket = str(folder / "terminal")

    def do(self, *words):
        return subprocess.run(["tmux", "-f", "/dev/null", "-S", self.socket, *words],
                              stdout=subprocess.PIPE, text=True, check=True).stdout

    def screen(self):
        return self.do("capture-pane", "-p")

    def shows(self, text):
        end = time.monotonic() + 30
        while text not in self.screen():
            assert time.monotonic() < end, f"the terminal does not show '{text}' but:\n{self.screen()}"
            time.sleep(0.1)


@pytest.fixture
def terminal(tmp_path):
    one = Terminal(tmp_path)
    one.do("new-session", "-d", "-x", "100", "-y", "10", "PS1='ready> ' bash --norc")
    yield one
    subprocess.run(["tmux", "-S", one.socket, "kill-server"], check=False)


def test_a_person_sees_it_and_has_the_terminal_back(terminal, tmp_path):
    now = tmp_path / "now"
    record(now, "100.00", 1000, 3, 10, 0, 500000, 2000)
    terminal.shows("ready>")
    # Typed in two parts, so that the answer is on the screen when the command has given it, not before.
    terminal.do("send-keys", f"{PROGRAM} --interval 1 --root {now}; "
                "stty -a | grep -q ' icanon .* echo ' && echo as be''fore", "Enter")
    terminal.shows("SERVER             ACTIVE")
    terminal.shows("192.0.2.1                                          2")
    # No more than there are lines for.
    assert "other since" not in terminal.screen()
    record(now, "120.00", 9000, 77, 30, 4, 25500000, 4000)
    terminal.shows("kecho                  77")
    terminal.do("send-keys", "q")
    terminal.shows("as before")
    assert "SERVER" not in terminal.screen()
