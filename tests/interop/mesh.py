#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Mixed meshes: nodes of all families around one that is the only link between them, ours or theirs. All hear all,
once, whoever wrote it and whatever its size.

Usage: mesh.py AVI-PEER
"""

import collections
import hashlib
import itertools
import pathlib
import sys

import harness
import peers
from harness import hear_each_other

TOPIC = 'interop'
TEXTS = 5                   # of each node
LARGEST = 1 << 20           # bytes of data
LARGEST_OLD = LARGEST - 300 # of data that an RPC of 1 MiB, as the AVI nodes in the field take it, holds beside the rest
LONG_TOPIC = 'abcde' * 200  # 1,000 characters
NOT_UTF8 = b'\xff\xfe\xc3(' # as a topic

FOREIGN = {peer.name: peer for peer in peers.FOREIGN}
ours_program = str(pathlib.Path(sys.argv[1]).resolve())
suite = harness.Suite(at_once=harness.MANY)


def test(sentence, *kinds):
    """A test with nodes of these families, where all of them are there."""
    def add(function):
        def run_or_skip(run):
            peers.require(*kinds)
            function(run)
        suite.add(sentence, run_or_skip)
        return function
    return add


def start(run, kind, name=None, topic=TOPIC):
    """Of ours, where kind is `avi`."""
    name = name or kind
    program = ours_program if kind == 'avi' else FOREIGN[kind].program()
    # js ends a connection whose pings wait behind what is sent.
    options = ['--no-monitor'] if kind == 'js' else []
    return run.node(program, '--agent', name, '--subscribe', topic, *options, name=name)


def star(run, middle, *leaves, topic=TOPIC):
    """The node in the middle, and the others, which are connected to it alone; they are of one mesh."""
    centre = start(run, middle, name='middle', topic=topic)
    around = [start(run, kind, name=f'{kind}-{i}', topic=topic) for i, kind in enumerate(leaves)]
    for node in around:
        node.tell('dial', centre.address)
    for node in around:
        node.expect('connected', centre.id)
        hear_each_other(node, centre, topic)
    for one, other in itertools.combinations(around, 2):
        hear_each_other(one, other, topic)
    return centre, around


def all_hear(sender, nodes, shown, topic=TOPIC):
    for node in nodes:
        if node is not sender:
            node.expect_message(topic, sender.id, shown)


def as_shown(size):
    return f'{size}-bytes:{hashlib.sha256(b"x" * size).hexdigest()}'


def assert_heard_once(nodes):
    """Ends them, so that nothing comes any more: whatever a node ever heard it heard once."""
    for node in nodes:
        assert node.close(), f'{node.name} did not end well'
        # A greeting may have been said more than once.
        heard = collections.Counter(line for _, line in node.history
                                    if line.startswith('message ') and ' hello from ' not in line)
        repeated = [line for line, n in heard.items() if n > 1]
        assert not repeated, (node.name, repeated)


def exchange_texts(nodes, topic=TOPIC):
    for i in range(TEXTS):
        for node in nodes:
            node.tell('publish', topic, f'{i} of {node.name}')
    for i in range(TEXTS):
        for node in nodes:
            all_hear(node, nodes, f'{i} of {node.name}', topic)


@test('rust, go, js and one of ours around one of ours hear all that each says, once', 'rust', 'go', 'js')
def _(run):
    centre, around = star(run, 'avi', 'rust', 'go', 'js', 'avi')
    nodes = [centre, *around]
    exchange_texts(nodes)
    assert not any(node.has('disconnected') for node in nodes)
    assert_heard_once(nodes)


def around_theirs(run, kind, *leaves):
    centre, around = star(run, kind, *leaves)
    nodes = [centre, *around]
    exchange_texts(nodes)
    assert_heard_once(nodes)


for relay, leaf in (('rust', 'go'), ('go', 'js'), ('js', 'rust')):
    test(f'two of ours, {leaf} and another {relay} around {relay} hear all that each says, once', relay, leaf)(
        lambda run, relay=relay, leaf=leaf: around_theirs(run, relay, 'avi', leaf, relay, 'avi'))


@test('messages without a byte go through one of ours from each to all', 'rust', 'go', 'js')
def _(run):
    centre, around = star(run, 'avi', 'rust', 'go', 'js', 'avi')
    nodes = [centre, *around]
    for node in nodes:
        node.tell('publish', TOPIC, '')
    for node in nodes:
        all_hear(node, nodes, '')
    assert_heard_once(nodes)


@test('messages as large as may be go through one of ours from each to all that take them', 'rust', 'go', 'js', 'deployed')
def _(run):
    centre, around = star(run, 'avi', 'rust', 'go', 'js', 'deployed')
    nodes = [centre, *around]
    old = next(node for node in around if node.name.startswith('deployed'))
    for node in nodes:
        node.tell('publish-size', TOPIC, LARGEST_OLD)
        all_hear(node, nodes, as_shown(LARGEST_OLD))
    new = [node for node in nodes if node is not old]
    for node in new:
        node.tell('publish-size', TOPIC, LARGEST)
        all_hear(node, new, as_shown(LARGEST))
    for node in around:
        hear_each_other(node, centre, TOPIC)
    assert not any(node.has('disconnected') for node in nodes)
    assert_heard_once(nodes)


@test('a topic of 1,000 characters is one as any other', 'rust', 'go', 'js')
def _(run):
    centre, around = star(run, 'avi', 'rust', 'go', 'js', 'avi', topic=LONG_TOPIC)
    exchange_texts([centre, *around], LONG_TOPIC)


@test('a topic that is not UTF-8, which go subscribes to and publishes on, is passed over, and all goes on', 'go', 'rust')
def _(run):
    centre, around = star(run, 'avi', 'go', 'rust')
    go = around[0]
    for command in (b'subscribe ' + NOT_UTF8, b'publish ' + NOT_UTF8 + b' unheard'):
        go.process.stdin.buffer.write(command + b'\n')
        go.process.stdin.buffer.flush()
    go.expect('published', NOT_UTF8.decode('utf-8', 'replace'))
    exchange_texts([centre, *around])
    assert not any(node.has('disconnected') for node in (centre, *around))


sys.exit(suite.run())
