#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Where a peer is, by its own signed word: in identify (signedPeerRecord), and in a PRUNE that names peers (PX, of
gossipsub 1.1), from ours to others and from others to ours. Nobody is found otherwise: mDNS is off, and each node
dials those only that a test has it dial, or to whom it was connected.

What there is none of: rust-libp2p 0.57 signs and reads, in identify, a record of an older form of its own; in a PRUNE
it names peers by their ids alone, and reads no records.

Usage: px.py AVI-PEER
"""

import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / 'lan'))

import harness
import network
import peers
from harness import hear_each_other, link_up

TOPIC = 'interop'
LATER = 'later'
FOREIGN = {peer.name: peer for peer in peers.FOREIGN}
ANYWHERE = ['--listen', '/ip4/0.0.0.0/tcp/0']
TWO = 2 * ['--listen', '/ip4/127.0.0.1/tcp/0']
# Ours has room for nobody in its meshes, so that whoever grafts it is pruned; as `--px` of others.
NO_ROOM = [f'--param={name}=0' for name in ('d', 'd-lo', 'd-hi', 'd-out', 'd-score')]
ROOM_FOR_ONE = [*(f'--param={name}=1' for name in ('d', 'd-lo', 'd-hi')), '--param=d-out=0', '--param=d-score=0']
BELIEVES = ['--param=accept-px-threshold=0']    # of its own accord 10, which nobody has who has said nothing

ours_program = str(pathlib.Path(sys.argv[1]).resolve())
no_lan = network.enter()
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


def start(run, kind, *options, name=None, **keywords):
    """Of ours, where kind is `avi`."""
    name = name or kind
    program = ours_program if kind == 'avi' else FOREIGN[kind].program()
    return run.node(program, '--agent', name, '--subscribe', TOPIC, *options, name=name, **keywords)


def own_addresses(node, count=1):
    """Where it listens, in so many places and as its record says it: without its peer id."""
    texts = [node.address]
    while len(texts) < count:
        texts += node.expect('listening')
    return {text.split('/p2p/')[0] for text in texts}


def ask_record(asker, node):
    """What the asker has of the node's own words: a number that grows, and addresses."""
    asker.tell('record', node.id)
    seq, addresses = asker.expect('record', node.id)
    return int(seq), set(addresses.split(','))


# ---- Identify -----------------------------------------------------------------------------------

def is_believed(run, kind, we_dial):
    us, them = start(run, 'avi', *TWO), start(run, kind)
    addresses = own_addresses(us, 2)
    link_up(*((us, them) if we_dial else (them, us)), TOPIC)
    them.expect('identified', us.id)
    assert ask_record(them, us)[1] == addresses


for we_dial, how in ((True, 'we dial it'), (False, 'it dials us')):
    test(f'go has what we signed in an address book of signed records: {how}', 'go')(
        lambda run, we_dial=we_dial: is_believed(run, 'go', we_dial))
    # Its identify does not take it: what its core says of the bytes that ours sends is asked.
    test(f'what we signed is a record to rust, too: {how}', 'rust')(
        lambda run, we_dial=we_dial: is_believed(run, 'rust', we_dial))


def expect_newer(them, us, before, ip4):
    """Until it has our newer record, which comes by push."""
    end = time.monotonic() + harness.DEADLINE
    while True:
        seq, addresses = ask_record(them, us)
        if any(f'/ip4/{ip4}/' in address for address in addresses):
            assert seq > before, (seq, before)
            return
        if time.monotonic() > end:
            raise harness.Missing(f'{them.name} has no record of ours with {ip4}, but {addresses}')
        them.expect('identified', us.id)


@test('where our addresses change we sign anew, and go has the newer record', 'go')
def _(run):
    if no_lan:
        raise harness.Skip(no_lan)
    with network.Network(run, ours_program) as lan:
        here, there = lan.host(), lan.host()
        us = start(run, 'avi', *ANYWHERE, wrapper=here.inside())
        them = start(run, 'go', *ANYWHERE, wrapper=there.inside())
        for node, host in ((us, here), (them, there)):
            node.find_address(host.ip4)
        link_up(us, them, TOPIC)
        them.expect('identified', us.id)
        before, addresses = ask_record(them, us)
        assert any(f'/ip4/{here.ip4}/' in address for address in addresses), addresses
        here.add_link('eth1', '10.78.0.1')
        expect_newer(them, us, before, '10.78.0.1')
        for node in run.nodes:
            assert node.close(), f'{node.name} did not end well'


# ---- Others prune, and ours hears of whom it names -----------------------------------------------

def with_third(run, kind, third_kind, *options):
    """One that has room for nobody, and the third, which it has pruned: naming nobody, since nobody was there."""
    hub = start(run, kind, '--px', name='hub')
    third = start(run, third_kind, *options, name='third')
    third.tell('dial', hub.address)
    third.expect('connected', hub.id)
    hub.expect('identified', third.id)
    return hub, third


def expect_pruned(hub, node, count):
    """It is told of so many."""
    hub.expect('pruned', node.id, TOPIC, count)


def catch_up(hub, node):
    """Whatever the hub has said to ours until now ours has heard."""
    hub.tell('subscribe', LATER)
    node.tell('wait', LATER, 1)
    node.expect('subscribers', LATER, 1)


def count(node, name):
    node.tell('count', name)
    return int(node.expect('count', name)[0])


def expect_nobody_dialled(hub, us, third, n_taken):
    """Ours has heard of so many, and is connected with the hub alone."""
    catch_up(hub, us)
    assert count(us, 'peers-exchanged') == n_taken
    assert count(us, 'connections-opened') == 1
    assert not third.has('connected', us.id)


for third_kind, shown in (('avi', 'another of ours'), ('go', 'another go')):
    @test(f'go prunes ours and names {shown}, which ours did not know: ours dials it', 'go', third_kind)
    def _(run, third_kind=third_kind):
        hub, third = with_third(run, 'go', third_kind)
        expect_pruned(hub, third, 0)
        us = start(run, 'avi', *BELIEVES)
        us.tell('dial', hub.address)
        expect_pruned(hub, us, 1)
        us.expect('connected', third.id)
        third.expect('connected', us.id)
        assert count(us, 'peers-exchanged') == 1
        hear_each_other(us, third, TOPIC)


@test('go prunes ours and names another, but has not the score to be believed: nobody is dialled', 'go')
def _(run):
    hub, third = with_third(run, 'go', 'avi')
    expect_pruned(hub, third, 0)
    us = start(run, 'avi')
    us.tell('dial', hub.address)
    expect_pruned(hub, us, 1)
    expect_nobody_dialled(hub, us, third, 0)


@test('go prunes ours and names rust, whose record go has not: ours dials nobody, and all goes on', 'go', 'rust')
def _(run):
    hub, third = with_third(run, 'go', 'rust')
    expect_pruned(hub, third, 0)
    us = start(run, 'avi', *BELIEVES)
    us.tell('dial', hub.address)
    expect_pruned(hub, us, 1)
    expect_nobody_dialled(hub, us, third, 1)


@test('rust prunes ours and names another by its id alone: ours dials nobody, and all goes on', 'rust', 'go')
def _(run):
    hub, third = with_third(run, 'rust', 'go')
    third.expect('was-pruned', TOPIC, 0)
    us = start(run, 'avi', *BELIEVES)
    us.tell('dial', hub.address)
    network.wait_until(lambda: count(us, 'peers-exchanged') == 1, 'a peer that rust names')
    expect_nobody_dialled(hub, us, third, 1)
    assert not us.has('disconnected')


# ---- Ours prunes, and others hear of whom it names -----------------------------------------------

def ours_with_third(run, kind, *options):
    """One of ours that has room for nobody, and the third, which says who it is and that it subscribes."""
    hub = start(run, 'avi', *NO_ROOM, name='hub')
    third = start(run, kind, *options, name='third')
    link_up(third, hub, TOPIC)
    hub.expect('identified', third.id)
    return hub, third


def expect_named(go, hub):
    """Go dials ours, is pruned, and says of whom it was told: an id, a number that grows, and addresses."""
    go.tell('dial', hub.address)
    go.expect('was-pruned', TOPIC, 1)
    named, seq, addresses = go.expect('named')
    return named, seq, set(addresses.split(','))


@test('ours prunes go and names another of ours: go dials it by the record that we pass on', 'go')
def _(run):
    hub, third = ours_with_third(run, 'avi', *TWO)
    go = start(run, 'go')
    named, seq, addresses = expect_named(go, hub)
    assert (named, addresses) == (third.id, own_addresses(third, 2)), (named, addresses)
    assert int(seq) > 0
    go.expect('connected', third.id)
    third.expect('connected', go.id)
    hear_each_other(go, third, TOPIC)


@test('ours prunes go and names another go: go dials it by the record that we pass on', 'go')
def _(run):
    hub, third = ours_with_third(run, 'go')
    third.expect('was-pruned', TOPIC, 0)
    go = start(run, 'go')
    named, _, addresses = expect_named(go, hub)
    assert (named, addresses) == (third.id, own_addresses(third)), (named, addresses)
    go.expect('connected', third.id)
    third.expect('connected', go.id)
    hear_each_other(go, third, TOPIC)


@test('ours, whose mesh has grown too large, prunes one of two go and names the other: they connect', 'go')
def _(run):
    # Whom it dialled itself it takes into a mesh that is full.
    hub = start(run, 'avi', *ROOM_FOR_ONE, name='hub')
    one, other = start(run, 'go', name='one'), start(run, 'go', name='other')
    for node in (one, other):
        hub.tell('dial', node.address)
    for here, there in ((one, other), (other, one)):
        here.expect('connected', there.id)
    pruned = one if one.has('was-pruned', TOPIC, 1) else other
    pruned.expect('was-pruned', TOPIC, 1)
    named, _, addresses = pruned.expect('named')
    there = other if pruned is one else one
    assert (named, addresses) == (there.id, ','.join(own_addresses(there))), (named, addresses)


@test('the record of go that ours passes on is its newest', 'go')
def _(run):
    hub, third = ours_with_third(run, 'go')
    third.expect('was-pruned', TOPIC, 0)
    before = own_addresses(third)
    first = start(run, 'go', name='first')
    _, old, addresses = expect_named(first, hub)
    assert addresses == before, addresses
    first.tell('quit')
    hub.expect('disconnected', first.id)
    third.tell('listen', '/ip4/127.0.0.2/tcp/0')
    both = own_addresses(third, 2)
    while '/ip4/127.0.0.2/' not in hub.expect('addresses', third.id)[0]:
        pass
    _, new, addresses = expect_named(start(run, 'go', name='second'), hub)
    assert addresses == both and int(new) > int(old), (old, new, addresses)


@test('of rust ours knows no record that others take: go is told its id alone, and all goes on', 'go', 'rust')
def _(run):
    hub, third = ours_with_third(run, 'rust')
    go = start(run, 'go')
    named, seq, _ = expect_named(go, hub)
    assert (named, seq) == (third.id, '-'), (named, seq)
    hear_each_other(go, hub, TOPIC)
    assert not go.has('connected', third.id) and not go.has('disconnected')


@test('ours prunes rust, which reads no records, and names one that rust has met before: rust dials it', 'rust', 'go')
def _(run):
    # Of go, which dials nobody of its own accord.
    hub, third = ours_with_third(run, 'go')
    third.expect('was-pruned', TOPIC, 0)
    rust = start(run, 'rust')
    rust.tell('dial', third.address)
    rust.expect('connected', third.id)
    rust.expect('identified', third.id)
    rust.tell('disconnect', third.id)
    rust.expect('disconnected', third.id)
    rust.tell('dial', hub.address)
    rust.expect('connected', hub.id)
    rust.expect('connected', third.id)
    hear_each_other(rust, third, TOPIC)


sys.exit(suite.run())
