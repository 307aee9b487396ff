#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""One node finds another by mDNS, on a virtual LAN of namespaces; nothing leaves it.

Usage: lan.py SECONDS LISTENER FINDER

The listener has been there for as many seconds, so that its announcements are over, when the other
starts. Prints that one's results, or `skipped` and why no such LAN can be made here.
"""

import pathlib
import subprocess
import sys
import time

sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / 'interop'), str(HERE.parent / 'lan')]

import network  # noqa: E402


def main():
    seconds, listener, finder = sys.argv[1:]
    if why := network.enter():
        print('skipped', why)
        return 0
    with network.Network(None, None) as lan:
        here, there = lan.host(), lan.host()
        with subprocess.Popen([*there.inside(), listener, 'listen', 'lan'], stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, text=True) as node:
            try:
                if not any(line.startswith('listening') for line in node.stdout):
                    return 1
                time.sleep(float(seconds))
                return subprocess.run([*here.inside(), finder, 'discover', 'lan'],
                                      stdin=subprocess.DEVNULL).returncode
            finally:
                node.kill()


if __name__ == '__main__':
    sys.exit(main())
