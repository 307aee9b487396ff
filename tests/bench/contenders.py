# SPDX-License-Identifier: LGPL-2.1-or-later
"""Who is measured: our programs, those of other implementations, and the bare ones.

A contender answers lines as peers/README.md says. Every process is ended, and every wait is bounded.
"""

import contextlib
import os
import pathlib
import subprocess
import sys
import threading

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / 'interop'))
import peers    # noqa: E402

DEADLINE = 90.0     # seconds; each program ends itself before


class Failed(Exception):
    """A program that did not do what it was asked."""


class Unavailable(Exception):
    """What cannot be measured here; its text says why."""


class Peer(peers.ForeignPeer):
    """A program beside this file, built into the same cache as those of the interoperability tests."""

    def __init__(self, model, **arguments):
        super().__init__(f'bench-{model.name}', tools=model.tools, download=model.download, **arguments)
        self.source = HERE / 'peers' / model.name


PEERS = {
    'rust': Peer(peers.RUST, build=peers.RUST.compile, product='release/avi-peer-bench-rust'),
    'go': Peer(peers.GO, build=['go', 'build', '-p', '2', '-buildvcs=false', '-o', '{out}/avi-peer-bench-go', '.'],
               product='avi-peer-bench-go'),
}


class Process:
    """A running program whose output is read line by line."""

    def __init__(self, command, environment):
        self.command = [str(word) for word in command]
        self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                        env={**os.environ, **environment})
        self.pid = self.process.pid
        self.results = {}
        self.timer = threading.Timer(DEADLINE, self.process.kill)
        self.timer.daemon = True
        self.timer.start()

    def tell(self, *words):
        self.process.stdin.write(' '.join(map(str, words)) + '\n')
        self.process.stdin.flush()

    def read(self):
        """The next line that is no result, as words; None at the end."""
        for line in self.process.stdout:
            words = line.split()
            if words[:1] == ['result']:
                self.results[words[1]] = float(words[2])
            else:
                return words
        return None

    def read_result(self, name):
        """That result, as soon as it is there."""
        for line in self.process.stdout:
            words = line.split()
            self.results[words[1]] = float(words[2])
            if words[1] == name:
                return self.results[name]
        raise Failed(f'{" ".join(self.command)} said no {name}')

    def finish(self):
        while self.read():
            pass
        if self.process.wait() != 0:
            raise Failed(f'{" ".join(self.command)} ended with {self.process.returncode}')
        return self.results

    def close(self):
        self.timer.cancel()
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


@contextlib.contextmanager
def running(command, environment=None):
    process = Process(command, environment or {})
    try:
        yield process
    finally:
        process.close()


class Contender:
    def __init__(self, name, program, stream_program=None):
        self.name = name
        self.program = program
        # The node for what is measured on streams: another program of ours, the same of a peer.
        self.streams = Contender(name, stream_program) if stream_program else self

    def run(self, *words, environment=None):
        """Runs it to its end; returns its results."""
        with running([self.program, *words], environment) as process:
            return process.finish()

    @contextlib.contextmanager
    def listening(self, *words, environment=None):
        """A process with the address at which it listens."""
        with running([self.program, 'listen', *words], environment) as process:
            words = process.read()
            if not words:
                raise Failed(f'{self.name} does not listen')
            process.address = words[1]
            yield process


def discover_on_lan(listener, finder, settle):
    """The results of one node that finds the other by mDNS, in namespaces of their own."""
    with running([sys.executable, HERE / 'lan.py', settle, listener, finder]) as process:
        if words := process.read():
            raise Unavailable(' '.join(words[1:]))
        return process.finish()


def build_peers():
    """Builds what can be built. Returns the contenders, and why there are no others."""
    found, missing = {}, {}
    for name, peer in PEERS.items():
        problem = peer.build()
        if problem:
            missing[name] = problem
        else:
            found[name] = Contender(name, peer.program())
    return found, missing
