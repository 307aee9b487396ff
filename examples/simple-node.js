#!/usr/bin/env gjs
// SPDX-License-Identifier: LGPL-2.1-or-later
//
// A device that shows what happens on the mesh, and a chat: a line typed here is printed by all
// the others. simple-node.c, which documents the lines that this prints, and simple-node.py do the
// same.

imports.gi.versions.Avi = '1';
const {Avi, Gio, GLib} = imports.gi;
const System = imports.system;

const UTF8 = new TextDecoder();

// What others sent must not steer this terminal.
function say(...words) {
    print(words.join(' ').replace(/[\n\t]/gu, ' ').replace(/[\p{C}\p{Zl}\p{Zp}]/gu, '\ufffd'));
}

class Node {
    constructor(options) {
        this.loop = new GLib.MainLoop(null, false);
        this.topic = options.topic;
        this.started = false;
        this.stopping = false;
        this.goodbye = new Gio.Cancellable(); // cancelled where it is not to be waited for
        this.device = Avi.Device.new(options.name);
        this.device.enable_mdns = !options['no-mdns'];
        this.device.enable_local = !options['no-local'];
        this.device.threaded = !options.unthreaded;
        if (options.identity)
            this.device.identity = Avi.Identity.load_or_create(options.identity);
        if (options.listen.length > 0)
            this.device.listen_addresses = options.listen;
    }

    run(dial) {
        const subscription = this.device.subscribe(this.topic);
        subscription.connect('message', (_, message) => this.onMessage(message));
        this.device.connect('started', () => this.onStarted());
        this.device.connect('stopped', (_, error) => this.onStopped(error));
        this.device.connect('peer-discovered', (_, peer) => this.sayPeer('peer-discovered', peer));
        this.device.connect('peer-connected', (_, peer) => this.onPeerConnected(peer));
        this.device.connect('peer-disconnected', (_, peer) => this.onPeerDisconnected(peer));
        this.device.connect('identity-conflict', (_, id, addresses, file) => this.onConflict(id, addresses, file));
        this.device.connect('notify::addresses', () => this.onAddresses());
        this.device.connect('notify::discovery-status', () => say('discovery', this.device.discovery_status));
        this.device.start(null);

        for (const address of dial)
            this.dial(address);
        for (const number of [2, 15]) // SIGINT, SIGTERM
            GLib.unix_signal_add(GLib.PRIORITY_DEFAULT, number, () => this.onSignal());
        this.input = Gio.DataInputStream.new(Gio.UnixInputStream.new(0, false));
        this.readLine();
        this.loop.run();
    }

    // ---- What the device tells

    onStarted() {
        this.started = true;
        say('started', this.device.peer_id, ...this.device.addresses);
        say(`# This is “${this.device.node_name}”. Type a line to send it to all who listen to “${this.topic}”; ` +
            '/peers lists them, /quit ends.');
    }

    onAddresses() {
        if (this.started && !this.stopping)
            say('addresses', ...this.device.addresses);
    }

    onPeerConnected(peer) {
        this.sayPeer('peer-connected', peer);
        say('# Connected:', this.peers().filter(other => other.connected).map(other => this.labelOf(other)).join(', '));
    }

    onPeerDisconnected(peer) {
        this.sayPeer('peer-disconnected', peer, peer.last_error ? `: ${peer.last_error}` : '');
    }

    onConflict(id, addresses, file) {
        say('identity-conflict', id, ...addresses);
        if (file)
            say(`# Another node has the key of ${file}. Give one of the two a new identity.`);
    }

    onMessage(message) {
        const author = this.peers().find(peer => peer.id === message.get_from());
        const name = author ? this.labelOf(author) : message.get_from() ?? 'somebody';
        const text = message.get_text() ?? `(${message.get_data().get_size()} bytes)`;
        say(`message ${message.get_topic()} ${name}: ${text}`);
    }

    onStopped(error) {
        say(error ? `stopped: ${error.message}` : 'stopped');
        this.loop.quit();
    }

    // A name is a label, which others may bear too: then the end of the id tells them apart.
    labelOf(peer) {
        const others = this.peers().filter(other => other !== peer).map(other => other.name);
        const isDouble = [this.device.node_name, ...others].includes(peer.name);
        return isDouble ? `${peer.name} (…${peer.id.slice(-8)})` : peer.name;
    }

    sayPeer(event, peer, more = '') {
        say(`${event} ${peer.id} ${this.labelOf(peer)}${more}`);
    }

    peers() {
        const {peers} = this.device;
        return Array.from({length: peers.get_n_items()}, (_, i) => peers.get_item(i));
    }

    // ---- What the user asks for

    stop() {
        if (this.stopping)
            this.goodbye.cancel();
        else
            this.device.stop_async(this.goodbye, null);
        this.stopping = true;
    }

    onSignal() {
        this.stop();
        return GLib.SOURCE_CONTINUE;
    }

    dial(address) {
        this.device.dial_async(address, null, (device, result) => {
            try {
                device.dial_finish(result);
            } catch (error) {
                say('error dial:', error.message);
            }
        });
    }

    listPeers() {
        const peers = this.peers();
        for (const peer of peers)
            this.sayPeer('peer', peer, peer.connected ? ' connected' : ' known');
        say('#', peers.length, peers.length === 1 ? 'peer' : 'peers');
    }

    publish(line) {
        this.device.publish_async(this.topic, line, Avi.PublishFlags.NONE, null, (device, result) => {
            try {
                say('published', device.publish_finish(result));
            } catch (error) {
                say('error publish:', error.message);
            }
        });
    }

    // What looks like a command and is none was hardly meant for everybody.
    obey(command) {
        const address = command.startsWith('/dial ') ? command.slice('/dial '.length) : '';
        if (command === '/quit')
            this.stop();
        else if (command === '/peers')
            this.listPeers();
        else if (address.trim() !== '')
            this.dial(address);
        else
            say(`error command: what is “${command}”? There are /peers, /dial ADDRESS and /quit; ` +
                '// begins a line with a slash');
    }

    readLine() {
        this.input.read_line_async(GLib.PRIORITY_DEFAULT, null, (stream, result) => {
            const [line] = stream.read_line_finish(result);
            // At its end, input is over; the node is not.
            if (line === null)
                return;
            const text = UTF8.decode(line);
            if (text.startsWith('//'))
                this.publish(line.slice(1));
            else if (text.startsWith('/'))
                this.obey(text);
            else if (line.length > 0)
                this.publish(line);
            this.readLine();
        });
    }
}

const USAGE = 'Usage: simple-node.js [--name NAME] [--topic TOPIC] [--listen MULTIADDR]… [--dial MULTIADDR]… ' +
    '[--identity FILE] [--no-mdns] [--no-local] [--unthreaded]';

function parse(words) {
    const options = {name: GLib.get_host_name(), topic: 'chat', listen: [], dial: []};
    words = words.flatMap(word => word.match(/^(--[a-z]+)=(.*)$/)?.slice(1) ?? [word]);
    while (words.length > 0) {
        const word = words.shift();
        const name = word.replace(/^--/, '');
        if (['--no-mdns', '--no-local', '--unthreaded'].includes(word))
            options[name] = true;
        else if (['--listen', '--dial'].includes(word) && words.length > 0)
            options[name].push(words.shift());
        else if (['--name', '--topic', '--identity'].includes(word) && words.length > 0)
            options[name] = words.shift();
        else
            throw new Error(`what is “${word}”? ${USAGE}`);
    }
    return options;
}

try {
    const options = parse([...ARGV]);
    new Node(options).run(options.dial);
} catch (error) {
    printerr(`simple-node: ${error.message}`);
    System.exit(1);
}
