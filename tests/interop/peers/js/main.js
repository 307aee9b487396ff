// SPDX-License-Identifier: LGPL-2.1-or-later

// A js-libp2p node that obeys lines: see ../README.md for its options, commands and events.
import { createHash } from 'node:crypto'
import { createInterface } from 'node:readline'
import { parseArgs } from 'node:util'

import { generateKeyPair, generateKeyPairFromSeed } from '@libp2p/crypto/keys'
import { floodsub } from '@libp2p/floodsub'
import { gossipsub } from '@libp2p/gossipsub'
import { identify, identifyPush } from '@libp2p/identify'
import { mdns } from '@libp2p/mdns'
import { noise } from '@libp2p/noise'
import { peerIdFromString } from '@libp2p/peer-id'
import { ping } from '@libp2p/ping'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'

const MAX_MESSAGE = 1 << 20
const MAX_SHOWN = 256
const MAX_STREAMS = 1024
const CHUNK = 64 * 1024
// Sends back what it hears; ours serves it, of ping only two streams at a time.
const ECHO = '/avi-bench/echo/1.0.0'
const PERF = '/perf/1.0.0'

const text = { type: 'string' }
const flag = { type: 'boolean', default: false }
const words = { type: 'string', multiple: true, default: [] }
const { values: options } = parseArgs({
  options: {
    seed: text,
    'key-type': { ...text, default: 'ed25519' },
    listen: { ...words, default: ['/ip4/127.0.0.1/tcp/0'] },
    agent: { ...text, default: 'avi-peer-js' },
    subscribe: words,
    dial: words,
    mdns: flag,
    floodsub: flag,
    'no-sign': flag,
    'no-early-muxer': flag,
    'no-monitor': flag,
    'ping-interval': { ...text, default: '1000' }
  }
})

function tell (...fields) {
  process.stdout.write(fields.join(' ').replaceAll('\n', ' ') + '\n')
}

// One field of an event.
function field (value) {
  return value ? String(value).replaceAll(/\s/g, '_') : '-'
}

function shown (data) {
  if (data.byteLength <= MAX_SHOWN) {
    return new TextDecoder().decode(data)
  }
  return `${data.byteLength}-bytes:${createHash('sha256').update(data).digest('hex')}`
}

async function makeKey () {
  const types = { ed25519: 'Ed25519', ecdsa: 'ECDSA', secp256k1: 'secp256k1', rsa: 'RSA' }
  if (options.seed == null) {
    return generateKeyPair(types[options['key-type']])
  }
  const number = Buffer.alloc(8)
  number.writeBigUInt64BE(BigInt(options.seed))
  return generateKeyPairFromSeed('Ed25519', createHash('sha256').update(number).digest())
}

// Noise that tells whether the muxer was agreed on within its handshake, and can be kept from it.
function tellingNoise (components) {
  const inner = noise()(components)
  for (const method of ['secureInbound', 'secureOutbound']) {
    const secure = inner[method].bind(inner)
    inner[method] = async (connection, given) => {
      const skip = options['no-early-muxer'] ? { skipStreamMuxerNegotiation: true } : {}
      const result = await secure(connection, { ...given, ...skip })
      tell('muxer', result.remotePeer, result.streamMuxer != null ? 'early' : 'later')
      return result
    }
  }
  return inner
}

function makePubsub () {
  if (options.floodsub) {
    return floodsub()
  }
  const unsigned = {
    globalSignaturePolicy: 'StrictNoSign',
    msgIdFn: ({ topic, data }) => createHash('sha256').update(topic).update(data).digest().subarray(0, 20)
  }
  return gossipsub({
    allowPublishToZeroTopicPeers: true,
    maxInboundDataLength: MAX_MESSAGE + 4096,
    ...(options['no-sign'] ? unsigned : {})
  })
}

async function makeNode () {
  return createLibp2p({
    privateKey: await makeKey(),
    start: false,
    nodeInfo: { userAgent: options.agent },
    addresses: { listen: [] },
    transports: [tcp()],
    connectionEncrypters: [tellingNoise],
    streamMuxers: [yamux()],
    peerDiscovery: options.mdns ? [mdns()] : [],
    connectionMonitor: { enabled: !options['no-monitor'], pingInterval: +options['ping-interval'] },
    services: {
      identify: identify(),
      identifyPush: identifyPush(),
      ping: ping({ maxInboundStreams: MAX_STREAMS, maxOutboundStreams: MAX_STREAMS }),
      pubsub: makePubsub()
    }
  })
}

// ---- Streams

// Sends one after the other, no faster than the stream takes them.
async function send (stream, count) {
  const chunk = new Uint8Array(CHUNK)
  for (let left = count; left > 0; left -= CHUNK) {
    if (!stream.send(left < CHUNK ? chunk.subarray(0, left) : chunk)) {
      await stream.onDrain()
    }
  }
}

// Written as handlers of js-libp2p are: it never ends where FIN came before the answer of multistream-select.
async function answerPerf (stream) {
  const head = []
  for await (const data of stream) {
    if (head.length < 8) {
      head.push(...data.subarray(0, 8 - head.length))
    }
  }
  await send(stream, Number(Buffer.from(head).readBigUInt64BE()))
  await stream.close()
}

async function perf (node, peer, up, down) {
  const started = performance.now()
  const stream = await node.dialProtocol(peer, PERF, { maxOutboundStreams: MAX_STREAMS })
  const head = Buffer.alloc(8)
  let received = 0
  const ended = (async () => {
    for await (const data of stream) {
      received += data.byteLength
    }
  })()
  head.writeBigUInt64BE(BigInt(down))
  stream.send(head)
  await send(stream, up)
  await stream.close()
  await ended
  if (received !== down) {
    throw new Error(`${received} bytes of ${down}`)
  }
  tell('perf', ((performance.now() - started) / 1000).toFixed(6))
}

// 32 bytes that came back; the stream stays open.
async function openEcho (node, peer) {
  const stream = await node.dialProtocol(peer, ECHO, { maxOutboundStreams: MAX_STREAMS })
  let received = 0
  const answered = new Promise((resolve, reject) => {
    stream.addEventListener('message', ({ data }) => {
      received += data.byteLength
      if (received === 32) {
        resolve()
      }
    })
    stream.addEventListener('close', () => reject(new Error(`the stream ended after ${received} bytes`)))
  })
  stream.send(new Uint8Array(32))
  return { stream, answered }
}

async function openMany (node, peer, count) {
  const pings = await Promise.all(Array.from({ length: count }, () => openEcho(node, peer)))
  await Promise.all(pings.map(({ answered }) => answered))
  tell('streams', peer, count)
  await Promise.all(pings.map(({ stream }) => stream.close()))
}

async function halfClose (node, peer) {
  const { stream, answered } = await openEcho(node, peer)
  const ended = new Promise(resolve => stream.addEventListener('remoteCloseWrite', resolve))
  await stream.close()
  await answered
  await ended
  tell('half-closed', peer)
}

async function reset (node, peer) {
  const { stream, answered } = await openEcho(node, peer)
  await answered
  stream.abort(new Error('as asked'))
  tell('reset', peer)
}

// ---- Commands

async function listen (node, address) {
  const before = new Set(node.getMultiaddrs().map(String))
  await node.components.transportManager.listen([multiaddr(address)])
  for (const each of node.getMultiaddrs().map(String)) {
    if (!before.has(each)) {
      tell('listening', each)
    }
  }
}

async function publish (node, topic, data) {
  await node.services.pubsub.publish(topic, data)
  tell('published', topic)
}

async function obey (node, line) {
  const [verb, first, ...rest] = line.split(' ')
  const [second, third] = rest
  const peer = () => peerIdFromString(first)

  switch (verb) {
    case 'dial': return node.dial(multiaddr(first))
    case 'disconnect': return node.hangUp(peer())
    case 'listen': return listen(node, first)
    case 'subscribe': return node.services.pubsub.subscribe(first)
    case 'unsubscribe': return node.services.pubsub.unsubscribe(first)
    case 'publish': return publish(node, first, new TextEncoder().encode(rest.join(' ')))
    case 'publish-size': return publish(node, first, new Uint8Array(+second).fill(0x78))
    case 'perf': return perf(node, peer(), +second, +third)
    case 'streams': return openMany(node, peer(), +second)
    case 'half-close': return halfClose(node, peer())
    case 'reset': return reset(node, peer())
    case 'push': return node.services.identifyPush.push()
    case 'score': return tell('score', first, node.services.pubsub.getScore(first))
    default: throw new Error(`no command ${verb}`)
  }
}

// ---- Events

function watch (node) {
  const pubsub = node.services.pubsub

  node.addEventListener('peer:connect', ({ detail }) => tell('connected', detail))
  node.addEventListener('peer:disconnect', ({ detail }) => tell('disconnected', detail))
  node.addEventListener('peer:identify', ({ detail }) => {
    tell('identified', detail.peerId, field(detail.agentVersion), field(detail.protocolVersion), field(detail.protocols.join(',')))
    tell('addresses', detail.peerId, field(detail.listenAddrs.join(',')))
  })
  node.addEventListener('peer:discovery', ({ detail }) => {
    for (const address of detail.multiaddrs) {
      tell('discovered', detail.id, address)
    }
    node.dial(detail.id).catch(error => tell('error dial:', error.message))
  })
  pubsub.addEventListener('message', ({ detail }) => {
    tell('message', detail.topic, detail.from ?? '-', shown(detail.data))
  })
  pubsub.addEventListener('subscription-change', ({ detail }) => {
    for (const { topic, subscribe } of detail.subscriptions) {
      tell(subscribe ? 'subscribed' : 'unsubscribed', detail.peerId, topic)
    }
  })
}

function pingAll (node) {
  for (const peer of node.getPeers()) {
    const started = performance.now()
    node.services.ping.ping(peer).then(
      () => tell('ping', peer, Math.ceil((performance.now() - started) * 1000)),
      error => tell(`error ping ${peer}:`, error.message))
  }
}

const node = await makeNode()
const tried = (line) => obey(node, line).catch(error => tell(`error ${line}:`, error.message))

tell('peer-id', node.peerId)
watch(node)
await node.start()
await node.handle(PERF, answerPerf, { maxInboundStreams: MAX_STREAMS, maxOutboundStreams: MAX_STREAMS })
for (const address of options.listen) {
  await listen(node, address)
}
options.subscribe.forEach(topic => tried(`subscribe ${topic}`))
options.dial.forEach(address => tried(`dial ${address}`))
setInterval(() => pingAll(node), +options['ping-interval'])
for await (const line of createInterface({ input: process.stdin })) {
  if (line === 'quit') {
    break
  }
  tried(line)
}
await node.stop()
process.exit(0)
