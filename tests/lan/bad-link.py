#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A bad cable between two interfaces: each frame is lost by chance, or comes late, in either direction.

Usage: bad-link.py INTERFACE INTERFACE DELAY LOSS

DELAY is in seconds, LOSS from 0 to 1. It prints "ready" and goes on until it is killed. What the kernel's own
netem does better, and is used where there is one (network.py); many kernels have none.
"""

import heapq
import itertools
import random
import selectors
import socket
import sys
import time

ETH_P_ALL = 3
SOL_PACKET, PACKET_VNET_HDR, PACKET_IGNORE_OUTGOING = 263, 15, 23
MOST = 10 + 65536 + 18  # bytes: what says which checksums are still to be made, and a frame before it is cut

one, other, delay, loss = sys.argv[1:]
delay, loss = float(delay), float(loss)
chance = random.Random(1)
number = itertools.count()
late = []               # of (when, number, where to, frame)


def open_end(interface):
    end = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    end.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
    end.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
    end.bind((interface, ETH_P_ALL))
    end.setblocking(False)
    return end


def take(end, to):
    while True:
        try:
            frame = end.recv(MOST)
        except BlockingIOError:
            return
        if chance.random() >= loss:
            heapq.heappush(late, (time.monotonic() + delay, next(number), to, frame))


ends = [open_end(interface) for interface in (one, other)]
selector = selectors.DefaultSelector()
for end, to in zip(ends, reversed(ends)):
    selector.register(end, selectors.EVENT_READ, to)
print('ready', flush=True)
while True:
    wait = max(0.0, late[0][0] - time.monotonic()) if late else None
    for key, _ in selector.select(wait):
        take(key.fileobj, key.data)
    while late and late[0][0] <= time.monotonic():
        _, _, to, frame = heapq.heappop(late)
        try:
            to.send(frame)
        except OSError:
            pass        # as on a cable
