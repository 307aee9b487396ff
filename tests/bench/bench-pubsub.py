# SPDX-License-Identifier: LGPL-2.1-or-later
"""The subscriber of bench-pubsub.c as a program in Python, through introspection."""

import sys

import gi

gi.require_version('Avi', '1')
from gi.repository import Avi, GLib  # noqa: E402

WINDOW = 4096
STEP = WINDOW // 8
HELLO, LOAD = b'hx'


class Subscriber:
    def __init__(self):
        self.n_heard = 0
        self.device = Avi.Device.new('bench')
        self.device.set_property('listen-addresses', ['/ip4/127.0.0.1/tcp/0'])
        self.device.set_property('enable-mdns', False)
        self.device.set_property('enable-local', False)
        subscription = self.device.subscribe('load')
        subscription.set_property('max-queued', 4 * WINDOW)
        subscription.connect('message', self.on_message)
        self.device.start()

    def on_message(self, _, message):
        data = message.get_data()
        kind = data.get_data()[0]
        if kind == LOAD:
            self.n_heard += 1
            if self.n_heard % STEP == 0:
                self.device.publish_text('ack', str(self.n_heard))
        elif kind == HELLO:
            self.device.publish('ack', data)


subscriber = Subscriber()
loop = GLib.MainLoop()
GLib.unix_fd_add_full(GLib.PRIORITY_DEFAULT, sys.stdin.fileno(), GLib.IOCondition.IN | GLib.IOCondition.HUP,
                      lambda *_: loop.quit())
print('listening', subscriber.device.get_property('addresses')[0], flush=True)
loop.run()
