# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the interoperability tests are written with: nodes that obey lines, and TAP.

A node is a process (peers/README.md). Its events are kept until a test asks for one; a test waits
for events with a deadline and never sleeps to be lucky.
"""

import os
import shlex
import subprocess
import sys
import threading
import time
import traceback

DEADLINE = 20.0     # seconds; on a slow machine under a sanitizer all of it may be needed


class Missing(AssertionError):
    """An event that did not come."""


class Skip(Exception):
    """Raised by a test that cannot be made here; its text says why."""


class Node:
    """One running node of any implementation."""

    def __init__(self, command, *options, name=None, wrapper=()):
        self.name = name or os.path.basename(str(command))
        self.events = []
        self.history = []
        self.changed = threading.Condition()
        self.process = subprocess.Popen([*wrapper, str(command), *map(str, options)], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                        encoding='utf-8', errors='replace', bufsize=1)
        self.readers = [threading.Thread(target=self._read, args=args, daemon=True)
                        for args in ((self.process.stdout, True), (self.process.stderr, False))]
        for reader in self.readers:
            reader.start()

    def _read(self, stream, are_events):
        for line in stream:
            line = line.rstrip('\n')
            with self.changed:
                self.history.append((time.monotonic(), line if are_events else '! ' + line))
                if are_events:
                    self.events.append(line.split(' '))
                self.changed.notify_all()

    # ---- Commands

    def tell(self, *words):
        self.process.stdin.write(' '.join(map(str, words)) + '\n')
        self.process.stdin.flush()

    def signal(self, number):
        self.process.send_signal(number)

    def kill(self):
        """The end without a word to anybody: the kernel closes its sockets."""
        self.process.kill()
        self.process.wait()

    def close(self):
        """Asks the node to quit. True if it did so well and in time."""
        try:
            self.process.stdin.close()
        except BrokenPipeError:
            pass
        try:
            status = self.process.wait(DEADLINE)
        except subprocess.TimeoutExpired:
            self.kill()
            status = 'no end'
        for reader in self.readers:
            reader.join(1)
        if status not in (0, -9):
            self.history.append((time.monotonic(), f'! ended with {status}'))
        return status in (0, -9)

    # ---- Events

    def expect(self, *words, deadline=DEADLINE):
        """Waits for an event that begins with these words (None: any word), takes it, and returns
        the words after them."""
        end = time.monotonic() + deadline
        with self.changed:
            while True:
                for i, event in enumerate(self.events):
                    if len(event) >= len(words) and all(w is None or str(w) == e for w, e in zip(words, event)):
                        del self.events[i]
                        return event[len(words):]
                if not self.changed.wait(max(0.0, end - time.monotonic())) and time.monotonic() >= end:
                    raise Missing(f'{self.name} did not say “{" ".join(str(w or "…") for w in words)}” '
                                  f'within {deadline:g} s')

    def has(self, *words):
        """Whether such an event is there now; it stays."""
        with self.changed:
            return any(event[:len(words)] == [str(word) for word in words] for event in self.events)

    def expect_message(self, topic, author, text, **arguments):
        """A text may hold spaces, as an event's last field."""
        self.expect('message', topic, author, *text.split(' '), **arguments)

    @property
    def id(self):
        if not hasattr(self, '_id'):
            self._id, = self.expect('peer-id')
        return self._id

    @property
    def address(self):
        """Its first address, with its peer id."""
        if not hasattr(self, '_address'):
            self._address, = self.expect('listening')
        return self._address

    def port(self):
        parts = self.address.split('/')
        return int(parts[parts.index('tcp') + 1])

    def transcript(self, since):
        lines = [f'# {self.name}:']
        for when, line in self.history[-200:]:
            lines.append(f'#   {when - since:8.3f} {line[:400]}')
        return '\n'.join(lines)


class Suite:
    """Tests as functions that are given the suite, to run nodes with; prints TAP."""

    def __init__(self):
        self.tests = []
        self.nodes = []

    def test(self, sentence, *arguments, when=True):
        def add(function):
            self.add(sentence, function, *arguments, when=when)
            return function
        return add

    def add(self, sentence, function, *arguments, when=True):
        """Only where it applies: `when` says so."""
        if when:
            self.tests.append((sentence, function, arguments))

    def node(self, *arguments, **keywords):
        node = Node(*arguments, **keywords)
        self.nodes.append(node)
        return node

    def run(self):
        chosen = [test for test in self.tests
                  if os.environ.get('AVI_TEST', '') in test[0]]
        failed = 0
        print(f'1..{len(chosen)}', flush=True)
        for number, (sentence, function, arguments) in enumerate(chosen, 1):
            started = time.monotonic()
            why_not = None
            try:
                problem = self.run_one(function, arguments)
            except Skip as skip:
                problem, why_not = None, skip
            took = time.monotonic() - started
            if problem:
                failed += 1
                for line in problem.splitlines():
                    print('# ' + line)
                for node in self.nodes:
                    print(f'# {shlex.join(map(str, node.process.args))}')
                    print(node.transcript(started))
            directive = f' # SKIP {why_not}' if why_not else ''
            print(f'{"not ok" if problem else "ok"} {number} - {sentence}{directive}', flush=True)
            print(f'# {took:.2f} s', flush=True)
            self.nodes.clear()
        return 1 if failed else 0

    def run_one(self, function, arguments):
        problem, skip = None, None
        try:
            function(self, *arguments)
        except Skip as reason:
            skip = reason
        except Exception:       # a test that cannot go on must not keep the others from running
            problem = traceback.format_exc()
        for node in self.nodes:
            if not node.close() and problem is None:
                problem = f'{node.name} did not end well'
        if skip and not problem:
            raise skip
        return problem


def skip_all(reason):
    print(f'1..0 # SKIP {reason}')
    sys.exit(0)


def fail_all(reason):
    print('1..1')
    print(f'not ok 1 - {reason}')
    sys.exit(1)


def link_up(one, other, topic):
    """One dials the other; returns when each is told of the other, and of its subscription."""
    one.tell('dial', other.address)
    for here, there in ((one, other), (other, one)):
        here.expect('connected', there.id)
    hear_each_other(one, other, topic)


def hear_each_other(one, other, topic, deadline=DEADLINE):
    """Texts go both ways. They are published until one is heard, since no implementation says when
    it has handled the other's subscription; what is asked is that this comes to an end."""
    for sender, receiver in ((one, other), (other, one)):
        text = f'hello from {sender.name} {time.monotonic_ns()}'
        end = time.monotonic() + deadline
        while True:
            sender.tell('publish', topic, text)
            try:
                receiver.expect_message(topic, sender.id, text, deadline=0.2)
                break
            except Missing:
                if time.monotonic() > end:
                    raise
