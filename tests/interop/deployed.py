#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What only the AVI nodes in the field do: no ping, RPCs of 1 MiB at most, a dial every 5 s of each
peer that they know. What they share with all others is asked by meet.py and discover.py.

Usage: deployed.py AVI-PEER
"""

import hashlib
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / 'lan'))

import harness
import network
import peers
from harness import hear_each_other, link_up

TOPIC = 'interop'
REDIAL = 5.0        # seconds
AT_ONCE = 2.0       # seconds; far from what any time-out takes
QUIET = 3.0         # seconds
LARGEST = (1 << 20) - 300   # bytes of data that an RPC of 1 MiB holds beside author, topic and signature

ours_program = str(pathlib.Path(sys.argv[1]).resolve())
deployed_program = peers.DEPLOYED.program()

if deployed_program is None:
    why, is_failure = peers.DEPLOYED.problem()
    (harness.fail_all if is_failure else harness.skip_all)(f'no deployed peer: {why}')
no_lan = network.enter()
suite = harness.Suite(at_once=harness.MANY)


def ours(suite, *options, name='avi', **keywords):
    return suite.node(ours_program, '--agent', name, '--subscribe', TOPIC, *options, name=name, **keywords)


def deployed(suite, *options, name='deployed', **keywords):
    return suite.node(deployed_program, '--agent', name, '--subscribe', TOPIC, *options, name=name, **keywords)


# ---- What it says of itself, and what it does not -------------------------------------------------

@suite.test('it is told by identify, and has the protocols of the field and no others')
def _(suite):
    us, them = ours(suite), deployed(suite, name='hall')
    us.tell('dial', them.address)
    agent, _, protocols = us.expect('identified', them.id)
    assert agent == 'hall', agent
    assert set(protocols.split(',')) == {'/ipfs/id/1.0.0', '/ipfs/id/push/1.0.0', '/ipfs/kad/1.0.0',
                                         '/meshsub/1.1.0', '/meshsub/1.0.0'}, protocols


@suite.test('we know the round trip to it, though it refuses to be pinged')
def _(suite):
    us, them = ours(suite), deployed(suite)
    us.tell('dial', them.address)
    microseconds, = us.expect('ping', them.id)
    assert 0 < int(microseconds) < 5_000_000, microseconds


# ---- Messages -------------------------------------------------------------------------------------

@suite.test('a message as large as it takes goes both ways')
def _(suite):
    us, them = ours(suite), deployed(suite)
    link_up(us, them, TOPIC)
    as_shown = f'{LARGEST}-bytes:{hashlib.sha256(b"x" * LARGEST).hexdigest()}'
    for sender, receiver in ((us, them), (them, us)):
        sender.tell('publish-size', TOPIC, LARGEST)
        receiver.expect_message(TOPIC, sender.id, as_shown)


@suite.test('a message that is too large for it is not sent to it: nothing ends, and the next one arrives at once')
def _(suite):
    us, them = ours(suite), deployed(suite)
    link_up(us, them, TOPIC)
    # More often than a stream that it ends is renewed: rust-libp2p has done with pub/sub at the fifth.
    for _ in range(6):
        us.tell('publish-size', TOPIC, 1 << 20)
        hear_each_other(us, them, TOPIC, deadline=AT_ONCE)
    assert not us.has('disconnected', them.id) and not them.has('unsubscribed', us.id)


@suite.test('a message that is too large for it goes to who takes it')
def _(suite):
    us, new, them = ours(suite), ours(suite, name='new'), deployed(suite)
    link_up(us, them, TOPIC)
    link_up(us, new, TOPIC)
    size = 1 << 20
    as_shown = f'{size}-bytes:{hashlib.sha256(b"x" * size).hexdigest()}'
    for _ in range(6):
        us.tell('publish-size', TOPIC, size)
        new.expect_message(TOPIC, us.id, as_shown)
        hear_each_other(us, them, TOPIC, deadline=AT_ONCE)
    assert not them.has('message', TOPIC, us.id, as_shown)
    assert not us.has('disconnected')


def gossiping(suite):
    """One of theirs whose mesh is full, with another of theirs in it; one of ours that is connected to
    the former only, so that it hears of its messages, and tells it of others, by IHAVE alone."""
    full, within = deployed(suite, '--mesh', 1, '--no-flood-publish', name='full'), deployed(suite, name='within')
    link_up(within, full, TOPIC)    # heard through its mesh
    us = ours(suite)
    us.tell('dial', full.address)
    for here, there in ((us, full), (full, us)):
        here.expect('connected', there.id)
    full.expect('subscribed', us.id, TOPIC)
    return full, within, us


@suite.test('what it has and we missed comes to us by IWANT')
def _(suite):
    full, within, us = gossiping(suite)
    full.tell('publish', TOPIC, 'missed by us')
    within.expect_message(TOPIC, full.id, 'missed by us')
    us.expect_message(TOPIC, full.id, 'missed by us')


@suite.test('what we have and it missed comes to it by IWANT')
def _(suite):
    full, within, us = gossiping(suite)
    author = ours(suite, name='author')
    link_up(author, us, TOPIC)
    author.tell('publish', TOPIC, 'missed by them')
    for receiver in (us, full, within):
        receiver.expect_message(TOPIC, author.id, 'missed by them')


# ---- Healing --------------------------------------------------------------------------------------

@suite.test('both know each other and dial: through its redials the connection stays')
def _(suite):
    us, them = ours(suite), deployed(suite)
    addresses = us.address, them.address
    us.tell('dial', addresses[1])
    them.tell('dial', addresses[0])
    for here, there in ((us, them), (them, us)):
        here.expect('connected', there.id)
    hear_each_other(us, them, TOPIC)
    end = time.monotonic() + 3 * REDIAL + 1
    while time.monotonic() < end:
        hear_each_other(us, them, TOPIC)
        time.sleep(0.5)
    for here, there in ((us, them), (them, us)):
        assert not here.has('disconnected', there.id) and not here.has('connected', there.id)


@suite.test('we are killed and come back knowing nobody: it dials us again, within its 5 s')
def _(suite):
    us, them = ours(suite, '--seed', 1), deployed(suite)
    port = us.port()
    link_up(them, us, TOPIC)
    us.kill()
    them.expect('disconnected', us.id)
    us = ours(suite, '--seed', 1, '--listen', f'/ip4/127.0.0.1/tcp/{port}')
    us.expect('connected', them.id, deadline=REDIAL + AT_ONCE)
    hear_each_other(us, them, TOPIC)


@suite.test('it loses its power and comes back: we hear each other again before the old connection times out')
def _(suite):
    if no_lan:
        raise harness.Skip(no_lan)
    port, address = '/ip4/0.0.0.0/tcp/4001', f'{network.NETWORK}.200'
    with network.Network(suite, ours_program) as net:
        here = net.host()
        us = ours(suite, '--listen', port, wrapper=here.inside())
        us.address
        # The second host is the first one after its restart: the same address, no memory of connections.
        for deadline in (harness.DEADLINE, AT_ONCE):
            host = net.host(ip4=False)
            host.ip('address', 'add', f'{address}/24', 'dev', 'eth0')
            them = deployed(suite, '--seed', 1, '--listen', port, '--dial', f'/ip4/{here.ip4}/tcp/4001/p2p/{us.id}',
                            wrapper=host.inside())
            them.expect('connected', us.id)
            # It speaks first: whatever we say on the old connection, its machine answers with a reset. For the
            # same reason nothing may be under way when the power goes; IPv6 addresses settle for 2 s.
            hear_each_other(them, us, TOPIC, deadline=deadline)
            time.sleep(QUIET)
            host.link('down')
            them.kill()
        assert us.close(), 'we did not end well'


sys.exit(suite.run())
