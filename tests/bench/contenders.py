# SPDX-License-Identifier: LGPL-2.1-or-later
"""Who is measured: our programs, those of other implementations, and the bare ones.

A contender answers lines as peers/README.md says. Every process is ended, and every wait is bounded.
"""

import contextlib
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / 'interop'))
import peers    # noqa: E402

DEADLINE = 90.0     # seconds; each program ends itself before


class Failed(Exception):
    """A program that did not do what it was asked."""


class Unavailable(Exception):
    """What cannot be measured here; its text says why."""


class Lost(Exception):
    """Messages that did not arrive where none may be lost, so that there is no figure."""


class Peer(peers.ForeignPeer):
    """A program beside this file, built into the same cache as those of the interoperability tests."""

    def __init__(self, name, **arguments):
        super().__init__(f'bench-{name}', **arguments)
        self.source = HERE / 'peers' / name

    def contender(self, name):
        return Contender(name, self.program())


class MosquittoPeer(Peer):
    """Broker and library are packages; what is built is a small program."""

    @staticmethod
    def broker():
        return shutil.which('mosquitto') or shutil.which('mosquitto', path='/usr/local/sbin:/usr/sbin')

    def missing_tool(self):
        if self.broker() is None:
            return 'the broker is not installed (on Debian: mosquitto)'
        if shutil.which('pkg-config') is None or subprocess.run(['pkg-config', '--exists', 'libmosquitto']).returncode:
            return 'its library is not installed (on Debian: libmosquitto-dev)'
        return super().missing_tool()

    def contender(self, name):
        return Brokered(name, self.program(), self.broker())


PEERS = {
    'rust': Peer('rust', product='release/avi-peer-bench-rust', **peers.CARGO),
    'go': Peer('go', tools=peers.GO.tools, download=peers.GO.download, product='avi-peer-bench-go',
               build=['go', 'build', '-p', '2', '-buildvcs=false', '-o', '{out}/avi-peer-bench-go', '.']),
    'mosquitto': MosquittoPeer('mosquitto', tools=[(['cc', '--version'], (0, 0))],
                               download=['pkg-config', '--libs', 'libmosquitto'], product='avi-peer-bench-mosquitto',
                               build=['cc', '-O2', '-Wall', '-Wextra', '-o', '{out}/avi-peer-bench-mosquitto', 'main.c',
                                      '-lmosquitto']),
    'zenoh': Peer('zenoh', product='release/avi-peer-bench-zenoh', **peers.CARGO),
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
    def __init__(self, name, program, stream_program=None, pubsub_program=None):
        self.name = name
        self.program = program
        # The nodes for what is measured on streams, and of pub/sub: other programs of ours, the same of a peer.
        self.streams = Contender(name, stream_program) if stream_program else self
        self.pubsub = Contender(name, pubsub_program) if pubsub_program else self

    def run(self, *words, environment=None):
        """Runs it to its end; returns its results."""
        with running([self.program, *words], environment) as process:
            return process.finish()

    @contextlib.contextmanager
    def serving(self, *words, environment=None):
        """A process with the address at which it listens."""
        with running([self.program, *words], environment) as process:
            words = process.read()
            if not words:
                raise Failed(f'{self.name} does not listen')
            process.address = words[1]
            yield process

    def listening(self, *words, environment=None):
        return self.serving('listen', *words, environment=environment)


class Brokered(Contender):
    """All its programs are clients of a broker, which the one that is measured against brings along. It is of this
    machine only, has a configuration of its own, and drops nothing."""

    def __init__(self, name, program, broker):
        super().__init__(name, program)
        self.broker = broker

    @contextlib.contextmanager
    def serving(self, *words, environment=None):
        with socket.create_server(('127.0.0.1', 0)) as listener:
            port = listener.getsockname()[1]
        with tempfile.TemporaryDirectory(prefix='avi-bench-') as folder:
            configuration = pathlib.Path(folder) / 'mosquitto.conf'
            configuration.write_text(f'listener {port} 127.0.0.1\nallow_anonymous true\nset_tcp_nodelay true\n'
                                     'max_queued_messages 0\npersistence false\nlog_type error\n', encoding='utf-8')
            with running([self.broker, '-c', configuration]):
                wait_for_port(port)
                with super().serving(*words, port, environment=environment) as process:
                    yield process


def wait_for_port(port):
    for _ in range(500):
        try:
            socket.create_connection(('127.0.0.1', port)).close()
            return
        except ConnectionRefusedError:
            time.sleep(0.01)
    raise Failed('the broker does not listen')


def discover_on_lan(listener, finder, settle):
    """The results of one node that finds the other by mDNS, in namespaces of their own."""
    with running([sys.executable, HERE / 'lan.py', settle, listener, finder]) as process:
        if words := process.read():
            raise Unavailable(' '.join(words[1:]))
        return process.finish()


def build_peers(names):
    """Builds what can be built of these. Returns the contenders, and why there are no others."""
    found, missing = {}, {}
    for name, peer in PEERS.items():
        if name not in names:
            continue
        problem = peer.build()
        if problem:
            missing[name] = problem
        else:
            found[name] = peer.contender(name)
    return found, missing


def find_python():
    """One that has GObject introspection."""
    for command in ('python3', '/usr/bin/python3'):
        if shutil.which(command) and subprocess.run([command, '-c', 'import gi'], capture_output=True).returncode == 0:
            return command
    raise Unavailable('there is no Python with GObject introspection (on Debian: python3-gi)')


@contextlib.contextmanager
def python_subscriber(library):
    """The subscriber as a program in Python, on the library in that folder."""
    if not any(library.glob('Avi-*.typelib')):
        raise Unavailable('the library is built without introspection')
    environment = {'GI_TYPELIB_PATH': str(library), 'LD_LIBRARY_PATH': str(library),
                   'PYTHONPATH': str(HERE.parent.parent / 'bindings' / 'python'), 'PYTHONDONTWRITEBYTECODE': '1'}
    # The interpreter is not sanitized: where the library is, its runtime comes first.
    if os.environ.get('AVI_BENCH_PRELOAD'):
        environment |= {'LD_PRELOAD': os.environ['AVI_BENCH_PRELOAD'], 'ASAN_OPTIONS': 'detect_leaks=0'}
    subscriber = Contender('avi', find_python())
    with subscriber.serving(HERE / 'bench-pubsub.py', environment=environment) as process:
        yield process
