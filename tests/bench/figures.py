# SPDX-License-Identifier: LGPL-2.1-or-later
"""What is measured, and how: one function per measurement, which gives one value for each figure."""

import concurrent.futures
import contextlib
import dataclasses
import pathlib
import re
import resource
import tempfile
import time

import contenders


@dataclasses.dataclass(frozen=True)
class Scale:
    """How much of everything."""
    runs: int = 5
    seconds: float = 2.0            # of each throughput or latency
    dials: int = 100
    connections: int = 500          # for connection-memory
    idle_connections: int = 100
    settle: float = 2.0             # seconds until a node counts as idle
    idle: float = 5.0               # seconds for which an idle node is watched
    idle_connected: float = 15.0    # a whole interval of ping, else the window decides


SMOKE = Scale(runs=1, seconds=0.05, dials=3, connections=3, idle_connections=3, settle=0.1, idle=0.1,
              idle_connected=0.1)


@dataclasses.dataclass(frozen=True)
class Figure:
    name: str
    unit: str
    better: str     # 'lower' or 'higher'


@dataclasses.dataclass(frozen=True)
class Measurement:
    measure: object         # (bench, contender) → {figure's name: value}
    contenders: tuple
    figures: tuple
    together: bool = False  # contenders that only wait need not wait for each other


class Bench:
    """The contenders that are there, and the measuring of them in turn."""

    def __init__(self, found, programs, scale):
        self.contenders = found
        self.programs = pathlib.Path(programs)
        self.scale = scale

    @contextlib.contextmanager
    def crowd(self, listener, n):
        """Holds that many connections to the listener, each of a device of ours."""
        with contenders.running([self.programs / 'bench-node', 'stay', listener.address, n]) as process:
            process.read_result('dial-identified')
            yield

    def run(self, measurement, told):
        """{figure's name: {contender's name: its values}}, the contenders taking turns."""
        runs = {figure.name: {} for figure in measurement.figures}
        chosen = [self.contenders[name] for name in measurement.contenders if name in self.contenders]
        for _ in range(self.scale.runs):
            with concurrent.futures.ThreadPoolExecutor(len(chosen) if measurement.together else 1) as pool:
                all_values = list(pool.map(lambda contender: measurement.measure(self, contender), chosen))
            for contender, values in zip(chosen, all_values):
                told(contender.name, values)
                for name, value in values.items():
                    if name in runs:
                        runs[name].setdefault(contender.name, []).append(value)
        return runs


# ---- Between two processes

def dial(bench, contender):
    if contender.name == 'bare':
        return contender.run('handshake', bench.scale.seconds / 2)
    with contender.listening() as listener:
        return contender.run('dial', listener.address, bench.scale.dials)


def publish_latency(bench, contender):
    if contender.name == 'bare':
        return contender.run('echo', bench.scale.seconds / 2)
    with contender.listening() as listener:
        return contender.run('latency', listener.address, bench.scale.seconds)


def messages(bench, contender):
    """A busy machine shifts the CPU time of both ends less than it shifts the rate."""
    with contender.listening() as listener:
        time_before = activity(listener.pid)[1] / 1000 + children_time()
        rate = contender.run('messages', listener.address, 1024, bench.scale.seconds)['messages']
        time_taken = activity(listener.pid)[1] / 1000 + children_time() - time_before
        return {'messages': rate, 'messages-cpu': time_taken / (rate * bench.scale.seconds)}


def large_messages(bench, contender):
    with contender.listening() as listener:
        rate = contender.run('messages', listener.address, 65536, bench.scale.seconds)['messages']
        return {'messages-64k': rate * 65536 * 8 / 1e9}


# ---- One node

def start(bench, contender):
    with contender.listening() as listener:
        return {'start': listener.results['start'] / 1000}


def discover_local(bench, contender):
    with tempfile.TemporaryDirectory(prefix='avi-bench-') as folder:
        environment = {'XDG_RUNTIME_DIR': folder}
        with contender.listening('local', environment=environment):
            return contender.run('discover', environment=environment)


def seal(bench, contender):
    if contender.name == 'bare':
        return contender.run('seal', bench.scale.seconds / 2)
    with_link = type(contender)('avi', bench.programs / 'bench-link')
    return with_link.run(bench.scale.seconds / 2)


# ---- What a node takes

def status(pid, key):
    """In KiB."""
    text = pathlib.Path(f'/proc/{pid}/status').read_text()
    return int(re.search(rf'^{key}:\s*(\d+) kB$', text, re.MULTILINE)[1])


def node_memory(bench, contender):
    with contender.listening() as node:
        time.sleep(bench.scale.settle)
        return {'node-memory': status(node.pid, 'RssAnon') / 1024, 'node-resident': status(node.pid, 'VmRSS') / 1024}


def connection_memory(bench, contender):
    """Who connects is the same for all: devices of ours, all in one process."""
    n = bench.scale.connections
    with contender.listening() as node:
        time.sleep(bench.scale.settle)
        before = status(node.pid, 'RssAnon')
        with bench.crowd(node, n):
            time.sleep(bench.scale.settle)
            return {'connection-memory': (status(node.pid, 'RssAnon') - before) / n}


def activity(pid):
    """Context switches, and nanoseconds on a CPU, of all threads until now."""
    switches = time_on_cpu = 0
    for task in pathlib.Path(f'/proc/{pid}/task').iterdir():
        switches += sum(map(int, re.findall(r'ctxt_switches:\s*(\d+)', (task / 'status').read_text())))
        time_on_cpu += int((task / 'schedstat').read_text().split()[0])
    return switches, time_on_cpu


def children_time():
    """Microseconds on a CPU of all programs that have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (usage.ru_utime + usage.ru_stime) * 1e6


def watch(pid, seconds):
    """Context switches a second, and per cent of a CPU."""
    began, (switches, time_on_cpu) = time.monotonic(), activity(pid)
    time.sleep(seconds)
    took, (more_switches, more_time) = time.monotonic() - began, activity(pid)
    return (more_switches - switches) / took, (more_time - time_on_cpu) / took / 1e9 * 100


def idle(bench, contender):
    with contender.listening() as node:
        time.sleep(bench.scale.settle)
        return {'idle-wakeups': watch(node.pid, bench.scale.idle)[0]}


def idle_connected(bench, contender):
    with contender.listening() as node, bench.crowd(node, bench.scale.idle_connections):
        time.sleep(bench.scale.settle)
        switches, per_cent = watch(node.pid, bench.scale.idle_connected)
        return {'idle-wakeups-connected': switches, 'idle-cpu': per_cent}


ALL = ('avi', 'rust', 'go')

MEASUREMENTS = (
    Measurement(dial, (*ALL, 'bare'), (Figure('dial', '/s', 'higher'), Figure('dial-identified', '/s', 'higher'))),
    Measurement(messages, ALL, (Figure('messages', '/s', 'higher'), Figure('messages-cpu', 'µs', 'lower'))),
    Measurement(large_messages, ALL, (Figure('messages-64k', 'Gbit/s', 'higher'),)),
    Measurement(publish_latency, (*ALL, 'bare'), (Figure('publish-latency', 'µs', 'lower'),)),
    Measurement(start, ALL, (Figure('start', 'ms', 'lower'),)),
    Measurement(discover_local, ('avi',), (Figure('discover-local', 'ms', 'lower'),)),
    Measurement(node_memory, ALL, (Figure('node-memory', 'MiB', 'lower'), Figure('node-resident', 'MiB', 'lower')),
                together=True),
    Measurement(connection_memory, ALL, (Figure('connection-memory', 'KiB', 'lower'),)),
    Measurement(idle, ALL, (Figure('idle-wakeups', '/s', 'lower'),), together=True),
    Measurement(idle_connected, ALL, (Figure('idle-wakeups-connected', '/s', 'lower'),
                                      Figure('idle-cpu', '%', 'lower')), together=True),
    Measurement(seal, ('avi', 'bare'), (Figure('seal', 'Gbit/s', 'higher'),)),
)
