#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Writes the seeds of the targets key-pair, multistream, noise, identify, ping, gossipsub, rpc, rpc-queue, sim, yamux, link
and connection into corpus/.

Each target's source says what the bytes of an input mean; here they are put together by hand.
"""

import pathlib

CORPUS = pathlib.Path(__file__).resolve().parent / 'corpus'


def write(path, data):
    target = CORPUS / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(data)


def varint(n):
    out = b''
    while n > 127:
        out += bytes([n & 127 | 128])
        n >>= 7
    return out + bytes([n])


def delimited(message):
    return varint(len(message)) + message


def field(number, value):
    return varint(number << 3 | 2) + delimited(value)


# The pair whose seed is a 1 and 31 zeros.
SEED = b'\x01' + bytes(31)
HALF = bytes.fromhex('cecc1507dc1ddd7295951c290888f095adb9044d1b73d696e6df065d683bd4fc')
write('key-pair/pair', b'\x08\x01\x12\x40' + SEED + HALF)
write('key-pair/older', b'\x08\x01\x12\x60' + SEED + HALF + HALF)
write('key-pair/older-differs', b'\x08\x01\x12\x60' + SEED + HALF + bytes(32))
write('key-pair/no-match', b'\x08\x01\x12\x40' + SEED + bytes(32))
write('key-pair/seed-alone', b'\x08\x01\x12\x20' + SEED)
write('key-pair/rsa', b'\x08\x00\x12\x40' + SEED + HALF)
write('key-pair/long-varint', b'\x08\x01\x12\xc0\x00' + SEED + HALF)
write('key-pair/cut', b'\x08\x01\x12\x40' + SEED + HALF[:31])

# The first byte chooses listener, dialler, optimist or dialler with two offers, the second how to cut.
HEADER = delimited(b'/multistream/1.0.0\n')
NOISE = delimited(b'/noise\n')
NA = delimited(b'na\n')
write('multistream/listener', b'\x00\x00' + HEADER + b'\x0b/tls/1.0.0\n\x03ls\n' + NOISE + b'\x00\x20rest')
write('multistream/dialler', b'\x01\x04' + HEADER + NOISE + b'rest')
write('multistream/optimist', b'\x02\x30' + HEADER + NOISE + b'rest')
write('multistream/optimist-refused', b'\x02\x30' + HEADER + NA)
write('multistream/second-offer', b'\x03\x14' + HEADER + NA + b'\x0d/yamux/1.0.0\nrest')
write('multistream/http', b'\x00\xffGET / HTTP/1.1\r\n\r\n')

# The first byte chooses what the peer does.
KEY = bytes(range(1, 33))
PAYLOAD = field(1, b'\x08\x01\x12\x20' + KEY) + field(2, bytes(64))
YAMUX = field(4, field(2, b'/yamux/1.0.0'))
SHORT, EMPTY, SHORTER = b'\x04\x00\x09', b'\x04\x00\x00', b'\x04\x00\x05'
write('noise/initiator-answered', b'\x00\x00\x60' + bytes(96))
write('noise/responder-asked', b'\x01\x00\x20' + KEY + b'\x00\x50' + bytes(80))
write('noise/responder-zero-key', b'\x01\x00\x20' + bytes(32))
write('noise/responder-too-long', b'\x01\x20\x01')
write('noise/payload-of-responder', b'\x02' + PAYLOAD)
write('noise/payload-of-initiator', b'\x03' + PAYLOAD + YAMUX)
write('noise/extensions-of-responder', b'\x04' + field(4, field(2, b'/mplex/6.7.0')))
write('noise/extensions-of-initiator', b'\x05' + field(4, field(2, b'')) + YAMUX)
write('noise/frames', b'\x06\x00\x20' + SHORTER + EMPTY + b'\x04\x03\xff' + SHORT)
write('noise/frames-long', b'\x06\xff\xff\x03\x02\x17' + SHORTER + b'\x03\x00\x00')
write('noise/frames-flipped', b'\x06\x00\x07' + SHORTER + SHORT + b'\x00\x00\x1e')
write('noise/frames-repeated', b'\x06\x00\x07' + SHORTER + SHORT + b'\x02\x00\x17')
write('noise/frames-lost', b'\x06\x00\x07' + SHORTER + SHORT + b'\x01\x00\x08' + SHORT)

# The first byte is how to cut. The key is that of the target's device: its seed is a 1 and 31 zeros.
PUBLIC = b'\x08\x01\x12\x20' + HALF
ADDRESS = b'\x04\x7f\x00\x00\x01\x06\x0f\xa1'  # /ip4/127.0.0.1/tcp/4001
P2P = b'\xa5\x03' + delimited(b'\x00\x24' + PUBLIC)
write('identify/full', b'\x07' + delimited(
    field(1, PUBLIC) + field(2, ADDRESS) + field(2, ADDRESS + P2P) + field(3, b'/ipfs/id/1.0.0')
    + field(3, b'/meshsub/1.1.0') + field(4, ADDRESS) + field(5, b'/avi/1.0.0') + field(6, b'kitchen')
    + field(1000, b'0123456789abcdef')))
write('identify/two-messages', b'\x01' + delimited(field(6, b'old') + field(3, b'/a'))
      + delimited(field(6, b'new') + field(3, b'/b') + field(8, b'record')))
write('identify/wrong-key', b'\xff' + delimited(field(1, b'\x08\x01\x12\x20' + bytes(32))))
write('identify/empty-fields', b'\x03' + delimited(b''.join(field(n, b'') for n in range(1, 7))))
write('identify/odd', b'\x03' + delimited(
    field(2, b'\x04\x7f') + field(4, b'hello') + field(6, b'\xff\xfe') + field(1000, b'short')
    + field(2, ADDRESS + P2P + P2P)))
write('identify/cut', b'\x03' + delimited(field(6, b'kitchen'))[:5])
write('identify/too-long', b'\x00\x81\x80\x04')

# The first byte chooses echo or prober, then come commands.
write('ping/echo', b'\x00\x00\x40' + b'0123456789abcdef' * 4 + b'\x01\x20\x01\x1f\x01\xff')
write('ping/echo-flood', b'\x00' + b'\x00\xff' * 600)
write('ping/prober', b'\x01' + bytes([1, 0, 0, 5, 2, 16, 2, 16, 0, 100, 1, 0, 2, 32, 4, 0, 1, 0, 2, 255]))
write('ping/prober-timeout', b'\x01' + bytes([1, 0, 2, 31, 0, 49, 0, 1]))
write('ping/prober-wrong', b'\x01' + bytes([1, 0, 2, 10, 3, 2]))
write('ping/prober-unasked', b'\x01' + bytes([3, 2]))

# Commands, each a byte and what it asks for; peers and topics by number, the author 4 being the router itself.
(ADD, MOVE, REMOVE, AGENT, READY, SUBSCRIBE, UNSUBSCRIBE, PUBLISH, WAIT, ANSWER, EVENTS, TRANSMIT, RECEIVE) = range(13)
FLAGS, JUDGE = 16, 17
ON, GRAFT, PRUNE, IHAVE, IWANT = [0, 1], [3, 0], [3, 3], [4, 0], [4, 1]
OURS = [SUBSCRIBE, 0, ADD, 0, 0, 1, ADD, 1, 0, 2, ADD, 2, 1, 3, ADD, 3, 2, 0]
THEIRS = sum(([RECEIVE, peer, 0] + ON + [0] for peer in range(4)), [])
HEARD = [RECEIVE, 0, 0, 1, 1, 5, 0, 0]  # from peer 0: a message of peer 1, with seqno 0, in the first topic
GO_ON = [EVENTS, ANSWER, 1, EVENTS, TRANSMIT, 9]
write('gossipsub/forward', bytes(OURS + THEIRS + HEARD + GO_ON + HEARD + GO_ON + 4 * [WAIT, 47]))
write('gossipsub/forged', bytes(OURS + THEIRS + HEARD + [EVENTS, ANSWER, 0] + HEARD + GO_ON))
write('gossipsub/own-word', bytes(OURS + THEIRS + [RECEIVE, 1, 0, 1, 1, 5, 0, 0, EVENTS, TRANSMIT, 9, RECEIVE, 0, 0, 1, 1, 6, 0, 0]
                                  + [RECEIVE, 1, 0, 1, 1, 7, 0, 0] + GO_ON + [ANSWER, 0] + 3 * [WAIT, 47] + GO_ON))
write('gossipsub/validated', bytes([FLAGS, 0, 2] + OURS + THEIRS + HEARD + GO_ON + HEARD + [JUDGE, 1, EVENTS, TRANSMIT, 9]
                                   + [RECEIVE, 1, 0, 1, 1, 6, 0, 0, EVENTS, JUDGE, 2, RECEIVE, 1, 0, 1, 1, 7, 0, 0, EVENTS, WAIT, 120]))
write('gossipsub/unsigned', bytes([FLAGS, 0, 1] + OURS + THEIRS + [RECEIVE, 0, 0, 1, 1, 0xc0, 5, 0] + GO_ON + HEARD
                                  + [PUBLISH, 5, 0, PUBLISH, 5, 0, RECEIVE, 3, 0] + IHAVE + [0, 1, 0xc1] + GO_ON + 3 * [WAIT, 47]))
write('gossipsub/publish', bytes(OURS + THEIRS + [PUBLISH, 5, 0, TRANSMIT, 9, PUBLISH, 5, 1, EVENTS, PUBLISH, 255, 0]
                                 + 6 * [PUBLISH, 70, 0] + [READY, 0, 0, PUBLISH, 3, 0, READY, 0, 1, TRANSMIT, 9]))
write('gossipsub/graft', bytes(OURS + THEIRS + sum(([RECEIVE, peer, 0] + GRAFT + [0] for peer in range(4)), [])
                               + [WAIT, 47, RECEIVE, 0, 0] + PRUNE + [0, RECEIVE, 0, 0] + GRAFT + [0, WAIT, 255] + GO_ON))
write('gossipsub/gossip', bytes(OURS + THEIRS + [RECEIVE, 2, 0] + IHAVE + [0, 1, 0, RECEIVE, 1, 0] + IHAVE + [0, 1, 1]
                                + [RECEIVE, 0, 0] + IHAVE + [0, 1, 2] + HEARD + GO_ON
                                + 5 * ([RECEIVE, 3, 0] + IWANT + [1, 0] + GO_ON) + 9 * [WAIT, 47, TRANSMIT, 1]))
UNWANTED = [4, 0xc1, 1, 0]  # a message of peer 1, in rust's form, and no other
write('gossipsub/unwanted', bytes(OURS + THEIRS + sum(([RECEIVE, peer, 0] + GRAFT + [0] for peer in range(4)), [])
                                  + [RECEIVE, 2, 0] + UNWANTED + [RECEIVE, 0, 0, 1, 1, 0, 255, 0] + GO_ON
                                  + [READY, 2, 0xf2, RECEIVE, 0, 0, 1, 1, 1, 255, 0] + GO_ON + 4 * [WAIT, 47]))
# Peers 0 and 1 are our mesh, both know IDONTWANT; what is large goes to one of them, and to the other later, or not.
NEW = [SUBSCRIBE, 0] + sum(([ADD, peer, 4, 1, RECEIVE, peer, 0] + GRAFT + [0] for peer in (0, 1, 3)), [])
LARGE = [RECEIVE, 3, 0, 1, 2, 0, 255, 0]  # from peer 3: a message of peer 2, with seqno 0
write('gossipsub/stagger', bytes(NEW + LARGE + GO_ON + [WAIT, 60, TRANSMIT, 9, RECEIVE, 3, 0, 1, 2, 1, 255, 0] + GO_ON
                                 + [RECEIVE, 0, 0, 4, 0xc1, 2, 1, RECEIVE, 1, 0, 1, 2, 1, 255, 0, WAIT, 60]
                                 + [RECEIVE, 3, 0, 1, 2, 2, 255, 0] + GO_ON + [RECEIVE, 3, 0, 1, 2, 3, 9, 0] + GO_ON
                                 + [RECEIVE, 3, 0, 1, 2, 4, 255, 0] + GO_ON + [REMOVE, 0, REMOVE, 1, WAIT, 120]))
write('gossipsub/come-and-go', bytes([RECEIVE, 0, 0] + ON + [0] + OURS + THEIRS + [UNSUBSCRIBE, 0, SUBSCRIBE, 0, WAIT, 120]
                                     + [MOVE, 0, 0, MOVE, 1, 2, REMOVE, 2, ADD, 0, 0, 0, PUBLISH, 3, 3] + GO_ON + [WAIT, 255]))
write('gossipsub/garbage', bytes(OURS + [RECEIVE, 0, 0, 5, 6, 0x0a, 0x04, 0x08, 0x01, 0x12, 0x7f, RECEIVE, 1, 0, 5, 2, 0xff, 0xff]))

# The first byte chooses an RPC or a message.
MESSAGE = (field(1, b'\x00\x24' + PUBLIC) + field(2, b'hello') + field(3, bytes(7) + b'\x09') + field(4, b'chat')
           + field(5, bytes(64)) + field(6, PUBLIC))
IHAVE = field(1, field(1, b'chat') + field(2, b'12D3Koo1') + field(2, b''))
PRUNE_PX = field(4, field(1, b'chat') + field(2, field(1, b'peer') + field(2, b'record')) + b'\x18\x3c')
write('rpc/message', b'\x01' + MESSAGE)
write('rpc/message-missing', b'\x01' + field(2, b'hello') + field(4, b'chat'))
write('rpc/message-twice', b'\x01' + MESSAGE + field(4, b'chat'))
write('rpc/message-not-utf8', b'\x01' + MESSAGE.replace(b'chat', b'ch\xff\x00'))
write('rpc/whole', b'\x00' + field(1, b'\x08\x01' + field(2, b'chat')) + field(1, b'\x08\x00' + field(2, b'chat'))
      + field(2, MESSAGE) + field(2, MESSAGE) + field(3, IHAVE + field(2, field(1, b'id')) + field(3, field(1, b'chat'))
                                                      + PRUNE_PX + field(5, field(1, b'id')) + field(6, b'')))
write('rpc/in-parts', b'\x00' + field(3, IHAVE) + field(1, b'\x08\x01\x08\x00' + field(2, b'a') + field(2, b'b'))
      + field(3, field(3, b'') + IHAVE) + field(3, b''))
write('rpc/mistyped', b'\x00' + field(1, field(1, b'\x01') + b'\x10\x07') + b'\x18\x01' + b'\x15abcd')
write('rpc/longer-numbers', b'\x00' + b'\x8a\x80\x00\x84\x80\x80\x00\x08\x81\x80\x00')
write('rpc/unknown', b'\x00' + field(9, b'later') + b'\x79' + bytes(8) + field(3, field(15, b'?')))
write('rpc/group', b'\x00' + b'\x0b\x0c')

# Commands, each a byte and what it asks for.
SUBSCRIBE, DOUBT, GRAFT, PUT, _, DROP, GOSSIP, URGENT, EXTENSIONS, POP = range(10)
write('rpc-queue/all', bytes([EXTENSIONS, SUBSCRIBE, 0, SUBSCRIBE, 3, GRAFT, 0, 0, GRAFT, 3, 61, PUT, 9, PUT, 70, GOSSIP, 20,
                              URGENT, 5, POP, PUT, 3, DROP, 0, PUT, 4]))
write('rpc-queue/larger-than-one', bytes(4 * [PUT, 200] + [GOSSIP, 255] * 20 + [POP, POP, DROP, 1]))
write('rpc-queue/full', bytes([GOSSIP, 255] * 40 + [PUT, 255] * 4 + [URGENT, 255] * 20))
write('rpc-queue/changes', bytes([SUBSCRIBE, 1, SUBSCRIBE, 1, SUBSCRIBE, 2, POP, DOUBT, 2, SUBSCRIBE, 2, SUBSCRIBE, 2, POP,
                                  GRAFT, 1, 1, GRAFT, 1, 0, SUBSCRIBE, 2]))
write('rpc-queue/doubt', bytes([SUBSCRIBE, 2, POP, DOUBT, 2, SUBSCRIBE, 2, POP]))

# How many nodes, a seed, how good the links are; then come steps.
(CONNECT, DISCONNECT, DEPART, RETURN, CUT, HEAL, PUBLISH, PUBLISH_LARGE, TURN, WAIT, WAIT_LONG) = range(11)
RING = sum(([CONNECT, n, (n + 1) % 9] for n in range(9)), [])
write('sim/ring', bytes([7, 1, 0] + RING + [WAIT_LONG, 0, 10, PUBLISH, 3, PUBLISH_LARGE, 4, WAIT, 0, 50]))
write('sim/departures', bytes([7, 2, 3] + RING + sum(([DEPART, n, n, PUBLISH, n + 3, WAIT_LONG, 0, 9] for n in range(3)), [])
                              + sum(([RETURN, n, WAIT, 0, 99] for n in range(3)), [])))
write('sim/cuts', bytes([7, 3, 1] + RING + 2 * [WAIT_LONG, 0, 9, CUT, 0, 128, PUBLISH, 1, PUBLISH, 5, WAIT_LONG, 0, 40, HEAL, 0]))
for kind in range(8):
    write(f'sim/hostile-{kind}', bytes([7, 4, 2] + RING + [WAIT_LONG, 0, 5, TURN, 0, kind, TURN, 4, kind, CONNECT, 1, 5]
                                       + 5 * [PUBLISH, 2, WAIT_LONG, 0, 30] + [DISCONNECT, 1, 5]))

# The first byte chooses role and limits, then come commands.
SYN, ACK, FIN, RST = 1, 2, 4, 8
DATA, UPDATE, PING, GO_AWAY, HUGE, RAW, OPEN, SEND, CONSUME, FINISH, RESET, ASK, LEAVE, TRANSMIT, WAIT, MANNER = range(16)
SAY = [TRANSMIT, 255]
write('yamux/opened', bytes([0x40, DATA, SYN, 1, 0, 100, CONSUME, 1, 255, SEND, 1, 2, FINISH, 1] + SAY
                            + [UPDATE, FIN, 1, 0, 0] + SAY))
write('yamux/dialled', bytes([0x41, OPEN, SEND, 1, 10] + SAY + [UPDATE, ACK, 1, 1, 0, DATA, 0, 1, 20, 0, CONSUME, 1, 128]
                             + [UPDATE, FIN, 1, 0, 0, FINISH, 1] + SAY))
write('yamux/limits', bytes([0x46] + [b for n in range(1, 15, 2) for b in (UPDATE, SYN, n, 0, 0)] + SAY + [RESET, 1] + SAY))
write('yamux/window', bytes([0x00, MANNER, 1] + SAY + [WAIT, 1, PING, ACK, 0, 0, 0, UPDATE, SYN, 1, 0, 0]
                            + 4 * ([DATA, 0, 1, 255, 255] + SAY)))
write('yamux/window-exceeded', bytes([0x40, UPDATE, SYN, 1, 0, 0] + 5 * [DATA, 0, 1, 255, 255]))
write('yamux/window-overflown', bytes([0x41, OPEN] + SAY + 2 * [HUGE, ACK, 1, 200, 0]))
write('yamux/queue-full', bytes([0x61, OPEN, SEND, 1, 255, SEND, 1, 255, SEND, 1, 255] + 10 * SAY
                                + [UPDATE, ACK, 1, 255, 0] + 4 * SAY))
write('yamux/stray', bytes([0x40, UPDATE, SYN, 1, 0, 0, RESET, 1, DATA, FIN, 1, 1, 0, UPDATE, RST, 1, 0, 0, DATA, 0, 3, 0, 1]))
write('yamux/cut', bytes([0x40, MANNER, 5 << 3, DATA, SYN | FIN, 1, 0, 100, MANNER, 6, DATA, SYN, 3, 0, 9, RAW, 3, 0, 0, 0]))
write('yamux/keep-alive', bytes([0x00] + SAY + [PING, ACK, 0, 0, 0, WAIT, 255, WAIT, 99] + SAY + [PING, SYN, 0, 0, 9, WAIT, 255]))
write('yamux/go-away', bytes([0x41, OPEN, LEAVE] + SAY + [UPDATE, SYN, 2, 0, 0, GO_AWAY, 0, 0, 0, 1, OPEN] + SAY))

# The first byte chooses who dialled, how the muxer is agreed, and limits; then come commands.
(SAY_DATA, SAY_UPDATE, SAY_PHRASE, SAY_RAW, OPEN, SEND, CONSUME, FINISH, RESET, ASK, LEAVE, WAIT, MANNER) = range(13)
BEGIN, TAKE_A, TAKE_B, REFUSE, BEGIN_A, BEGIN_A_HELLO, BEGIN_UNKNOWN = 0, 1, 2, 3, 5, 6, 7
HELLO = [SAY_DATA, 0, 1, 5] + list(b'hello')
END = [SAY_UPDATE, FIN, 1, 0]
write('link/listener', bytes([0x12, MANNER, 7, SAY_PHRASE, SYN, 1, BEGIN_A] + HELLO + END))
write('link/listener-late-muxer', bytes([0x10, MANNER, 1, SAY_PHRASE, SYN, 1, BEGIN_A_HELLO] + END + [FINISH, 0]))
write('link/listener-own-words', bytes([0x30, SAY_RAW, 20]) + HEADER + bytes([SAY_RAW, 3]) + b'\x20x\n')
write('link/listener-refuses', bytes([0x12, SAY_PHRASE, SYN, 1, BEGIN_UNKNOWN] + HELLO + END
                                     + [SAY_PHRASE, SYN, 3, BEGIN_UNKNOWN, WAIT, 110]))
write('link/listener-waits', bytes([0x12, SAY_PHRASE, SYN, 1, BEGIN, WAIT, 50, SAY_UPDATE, SYN, 3, 0, WAIT, 60]))
write('link/dialler', bytes([0x13, MANNER, 1, OPEN, 0, SEND, 0, 9, FINISH, 0, SAY_PHRASE, ACK, 1, BEGIN_A] + HELLO + END))
write('link/dialler-of-two', bytes([0x13, OPEN, 1, SEND, 0, 9, SAY_PHRASE, ACK, 1, BEGIN, SAY_PHRASE, 0, 1, REFUSE]
                                   + [SAY_PHRASE, 0, 1, TAKE_B, FINISH, 0] + END))
write('link/dialler-refused', bytes([0x13, OPEN, 0, SEND, 0, 9, SAY_PHRASE, ACK, 1, BEGIN, SAY_PHRASE, 0, 1, REFUSE]))
write('link/dialler-queues', bytes([0x1b, OPEN, 0] + 3 * [SEND, 0, 255] + [SAY_PHRASE, ACK, 1, BEGIN_A, SAY_UPDATE, 0, 1, 99]))
write('link/meddler', bytes([0x12, MANNER, 0x69, SAY_PHRASE, SYN, 1, BEGIN_A_HELLO, MANNER, 0x10, SAY_PHRASE, SYN, 3, BEGIN_A_HELLO]))
write('link/quiet', bytes([0x02, WAIT, 150, WAIT, 255]))
write('link/leaving', bytes([0x12, SAY_PHRASE, SYN, 1, BEGIN_A, LEAVE, SAY_RAW, 12, 0, 3] + 10 * [0] + [ASK, OPEN, 0, RESET, 0]))

# The first byte chooses who dialled, and limits; then come commands.
(SAY_DATA, SAY_UPDATE, SAY_PROTOCOL, SAY_IDENTIFY, SAY_PING, SAY_PONG, SAY_RPC, SAY_RAW, OPEN, PUBLISH, SUBSCRIBE, FINISH,
 RESET, WAIT, GO_AWAY) = range(15)
ID, PUSH, PING, PUBSUB, NOT = range(5)
# A listener's own three streams are 2, 4 and 6, a dialler's 1, 3 and 5, in this order.
THREE = (ID, PING, PUBSUB)
TAKEN = {who: sum(([SAY_PROTOCOL, ACK, 2 - who + 2 * i, what] for i, what in enumerate(THREE)), []) for who in (0, 1)}
ASK_ALL = {who: sum(([SAY_PROTOCOL, SYN, 1 + who + 2 * i, what] for i, what in enumerate((ID, PUSH, PING, PUBSUB))), [])
           for who in (0, 1)}
ON, GRAFT, PRUNE = 4, 2, 3
for who in (0, 1):
    mine, theirs = 2 - who, 1 + who
    write(f'connection/conversation-{who}', bytes(
        [who] + TAKEN[who] + [SAY_IDENTIFY, mine, 0, SAY_UPDATE, FIN, mine, 0, SAY_PONG, mine + 2, 99] + ASK_ALL[who]
        + [SAY_IDENTIFY, theirs + 2, 0, SAY_UPDATE, FIN, theirs + 2, 0, SAY_PING, theirs + 4, 1, SAY_PING, theirs + 4, 3]
        + [SAY_RPC, theirs + 6, ON, SAY_RPC, theirs + 6, GRAFT, SAY_RPC, theirs + 6, 1, SAY_RPC, theirs + 6, 5, PUBLISH, 9]
        + [WAIT, 20, WAIT, 140, SAY_PONG, mine + 2, 99, SAY_RPC, theirs + 6, PRUNE, WAIT, 255]))
write('connection/identify-cut', bytes([0] + TAKEN[0] + [SAY_IDENTIFY, 2, 9, SAY_UPDATE, FIN, 2, 0, OPEN, 0]))
write('connection/wrong-pong', bytes([1] + TAKEN[1] + [SAY_PONG, 3, 7]))
write('connection/unanswered-ping', bytes([0x20] + TAKEN[0] + [WAIT, 101]))
write('connection/ping-flood', bytes([0x20] + ASK_ALL[0] + [SAY_PING, 5, 31, SAY_PING, 5, 31]))
write('connection/forged', bytes([1] + TAKEN[1] + ASK_ALL[1] + [SAY_RPC, 8, ON, SAY_RPC, 8, 129, SAY_RPC, 8, 1, SAY_RPC, 8, 1]))
write('connection/rpc-garbage', bytes([0] + ASK_ALL[0] + [SAY_DATA, 0, 7, 4, 3, 0x0a, 0x7f, 0, SAY_PROTOCOL, SYN, 9, PUBSUB,
                                                          SAY_DATA, 0, 9, 5, 0xff, 0xff, 0xff, 0xff, 0x7f]))
write('connection/slow-reader', bytes([0x10] + TAKEN[0] + ASK_ALL[0] + [SAY_RPC, 7, ON] + 6 * [PUBLISH, 99]
                                      + [WAIT, 9] + 4 * [SAY_UPDATE, 0, 6, 255] + [PUBLISH, 99, WAIT, 20]))
USED_UP = [0] + TAKEN[0] + ASK_ALL[0] + [SAY_RPC, 7, ON] + 30 * [PUBLISH, 40]
write('connection/window-used-up', bytes(USED_UP + [SAY_UPDATE, 0, 6, 200, WAIT, 9, PUBLISH, 40]))
write('connection/window-used-up-ended', bytes(USED_UP + [SAY_UPDATE, FIN, 6, 0, OPEN, 2, PUBLISH, 40]))
write('connection/output-ended', bytes([0] + TAKEN[0] + [SAY_UPDATE, FIN, 6, 0, OPEN, 2, SAY_PROTOCOL, ACK, 8, NOT, OPEN, 2]))
write('connection/leaving', bytes([0] + TAKEN[0] + ASK_ALL[0] + [GO_AWAY, OPEN, 0, SAY_PROTOCOL, SYN, 9, ID, FINISH, 0, RESET, 1]))
write('connection/raw', bytes([1, SAY_RAW, 12, 0, 2, 0, 1] + 4 * [0] + [0, 0, 0, 5] + [SAY_RAW, 3, 0, 9, 9]))
