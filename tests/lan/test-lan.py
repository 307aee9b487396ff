#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Real nodes on real hosts of a virtual LAN: they find each other, come, go and move.

Usage: test-lan.py SIMPLE-NODE

AVI_TEST=TEXT runs only the tests whose sentence holds that text.
"""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / 'interop'))

import harness
import network
from network import Network, connected, talk, talk_again, wait_until

AT_ONCE = 5.0       # seconds; the first queries and announcements are done after 2
IN_TIME = 60.0      # seconds; over a link that loses a fifth, where each loss costs a second and more
NOTICED = 35.0      # seconds; a connection that dies without a word is noticed within 30, and replaced

program = str(pathlib.Path(sys.argv[1]).resolve())
if why := network.enter():
    harness.skip_all(why)
if not os.environ.get(network.ASIDE) and not network.has_netem():
    print('# | lan: there is no netem here; frames are lost and late by tests/lan/bad-link.py')
suite = harness.Suite()


def collect(process):
    """Waits for a test that ran beside the others, and makes its result that of this one."""
    output, _ = process.communicate()
    if skipped := re.search(r'^ok .* # SKIP (.*)$', output, re.MULTILINE):
        raise harness.Skip(skipped.group(1))
    assert process.returncode == 0, output


def test(sentence, aside=False, both_ways=False):
    """Each test gets a network of its own. One that takes long by its nature runs beside the others, from the start;
    these stand last, and are waited for there. Some run once more with engines that have no thread of their own."""
    def add(function):
        def run(running, *options):
            with Network(running, program, *options) as lan:
                function(lan)
        if aside and not os.environ.get(network.ASIDE) and os.environ.get('AVI_TEST', '') in sentence:
            process = network.start_aside(sentence)
            suite.add(sentence, lambda running: collect(process))
        else:
            suite.add(sentence, run)
            suite.add(f'{sentence}, unthreaded', run, '--unthreaded', when=both_ways)
        return function
    return add


def meet(*nodes, deadline=AT_ONCE):
    """They find each other at once, list each other, and talk."""
    connected(*nodes, deadline=deadline)
    for here in nodes:
        for there in nodes:
            if here is not there:
                here.lists(there)
    talk(*nodes)


def parted(here, there):
    assert not here.has('peer-connected', there.id) and not here.has('peer-discovered', there.id), \
        f'{here.name} and {there.name} should not know of each other'


def services(host, node, origin):
    """What Avahi's own tool on @host sees of a node, as published through Avahi on @origin: the
    service then names that host as Avahi calls it. What the node says by itself names another."""
    if shutil.which('avahi-browse') is None:
        raise harness.Skip('avahi-browse is not installed')
    answer = subprocess.run([*host.inside(), 'avahi-browse', '-rpt', '_p2p._udp'], capture_output=True, text=True)
    return [line for line in answer.stdout.splitlines()
            if line.startswith('=') and f';{origin.name}.local;' in line and node.id in line]


# ---- With and without a daemon

@test('two hosts without any daemon', both_ways=True)
def _(lan):
    meet(lan.host().node('kitchen'), lan.host().node('bedroom'))


@test('two hosts with IPv6 and link-local addresses only')
def _(lan):
    meet(lan.host(ip4=False).node('kitchen'), lan.host(ip4=False).node('bedroom'))


@test('four hosts: everybody finds everybody')
def _(lan):
    meet(*[lan.host().node(name) for name in ('kitchen', 'bedroom', 'cellar', 'attic')])


@test('ten hosts: everybody finds everybody')
def _(lan):
    meet(*[lan.host().node(f'node-{i}') for i in range(10)], deadline=4 * AT_ONCE)


@test('two hosts with IPv6 only, and addresses that routers give')
def _(lan):
    hosts = [lan.host(ip4=False) for _ in range(2)]
    for number, host in enumerate(hosts, 1):
        host.ip('address', 'add', f'fd77::{number}/64', 'dev', 'eth0', 'nodad')
    nodes = [host.node(f'node-{i}') for i, host in enumerate(hosts)]
    for number, node in enumerate(nodes, 1):
        node.has_address(f'fd77::{number}')
    meet(*nodes)


@test('two nodes of one host, by mDNS alone')
def _(lan):
    host = lan.host()
    meet(host.node('kitchen', '--no-local'), host.node('bedroom', '--no-local'))


@test('two hosts with avahi-daemon on both, and its tools see both nodes', both_ways=True)
def _(lan):
    one, other = lan.host(), lan.host()
    one.start_avahi()
    other.start_avahi()
    kitchen, bedroom = one.node('kitchen'), other.node('bedroom')
    meet(kitchen, bedroom)
    for host in (one, other):
        wait_until(lambda: services(host, kitchen, one), f'kitchen by avahi-browse on {host.name}')
        wait_until(lambda: services(host, bedroom, other), f'bedroom by avahi-browse on {host.name}')


@test('two hosts with avahi-daemon on one only')
def _(lan):
    one, other = lan.host(), lan.host()
    one.start_avahi()
    meet(one.node('kitchen'), other.node('bedroom'))


@test('avahi-daemon is killed, started and stopped under running nodes, and nobody is lost')
def _(lan):
    one, other = lan.host(), lan.host()
    one.start_avahi()
    other.start_avahi()
    kitchen, bedroom = one.node('kitchen'), other.node('bedroom')
    meet(kitchen, bedroom)
    for how in (network.signal.SIGKILL, network.signal.SIGTERM):
        one.stop_avahi(how)
        talk(kitchen, bedroom)
        one.start_avahi()
        talk(kitchen, bedroom)
    one.stop_avahi()
    other.stop_avahi()
    late = lan.host().node('late')
    for node in (kitchen, bedroom):
        node.expect('peer-connected', late.id, deadline=AT_ONCE)
    talk(kitchen, bedroom, late)
    for node in (kitchen, bedroom):
        assert not node.has('peer-disconnected'), f'{node.name} lost somebody'


@test('avahi-daemon comes after the nodes')
def _(lan):
    one, other = lan.host(), lan.host()
    kitchen, bedroom = one.node('kitchen'), other.node('bedroom')
    meet(kitchen, bedroom)
    one.start_avahi()
    other.start_avahi()
    talk(kitchen, bedroom)


# ---- Coming, going, moving

@test('a host that is killed and comes back with its key is heard again', both_ways=True)
def _(lan):
    one, other = lan.host(), lan.host()
    identity = ('--identity', '/run/user/identity')
    kitchen, bedroom = one.node('kitchen'), other.node('bedroom', *identity)
    meet(kitchen, bedroom)
    for _ in range(3):
        before = bedroom
        bedroom.kill()
        bedroom = other.node('bedroom', *identity)
        assert bedroom.id == before.id
        bedroom.expect('peer-connected', kitchen.id, deadline=AT_ONCE)
        talk(kitchen, bedroom)


@test('a host that is killed and comes back as another node is heard again')
def _(lan):
    one, other = lan.host(), lan.host()
    kitchen, bedroom = one.node('kitchen'), other.node('bedroom')
    meet(kitchen, bedroom)
    bedroom.kill()
    kitchen.expect('peer-disconnected', bedroom.id)
    meet(kitchen, other.node('attic'))


@test('a host that changes its address is found at the new one', both_ways=True)
def _(lan):
    one, other = lan.host(), lan.host()
    kitchen, bedroom = one.node('kitchen'), other.node('bedroom')
    meet(kitchen, bedroom)
    moved = f'{network.NETWORK}.202'
    other.ip('address', 'del', f'{other.ip4}/24', 'dev', 'eth0')
    other.ip('address', 'add', f'{moved}/24', 'brd', '+', 'dev', 'eth0')
    bedroom.has_address(moved)
    talk_again(kitchen, bedroom, deadline=NOTICED)
    # Also for those who never knew the old one.
    late = lan.host().node('late')
    connected(late, bedroom, deadline=AT_ONCE)
    talk(late, bedroom)


@test('a link that goes down and comes up')
def _(lan):
    one, other = lan.host(), lan.host()
    kitchen, bedroom = one.node('kitchen'), other.node('bedroom')
    meet(kitchen, bedroom)
    for _ in range(2):
        other.link('down')
        bedroom.has_address(other.ip4, False)
        other.link('up')
        bedroom.has_address(other.ip4)
        talk_again(kitchen, bedroom, deadline=NOTICED)


@test('a host with two links into the LAN: either may go')
def _(lan):
    one, other = lan.host(), lan.host()
    other.add_link('eth1', f'{network.NETWORK}.202')
    kitchen, bedroom = one.node('kitchen'), other.node('bedroom')
    meet(kitchen, bedroom)
    for link in ('eth0', 'eth1'):
        other.link('down', link)
        talk_again(kitchen, bedroom, deadline=NOTICED)
        other.link('up', link)
        talk_again(kitchen, bedroom, deadline=NOTICED)


@test('a link that comes after the start')
def _(lan):
    one, other = lan.host(), lan.host()
    other.link('down')
    kitchen, bedroom = one.node('kitchen'), other.node('bedroom')
    parted(kitchen, bedroom)
    other.link('up')
    meet(kitchen, bedroom)


# ---- One machine

@test('with only lo up a node starts, and nodes of one user find each other', both_ways=True)
def _(lan):
    host = lan.host()
    host.link('down')
    kitchen, bedroom = host.node('kitchen'), host.node('bedroom')
    meet(kitchen, bedroom)
    bedroom.kill()
    kitchen.expect('peer-disconnected', bedroom.id)
    meet(kitchen, host.node('attic'))


@test('with neither mDNS nor local discovery nobody is found, but by dialling')
def _(lan):
    one, other = lan.host(), lan.host()
    options = ('--no-mdns', '--no-local')
    kitchen, bedroom = one.node('kitchen', *options), one.node('bedroom', *options)
    address, = [address for address in kitchen.addresses if one.ip4 in address]
    cellar = other.node('cellar', *options, '--dial', address)
    connected(kitchen, cellar)
    parted(kitchen, bedroom)
    parted(bedroom, cellar)
    bedroom.tell('/dial', address)
    connected(kitchen, bedroom)


# ---- What is said on the LAN

@test('each interface announces its own addresses, and no loopback')
def _(lan):
    one, other = lan.host(), lan.host()
    one.add_link('eth1', '10.88.0.1', bridge=False)
    ear = network.Ear(other)
    kitchen = one.node('kitchen')
    meet(kitchen, other.node('bedroom'))
    wait_until(lambda: len(ear.announced(kitchen.id)) >= 2, 'announcements by IPv4 and IPv6')
    for address, _ in ear.announced(kitchen.id):
        assert address.startswith((f'/ip4/{one.ip4}/', '/ip6/fe80:')), address
    for source, packet in ear.hear():
        for record in network.records(packet):
            # The host's name leads to addresses, too.
            if record.kind == network.A and source == one.ip4:
                assert record.data == network.socket.inet_aton(one.ip4), record.data
    ear.close()


@test('through avahi-daemon, too, each interface announces its own addresses')
def _(lan):
    one, other = lan.host(), lan.host()
    one.add_link('eth1', '10.88.0.1', bridge=False)
    one.start_avahi()
    ear = network.Ear(other)
    kitchen = one.node('kitchen')
    meet(kitchen, other.node('bedroom'))
    wait_until(lambda: len(ear.announced(kitchen.id)) >= 2, 'announcements by IPv4 and IPv6')
    for address, _ in ear.announced(kitchen.id):
        assert address.startswith((f'/ip4/{one.ip4}/', '/ip6/fe80:')), address
    ear.close()


@test('a node withdraws itself when it stops', both_ways=True)
def _(lan):
    one, other = lan.host(), lan.host()
    ear = network.Ear(other)
    kitchen, bedroom = one.node('kitchen'), other.node('bedroom')
    meet(kitchen, bedroom)
    assert ear.goodbyes() == 0
    kitchen.stop()
    bedroom.expect('peer-disconnected', kitchen.id, deadline=AT_ONCE)
    wait_until(lambda: ear.goodbyes() > 0, 'a goodbye', AT_ONCE)
    ear.close()


@test('a node is withdrawn from avahi-daemon when it stops')
def _(lan):
    host = lan.host()
    host.start_avahi()
    kitchen = host.node('kitchen')
    wait_until(lambda: services(host, kitchen, host), 'our service in Avahi')
    kitchen.stop()
    wait_until(lambda: not services(host, kitchen, host), 'the end of our service in Avahi')


@test('a node is withdrawn by avahi-daemon when it is killed')
def _(lan):
    one, other = lan.host(), lan.host()
    one.start_avahi()
    ear = network.Ear(other)
    kitchen = one.node('kitchen')
    wait_until(lambda: services(one, kitchen, one), 'our service in Avahi')
    assert ear.goodbyes() == 0
    kitchen.kill()
    # The node itself could not say any.
    wait_until(lambda: ear.goodbyes() > 0, 'a goodbye', AT_ONCE)
    ear.close()


# ---- What takes long by its nature

@test('over a link that loses a fifth and is late by 200 ms nodes find each other, and what they say arrives',
      aside=True)
def _(lan):
    one, other = lan.host(), lan.host(ip4=False)
    other.link('down')
    other.add_bad_link('eth1', other.ip4, delay=0.2, loss=0.2)
    kitchen, bedroom = one.node('kitchen'), other.node('bedroom')
    connected(kitchen, bedroom, deadline=IN_TIME)
    try:
        for author, listener in ((kitchen, bedroom), (bedroom, kitchen)):
            author.say('first')
            listener.expect('message', 'chat', author.name + ':', 'first', deadline=IN_TIME)
            for i in range(20):
                author.tell(f'text {i}')
            for i in range(20):
                listener.expect('message', 'chat', author.name + ':', 'text', str(i), deadline=IN_TIME)
    except harness.Missing:
        # TCP may back off for longer than a silent connection is kept. Then it must heal.
        assert kitchen.has('peer-disconnected') or bedroom.has('peer-disconnected'), 'a text was lost on a connection'
    talk_again(kitchen, bedroom, deadline=IN_TIME)


@test('a cable that is pulled for a minute and put back', aside=True)
def _(lan):
    one, other = lan.host(), lan.host()
    kitchen, bedroom = one.node('kitchen'), other.node('bedroom')
    meet(kitchen, bedroom)
    # A real minute: both have noticed and given up, and the kernel's retransmissions, which know no other time, lie
    # as far apart as they do then.
    other.cable('down')
    time.sleep(60)
    kitchen.expect('peer-disconnected', bedroom.id)
    other.cable('up')
    talk_again(kitchen, bedroom, deadline=AT_ONCE)


sys.exit(suite.run())
