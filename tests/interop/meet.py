#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Our node and one of another implementation, over loopback: what is more than a row of table.py.

Usage: meet.py rust|go|js|py|deployed AVI-PEER
"""

import hashlib
import sys

import harness
import peers
from harness import exchange, hear_each_other, link_up

FOREIGN = {peer.name: peer for peer in peers.FOREIGN}
TOPIC = 'interop'

kind = sys.argv[1]
ours_program = sys.argv[2]
foreign_program = FOREIGN[kind].program()
lacks = FOREIGN[kind].lacks
suite = harness.Suite(at_once=harness.MANY)


def ours(suite, *options, name='avi'):
    return suite.node(ours_program, '--agent', name, '--subscribe', TOPIC, *options, name=name)


# js ends a connection whose pings wait behind what is sent.
patience = ['--no-monitor'] if kind == 'js' else []


def foreign(suite, *options, name=kind):
    options = (*patience, *options)
    return suite.node(foreign_program, '--agent', name, '--subscribe', TOPIC, *options, name=name)


# ---- Connections --------------------------------------------------------------------------------

@suite.test(f'the same seed gives {kind} and us the same peer id')
def _(suite):
    assert ours(suite, '--seed', 7).id == foreign(suite, '--seed', 7).id


@suite.test('a dial that meets another peer than it names is an error that names both')
def _(suite):
    us, them, stranger = ours(suite), foreign(suite), foreign(suite, name='stranger')
    them.address, stranger.address
    us.tell('dial', them.address.replace(them.id, stranger.id))
    error = ' '.join(us.expect('error'))
    assert stranger.id in error and them.id in error, error
    assert not us.has('connected')
    link_up(us, them, TOPIC)


@suite.test(f'{kind} that dials us by a wrong peer id fails, and can dial again by the right one')
def _(suite):
    us, them, stranger = ours(suite), foreign(suite), foreign(suite, name='stranger')
    them.tell('dial', us.address.replace(us.id, stranger.id))
    them.expect('error')
    assert not us.has('connected', stranger.id)
    link_up(them, us, TOPIC)


@suite.test(f'{kind} and we dial each other at once, and every text is heard once')
def _(suite):
    us, them = ours(suite), foreign(suite)
    addresses = us.address, them.address
    us.tell('dial', addresses[1])
    them.tell('dial', addresses[0])
    hear_each_other(us, them, TOPIC)
    exchange(us, them, TOPIC)
    us.tell('publish', TOPIC, 'last')
    them.expect_message(TOPIC, us.id, 'last')
    repeated = [event for event in them.events if event[0] == 'message' and event[-1] == us.name]
    assert not repeated, repeated


# ---- Messages -----------------------------------------------------------------------------------

@suite.test('a message of 1 MiB goes both ways', when='1 MiB of data' not in lacks)
def _(suite):
    us, them = ours(suite), foreign(suite)
    link_up(us, them, TOPIC)
    size = 1 << 20
    as_shown = f'{size}-bytes:{hashlib.sha256(b"x" * size).hexdigest()}'
    for sender, receiver in ((us, them), (them, us)):
        sender.tell('publish-size', TOPIC, size)
        receiver.expect_message(TOPIC, sender.id, as_shown)


@suite.test('of a thousand messages each way none is lost, and their order stays', when='bursts' not in lacks)
def _(suite):
    us, them = ours(suite), foreign(suite)
    link_up(us, them, TOPIC)
    count = 1000
    for sender, receiver in ((us, them), (them, us)):
        for i in range(count):
            sender.tell('publish', TOPIC, f'{i} of {count}')
        heard = [receiver.expect('message', TOPIC, sender.id)[0] for _ in range(count)]
        if sender is them and 'order' in lacks:
            heard.sort(key=int)
        assert heard == [str(i) for i in range(count)], heard


def relay(suite, outer, middle):
    """Texts of either end reach the other end through the middle, with their author."""
    one, between, other = outer(suite, name='one'), middle(suite, name='between'), outer(suite, name='other')
    link_up(one, between, TOPIC)
    link_up(between, other, TOPIC)
    hear_each_other(one, other, TOPIC)


suite.add(f'we pass texts on between two of {kind}', relay, foreign, ours)
suite.add(f'{kind} passes texts on between two of ours', relay, ours, foreign)


@suite.test(f'six of {kind} and six of ours around one of ours: all hear all')
def _(suite):
    # Who joins a mesh between a message and the gossip of it hears neither, in all implementations: what is
    # asked is that all come to hear all.
    us = ours(suite)
    crowd = [foreign(suite, name=f'{kind}-{i}') for i in range(6)] + [ours(suite, name=f'avi-{i}') for i in range(6)]
    for node in crowd:
        node.tell('dial', us.address)
    for node in crowd:
        node.expect('connected', us.id)
        hear_each_other(us, node, TOPIC)
    for i, node in enumerate(crowd):
        hear_each_other(node, crowd[i - 1], TOPIC)


@suite.test('who unsubscribes hears no more, and who subscribes again hears again')
def _(suite):
    us, them = ours(suite), foreign(suite)
    link_up(us, them, TOPIC)
    for receiver, sender in ((us, them), (them, us)):
        receiver.tell('unsubscribe', TOPIC)
        receiver.tell('subscribe', 'elsewhere')
        sender.tell('subscribe', 'elsewhere')
        hear_each_other(sender, receiver, 'elsewhere')
        sender.tell('publish', TOPIC, 'unheard')
        # What was published later has come: the earlier one will not.
        hear_each_other(sender, receiver, 'elsewhere')
        assert not receiver.has('message', TOPIC, sender.id, 'unheard')
        receiver.tell('subscribe', TOPIC)
        hear_each_other(sender, receiver, TOPIC)


@suite.test(f'we wait until {kind} subscribes')
def _(suite):
    us, them = ours(suite), foreign(suite)
    link_up(us, them, TOPIC)
    us.tell('wait', 'later', 1)
    them.tell('subscribe', 'later')
    us.expect('subscribers', 'later', 1)
    us.tell('publish', 'later', 'now')
    them.expect_message('later', us.id, 'now')


# ---- Healing ------------------------------------------------------------------------------------

def restarted(node, program, suite, *options):
    """The same node again, at once: same key, same port. From its end to its start nothing is waited for: what
    lies between is what the kernel needs for the two."""
    port = node.port()
    node.kill()
    return started_again(node, program, suite, port, *options)


def started_again(node, program, suite, port, *options):
    return suite.node(program, '--agent', node.name, '--subscribe', TOPIC, *options,
                      '--listen', f'/ip4/127.0.0.1/tcp/{port}', name=node.name)


@suite.test(f'{kind} is killed, started again within 100 ms, and dials us: both hear each other again')
def _(suite):
    us, them = ours(suite), foreign(suite, '--seed', 1)
    link_up(them, us, TOPIC)
    them = restarted(them, foreign_program, suite, '--seed', 1, '--dial', us.address)
    hear_each_other(us, them, TOPIC)


@suite.test(f'{kind} is killed and started again within 100 ms: we find it again by ourselves')
def _(suite):
    us, them = ours(suite), foreign(suite, '--seed', 1)
    link_up(us, them, TOPIC)
    them = restarted(them, foreign_program, suite, '--seed', 1)
    hear_each_other(us, them, TOPIC)


@suite.test(f'we are killed, started again within 100 ms, and dial {kind}: both hear each other again', when='our quick return' not in lacks)
def _(suite):
    us, them = ours(suite, '--seed', 2), foreign(suite)
    link_up(us, them, TOPIC)
    us = restarted(us, ours_program, suite, '--seed', 2, '--dial', them.address)
    hear_each_other(us, them, TOPIC)


@suite.test(f'{kind} is killed and started again as soon as we noticed: who waits for its subscription goes on waiting, '
            'and of what is published meanwhile we hear that nobody got it')
def _(suite):
    us, them = ours(suite), foreign(suite, '--seed', 4)
    link_up(us, them, TOPIC)
    us.tell('wait', 'later', 1)
    port = them.port()
    them.kill()
    us.expect('disconnected', them.id)
    us.tell('publish-async', TOPIC, 'to nobody')
    try:
        assert us.expect('sent', TOPIC) == ['0']
    except harness.Refused:
        pass
    assert not us.has('subscribers')
    them = started_again(them, foreign_program, suite, port, '--seed', 4, '--dial', us.address)
    hear_each_other(us, them, TOPIC)
    assert not us.has('subscribers')
    them.tell('subscribe', 'later')
    us.expect('subscribers', 'later', 1)


@suite.test(f'{kind} is absent when we start: as a bootstrap peer it is found when it comes')
def _(suite):
    them = foreign(suite, '--seed', 3)
    address, port = them.address, them.port()
    them.kill()
    us = ours(suite, '--bootstrap', address)
    us.address
    them = foreign(suite, '--seed', 3, '--listen', f'/ip4/127.0.0.1/tcp/{port}')
    hear_each_other(us, them, TOPIC)


if foreign_program is None:
    why, is_failure = FOREIGN[kind].problem()
    (harness.fail_all if is_failure else harness.skip_all)(f'no {kind} peer: {why}')
sys.exit(suite.run())
