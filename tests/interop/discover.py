#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Our node and those of other implementations find each other by mDNS, on a LAN of namespaces.

Usage: discover.py rust|go AVI-PEER
"""

import sys

import harness
import lan
import peers
from harness import hear_each_other

FOREIGN = {peer.name: peer for peer in peers.FOREIGN}
TOPIC = 'interop'
AT_ONCE = 5.0       # seconds; the first queries and announcements take 2

kind = sys.argv[1]
ours_program = sys.argv[2]
foreign_program = FOREIGN[kind].program()

if foreign_program is None:
    why, is_failure = FOREIGN[kind].problem()
    (harness.fail_all if is_failure else harness.skip_all)(f'no {kind} peer: {why}')
if why := lan.enter():
    harness.skip_all(why)
network = lan.Lan()
suite = harness.Suite()
OPTIONS = ['--mdns', '--listen', '/ip4/0.0.0.0/tcp/0', '--subscribe', TOPIC]


def ours(suite, host, name='avi'):
    node = suite.node(ours_program, '--agent', name, *OPTIONS, name=name, wrapper=host)
    node.address
    return node


def foreign(suite, host, name=kind):
    node = suite.node(foreign_program, '--agent', name, *OPTIONS, name=name, wrapper=host)
    node.address
    return node


def find_each_other(one, other):
    for here, there in ((one, other), (other, one)):
        here.expect('connected', there.id, deadline=AT_ONCE)
    hear_each_other(one, other, TOPIC)


@suite.test(f'{kind} is there, we come: we find each other at once')
def _(suite):
    them = foreign(suite, network.host())
    find_each_other(ours(suite, network.host()), them)


@suite.test(f'we are there, {kind} comes: we find each other at once')
def _(suite):
    us = ours(suite, network.host())
    find_each_other(us, foreign(suite, network.host()))


@suite.test(f'{kind} and we find each other on one host')
def _(suite):
    host = network.host()
    us = ours(suite, host)
    find_each_other(us, foreign(suite, host))


@suite.test(f'two of {kind} and two of ours: each of ours finds every other')
def _(suite):
    mine, theirs = [], []
    for i in range(2):
        mine.append(ours(suite, network.host(), name=f'avi-{i}'))
        theirs.append(foreign(suite, network.host(), name=f'{kind}-{i}'))
    # What goes on between two of theirs is not ours to test.
    pairs = [(mine[0], mine[1])] + [(us, them) for us in mine for them in theirs]
    for one, other in pairs:
        one.expect('connected', other.id)
        other.expect('connected', one.id)
    for one, other in pairs:
        hear_each_other(one, other, TOPIC)


@suite.test(f'what {kind} announces is told as a discovery, with its address on the LAN')
def _(suite):
    us, them = ours(suite, network.host()), foreign(suite, network.host())
    address, = us.expect('discovered', them.id, deadline=AT_ONCE)
    assert lan.NETWORK in address, address


sys.exit(suite.run())
