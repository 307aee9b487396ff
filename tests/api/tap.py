# SPDX-License-Identifier: LGPL-2.1-or-later
"""Tests as functions, each with a sentence; prints TAP. And waiting, with a deadline, for a
condition on the main context or for a line of a program."""

import shutil
import subprocess
import sys
import threading
import traceback

DEADLINE = 30.0     # seconds; met only where something is wrong


class Skip(Exception):
    """Raised by a test with the reason why it cannot be run here."""


tests = []


def test(sentence):
    def add(function):
        tests.append((sentence, function))
        return function
    return add


def main():
    failed = False
    print(f"1..{len(tests)}", flush=True)
    for number, (sentence, function) in enumerate(tests, 1):
        try:
            function()
            verdict = f"ok {number} - {sentence}"
        except Skip as reason:
            verdict = f"ok {number} - {sentence} # SKIP {reason}"
        except Exception:       # the others run all the same
            failed = True
            for line in traceback.format_exc().splitlines():
                print("# " + line)
            verdict = f"not ok {number} - {sentence}"
        print(verdict, flush=True)
    sys.exit(failed)


def skip_all(reason):
    print(f"1..0 # SKIP {reason}")
    sys.exit(0)


def wait_until(condition, deadline=DEADLINE):
    """Iterates the main context until the condition holds."""
    from gi.repository import GLib

    context = GLib.MainContext.default()
    passed = []
    ticks = GLib.timeout_add(20, lambda: GLib.SOURCE_CONTINUE)
    end = GLib.timeout_add(int(deadline * 1000), lambda: passed.append(True) or GLib.SOURCE_CONTINUE)
    try:
        while not condition():
            assert not passed, "what was waited for did not come true"
            context.iteration(True)
    finally:
        GLib.source_remove(ticks)
        GLib.source_remove(end)


class Program:
    """A running program, whose lines are read as they come."""

    def __init__(self, *command):
        self.lines = []
        self.changed = threading.Condition()
        self.process = subprocess.Popen([str(word) for word in command], text=True, encoding="utf-8",
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        for line in self.process.stdout:
            with self.changed:
                self.lines.append(line.rstrip("\n"))
                self.changed.notify_all()

    def tell(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def expect(self, fits):
        """Waits for a line, there already or to come, that is the given one or fits the function."""
        fits_line = fits if callable(fits) else lambda line: line == fits
        with self.changed:
            found = self.changed.wait_for(lambda: next(filter(fits_line, self.lines), None), DEADLINE)
        assert found, f"{self.process.args} said only:\n" + "\n".join(self.lines)
        return found

    def wait(self):
        status = self.process.wait(DEADLINE)
        self.reader.join(DEADLINE)
        return status

    def kill(self):
        self.process.kill()
        self.process.wait()


def have(program):
    return shutil.which(program) is not None
