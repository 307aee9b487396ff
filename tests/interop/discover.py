#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Our node and those of other implementations find each other by mDNS, on a virtual LAN.

Usage: discover.py rust|go|js|py|deployed AVI-PEER
"""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / 'lan'))

import harness
import network
import peers
from harness import hear_each_other

FOREIGN = {peer.name: peer for peer in peers.FOREIGN}
TOPIC = 'interop'
AT_ONCE = 5.0       # seconds; the first queries and announcements take 2
ANYWHERE = '0.0.0.0'

kind = sys.argv[1]
ours_program = str(pathlib.Path(sys.argv[2]).resolve())
foreign_program = FOREIGN[kind].program()

if foreign_program is None:
    why, is_failure = FOREIGN[kind].problem()
    (harness.fail_all if is_failure else harness.skip_all)(f'no {kind} peer: {why}')
if why := network.enter():
    harness.skip_all(why)
suite = harness.Suite(at_once=harness.MANY)


def test(sentence):
    """Each test gets a network of its own."""
    def add(function):
        def run(running):
            with network.Network(running, ours_program) as lan:
                function(lan)
                for node in running.nodes:
                    assert node.close(), f'{node.name} did not end well'
        suite.add(sentence, run)
        return function
    return add


def start(program, host, name, listen=ANYWHERE):
    node = host.network.suite.node(program, '--agent', name, '--mdns', '--listen', f'/ip4/{listen}/tcp/0',
                                   '--subscribe', TOPIC, name=name, wrapper=host.inside())
    node.address
    return node


def ours(host, name='avi'):
    return start(ours_program, host, name)


def foreign(host, name=kind):
    host.route_multicast()
    # py would announce that it is at 0.0.0.0.
    return start(foreign_program, host, name, listen=host.ip4 if kind == 'py' else ANYWHERE)


def find_each_other(one, other):
    for here, there in ((one, other), (other, one)):
        here.expect('connected', there.id, deadline=AT_ONCE)
    hear_each_other(one, other, TOPIC)


@test(f'{kind} is there, we come: we find each other at once')
def _(lan):
    them = foreign(lan.host())
    find_each_other(ours(lan.host()), them)


@test(f'we are there, {kind} comes: we find each other at once')
def _(lan):
    us = ours(lan.host())
    find_each_other(us, foreign(lan.host()))


@test(f'{kind} and we find each other on one host')
def _(lan):
    host = lan.host()
    us = ours(host)
    find_each_other(us, foreign(host))


@test(f'{kind} and we find each other, with an avahi-daemon on either host')
def _(lan):
    here, there = lan.host(), lan.host()
    here.start_avahi()
    there.start_avahi()
    us = ours(here)
    find_each_other(us, foreign(there))


@test(f'two of {kind} and two of ours: each of ours finds every other')
def _(lan):
    mine, theirs = [], []
    for i in range(2):
        mine.append(ours(lan.host(), f'avi-{i}'))
        theirs.append(foreign(lan.host(), f'{kind}-{i}'))
    # What goes on between two of theirs is not ours to test.
    pairs = [(mine[0], mine[1])] + [(us, them) for us in mine for them in theirs]
    for one, other in pairs:
        one.expect('connected', other.id)
        other.expect('connected', one.id)
    for one, other in pairs:
        hear_each_other(one, other, TOPIC)


@test(f'what {kind} announces is told as a discovery, with its address on the LAN')
def _(lan):
    us, there = ours(lan.host()), lan.host()
    them = foreign(there)
    address, = us.expect('discovered', them.id, deadline=AT_ONCE)
    # It may have found us, and dialled, before.
    while there.ip4 not in address:
        address, = us.expect('addresses', them.id, deadline=AT_ONCE)


sys.exit(suite.run())
