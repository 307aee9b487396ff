# SPDX-License-Identifier: LGPL-2.1-or-later
"""A LAN of namespaces, and real processes on its hosts.

Nothing of it reaches the machine's own interfaces. All of it, daemons included, is gone when the
process ends in whatever way, since it lives in a PID namespace of its own; beyond that each network
is taken down by its test.
"""

import ctypes
import functools
import itertools
import os
import pathlib
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import threading
import time

import harness

MARK = 'AVI_INSIDE_LAN_TEST'
ASIDE = 'AVI_LAN_TEST_ASIDE'
NETWORK = '10.77.0'
GROUP4, GROUP6, PORT = '224.0.0.251', 'ff02::fb', 5353
CLONE_NEWNET = 0x40000000
BAD_LINK = pathlib.Path(__file__).resolve().parent / 'bad-link.py'


def enter():
    """Runs the script again inside namespaces of its own. Returns inside of them with None, or
    outside with the reason why they cannot be made."""
    if os.environ.get(MARK):
        os.environ['AVI_IS_ROOT'] = '1' if os.environ[MARK] == 'root' else ''
        run('mount', '-t', 'tmpfs', 'tmpfs', '/run')
        run('ip', 'link', 'set', 'lo', 'up')
        return None
    for tool in ('unshare', 'nsenter', 'ip', 'mount', 'hostname'):
        if shutil.which(tool) is None:
            return f'{tool} is not installed'
    is_root = os.geteuid() == 0
    command = ['unshare', '--net', '--mount', '--uts', '--pid', '--fork', '--kill-child', '--mount-proc']
    if not is_root:
        command += ['--user', '--map-root-user']
    probe = subprocess.run([*command, 'ip', 'link', 'add', 'br0', 'type', 'bridge'], capture_output=True, text=True)
    if probe.returncode != 0:
        return 'no namespaces here: ' + (probe.stderr.strip().splitlines() or ['unshare failed'])[-1]
    os.environ[MARK] = 'root' if is_root else 'user'
    os.execvp(command[0], [*command, sys.executable, *sys.argv])


def start_aside(sentence):
    """The same script in namespaces beside these, with the test of that sentence alone."""
    command = ['unshare', '--net', '--mount', '--uts', '--pid', '--fork', '--kill-child', '--mount-proc']
    return subprocess.Popen([*command, sys.executable, *sys.argv], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            text=True, env={**os.environ, 'AVI_TEST': sentence, ASIDE: '1'})


@functools.cache
def has_netem():
    """Whether this kernel loses and delays frames by itself; asked of it on a link that is for nothing else."""
    if shutil.which('tc') is None:
        return False
    if subprocess.run(['ip', 'link', 'add', 'probe0', 'type', 'veth', 'peer', 'name', 'probe1'],
                      stderr=subprocess.DEVNULL).returncode != 0:
        return False
    probe = subprocess.run(['tc', 'qdisc', 'add', 'dev', 'probe0', 'root', 'netem', 'delay', '1ms'],
                           stderr=subprocess.DEVNULL)
    run('ip', 'link', 'del', 'probe0')
    return probe.returncode == 0


def run(*words):
    subprocess.run([str(word) for word in words], check=True, stdin=subprocess.DEVNULL)


def wait_until(condition, what, deadline=harness.DEADLINE):
    end = time.monotonic() + deadline
    while not condition():
        if time.monotonic() > end:
            raise harness.Missing(f'{what}: not within {deadline:g} s')
        time.sleep(0.02)


class SimpleNode(harness.Node):
    """examples/simple-node: each line it prints is an event."""

    def __init__(self, program, name, *options, wrapper):
        super().__init__(program, '--name', name, *options, name=name, wrapper=wrapper)
        self._id, *self.addresses = self.expect('started')

    def close(self):
        if self.process.poll() is None:
            self.process.terminate()
        return super().close()

    def stop(self):
        """As a user does it. What it says while it stops may be asked for afterwards."""
        assert self.close(), f'{self.name} did not end well'

    def say(self, text, listeners=1):
        """Publishes it, once as many as that are known to listen."""
        def heard():
            self.tell(text)
            return int(self.expect('published')[0]) >= listeners
        wait_until(heard, f'{listeners} who listen to {self.name}')

    def hears(self, author, text):
        self.expect('message', 'chat', author.name + ':', *text.split(' '))

    def has_address(self, ip, wanted=True):
        """Waits until it says that it can be reached there, or not any more."""
        while wanted != any(ip in address.split('/') for address in self.addresses):
            self.addresses = self.expect('addresses')

    def lists(self, other):
        self.tell('/peers')
        self.expect('peer', other.id, other.name, 'connected')


def connected(*nodes, deadline=harness.DEADLINE):
    """Each is told of each other."""
    for here in nodes:
        for there in nodes:
            if here is not there:
                here.expect('peer-connected', there.id, deadline=deadline)


def talk(*nodes):
    """What one says, all the others hear."""
    for author in nodes:
        text = f'{author.name} speaks at {time.monotonic_ns()}'
        author.say(text, len(nodes) - 1)
        for other in nodes:
            if other is not author:
                other.hears(author, text)


def talk_again(*nodes, deadline):
    """As above, after the network has changed under them: what goes to connections that are dead,
    but not yet known to be, is lost; what is asked is that this comes to an end."""
    for author in nodes:
        for other in nodes:
            if other is author:
                continue
            end = time.monotonic() + deadline
            text = f'{author.name} speaks to {other.name} again at {time.monotonic_ns()}'
            while not other.has('message', 'chat', author.name + ':', *text.split(' ')):
                if time.monotonic() > end:
                    raise harness.Missing(f'{other.name} did not hear {author.name} again within {deadline:g} s')
                author.tell(text)
                author.expect('published')
                time.sleep(0.1)


class Host:
    """A network namespace with a port on the bridge, and a /run of its own; the user's runtime
    directory is in there, so that nodes of different hosts do not find each other by it."""

    numbers = itertools.count(1)
    naming = threading.Lock()       # the first namespace mounts the folder of all

    def __init__(self, network, number, ip4):
        # The kernel takes its time to forget a namespace: each gets a name of its own.
        self.name = f'host{next(Host.numbers)}'
        self.network = network
        self.ip4 = f'{NETWORK}.{number}'
        self.nodes = []
        self.ports = []
        self.daemons = {}
        self.cables = []
        self.holder = None
        network.hosts.append(self)
        with Host.naming:
            run('ip', 'netns', 'add', self.name)
        # Holds the mounts: as long as it lives, others may enter them.
        script = (f'hostname {self.name} && mount -t tmpfs tmpfs /run && mkdir -m 700 /run/user && '
                  'mkdir /run/dbus /run/avahi-daemon && echo ready && exec sleep infinity')
        self.holder = subprocess.Popen(['nsenter', f'--net=/run/netns/{self.name}', 'unshare', '--mount', '--uts',
                                        'sh', '-c', script], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        with self.holder.stdout as output:
            assert output.readline() == b'ready\n', 'a host could not be made'
        self.ip('link', 'set', 'lo', 'up')
        self.add_link('eth0', self.ip4 if ip4 else None)

    def ip(self, *words):
        run('ip', '-n', self.name, *words)

    def add_link(self, name, address=None, bridge=True):
        """A link, up; to the bridge, or to nobody else."""
        port = f'{name}-{self.name}'
        self.ports.append(port)
        run('ip', 'link', 'add', port, 'type', 'veth', 'peer', 'name', name, 'netns', self.name)
        if bridge:
            run('ip', 'link', 'set', port, 'master', self.network.bridge)
        run('ip', 'link', 'set', port, 'up')
        if address:
            self.ip('address', 'add', f'{address}/24', 'brd', '+', 'dev', name)
        self.ip('link', 'set', name, 'up')

    def add_bad_link(self, name, address, delay, loss):
        """A link to the bridge on which frames are late and lost, in both directions: by the kernel's netem, or where
        it has none by bad-link.py."""
        if has_netem():
            bad = ('root', 'netem', 'delay', f'{delay * 1000:g}ms', 'loss', f'{loss * 100:g}%')
            self.add_link(name, address)
            run('tc', 'qdisc', 'add', 'dev', f'{name}-{self.name}', *bad)
            run('tc', '-n', self.name, 'qdisc', 'add', 'dev', name, *bad)
            return
        self.add_link(name, bridge=False)
        ends = f'{name}-{self.name}', f'bad-{self.name}'
        self.ports.append(ends[1])
        run('ip', 'link', 'add', ends[1], 'type', 'veth', 'peer', 'name', f'to-{self.name}')
        run('ip', 'link', 'set', f'to-{self.name}', 'master', self.network.bridge, 'up')
        run('ip', 'link', 'set', ends[1], 'up')
        cable = subprocess.Popen([sys.executable, str(BAD_LINK), *ends, str(delay), str(loss)],
                                 stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        self.cables.append(cable)
        with cable.stdout as output:
            assert output.readline() == b'ready\n', 'a bad link could not be made'
        self.ip('address', 'add', f'{address}/24', 'brd', '+', 'dev', name)

    def cable(self, state, name='eth0'):
        """Pulled at the other end ("down"), or put back ("up"): the interface is there, without a carrier."""
        run('ip', 'link', 'set', f'{name}-{self.name}', state)

    def route_multicast(self):
        """For those who do not choose an interface, and on a real machine have a default route."""
        self.ip('route', 'replace', '224.0.0.0/4', 'dev', 'eth0')

    def link(self, state, name='eth0'):
        self.ip('link', 'set', name, state)

    def inside(self):
        """What to put before a command so that it runs here."""
        return ('nsenter', f'--target={self.holder.pid}', '--net', '--mount', '--uts', 'env', 'XDG_RUNTIME_DIR=/run/user')

    def path(self, path):
        """A path of this host, from outside."""
        return f'/proc/{self.holder.pid}/root{path}'

    def node(self, name, *options):
        node = SimpleNode(self.network.program, name, *self.network.options, *options, wrapper=self.inside())
        self.nodes.append(node)
        self.network.suite.nodes.append(node)
        return node

    # ---- Daemons

    def start(self, *command, ready):
        """A daemon, and waits for the path that shows that it serves."""
        if os.path.exists(self.path(ready)):
            os.unlink(self.path(ready))
        process = subprocess.Popen([*self.inside(), *command], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL)
        self.daemons[command[0]] = process
        wait_until(lambda: os.path.exists(self.path(ready)) or process.poll() is not None, command[0])
        if process.poll() is not None:
            raise AssertionError(f'{command[0]} ended with {process.returncode}')

    def stop(self, name, how=signal.SIGTERM):
        process = self.daemons.pop(name)
        process.send_signal(how)
        process.wait(harness.DEADLINE)

    def start_avahi(self):
        for tool in ('dbus-daemon', 'avahi-daemon'):
            if shutil.which(tool) is None:
                raise harness.Skip(f'{tool} is not installed')
        if not os.environ['AVI_IS_ROOT']:
            raise harness.Skip('only root can run dbus-daemon and avahi-daemon, which change their user')
        if 'dbus-daemon' not in self.daemons:
            self.start('dbus-daemon', '--system', '--nofork', '--nopidfile', ready='/run/dbus/system_bus_socket')
        self.start('avahi-daemon', '--no-drop-root', '--no-rlimits', '--no-chroot', ready='/run/avahi-daemon/socket')

    def stop_avahi(self, how=signal.SIGTERM):
        self.stop('avahi-daemon', how)

    def close(self):
        for node in self.nodes:
            node.close()
        for process in [*self.daemons.values(), *self.cables, self.holder]:
            if process is not None:
                process.kill()
                process.wait()
        for port in self.ports:
            subprocess.run(['ip', 'link', 'del', port])
        subprocess.run(['ip', 'netns', 'del', self.name])


class Network:
    """The bridge and its hosts. Others that exist at the same time do not touch it."""

    numbers = itertools.count(0)

    def __init__(self, suite, program, *options):
        self.bridge = f'br{next(Network.numbers)}'
        self.suite = suite
        self.program = program
        self.options = options      # of all its nodes
        self.hosts = []

    def __enter__(self):
        # Without snooping, which forgets groups when nobody asks for them.
        run('ip', 'link', 'add', self.bridge, 'type', 'bridge', 'mcast_snooping', '0')
        run('ip', 'link', 'set', self.bridge, 'up')
        return self

    def __exit__(self, *exception):
        for host in self.hosts:
            host.close()
        subprocess.run(['ip', 'link', 'del', self.bridge])

    def host(self, ip4=True):
        return Host(self, len(self.hosts) + 1, ip4)


# ---- What is said on the LAN

class Record:
    def __init__(self, kind, ttl, data):
        self.kind, self.ttl, self.data = kind, ttl, data

    def strings(self):
        """Of a TXT record"""
        at = 0
        while at < len(self.data):
            length = self.data[at]
            yield self.data[at + 1:at + 1 + length].decode(errors='replace')
            at += 1 + length


A, PTR, TXT, AAAA = 1, 12, 16, 28


def skip_name(packet, at):
    while packet[at] != 0:
        if packet[at] >= 0xc0:
            return at + 2
        at += 1 + packet[at]
    return at + 1


def records(packet):
    """All records of a DNS message, of all sections (RFC 1035, section 4)."""
    counts = struct.unpack_from('>4H', packet, 4)
    at = 12
    for _ in range(counts[0]):
        at = skip_name(packet, at) + 4
    for _ in range(sum(counts[1:])):
        at = skip_name(packet, at)
        kind, _, ttl, length = struct.unpack_from('>HHIH', packet, at)
        at += 10 + length
        yield Record(kind, ttl, packet[at - length:at])


class Ear:
    """Hears all multicast DNS on a host's link, as (source address, message)."""

    def __init__(self, host, interface='eth0'):
        self.sockets = []
        self.packets = []
        libc = ctypes.CDLL(None, use_errno=True)
        with open('/proc/self/ns/net') as here, open(f'/run/netns/{host.name}') as there:
            if libc.setns(there.fileno(), CLONE_NEWNET) != 0:
                raise OSError(ctypes.get_errno(), 'setns')
            try:
                index = socket.if_nametoindex(interface)
                for family in (socket.AF_INET, socket.AF_INET6):
                    self.sockets.append(self.listen(family, index))
            finally:
                libc.setns(here.fileno(), CLONE_NEWNET)

    def listen(self, family, index):
        ear = socket.socket(family, socket.SOCK_DGRAM)
        ear.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        ear.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET:
            ear.bind((GROUP4, PORT))
            request = socket.inet_aton(GROUP4) + bytes(4) + struct.pack('@i', index)
            ear.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, request)
        else:
            ear.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            ear.bind((GROUP6, PORT, 0, index))
            request = socket.inet_pton(family, GROUP6) + struct.pack('@I', index)
            ear.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, request)
        ear.setblocking(False)
        return ear

    def hear(self):
        """All so far"""
        for ear in self.sockets:
            while True:
                try:
                    data, source = ear.recvfrom(9000)
                except BlockingIOError:
                    break
                self.packets.append((source[0], data))
        return self.packets

    def announced(self, peer):
        """The addresses at which that peer is said to be, each with the TTL of its record."""
        found = set()
        for _, packet in self.hear():
            for record in records(packet):
                if record.kind == TXT:
                    for string in record.strings():
                        match = re.fullmatch(rf'dnsaddr=(.*)/p2p/{peer}', string)
                        if match:
                            found.add((match.group(1), record.ttl))
        return found

    def goodbyes(self):
        """How many PTR records were withdrawn"""
        return sum(record.kind == PTR and record.ttl == 0
                   for _, packet in self.hear() for record in records(packet))

    def close(self):
        for ear in self.sockets:
            ear.close()
