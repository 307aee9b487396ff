#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A node that has nothing to do sleeps: the budget of its wake-ups, which boards and batteries pay for.

Usage: test-idle.py AVI-PEER

What is counted is how often its threads went to sleep by themselves, and so were woken before: a
busy machine makes that no more. One of a few windows has to keep the budget, since the first ones are
also the end of what happened before.
"""

import pathlib
import re
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / 'interop'))

import harness  # noqa: E402

TRIES = 4
# Nobody has anything to say to it: seconds of a window, and wake-ups in it.
ALONE = 5.0, 2
# An interval of ping; for each of two connections a ping, its answer and the peer's ping, and four to spare.
# What happens every second, GossipSub's heartbeat say, is more than that without any pings.
CONNECTED = 15.0, 10
TOPIC = 'idle'

avi_peer = str(pathlib.Path(sys.argv[1]).resolve())
suite = harness.Suite()


def sleeps(pid):
    """{thread: how often it went to sleep}"""
    counts = {}
    for task in pathlib.Path(f'/proc/{pid}/task').iterdir():
        try:
            name, status = (task / 'comm').read_text().strip(), (task / 'status').read_text()
        except FileNotFoundError:
            continue    # it ended meanwhile
        counts[f'{name} {task.name}'] = int(re.search(r'^voluntary_ctxt_switches:\s*(\d+)', status, re.MULTILINE)[1])
    return counts


def wakeups(pid, seconds):
    """How often each thread was woken in that time."""
    before = sleeps(pid)
    time.sleep(seconds)
    counts = {thread: count - before.get(thread, 0) for thread, count in sleeps(pid).items()}
    return {thread: count for thread, count in counts.items() if count > 0}


def assert_rests(node, budget):
    seconds, most = budget
    seen = []
    for _ in range(TRIES):
        seen.append(wakeups(node.process.pid, seconds))
        if sum(seen[-1].values()) <= most:
            return
    raise AssertionError(f'more than {most} wake-ups in each window of {seconds:g} s: {seen}')


def start(running, name):
    node = running.node(avi_peer, '--agent', name, '--subscribe', TOPIC, name=name)
    node.address
    return node


@suite.test('a node without connections is not woken')
def _(running):
    assert_rests(start(running, 'alone'), ALONE)


@suite.test('a node in the mesh of a topic, with two idle connections, is woken by pings only')
def _(running):
    node = start(running, 'centre')
    for name in ('one', 'other'):
        harness.link_up(start(running, name), node, TOPIC)
    assert_rests(node, CONNECTED)


sys.exit(suite.run())
