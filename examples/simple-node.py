#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A device that shows what happens on the mesh, and a chat: a line typed here is printed by all
the others. simple-node.c, which documents the lines that this prints, and simple-node.js do the
same."""

import argparse
import signal
import socket
import sys

import gi
gi.require_version("Avi", "1")
from gi.repository import Avi, Gio, GLib


class Node:
    def __init__(self, options):
        self.loop = GLib.MainLoop()
        self.topic = options.topic
        self.started = False
        self.stopping = False
        self.goodbye = Gio.Cancellable()    # cancelled where it is not to be waited for
        self.device = Avi.Device.new(options.name)
        self.device.props.enable_mdns = not options.no_mdns
        self.device.props.enable_local = not options.no_local
        self.device.props.threaded = not options.unthreaded
        if options.identity:
            self.device.props.identity = Avi.Identity.load_or_create(options.identity)
        if options.listen:
            self.device.props.listen_addresses = options.listen

    def run(self, dial):
        subscription = self.device.subscribe(self.topic)
        subscription.connect("message", self.on_message)
        self.device.connect("started", self.on_started)
        self.device.connect("stopped", self.on_stopped)
        self.device.connect("peer-discovered", lambda _, peer: self.say_peer("peer-discovered", peer))
        self.device.connect("peer-connected", self.on_peer_connected)
        self.device.connect("peer-disconnected", self.on_peer_disconnected)
        self.device.connect("identity-conflict", self.on_identity_conflict)
        self.device.connect("notify::addresses", self.on_addresses)
        self.device.connect("notify::discovery-status", lambda *_: say("discovery", self.device.props.discovery_status))
        self.device.start()

        for address in dial:
            self.dial(address)
        for number in (signal.SIGINT, signal.SIGTERM):
            GLib.unix_signal_add(GLib.PRIORITY_DEFAULT, number, self.on_signal)
        self.input = Gio.DataInputStream.new(Gio.UnixInputStream.new(sys.stdin.fileno(), False))
        self.read_line()
        self.loop.run()

    # ---- What the device tells

    def on_started(self, device):
        self.started = True
        say("started", device.props.peer_id, *device.props.addresses)
        say(f"# This is “{device.props.node_name}”. Type a line to send it to all who listen to “{self.topic}”; "
            "/peers lists them, /quit ends.")

    def on_addresses(self, device, _):
        if self.started and not self.stopping:
            say("addresses", *device.props.addresses)

    def on_peer_connected(self, device, peer):
        self.say_peer("peer-connected", peer)
        say("# Connected:", ", ".join(other.props.name for other in device.props.peers if other.props.connected))

    def on_peer_disconnected(self, _, peer):
        cause = peer.props.last_error
        self.say_peer("peer-disconnected", peer, f": {cause}" if cause else "")

    def on_identity_conflict(self, _, peer_id, addresses, file):
        say("identity-conflict", peer_id, *addresses)
        if file:
            say(f"# Another node has the key of {file}. Give one of the two a new identity.")

    def on_message(self, _, message):
        text = message.get_text()
        if text is None:
            text = f"({message.get_data().get_size()} bytes)"
        say(f"message {message.get_topic()} {self.name_of(message.get_from())}: {text}")

    def on_stopped(self, _, error):
        say(f"stopped: {error.message}" if error else "stopped")
        self.loop.quit()

    def label_of(self, peer):
        """A name is a label, which others may bear too: then the end of the id tells them apart."""
        name = peer.props.name
        others = [other.props.name for other in self.device.props.peers if other != peer]
        return f"{name} (…{peer.props.id[-8:]})" if name in [self.device.props.node_name, *others] else name

    def say_peer(self, event, peer, more=""):
        say(f"{event} {peer.props.id} {self.label_of(peer)}{more}")

    def name_of(self, peer_id):
        for peer in self.device.props.peers:
            if peer.props.id == peer_id:
                return self.label_of(peer)
        return peer_id or "somebody"

    # ---- What the user asks for

    def stop(self):
        if self.stopping:
            self.goodbye.cancel()
        else:
            self.device.stop_async(self.goodbye, None)
        self.stopping = True

    def on_signal(self):
        self.stop()
        return GLib.SOURCE_CONTINUE

    def dial(self, address):
        def on_done(device, result):
            try:
                device.dial_finish(result)
            except GLib.Error as error:
                say("error dial:", error.message)

        self.device.dial_async(address, None, on_done)

    def list_peers(self):
        peers = list(self.device.props.peers)
        for peer in peers:
            self.say_peer("peer", peer, " connected" if peer.props.connected else " known")
        say("#", len(peers), "peer" if len(peers) == 1 else "peers")

    def publish(self, line):
        def on_done(device, result):
            try:
                say("published", device.publish_finish(result))
            except GLib.Error as error:
                say("error publish:", error.message)

        self.device.publish_async(self.topic, GLib.Bytes.new(line), Avi.PublishFlags.NONE, None, on_done)

    def obey(self, command):
        """What looks like a command and is none was hardly meant for everybody."""
        word, _, address = command.partition(" ")
        if command == "/quit":
            self.stop()
        elif command == "/peers":
            self.list_peers()
        elif word == "/dial" and address.strip():
            self.dial(address)
        else:
            say(f"error command: what is “{command}”? There are /peers, /dial ADDRESS and /quit; "
                "// begins a line with a slash")

    def read_line(self):
        self.input.read_line_async(GLib.PRIORITY_DEFAULT, None, self.on_line)

    def on_line(self, stream, result):
        line, _ = stream.read_line_finish(result)
        # At its end, input is over; the node is not.
        if line is None:
            return
        if line.startswith(b"//"):
            self.publish(line[1:])
        elif line.startswith(b"/"):
            self.obey(line.decode(errors="replace"))
        elif line:
            self.publish(line)
        self.read_line()


def say(*words):
    """What others sent must not steer this terminal."""
    line = " ".join(str(word) for word in words)
    line = "".join(" " if c in "\n\t" else c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in line)
    print(line, flush=True)


def main():
    parser = argparse.ArgumentParser(description="A node of the mesh, and a chat.")
    parser.add_argument("--name", default=socket.gethostname(), help="what others call this node (default: the host's name)")
    parser.add_argument("--topic", default="chat", help="what to listen to, and to publish on (default: chat)")
    parser.add_argument("--listen", action="append", metavar="MULTIADDR", help="where to listen (default: anywhere)")
    parser.add_argument("--dial", action="append", metavar="MULTIADDR", default=[], help="whom to connect to at once")
    parser.add_argument("--identity", metavar="FILE", help="a file to keep the key in (default: a new key)")
    parser.add_argument("--no-mdns", action="store_true", help="do not look for others on the LAN")
    parser.add_argument("--no-local", action="store_true", help="do not look for others on this machine")
    parser.add_argument("--unthreaded", action="store_true", help="run the network in the main thread")
    options = parser.parse_args()
    sys.stdout.reconfigure(encoding="utf-8")
    try:
        Node(options).run(options.dial)
    except GLib.Error as error:
        sys.exit(f"simple-node: {error.message}")


if __name__ == "__main__":
    main()
