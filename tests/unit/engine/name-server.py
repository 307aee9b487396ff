#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A name server for tests, on 127.0.0.1:53 of a network namespace of theirs.

It is told its records on standard input, a line each, answers "ok" to each line, and ends with its input:

    NAME A ADDRESS          NAME AAAA ADDRESS
    NAME TXT STRING[|STRING]…      a record's strings
    NAME MANY TYPE N FORMAT        N records of that type, FORMAT with their number, from 0, put in
    NAME SILENT                    no answer ever
    NAME SLOW MILLISECONDS         until it is answered, by UDP
    NAME GARBAGE                   an answer without the records that it claims

What it does not know does not exist. Answers that do not fit 512 bytes are had by TCP only (RFC 1035, section 4.2).
"""

import selectors
import socket
import struct
import sys
import threading

TYPES = {'A': 1, 'TXT': 16, 'AAAA': 28}
MAX_UDP = 512

zone = {}       # name → list of (type, data)
silent, garbage = set(), set()
slow = {}       # name → seconds


def encode(kind, value):
    if kind == 'TXT':
        return b''.join(bytes([len(string)]) + string for string in value.encode(errors='surrogateescape').split(b'|'))
    return socket.inet_pton(socket.AF_INET if kind == 'A' else socket.AF_INET6, value)


def learn(line):
    name, what, *rest = line.split()
    if what == 'SILENT':
        silent.add(name)
    elif what == 'SLOW':
        slow[name] = int(rest[0]) / 1000
    elif what == 'GARBAGE':
        garbage.add(name)
    elif what == 'MANY':
        kind, n, form = rest
        records = [(TYPES[kind], encode(kind, form.format(i, i // 250, i % 250 + 1))) for i in range(int(n))]
        zone.setdefault(name, []).extend(records)
    else:
        zone.setdefault(name, []).append((TYPES[what], encode(what, rest[0])))


def get_name(query):
    """And where it ends"""
    labels, at = [], 12
    while query[at] != 0:
        labels.append(query[at + 1:at + 1 + query[at]].decode(errors='replace'))
        at += 1 + query[at]
    return '.'.join(labels).lower(), at + 1


def answer(query):
    """The whole answer, or None"""
    name, at = get_name(query)
    question = query[12:at + 4]
    kind, = struct.unpack_from('>H', query, at)
    if name in silent:
        return None
    if name in garbage:
        return query[:2] + struct.pack('>5H', 0x8180, 1, 0xffff, 0, 0) + question + b'\xc0' * 100
    known = zone.get(name)
    found = [data for type_, data in known or () if type_ == kind]
    header = query[:2] + struct.pack('>5H', 0x8180 | (0 if known else 3), 1, len(found), 0, 0)
    return header + question + b''.join(struct.pack('>3HIH', 0xc00c, kind, 1, 0, len(data)) + data for data in found)


def read_exactly(stream, n):
    data = b''
    while len(data) < n:
        part = stream.recv(n - len(data))
        if not part:
            raise EOFError
        data += part
    return data


def serve_stream(stream):
    with stream:
        try:
            while True:
                length, = struct.unpack('>H', read_exactly(stream, 2))
                reply = answer(read_exactly(stream, length))
                if reply is not None:
                    stream.sendall(struct.pack('>H', len(reply)) + reply)
        except (EOFError, OSError):
            pass


def serve(udp, tcp):
    selector = selectors.DefaultSelector()
    selector.register(udp, selectors.EVENT_READ)
    selector.register(tcp, selectors.EVENT_READ)
    while True:
        for key, _ in selector.select():
            if key.fileobj is tcp:
                threading.Thread(target=serve_stream, args=(tcp.accept()[0],), daemon=True).start()
                continue
            query, client = udp.recvfrom(4096)
            reply = answer(query)
            if reply is None:
                continue
            name, at = get_name(query)
            if len(reply) > MAX_UDP:
                reply = query[:2] + struct.pack('>5H', 0x8380, 1, 0, 0, 0) + query[12:at + 4]
            threading.Timer(slow.get(name, 0), udp.sendto, (reply, client)).start()


udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
udp.bind(('127.0.0.1', 53))
tcp = socket.create_server(('127.0.0.1', 53))
threading.Thread(target=serve, args=(udp, tcp), daemon=True).start()
print('ok', flush=True)
for line in sys.stdin:
    learn(line)
    print('ok', flush=True)
