# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the interoperability tests are written with: nodes that obey lines, and TAP.

A node is a process (peers/README.md). Its events are kept until a test asks for one; a test waits
for events with a deadline and never sleeps to be lucky.
"""

import concurrent.futures
import os
import shlex
import subprocess
import sys
import threading
import time
import traceback

# How many tests run at once where most of them wait most of the time.
MANY = int(os.environ.get('AVI_TESTS_AT_ONCE') or 2 * (os.cpu_count() or 1))
DEADLINE = 20.0     # seconds; on a slow machine under a sanitizer all of it may be needed


class Missing(AssertionError):
    """An event that did not come."""


class Refused(AssertionError):
    """A command that failed: the node's own words, instead of what was waited for."""


# Events that answer one command only: its error ends the wait for them, and no other does.
ANSWERS = {'connected': 'dial', 'peer-connected': 'dial', 'published': 'publish', 'subscribers': 'wait', 'sent': 'publish-async',
           'perf': 'perf', 'streams': 'streams', 'half-closed': 'half-close', 'reset': 'reset', 'score': 'score', 'record': 'record', 'count': 'count'}


class Skip(Exception):
    """Raised by a test that cannot be made here; its text says why."""


def verb_of(command):
    return command.split(' ')[0].lstrip('/')


class Node:
    """One running node of any implementation."""

    def __init__(self, command, *options, name=None, wrapper=()):
        self.name = name or os.path.basename(str(command))
        self.events = []
        self.history = []
        self.says_no_more = False
        self.told = set()       # commands
        self.refused = {}       # {the first word of a command that failed: what was said of it}
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
                    self._heed(line)
                self.changed.notify_all()
        with self.changed:
            self.says_no_more |= are_events
            self.changed.notify_all()

    def _heed(self, line):
        """Keeps an error that answers a command: it repeats the line, or where the answer comes late, its verb."""
        kind, _, text = line.partition(' ')
        if ANSWERS.get(kind) == 'dial':
            # What fails from now on is a dial of its own accord.
            self.told = {command for command in self.told if verb_of(command) != 'dial'}
        elif kind == 'error':
            for command in self.told:
                if text.startswith((f'{command}: ', f'{verb_of(command)}: ')):
                    self.refused[verb_of(command)] = line

    def _refusal(self, word):
        """The error that came in place of such an event. What was published to nobody, as some call an error, and a
        dial that met another one end no wait but for their answers."""
        if word in ANSWERS:
            return self.refused.get(ANSWERS[word])
        return next((line for verb, line in self.refused.items() if verb not in ('dial', 'publish') and word != 'error'),
                    None)

    # ---- Commands

    def tell(self, *words):
        line = ' '.join(map(str, words))
        with self.changed:
            self.told.add(line)
            self.refused.pop(verb_of(line), None)
        self.process.stdin.write(line + '\n')
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
                        if event[0] == 'error':
                            # It is known; what else is said of it is none of what is told from now on.
                            self.told.clear()
                            self.refused.clear()
                        return event[len(words):]
                if refusal := self._refusal(words[0]):
                    raise Refused(f'{self.name} was to say “{" ".join(str(w or "…") for w in words)}”, and said '
                                  f'“{refusal}”')
                if self.says_no_more:
                    raise Missing(f'{self.name} ended, and did not say “{" ".join(str(w or "…") for w in words)}”')
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

    def find_address(self, ip4):
        """Makes that one its address."""
        while True:
            if '/ip4/0.0.0.0/' in self.address:
                self._address = self.address.replace('/ip4/0.0.0.0/', f'/ip4/{ip4}/')
            if f'/ip4/{ip4}/' in self.address:
                return
            del self._address

    def port(self):
        parts = self.address.split('/')
        return int(parts[parts.index('tcp') + 1])

    def transcript(self, since):
        lines = [f'# {self.name}:']
        for when, line in self.history[-200:]:
            lines.append(f'#   {when - since:8.3f} {line[:400]}')
        return '\n'.join(lines)


class Run:
    """One test that runs: what it is given, to run nodes with."""

    def __init__(self):
        self.nodes = []
        self.started = time.monotonic()
        self.took = 0.0
        self.problem = None
        self.why_not = None     # the reason of a Skip

    def node(self, *arguments, **keywords):
        node = Node(*arguments, **keywords)
        self.nodes.append(node)
        return node

    def make(self, function, arguments):
        self.started = time.monotonic()
        try:
            function(self, *arguments)
        except Skip as reason:
            self.why_not = reason
        except Exception:       # a test that cannot go on must not keep the others from running
            self.problem = traceback.format_exc()
        for node in self.nodes:
            if not node.close() and self.problem is None:
                self.problem = f'{node.name} did not end well'
        self.took = time.monotonic() - self.started
        return self

    def diagnosis(self):
        lines = ['# ' + line for line in self.problem.splitlines()]
        for node in self.nodes:
            lines += [f'# {shlex.join(map(str, node.process.args))}', node.transcript(self.started)]
        return '\n'.join(lines)


class Suite:
    """Tests as functions that are given a Run. As many as said run at once; a result is printed, as
    TAP, when all before it are."""

    def __init__(self, at_once=1):
        self.tests = []
        self.at_once = at_once

    def test(self, sentence, *arguments, when=True):
        def add(function):
            self.add(sentence, function, *arguments, when=when)
            return function
        return add

    def add(self, sentence, function, *arguments, when=True):
        """Only where it applies: `when` says so."""
        if when:
            self.tests.append((sentence, function, arguments))

    def run(self, done=lambda sentence, run: None):
        chosen = [test for test in self.tests
                  if os.environ.get('AVI_TEST', '') in test[0]]
        failed = 0
        print(f'1..{len(chosen)}', flush=True)
        with concurrent.futures.ThreadPoolExecutor(self.at_once) as pool:
            runs = [pool.submit(Run().make, function, arguments) for _, function, arguments in chosen]
            for number, ((sentence, _, _), future) in enumerate(zip(chosen, runs), 1):
                run = future.result()
                if run.problem:
                    failed += 1
                    print(run.diagnosis())
                directive = f' # SKIP {run.why_not}' if run.why_not and not run.problem else ''
                print(f'{"not ok" if run.problem else "ok"} {number} - {sentence}{directive}', flush=True)
                print(f'# {run.took:.2f} s', flush=True)
                done(sentence, run)
        return 1 if failed else 0


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


def exchange(one, other, topic, count=20):
    """As many texts each way as fast as they are taken. py drops what comes while 32 RPCs wait for a peer, and with
    1.2 it says IDONTWANT to each message: it is given few at a time."""
    at_once = 5 if 'py' in (one.name, other.name) else count
    for first in range(0, count, at_once):
        numbers = range(first, min(first + at_once, count))
        for i in numbers:
            for sender in (one, other):
                sender.tell('publish', topic, f'{i} of {sender.name}')
        for i in numbers:
            for sender, receiver in ((one, other), (other, one)):
                receiver.expect_message(topic, sender.id, f'{i} of {sender.name}')
