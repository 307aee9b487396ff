# SPDX-License-Identifier: LGPL-2.1-or-later
"""A py-libp2p node that obeys lines: see ../README.md for its options, commands and events."""

import argparse
import hashlib
import os
import re
import sys
import time
import traceback
from contextlib import AsyncExitStack

import libp2p.host.basic_host
import libp2p.identity.identify.identify
import libp2p.identity.identify_push.identify_push
import libp2p.pubsub.gossipsub as gossip
import multiaddr
import trio
from libp2p import new_host
from libp2p.crypto import ed25519, rsa, secp256k1
from libp2p.discovery.events.peerDiscovery import peerDiscovery
from libp2p.discovery.mdns.mdns import create_mdns_discovery
from libp2p.host.ping import PingService, ID as PING
from libp2p.io.utils import read_exactly
from libp2p.network.stream.exceptions import StreamEOF
from libp2p.peer.id import ID
from libp2p.peer.peerinfo import info_from_p2p_addr
from libp2p.pubsub.floodsub import PROTOCOL_ID as FLOODSUB, FloodSub
from libp2p.pubsub.pubsub import Pubsub
from libp2p.tools.anyio_service import background_trio_service

MAX_MESSAGE = 1 << 20
MAX_SHOWN = 256
CHUNK = 64 * 1024
PERF = '/perf/1.0.0'
ECHO = '/avi-bench/echo/1.0.0'  # sends back what it hears; ours serves it, of ping only two streams at a time
DIAL_TIMEOUT = 10   # seconds


def parse_options():
    parser = argparse.ArgumentParser()
    parser.add_argument('--seed', type=int)
    parser.add_argument('--key-type', default='ed25519')
    parser.add_argument('--listen', action='append')
    parser.add_argument('--agent', default='avi-peer-py')
    parser.add_argument('--subscribe', action='append', default=[])
    parser.add_argument('--dial', action='append', default=[])
    parser.add_argument('--mdns', action='store_true')
    parser.add_argument('--floodsub', action='store_true')
    parser.add_argument('--ping-interval', type=int, default=1000)
    return parser.parse_args()


def make_key(options):
    if options.seed is not None:
        return ed25519.create_new_key_pair(hashlib.sha256(options.seed.to_bytes(8, 'big')).digest())
    return {
        'ed25519': ed25519.create_new_key_pair,
        'secp256k1': secp256k1.create_new_key_pair,
        'rsa': rsa.create_new_key_pair,
    }[options.key_type]()


def tell(*fields):
    print(*fields, flush=True)


def field(text):
    """One field of an event."""
    return re.sub(r'\s', '_', str(text)) or '-'


def shown(data):
    if len(data) <= MAX_SHOWN:
        return data.decode(errors='replace')
    return f'{len(data)}-bytes:{hashlib.sha256(data).hexdigest()}'


def make_router(options):
    if options.floodsub:
        return FloodSub([FLOODSUB])
    # Of its own accord it drops what is more than ten messages a second, from anybody.
    return gossip.GossipSub([gossip.PROTOCOL_ID_V12, gossip.PROTOCOL_ID_V11, gossip.PROTOCOL_ID],
                            degree=6, degree_low=5, degree_high=12, heartbeat_interval=1, spam_protection_enabled=False)


class Node:
    def __init__(self, options):
        self.nursery = None
        self.is_over = False
        self.mdns = None
        self.addresses = set()
        self.connections = {}       # of a peer, how many
        self.heard = {}
        listen = [multiaddr.Multiaddr(text) for text in options.listen or ['/ip4/127.0.0.1/tcp/0']]
        self.listen_addresses = listen
        self.host = new_host(key_pair=make_key(options), listen_addrs=listen, muxer_preference='YAMUX')
        self.pubsub = Pubsub(self.host, make_router(options), max_inbound_rpc_size=MAX_MESSAGE + 4096)
        self.ping = PingService(self.host)
        self.host.set_stream_handler(PING, self.ping.handle_ping)
        self.host.set_stream_handler(PERF, self.answer_perf)
        self.host.get_network().register_notifee(self)
        self.watch_identify()

    # ---- Events

    def watch_identify(self):
        """It has no event for it."""
        for module in (libp2p.host.basic_host, libp2p.identity.identify_push.identify_push):
            update = module.update_peerstore_from_identify

            async def telling(peerstore, peer, message, update=update):
                await update(peerstore, peer, message)
                tell('identified', peer, field(message.agent_version), field(message.protocol_version),
                     field(','.join(message.protocols)))
                addresses = [str(multiaddr.Multiaddr(each)) for each in message.listen_addrs]
                tell('addresses', peer, field(','.join(addresses)))

            module.update_peerstore_from_identify = telling

    async def connected(self, network, connection):
        peer = connection.muxed_conn.peer_id
        self.connections[peer] = self.connections.get(peer, 0) + 1
        if self.connections[peer] == 1:
            tell('connected', peer)

    async def disconnected(self, network, connection):
        peer = connection.muxed_conn.peer_id
        self.connections[peer] = self.connections.get(peer, 1) - 1
        if self.connections[peer] <= 0:
            self.connections.pop(peer)
            tell('disconnected', peer)

    async def opened_stream(self, network, stream):
        pass

    async def closed_stream(self, network, stream):
        pass

    async def listen(self, network, address):
        pass

    async def listen_close(self, network, address):
        pass

    def tell_addresses(self):
        for address in map(str, self.host.get_addrs()):
            if address not in self.addresses:
                self.addresses.add(address)
                tell('listening', address)

    # ---- Streams

    async def answer_perf(self, stream):
        try:
            count = int.from_bytes(await read_exactly(stream, 8), 'big')
            await count_to_end(stream)
            await send(stream, count)
            await stream.close()
        except Exception:       # what a peer does must not end the host
            await stream.reset()

    async def perf(self, peer, up, down):
        started = time.monotonic()
        stream = await self.host.new_stream(peer, [PERF])
        await stream.write(int(down).to_bytes(8, 'big'))
        await send(stream, int(up))
        await stream.close_write()
        received = await count_to_end(stream)
        if received != int(down):
            raise ValueError(f'{received} bytes of {down}')
        tell('perf', f'{time.monotonic() - started:.6f}')

    async def open_echo(self, peer):
        """32 bytes that came back; the stream stays open."""
        stream = await self.host.new_stream(peer, [ECHO])
        await stream.write(bytes(32))
        await read_exactly(stream, 32)
        return stream

    async def open_many(self, peer, count):
        streams = []

        async def one():
            streams.append(await self.open_echo(peer))

        async with trio.open_nursery() as nursery:
            for _ in range(int(count)):
                nursery.start_soon(one)
        tell('streams', peer, count)
        for stream in streams:
            await stream.close()

    async def half_close(self, peer):
        stream = await self.host.new_stream(peer, [ECHO])
        await stream.write(bytes(32))
        await stream.close_write()
        if await count_to_end(stream) != 32:
            raise ValueError('not all came back')
        tell('half-closed', peer)

    async def reset(self, peer):
        stream = await self.open_echo(peer)
        await stream.reset()
        tell('reset', peer)

    # ---- Commands

    async def dial(self, address):
        with trio.fail_after(DIAL_TIMEOUT):
            await self.host.connect(info_from_p2p_addr(multiaddr.Multiaddr(address)))

    async def listen_too(self, address):
        await self.host.get_network().listen(multiaddr.Multiaddr(address))
        self.tell_addresses()

    async def subscribe(self, topic):
        self.heard[topic] = await self.pubsub.subscribe(topic)
        self.nursery.start_soon(self.hear, topic, self.heard[topic])

    async def hear(self, topic, subscription):
        try:
            while True:
                message = await subscription.get()
                author = ID(message.from_id)
                if author != self.host.get_id():
                    tell('message', topic, author, shown(message.data))
        except (trio.EndOfChannel, trio.ClosedResourceError):
            pass

    async def unsubscribe(self, topic):
        if topic in self.heard:
            del self.heard[topic]
            await self.pubsub.unsubscribe(topic)

    async def publish(self, topic, data):
        await self.pubsub.publish(topic, data)
        tell('published', topic)

    async def obey(self, line):
        verb, first, text = (line.split(' ', 2) + ['', ''])[:3]
        try:
            match verb:
                case 'dial': await self.dial(first)
                case 'disconnect': await self.host.disconnect(ID.from_string(first))
                case 'listen': await self.listen_too(first)
                case 'subscribe': await self.subscribe(first)
                case 'unsubscribe': await self.unsubscribe(first)
                case 'publish': await self.publish(first, text.encode())
                case 'publish-size': await self.publish(first, b'x' * int(text))
                case 'perf': await self.perf(ID.from_string(first), *text.split())
                case 'streams': await self.open_many(ID.from_string(first), text)
                case 'half-close': await self.half_close(ID.from_string(first))
                case 'reset': await self.reset(ID.from_string(first))
                case _: raise ValueError('no such command')
        except Exception as error:
            traceback.print_exc()
            tell(f'error {line}:', field(f'{type(error).__name__}_{error}'))

    async def obey_in_turn(self, lines):
        async for line in lines:
            await self.obey(line)

    # ---- Its life

    async def ping_all(self, interval):
        while True:
            await trio.sleep(interval / 1000)
            for peer in list(self.connections):
                started = time.monotonic()
                try:
                    await self.ping.ping(peer)
                    tell('ping', peer, int((time.monotonic() - started) * 1e6) + 1)
                except Exception as error:
                    tell(f'error ping {peer}:', field(error))

    def start_mdns(self):
        token = trio.lowlevel.current_trio_token()

        async def dial(info):
            try:
                with trio.fail_after(DIAL_TIMEOUT):
                    await self.host.connect(info)
            except Exception as error:
                tell('error dial:', field(error))

        def found(info):        # called in a thread of zeroconf's
            for address in info.addrs:
                tell('discovered', info.peer_id, address)
            token.run_sync_soon(self.nursery.start_soon, dial, info)

        peerDiscovery.register_peer_discovered_handler(found)
        port = int(self.host.get_transport_addrs()[0].value_for_protocol('tcp'))
        self.mdns = create_mdns_discovery(self.host.get_network(), port=port, host=self.host)
        self.mdns.start()

    async def run(self, options):
        tell('peer-id', self.host.get_id())
        async with AsyncExitStack() as running:
            await running.enter_async_context(self.host.run(self.listen_addresses))
            await running.enter_async_context(background_trio_service(self.pubsub))
            if isinstance(self.pubsub.router, gossip.GossipSub):    # the other is no service
                await running.enter_async_context(background_trio_service(self.pubsub.router))
            await self.pubsub.wait_until_ready()
            async with trio.open_nursery() as self.nursery:
                self.tell_addresses()
                for topic in options.subscribe:
                    await self.subscribe(topic)
                if options.mdns:
                    self.start_mdns()
                for address in options.dial:
                    self.nursery.start_soon(self.obey, f'dial {address}')
                self.nursery.start_soon(self.ping_all, options.ping_interval)
                await self.read_lines()
                self.is_over = True
                self.nursery.cancel_scope.cancel()

    async def read_lines(self):
        """Publications keep their order; the rest does not wait for each other."""
        send, receive = trio.open_memory_channel(sys.maxsize)
        self.nursery.start_soon(self.obey_in_turn, receive)
        while line := (await trio.to_thread.run_sync(sys.stdin.readline, abandon_on_cancel=True)).strip('\n'):
            if line == 'quit':
                break
            if line.startswith(('publish', 'subscribe', 'unsubscribe')):
                send.send_nowait(line)
            else:
                self.nursery.start_soon(self.obey, line)


async def send(stream, count):
    for at in range(0, count, CHUNK):
        await stream.write(bytes(min(CHUNK, count - at)))


async def count_to_end(stream):
    count = 0
    try:
        while data := await stream.read(CHUNK):
            count += len(data)
    except StreamEOF:
        pass
    return count


options = parse_options()
libp2p.identity.identify.identify.AGENT_VERSION = options.agent
node = Node(options)
try:
    trio.run(node.run, options)
except Exception:
    if not node.is_over:    # what is under way then may fail
        raise
sys.stdout.flush()
os._exit(0)     # its threads would keep the process
