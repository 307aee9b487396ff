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
    stream_bytes: int = 1 << 30
    dials: int = 100
    connections: int = 500          # for connection-memory
    thousand: int = 1000
    idle_connections: int = 100
    settle: float = 2.0             # seconds until a node counts as idle
    idle: float = 5.0               # seconds for which an idle node is watched
    idle_connected: float = 15.0    # a whole interval of ping, else the window decides
    probes: int = 4000              # of latency, of which the first quarter warms up
    mesh: int = 10                  # nodes
    mesh_messages: int = 500        # that each of them publishes, 100 a second
    topics: int = 1000
    topic_peers: int = 100


SMOKE = Scale(runs=1, seconds=0.05, stream_bytes=1 << 20, dials=3, connections=3, thousand=3, idle_connections=3,
              settle=0.1, idle=0.1, idle_connected=0.1, probes=20, mesh=3, mesh_messages=3, topics=3, topic_peers=3)

MESH_RATE = 100     # messages a second of each node
MESH_PATIENCE = 5.0     # seconds from the last message published until what has not come is lost


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
    def crowd(self, listener, n, topics=0):
        """Holds that many connections to the listener, each of a node of ours, which subscribes to as many topics; one
        process has them all."""
        with contenders.running([self.programs / 'bench-stream', 'crowd', listener.address, n, topics]) as process:
            process.read_result('crowd')
            yield process

    def attempt(self, measurement, contender):
        """The values, or what was in the way."""
        try:
            return measurement.measure(self, contender)
        except (contenders.Failed, contenders.Lost, contenders.Unavailable) as problem:
            return problem

    def run(self, measurement, told):
        """{figure's name: {contender's name: its values}}, and {contender's name: what was in the way}, the
        contenders taking turns; one that failed has no more of them."""
        runs, problems = {figure.name: {} for figure in measurement.figures}, {}
        chosen = [self.contenders[name] for name in measurement.contenders if name in self.contenders]
        for _ in range(self.scale.runs):
            turn = [contender for contender in chosen if contender.name not in problems]
            with concurrent.futures.ThreadPoolExecutor(len(chosen) if measurement.together else 1) as pool:
                all_values = list(pool.map(lambda contender: self.attempt(measurement, contender), turn))
            for contender, values in zip(turn, all_values):
                if isinstance(values, Exception):
                    problems[contender.name] = values
                    continue
                told(contender.name, values)
                for name, value in values.items():
                    if name in runs:
                        runs[name].setdefault(contender.name, []).append(value)
        return runs, problems


# ---- Between two processes

def dial(bench, contender):
    """A peer's one program says both; of ours each says one."""
    if contender.name == 'bare':
        return contender.run('handshake', bench.scale.seconds / 2)
    results = {}
    for node in dict.fromkeys((contender, contender.streams)):
        with node.listening() as listener:
            results.update(node.run('dial', listener.address, bench.scale.dials))
    return results


def stream(bench, contender):
    if contender.name == 'bare':
        rate = contender.run('stream', bench.scale.seconds / 2)['stream']
        return {'stream-up': rate, 'stream-down': rate}
    results = {}
    for direction in ('up', 'down'):
        with contender.streams.listening() as listener:
            results.update(contender.streams.run(direction, listener.address, bench.scale.stream_bytes))
    return results


def echo(bench, contender):
    if contender.name == 'bare':
        return contender.run('tcp-echo', bench.scale.seconds / 2)
    with contender.streams.listening() as listener:
        return contender.streams.run('echo', listener.address, bench.scale.seconds / 2)


def open_streams(bench, contender):
    with contender.streams.listening() as listener:
        return contender.streams.run('open', listener.address, bench.scale.seconds / 2)


def thousand(bench, contender):
    """Who connects, and then asks for the echo on one of the connections, is the same for all: nodes of ours."""
    with contender.streams.listening() as listener, bench.crowd(listener, bench.scale.thousand) as crowd:
        crowd.tell('echo', bench.scale.seconds / 2)
        return {'thousand': crowd.results['crowd'], 'thousand-echo': crowd.read_result('echo')}


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


# ---- Pub/sub

def rate(results):
    """What the subscriber heard a second."""
    if results['lost']:
        raise contenders.Lost(f'{results["lost"]:.0f} messages did not arrive')
    return results['load']


def load(name, size, *options):
    def measure(bench, contender):
        with contender.pubsub.serving('subscribe', *options) as subscriber:
            results = contender.pubsub.run('load', subscriber.address, size, bench.scale.seconds, *options)
        return {name: rate(results)}
    return measure


def signed_python(bench, contender):
    with contenders.python_subscriber(bench.programs.parent.parent / 'avi') as subscriber:
        return {'signed-python': rate(contender.pubsub.run('load', subscriber.address, 64, bench.scale.seconds))}


def latency(bench, contender):
    n = bench.scale.probes
    with contender.pubsub.serving('subscribe') as subscriber:
        contender.pubsub.run('pace', subscriber.address, n)
        subscriber.tell('report')
        lost = n - n // 4 - subscriber.read_result('probes')
        if lost:
            raise contenders.Lost(f'{lost:.0f} messages did not arrive')
        return {name: subscriber.read_result(name) for name in ('latency', 'latency-p99')}


def relay(bench, contender):
    if contender.name == 'bare':
        return contender.run('relay', bench.scale.seconds)
    node = contender.pubsub
    with node.serving('subscribe') as subscriber, node.serving('relay', subscriber.address) as between:
        return {'relay': rate(node.run('load', between.address, 64, bench.scale.seconds))}


def ask_all(nodes, words, answer):
    for node in nodes:
        node.tell(*words)
    for node in nodes:
        if node.read() != [answer]:
            raise contenders.Failed(f'a node did not answer {words[0]}')


def count_heard(nodes, due):
    """What all have heard, as soon as that is all, or when no more is to come."""
    end = time.monotonic() + MESH_PATIENCE
    while True:
        for node in nodes:
            node.tell('report')
        heard = sum(node.read_result('heard') for node in nodes)
        if heard >= due or time.monotonic() > end:
            return heard
        time.sleep(0.1)


def mesh(bench, contender):
    n = bench.scale.mesh
    with contextlib.ExitStack() as stack:
        nodes = [stack.enter_context(contender.pubsub.serving('mesh')) for _ in range(n)]
        for i, node in enumerate(nodes):
            for other in nodes[:i]:
                node.tell('connect', other.address)
        ask_all(nodes, ['await', 'mesh', n - 1], 'ready')
        time.sleep(bench.scale.settle)
        time_before = sum(activity(node.pid)[1] for node in nodes)
        ask_all(nodes, ['publish', MESH_RATE, bench.scale.mesh_messages], 'published')
        due = n * (n - 1) * bench.scale.mesh_messages
        heard = count_heard(nodes, due)
        time_taken = sum(activity(node.pid)[1] for node in nodes) - time_before
    return {'mesh-10': heard / due * 100, 'mesh-10-cpu': time_taken / 1000 / max(heard, 1)}


def topic_memory(bench, contender):
    scale = bench.scale
    with contender.pubsub.serving('topics', scale.topics) as node, bench.crowd(node, scale.topic_peers, scale.topics):
        ask_all([node], ['await', f'topic-{scale.topics - 1}', scale.topic_peers], 'ready')
        time.sleep(2 * scale.settle)
        return {'topic-memory': status(node.pid, 'RssAnon') / 1024}


# ---- One node

def start(bench, contender):
    with contender.listening() as listener:
        return {'start': listener.results['start'] / 1000}


def discover_local(bench, contender):
    with tempfile.TemporaryDirectory(prefix='avi-bench-') as folder:
        environment = {'XDG_RUNTIME_DIR': folder}
        with contender.listening('local', environment=environment):
            return {'discover-local': contender.run('discover', 'local', environment=environment)['discover']}


def discover_lan(bench, contender):
    results = contenders.discover_on_lan(contender.program, contender.program, bench.scale.settle)
    return {'discover-lan': results['discover']}


def discover_lan_rust(bench, contender):
    """Our own, of a node of another implementation."""
    rust = bench.contenders.get('rust')
    if rust is None:
        raise contenders.Unavailable('there is no node of rust')
    results = contenders.discover_on_lan(rust.program, contender.program, bench.scale.settle)
    return {'discover-lan-rust': results['discover']}


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
    Measurement(stream, (*ALL, 'bare'), (Figure('stream-up', 'Gbit/s', 'higher'),
                                         Figure('stream-down', 'Gbit/s', 'higher'))),
    Measurement(echo, (*ALL, 'bare'), (Figure('echo', 'µs', 'lower'),)),
    Measurement(open_streams, ALL, (Figure('open', '/s', 'higher'),)),
    Measurement(dial, (*ALL, 'bare'), (Figure('dial', '/s', 'higher'), Figure('dial-identified', '/s', 'higher'))),
    Measurement(thousand, ALL, (Figure('thousand', 's', 'lower'), Figure('thousand-echo', 'µs', 'lower'))),
    Measurement(messages, ALL, (Figure('messages', '/s', 'higher'), Figure('messages-cpu', 'µs', 'lower'))),
    Measurement(large_messages, ALL, (Figure('messages-64k', 'Gbit/s', 'higher'),)),
    Measurement(publish_latency, (*ALL, 'bare'), (Figure('publish-latency', 'µs', 'lower'),)),
    Measurement(load('signed-64', 64), ALL, (Figure('signed-64', '/s', 'higher'),)),
    Measurement(load('signed-1024', 1024), ALL, (Figure('signed-1024', '/s', 'higher'),)),
    Measurement(load('unsigned-64', 64, 'unsigned'), (*ALL, 'mosquitto', 'zenoh'),
                (Figure('unsigned-64', '/s', 'higher'),)),
    Measurement(latency, (*ALL, 'mosquitto', 'zenoh'), (Figure('latency', 'µs', 'lower'),
                                                        Figure('latency-p99', 'µs', 'lower'))),
    Measurement(signed_python, ('avi',), (Figure('signed-python', '/s', 'higher'),)),
    Measurement(relay, (*ALL, 'bare'), (Figure('relay', '/s', 'higher'),)),
    Measurement(mesh, ALL, (Figure('mesh-10', '%', 'higher'), Figure('mesh-10-cpu', 'µs', 'lower'))),
    Measurement(topic_memory, ALL, (Figure('topic-memory', 'MiB', 'lower'),)),
    Measurement(start, ALL, (Figure('start', 'ms', 'lower'),)),
    Measurement(discover_local, ('avi',), (Figure('discover-local', 'ms', 'lower'),)),
    Measurement(discover_lan, ('avi', 'rust'), (Figure('discover-lan', 'ms', 'lower'),)),
    Measurement(discover_lan_rust, ('avi',), (Figure('discover-lan-rust', 'ms', 'lower'),)),
    Measurement(node_memory, ALL, (Figure('node-memory', 'MiB', 'lower'), Figure('node-resident', 'MiB', 'lower')),
                together=True),
    Measurement(connection_memory, ALL, (Figure('connection-memory', 'KiB', 'lower'),)),
    Measurement(idle, ALL, (Figure('idle-wakeups', '/s', 'lower'),), together=True),
    Measurement(idle_connected, ALL, (Figure('idle-wakeups-connected', '/s', 'lower'),
                                      Figure('idle-cpu', '%', 'lower')), together=True),
    Measurement(seal, ('avi', 'bare'), (Figure('seal', 'Gbit/s', 'higher'),)),
)
