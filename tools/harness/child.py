# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""
Commands that end with us.

A command is a session of its own: Ctrl-C and a closed terminal reach us alone, and we end it. If we
are killed, the kernel ends it for us (prctl's PR_SET_PDEATHSIG, by setpriv), and a guard(), where there
is one, what it has started. Each command's processor time is added to the account of the thread that
waited for it.
"""

import os
import select
import signal
import subprocess
import sys
import threading
import time
import weakref

PIPE, STDOUT = subprocess.PIPE, subprocess.STDOUT
_running = set()
_changing = threading.Lock()
_over = weakref.WeakSet()   # Threads that start no command any more.
_account = threading.local()
_guard = None


class Failed(Exception):
    """A command that failed; text is what it said."""

    def __init__(self, words, status, text):
        self.words, self.status, self.text = [str(word) for word in words], status, text
        how = f"was ended by signal {-status}" if status < 0 else f"failed with exit code {status}"
        super().__init__(f"{' '.join(self.words)[:300]} {how}")


def cpu():
    """Seconds of processor time that this thread's commands took so far."""
    return getattr(_account, "seconds", 0.0)


GUARD = """
import os, signal, sys, time
groups = set()
for line in sys.stdin:
    (groups.add if line[0] == "+" else groups.discard)(int(line[1:]))
for number in (signal.SIGTERM, signal.SIGKILL):
    for group in groups:
        try:
            os.killpg(group, number)
        except OSError:
            pass
    if groups:
        time.sleep(2)
"""


def guard():
    """From now on a process beside us ends everything that our commands have started, should we be
    killed."""
    global _guard   # pylint: disable=global-statement
    _guard = subprocess.Popen([sys.executable, "-S", "-c", GUARD], stdin=subprocess.PIPE, text=True,
                              start_new_session=True)


def _tell_guard(mark, pid):
    if _guard:
        try:
            _guard.stdin.write(f"{mark}{pid}\n")
            _guard.stdin.flush()
        except OSError:     # it has been killed itself
            pass


def polite(niceness):
    """This thread's commands, from now on, leave the processors to others that want them."""
    _account.niceness = niceness


class Process:
    """A command; death is the signal that it gets when we die. Its pipes are subprocess.Popen's."""

    def __init__(self, words, death="TERM", **options):
        options.setdefault("stdin", subprocess.DEVNULL)
        self.returncode = None
        self._ended = threading.Event()
        before = ["setpriv", "--pdeathsig", death]
        if niceness := getattr(_account, "niceness", 0):
            before = ["nice", "-n", str(niceness), *before]
        with _changing:
            if threading.current_thread() in _over:
                raise Failed(words, -signal.SIGTERM, "")
            self._popen = subprocess.Popen([*before, *map(str, words)],
                                           start_new_session=True, **options)
            _running.add(self)
            _tell_guard("+", self._popen.pid)
        self.pid, self.stdin, self.stdout = self._popen.pid, self._popen.stdin, self._popen.stdout

    def wait(self, seconds=None):
        """Its exit code (negative: the signal that ended it), or None if it runs on after seconds."""
        end = None if seconds is None else time.monotonic() + seconds
        while self.returncode is None:
            try:
                pid, status, used = os.wait4(self.pid, 0 if end is None else os.WNOHANG)
            except ChildProcessError:   # another thread has just had it
                self._ended.wait()
                break
            if pid:
                _account.seconds = cpu() + used.ru_utime + used.ru_stime
                self.returncode = self._popen.returncode = os.waitstatus_to_exitcode(status)
                with _changing:
                    _running.discard(self)
                    _tell_guard("-", self.pid)
                self._ended.set()
            elif time.monotonic() >= end:
                break
            else:
                time.sleep(0.02)
        return self.returncode

    def signal(self, number):
        """To the command and all that it has started in its session."""
        try:
            os.killpg(self.pid, number)
        except (ProcessLookupError, PermissionError):
            pass

    def end(self, seconds=5):
        """Ends it: TERM, and KILL for what has not ended in some seconds."""
        self.signal(signal.SIGTERM)
        self.wait(seconds)
        self.signal(signal.SIGKILL)
        return self.wait()


def end_all():
    """
    Ends every command that runs. The wait of other callers ends, too, and their threads start no
    other. Should we exit before setpriv asks for our death's signal, that one would run on.
    """
    with _changing:
        left = list(_running)
        _over.update(thread for thread in threading.enumerate() if thread is not threading.current_thread())
    for each in left:
        each.signal(signal.SIGTERM)
    end = time.monotonic() + 5
    for each in left:
        each.wait(max(0, end - time.monotonic()))
        each.signal(signal.SIGKILL)


SILENCE = 1800     # Seconds without a line after which a command is taken for one that hangs.


def silence(limit):
    """The line that run() adds to the words of a command that it has ended for that. Others may follow."""
    return f"it was ended: it said nothing for {limit} seconds\n"


def run(words, log=None, line=None, check=True, limit=SILENCE, **options):
    """
    Runs a command to its end and gives its output, standard error with it. The file log has it as
    well, and line() is called with each line as it comes. Raises Failed unless check is false; then
    the result is (status, text). It is ended when it has not said a line for limit seconds.
    """
    process = Process(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                      errors="replace", **options)
    said = []
    over, last = threading.Event(), time.monotonic()

    def watch():
        while not over.wait(max(0.0, last + limit - time.monotonic())):
            if time.monotonic() >= last + limit:
                # Before its end, which the caller does not wait for.
                said.append(silence(limit))
                process.end()
                return

    if limit:
        threading.Thread(target=watch, daemon=True).start()
    try:
        with open(log or os.devnull, "w", encoding="utf-8") as file:
            for each in process.stdout:
                last = time.monotonic()
                said.append(each)
                file.write(each)
                file.flush()
                if line:
                    line(each.rstrip("\n"))
        status = process.wait()
    except BaseException:
        process.end()
        raise
    finally:
        over.set()
        process.stdout.close()
    text = "".join(said)
    if not check:
        return status, text
    if status:
        raise Failed(words, status, text)
    return text


def readable(file, seconds):
    """Waits until a pipe can be read, or for some seconds."""
    select.select([file], [], [], seconds)


def interruptible():
    """A closed terminal and a kill are Ctrl-C to us: a KeyboardInterrupt, once."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def interrupted(number, _frame):
        # A second one must not cut short what the first has begun.
        for each in numbers:
            signal.signal(each, signal.SIG_IGN)
        raise KeyboardInterrupt(signal.Signals(number).name)
    for each in numbers:
        signal.signal(each, interrupted)
