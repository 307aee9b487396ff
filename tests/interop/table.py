#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What works between our node and those of other implementations: a row for each case, a column for each peer
and who of the two dials. The table is printed last.

Usage: table.py AVI-PEER
"""

import pathlib
import signal
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / 'lan'))

import harness
import network
import peers
from harness import exchange, hear_each_other

TOPIC = 'interop'
KINDS = peers.FOREIGN
MANY_STREAMS = 200
SILENCE = 30.0      # seconds after which a connection that died silently must be noticed
PROTOCOLS = {'/ipfs/id/1.0.0', '/ipfs/id/push/1.0.0', '/ipfs/ping/1.0.0', '/meshsub/1.1.0', '/meshsub/1.0.0',
             '/floodsub/1.0.0'}
ANYWHERE = ['--listen', '/ip4/0.0.0.0/tcp/0']

ours_program = str(pathlib.Path(sys.argv[1]).resolve())
no_lan = network.enter()
suite = harness.Suite(at_once=harness.MANY + len(KINDS))    # as many do nothing but wait for silence
rows = []       # the sentences of all cases
cells = {}      # (sentence, column) → its text; a note in place of a test that does not apply


class Pair:
    """One cell of the table: a node of ours, one of theirs, and who dials."""

    def __init__(self, run, peer, we_dial):
        self.run, self.kind, self.program, self.we_dial = run, peer.name, peer.program(), we_dial
        self.lacks = peer.lacks
        self.lan = None

    def ours(self, *options, name='avi', **keywords):
        return self.run.node(ours_program, '--agent', name, '--subscribe', TOPIC, *options, name=name, **keywords)

    def theirs(self, *options, name=None, **keywords):
        name = name or self.kind
        return self.run.node(self.program, '--agent', name, '--subscribe', TOPIC, *options, name=name, **keywords)

    def link(self, us, them):
        one, other = (us, them) if self.we_dial else (them, us)
        one.tell('dial', other.address)
        for here, there in ((us, them), (them, us)):
            here.expect('connected', there.id)
        return us, them

    def linked(self, *options):
        """Both of them, connected, with options of theirs."""
        return self.link(self.ours(), self.theirs(*options))

    def linked_for_load(self):
        """As above; js-libp2p ends a connection whose pings wait behind what is sent."""
        return self.linked(*['--no-monitor'] if self.kind == 'js' else [])


def column(peer, we_dial):
    return f'we dial {peer.name}' if we_dial else f'{peer.name} dials'


def note(sentence, peer, we_dial, text):
    cells[sentence, column(peer, we_dial)] = text


def case(sentence, lacks=None, **reasons):
    """A row. Of a peer that is named with a reason, or lacks what the row is about, nothing is asked; a pair
    of reasons is for us dialling and for it."""
    def add(function):
        rows.append(sentence)
        for peer in KINDS:
            if peer.program() is None:
                continue
            reason = reasons.get(peer.name) or (lacks in peer.lacks and 'it has no such thing')
            for we_dial in (True, False):
                why = reason[0 if we_dial else 1] if isinstance(reason, tuple) else reason
                if why:
                    note(sentence, peer, we_dial, f'n.a.: {why}')
                else:
                    suite.add(f'{sentence}: {column(peer, we_dial)}',
                              lambda run, *cell: function(Pair(run, *cell)), peer, we_dial)
        return function
    return add


def on_a_lan(function):
    """The pair gets a network of its own."""
    def with_lan(pair):
        if no_lan:
            raise harness.Skip(no_lan)
        with network.Network(pair.run, ours_program) as pair.lan:
            function(pair)
            for node in pair.run.nodes:
                assert node.close(), f'{node.name} did not end well'
    return with_lan


# ---- Connections --------------------------------------------------------------------------------

# First of all, since it takes longest, and only waits.
@case('falls silent, and we notice within 30 s', **{peer.name: (None, 'as where we dial') for peer in KINDS})
def _(pair):
    us, them = pair.linked()
    hear_each_other(us, them, TOPIC)
    them.signal(signal.SIGSTOP)
    try:
        us.expect('disconnected', them.id, deadline=SILENCE)
    finally:
        them.signal(signal.SIGCONT)
    if 'our quick return' not in pair.lacks:
        hear_each_other(us, them, TOPIC)


NO_EARLY_MUXER = 'it does not know it'


@case('connects over TCP, Noise and Yamux')
def _(pair):
    hear_each_other(*pair.linked(), TOPIC)


@case('agrees on the muxer within Noise', rust=NO_EARLY_MUXER, py=NO_EARLY_MUXER, deployed=NO_EARLY_MUXER)
def _(pair):
    us, them = pair.linked()
    them.expect('muxer', us.id, 'early')
    hear_each_other(us, them, TOPIC)


@case('agrees on the muxer after Noise')
def _(pair):
    can_either = pair.kind in ('go', 'js')
    us, them = pair.linked(*['--no-early-muxer'] if can_either else [])
    if can_either:
        them.expect('muxer', us.id, 'later')
    hear_each_other(us, them, TOPIC)


for name in ('ed25519', 'rsa', 'ecdsa', 'secp256k1'):
    @case(f'has a key of type {name}', lacks=name)
    def _(pair, name=name):
        us, them = pair.linked(*['--key-type', name] if name != 'ed25519' else [])
        hear_each_other(us, them, TOPIC)


@case('a clean end, ours')
def _(pair):
    us, them = pair.linked()
    us.tell('quit')
    them.expect('disconnected', us.id)


@case('a clean end, its')
def _(pair):
    us, them = pair.linked()
    them.tell('quit')
    us.expect('disconnected', them.id)


# ---- Streams ------------------------------------------------------------------------------------

@case('ping, its and ours', lacks='ping')
def _(pair):
    us, them = pair.linked('--ping-interval', 100)
    for here, there in ((them, us), (them, us), (us, them)):
        microseconds, = here.expect('ping', there.id)
        assert 0 < int(microseconds) < 5_000_000, microseconds


@case(f'it opens {MANY_STREAMS} substreams at once', lacks='streams')
def _(pair):
    us, them = pair.linked()
    them.tell('streams', us.id, MANY_STREAMS)
    them.expect('streams', us.id, MANY_STREAMS)
    hear_each_other(us, them, TOPIC)


@case('it closes its half of a substream, and hears the rest of ours', lacks='streams')
def _(pair):
    us, them = pair.linked()
    them.tell('half-close', us.id)
    them.expect('half-closed', us.id)
    hear_each_other(us, them, TOPIC)


@case('it resets a substream, and the connection stays', lacks='streams')
def _(pair):
    us, them = pair.linked()
    for _ in range(10):
        them.tell('reset', us.id)
    for _ in range(10):
        them.expect('reset', us.id)
    them.tell('half-close', us.id)
    them.expect('half-closed', us.id)
    hear_each_other(us, them, TOPIC)
    assert not us.has('disconnected') and not them.has('disconnected')


# ---- Identify -----------------------------------------------------------------------------------

@case('identify: each knows who the other is')
def _(pair):
    us, them = pair.link(pair.ours(name='kitchen'), pair.theirs(name='visitor'))
    agent, version, protocols = them.expect('identified', us.id)
    assert (agent, version) == ('kitchen', '/avi/1.0.0'), (agent, version)
    assert PROTOCOLS <= set(protocols.split(',')), protocols
    agent, _, protocols = us.expect('identified', them.id)
    assert agent == 'visitor', agent
    assert '/meshsub/1.1.0' in protocols.split(','), protocols


def expect_address(here, there, part):
    while part not in here.expect('addresses', there.id)[0]:
        pass


@case('identify push: we are told of its new address', lacks='new addresses')
def _(pair):
    us, them = pair.linked()
    hear_each_other(us, them, TOPIC)
    them.address
    them.tell('listen', '/ip4/127.0.0.2/tcp/0')
    new, = them.expect('listening')
    expect_address(us, them, new.split('/p2p/')[0])


@case('identify push: it is told of our new address', lacks='new addresses')
@on_a_lan
def _(pair):
    here, there = pair.lan.host(), pair.lan.host()
    us, them = pair.ours(*ANYWHERE, wrapper=here.inside()), pair.theirs(*ANYWHERE, wrapper=there.inside())
    for node, host in ((us, here), (them, there)):
        node.find_address(host.ip4)
    pair.link(us, them)
    hear_each_other(us, them, TOPIC)
    here.add_link('eth1', '10.78.0.1')
    expect_address(them, us, '10.78.0.1')


# ---- Discovery ----------------------------------------------------------------------------------

@case('mDNS: each is connected to the other')
@on_a_lan
def _(pair):
    # Who is there already is the one that answers first.
    nodes = []
    for start in (pair.ours, pair.theirs) if not pair.we_dial else (pair.theirs, pair.ours):
        host = pair.lan.host()
        host.route_multicast()
        nodes.append(start('--mdns', *ANYWHERE, wrapper=host.inside()))
        nodes[-1].address
    for here, there in (nodes, reversed(nodes)):
        here.expect('connected', there.id)
    hear_each_other(*nodes, TOPIC)


# ---- Pub/sub ------------------------------------------------------------------------------------

@case('GossipSub: 20 messages each way')
def _(pair):
    us, them = pair.linked()
    hear_each_other(us, them, TOPIC)
    exchange(us, them, TOPIC)


@case('floodsub: messages each way', lacks='floodsub')
def _(pair):
    # Not all of js's: of a seqno that begins with a zero byte its floodsub sends seven, which rust, its own
    # GossipSub and we refuse.
    us, them = pair.linked('--floodsub')
    for _ in range(3):
        hear_each_other(us, them, TOPIC)


def hear_unsigned(sender, receiver):
    """As hear_each_other, one way: of what is not signed nobody is the author, and the same is not sent twice."""
    for i in range(100):
        text = f'hello {i} from {sender.name}'
        sender.tell('publish', TOPIC, text)
        try:
            return receiver.expect_message(TOPIC, '-', text, deadline=0.2)
        except harness.Missing:
            pass
    raise harness.Missing(f'{receiver.name} hears nothing of {sender.name}')


@case('topics without signatures: messages each way, and forwarded each way', lacks='no signatures')
def _(pair):
    us, them = pair.link(pair.ours('--no-sign'), pair.theirs('--no-sign'))
    for sender, receiver in ((us, them), (them, us)):
        hear_unsigned(sender, receiver)
        for i in range(20):
            sender.tell('publish', TOPIC, f'{i} of {sender.name}')
        for i in range(20):
            receiver.expect_message(TOPIC, '-', f'{i} of {sender.name}')
    for author, between, last in ((pair.theirs('--no-sign', name='author'), us, them),
                                  (pair.ours('--no-sign', name='other-author'), them, us)):
        author.tell('dial', between.address)
        hear_unsigned(author, last)


def leave_and_return(leaver, other):
    """Neither may graft the other for 10 s: until then messages of others come by IHAVE and IWANT alone. Returns
    when the other knows."""
    other.tell('subscribe', 'elsewhere')
    leaver.tell('unsubscribe', TOPIC)
    leaver.tell('subscribe', TOPIC)
    leaver.tell('subscribe', 'elsewhere')
    if other.name == 'avi':
        other.tell('wait', 'elsewhere', 1)
        other.expect('subscribers', 'elsewhere', 1)
    else:
        other.expect('subscribed', leaver.id, 'elsewhere')


def recover(pair, us, them, author, leaver, other):
    hear_each_other(us, them, TOPIC)
    author.tell('dial', other.address)
    hear_each_other(author, other, TOPIC)
    leave_and_return(leaver, other)
    author.tell('publish', TOPIC, 'missed')
    leaver.expect_message(TOPIC, author.id, 'missed')


BACKWARDS = 'of what waits to be sent its newest goes first; deployed.py asks it'


@case('IHAVE and IWANT: what we missed of it comes to us', py='in a back-off it gossips nothing', deployed=BACKWARDS)
def _(pair):
    us, them = pair.linked()
    recover(pair, us, them, pair.theirs(name='author'), us, them)


@case('IHAVE and IWANT: what it missed of us comes to it', deployed=BACKWARDS)
def _(pair):
    us, them = pair.linked()
    recover(pair, us, them, pair.ours(name='author'), them, us)


# ---- /perf/1.0.0 (libp2p/specs, perf/perf.md) ------------------------------------------------------

PERF_BYTES = 64 << 20


def perf(asks, answers, up, down):
    asks.tell('perf', answers.id, up, down)
    seconds, = asks.expect('perf')
    assert float(seconds) > 0


@case('perf: we send it 64 MiB', lacks='streams')
def _(pair):
    us, them = pair.linked_for_load()
    perf(us, them, PERF_BYTES, 0)


@case('perf: we take 64 MiB from it', lacks='streams')
def _(pair):
    us, them = pair.linked_for_load()
    perf(us, them, 0, PERF_BYTES)


@case('perf: it sends us 64 MiB', lacks='streams')
def _(pair):
    us, them = pair.linked_for_load()
    perf(them, us, PERF_BYTES, 0)


@case('perf: it takes 64 MiB from us', lacks='streams')
def _(pair):
    us, them = pair.linked_for_load()
    perf(them, us, 0, PERF_BYTES)


@case('perf: we send a few bytes, close our half, and hear as many', lacks='streams')
def _(pair):
    us, them = pair.linked_for_load()
    for _ in range(10):
        perf(us, them, 10, 10)


@case(f'perf: we open {MANY_STREAMS} substreams at once', lacks='streams',
      rust='of streams that nobody took yet libp2p-stream keeps one, and resets the rest')
def _(pair):
    us, them = pair.linked_for_load()
    for _ in range(MANY_STREAMS):
        us.tell('perf', them.id, 1000, 1000)
    for _ in range(MANY_STREAMS):
        us.expect('perf')
    hear_each_other(us, them, TOPIC)


@case('we reset a substream, and the connection stays', lacks='streams')
def _(pair):
    us, them = pair.linked_for_load()
    for _ in range(10):
        us.tell('reset', them.id)
        us.expect('reset', them.id)
    perf(us, them, 10, 10)
    hear_each_other(us, them, TOPIC)
    assert not us.has('disconnected') and not them.has('disconnected')


# ---- The table ----------------------------------------------------------------------------------

def no_peer(peer):
    """One test in place of all of a peer that is not there."""
    why, is_failure = peer.problem()

    def tell(run):
        assert not is_failure, why
        raise harness.Skip(why)
    suite.add(f'the {peer.name} peer is there', tell)
    for sentence in rows:
        for we_dial in (True, False):
            note(sentence, peer, we_dial, 'n.a.: no such peer here')


def take(sentence, run):
    row, _, where = sentence.rpartition(': ')
    cells[row, where] = 'FAILED' if run.problem else f'n.a.: {run.why_not}' if run.why_not else 'ok'


def print_table():
    columns = [column(peer, we_dial) for peer in KINDS for we_dial in (True, False)]
    notes = []

    def shown(text):
        if not text.startswith('n.a.: '):
            return text
        reason = text.removeprefix('n.a.: ')
        if reason not in notes:
            notes.append(reason)
        return f'n.a. {notes.index(reason) + 1}'

    lines = [['', *columns]] + [[row, *(shown(cells.get((row, where), '')) for where in columns)] for row in rows]
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    for line in lines:
        print('# | ' + ' | '.join(text.ljust(width) for text, width in zip(line, widths)) + ' |')
    for number, reason in enumerate(notes, 1):
        print(f'# | {number}: {reason}')


for peer in KINDS:
    if peer.program() is None:
        no_peer(peer)
status = suite.run(done=take)
print_table()
sys.exit(status)
