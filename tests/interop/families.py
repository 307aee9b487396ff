#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What only one family of implementations does on a connection, each as it was observed in js-libp2p 3.3 with
gossipsub 17.1, py-libp2p 0.8, go-libp2p 0.51 and rust-libp2p 0.57, and that we get on with it. What all of them do
is a row of table.py; how they find us, and we them, is in discover.py.

Usage: families.py AVI-PEER
"""

import hashlib
import pathlib
import sys

import harness
import peers
from harness import hear_each_other, link_up

TOPIC = 'interop'
FOREIGN = {peer.name: peer for peer in peers.FOREIGN}
LARGEST = 1 << 20
DIALLERS = 12       # of which js takes 5 a second

ours_program = str(pathlib.Path(sys.argv[1]).resolve())
suite = harness.Suite(at_once=harness.MANY)


def ours(run, *options, name='avi'):
    return run.node(ours_program, '--agent', name, '--subscribe', TOPIC, *options, name=name)


def theirs(run, kind, *options, name=None):
    name = name or kind
    return run.node(FOREIGN[kind].program(), '--agent', name, '--subscribe', TOPIC, *options, name=name)


def test(kind, sentence):
    """A test of that family, where its peer is there."""
    def add(function):
        def run_or_skip(run):
            peers.require(kind)
            function(run)
        suite.add(sentence, run_or_skip)
        return function
    return add


def linked(run, kind, *options):
    us, them = ours(run), theirs(run, kind, *options)
    link_up(them, us, TOPIC)
    return us, them


def send_large(sender, receiver):
    as_shown = f'{LARGEST}-bytes:{hashlib.sha256(b"x" * LARGEST).hexdigest()}'
    sender.tell('publish-size', TOPIC, LARGEST)
    receiver.expect_message(TOPIC, sender.id, as_shown)


def still_connected(us, them):
    hear_each_other(us, them, TOPIC)
    assert not us.has('disconnected') and not them.has('disconnected')


# ---- Frames of Yamux ----------------------------------------------------------------------------

@test('js', 'js, which opens with an empty WINDOW_UPDATE and with pings of Yamux, and calls a pong that it did not ask '
            'for an error, stays through 20 pings each way')
def _(run):
    us, them = linked(run, 'js', '--ping-interval', 50, '--no-monitor')
    for _ in range(20):
        them.expect('ping', us.id)
    us.expect('ping', them.id)
    still_connected(us, them)


@test('js', 'js, which sends frames as large as its window, sends us the largest message, and again')
def _(run):
    us, them = linked(run, 'js')
    for _ in range(4):
        send_large(them, us)
    still_connected(us, them)


@test('rust', 'rust, which ends a connection at a frame of more than 1 MiB, gets the largest message of ours, and again')
def _(run):
    us, them = linked(run, 'rust')
    for _ in range(4):
        send_large(us, them)
    still_connected(us, them)


@test('js', 'js, which loses what a frame with FIN carries, hears all that we say of ourselves')
def _(run):
    us, them = ours(run, name='kitchen'), theirs(run, 'js')
    link_up(us, them, TOPIC)
    agent, version, protocols = them.expect('identified', us.id)
    assert (agent, version) == ('kitchen', '/avi/1.0.0'), (agent, version)
    assert '/meshsub/1.1.0' in protocols.split(','), protocols


# ---- Limits -------------------------------------------------------------------------------------

@test('js', f'js takes 5 of {DIALLERS} who dial at once from one address: all of ours are connected in the end')
def _(run):
    them = theirs(run, 'js')
    crowd = [ours(run, '--bootstrap', them.address, name=f'avi-{i}') for i in range(DIALLERS)]
    for us in crowd:
        us.expect('connected', them.id)
        them.expect('connected', us.id)


@test('js', 'js, which ends connections whose peer does not answer its own watch in time, keeps ours')
def _(run):
    # Its own interval is 10 s. Much less than this, and on a busy machine js opens its next stream before the last one
    # and that of this ping are over, which are as many as anybody takes.
    us, them = linked(run, 'js', '--ping-interval', 300)
    for _ in range(12):     # as often as its watch asks, which has the same interval
        them.expect('ping', us.id)
    still_connected(us, them)


# ---- Pub/sub ------------------------------------------------------------------------------------

@test('js', 'js, which scores always, rates us no less than nought after 50 messages and their gossip')
def _(run):
    # Three of ours around one of theirs, which all the gossip goes to; nobody is in its mesh for 10 s.
    us, them = linked(run, 'js')
    other = ours(run, name='other')
    link_up(other, us, TOPIC)
    them.tell('unsubscribe', TOPIC)
    them.tell('subscribe', TOPIC)
    us.tell('wait', TOPIC, 2)
    us.expect('subscribers', TOPIC, 2)
    for i in range(50):
        other.tell('publish', TOPIC, f'{i} of other')
    for i in range(50):
        them.expect_message(TOPIC, other.id, f'{i} of other')
    # A promise that was broken counts 3 s after it was made.
    for _ in range(5):
        them.expect('ping', us.id)
        hear_each_other(us, them, TOPIC)
    them.tell('score', us.id)
    score, = them.expect('score', us.id)
    assert float(score) >= 0, score


@test('js', 'js offers GossipSub 1.2, 1.1 and 1.0 and floodsub, and we meet at one that both speak')
def _(run):
    us, them = ours(run), theirs(run, 'js')
    them.tell('dial', us.address)
    _, _, protocols = us.expect('identified', them.id)
    assert {'/meshsub/1.2.0', '/meshsub/1.1.0', '/meshsub/1.0.0', '/floodsub/1.0.0'} <= set(protocols.split(',')), protocols
    hear_each_other(us, them, TOPIC)


@test('py', 'py, whose seqno is the time in seconds and counts on from there, is heard in full when it says much at once')
def _(run):
    us, them = linked(run, 'py')
    for i in range(20):
        them.tell('publish', TOPIC, f'{i} at once')
    for i in range(20):
        us.expect_message(TOPIC, them.id, f'{i} at once')


@test('py', 'py, which counts back-offs in whole seconds, leaves, returns, and hears us and is heard again')
def _(run):
    us, them = linked(run, 'py')
    them.tell('unsubscribe', TOPIC)
    them.tell('subscribe', TOPIC)
    hear_each_other(us, them, TOPIC)


# ---- Identify -----------------------------------------------------------------------------------

@test('js', 'js, whose pushes lack the key and come where nothing changed, is known as before after them')
def _(run):
    us, them = linked(run, 'js')
    us.expect('identified', them.id)
    for _ in range(3):
        them.tell('push')
    still_connected(us, them)
    # Only what changed is told.
    them.tell('listen', '/ip4/127.0.0.2/tcp/0')
    while '127.0.0.2' not in us.expect('addresses', them.id)[0]:
        pass
    still_connected(us, them)


@test('go', 'go, which says no protocol version, is identified')
def _(run):
    us, them = ours(run), theirs(run, 'go', name='visitor')
    them.tell('dial', us.address)
    agent, _, protocols = us.expect('identified', them.id)
    assert agent == 'visitor' and '/meshsub/1.1.0' in protocols.split(','), (agent, protocols)
    hear_each_other(us, them, TOPIC)


sys.exit(suite.run())
