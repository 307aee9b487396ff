#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Writes the seeds of the fuzz targets dns and mdns: queries and answers in the form of each family
# that is met on a LAN. Run it in this folder after a change; what it writes is kept in the tree.

import os
import struct

PTR, TXT, SRV, A, AAAA, ANY = 12, 16, 33, 1, 28, 255
FLUSH = 0x8000
SERVICE = '_p2p._udp.local'
PEER = '12D3KooWGC6kJsRXXLLPXKRJUFyeu4PfsnGGdm2xjCVEpQTsLGhU'


def name(text):
    return b''.join(bytes([len(label)]) + label.encode() for label in text.split('.') if label) + b'\0'


def question(text, kind, klass=1):
    return name(text) + struct.pack('>HH', kind, klass)


def record(text, kind, data, ttl=120, klass=1):
    return name(text) + struct.pack('>HHIH', kind, klass, ttl, len(data)) + data


def strings(*texts):
    return b''.join(bytes([len(text)]) + text.encode() for text in texts)


def message(flags=0, questions=(), answers=(), authority=(), additional=(), ident=0):
    sections = [questions, answers, authority, additional]
    return struct.pack('>HH4H', ident, flags, *map(len, sections)) + b''.join(map(b''.join, sections))


def dnsaddr(address):
    return f'dnsaddr={address}/p2p/{PEER}'


ONE = dnsaddr('/ip4/10.0.0.9/tcp/4001')
TWO = dnsaddr('/ip6/fe80::9/tcp/4001')
QUIC = dnsaddr('/ip4/10.0.0.9/udp/4001/quic-v1')
INSTANCE = 'kitchen.' + SERVICE
BARE = '2Gk8vYeLrPqXz1QnMB5TtWsHc7JdFa4R'

ADDRESS = record('kitchen.local', A, bytes([10, 0, 0, 9]), klass=1 | FLUSH)
PORT = record(INSTANCE, SRV, struct.pack('>HHH', 0, 0, 4001) + name('kitchen.local'), klass=1 | FLUSH)

MESSAGES = {
    'query': message(questions=[question(SERVICE, PTR)]),
    'query-unicast': message(questions=[question(SERVICE, PTR, 1 | FLUSH)], ident=7),
    'query-known': message(questions=[question(SERVICE, PTR)],
                           answers=[record(SERVICE, PTR, name(INSTANCE), 4500)]),
    'query-truncated': message(0x0200, [question(SERVICE, PTR)], [record(SERVICE, PTR, name(INSTANCE), 4500)]),
    'query-services': message(questions=[question('_services._dns-sd._udp.local', PTR)]),
    'query-instance': message(questions=[question(INSTANCE, ANY), question('kitchen.local', AAAA)]),
    'probe': message(questions=[question(INSTANCE, ANY)], authority=[PORT]),
    'rust': message(0x8400, answers=[record(SERVICE, PTR, name(BARE), 360)],
                    additional=[record(BARE, TXT, strings(ONE), 360, 1 | FLUSH),
                                record(BARE, TXT, strings(QUIC), 360, 1 | FLUSH)], ident=0xbeef),
    'js': message(0x8000, answers=[record(SERVICE, PTR, name(INSTANCE)), record(INSTANCE, TXT, strings(ONE)),
                                   record(INSTANCE, TXT, strings(TWO))]),
    'go': message(0x8400, answers=[record(SERVICE, PTR, name(INSTANCE), 3200)],
                  additional=[PORT, record(INSTANCE, TXT, strings(ONE, TWO), 3200, 1 | FLUSH), ADDRESS]),
    'avahi': message(0x8400, answers=[record(INSTANCE, TXT, strings(ONE), 4500, 1 | FLUSH),
                                      record(SERVICE, PTR, name(INSTANCE), 4500), PORT, ADDRESS]),
    'goodbye': message(0x8400, answers=[record(SERVICE, PTR, name(INSTANCE), 0)]),
    # Compressed: the second name points to the first, the third into it.
    'compressed': message(0x8400, answers=[record(SERVICE, PTR, b'\x07kitchen\xc0\x0c', 4500),
                                           b'\xc0\x27' + struct.pack('>HHIH', TXT, 1 | FLUSH, 4500, 1 + len(ONE)) + strings(ONE)]),
    'compressed-in-circles': message(questions=[b'\xc0\x0c' + struct.pack('>HH', PTR, 1)]),
}


def packet(which, flags=0):
    return bytes([0x40 + flags]) + struct.pack('>H', len(MESSAGES[which])) + MESSAGES[which]


def time(n):
    return bytes([0x80 + n])


RUNS = {
    'families': b''.join(packet(which, 1 if which == 'rust' else 0) + time(10) for which in MESSAGES),
    'found-and-gone': packet('go') + time(22) + packet('goodbye') + time(12),
    'legacy': packet('query', 1) + time(7) + packet('query-services', 1) + time(7),
    'unicast': time(12) + packet('query-unicast') + time(8) + packet('query-unicast', 4) + time(21) + packet('query-unicast'),
    'ip6': bytes([0, 3]) + packet('query', 8) + packet('js', 8) + time(16) + bytes([0, 0x10 + 2]) + time(12),
    'known-and-truncated': packet('query-truncated') + time(8) + packet('query-known') + time(10) + packet('probe') + time(8),
    'goodbye': packet('avahi') + time(12) + bytes([2]) + time(10) + bytes([3]) + packet('query'),
    'interface-gone': packet('js') + bytes([1]) + packet('js') + time(12) + bytes([0, 1]) + time(12),
    'a-day': packet('go') + time(23) * 10,
}

for folder, seeds in (('dns', MESSAGES), ('mdns', RUNS)):
    os.makedirs(os.path.join('corpus', folder), exist_ok=True)
    for seed, content in seeds.items():
        with open(os.path.join('corpus', folder, seed), 'wb') as out:
            out.write(content)
