// SPDX-License-Identifier: LGPL-2.1-or-later
//! A rust-libp2p node that obeys lines: see ../../README.md for its options, commands and events.

use std::error::Error;
use std::fmt::Display;
use std::time::{Duration, Instant};

use clap::Parser;
use futures::future::try_join_all;
use futures::{AsyncReadExt, AsyncWriteExt, StreamExt};
use libp2p::core::{PeerRecord, SignedEnvelope};
use libp2p::gossipsub::{self, IdentTopic, MessageAuthenticity, MessageId, ValidationMode};
use libp2p::identity::{Keypair, ecdsa, secp256k1};
use libp2p::swarm::behaviour::toggle::Toggle;
use libp2p::swarm::dial_opts::{DialOpts, PeerCondition};
use libp2p::swarm::{NetworkBehaviour, Swarm, SwarmEvent};
use libp2p::{Multiaddr, PeerId, Stream, StreamProtocol, SwarmBuilder, identify, mdns, noise, ping, tcp, yamux};
use libp2p_stream::Control;
use sha2::{Digest, Sha256};
use tokio::io::{AsyncBufReadExt, BufReader};

/// rust-libp2p makes no RSA keys of its own.
const RSA_KEY: &[u8] = include_bytes!("../rsa-2048.pk8");
const MAX_MESSAGE: usize = 1 << 20;
const MAX_SHOWN: usize = 256;
const CHUNK: usize = 64 * 1024;
/// Sends back what it hears; ours serves it, of ping only two streams at a time.
const ECHO: StreamProtocol = StreamProtocol::new("/avi-bench/echo/1.0.0");
const PERF: StreamProtocol = StreamProtocol::new("/perf/1.0.0");
const IDENTIFY: StreamProtocol = StreamProtocol::new("/ipfs/id/1.0.0");
/// As the key of a protobuf field: the eighth, of bytes.
const SIGNED_PEER_RECORD: usize = 8 << 3 | 2;
/// Of a PRUNE as many peers are dialled; of its own accord it dials none.
const PRUNE_PEERS: usize = 16;

type Failure = Box<dyn Error>;

#[derive(Parser)]
struct Options {
    #[arg(long)]
    seed: Option<u64>,
    #[arg(long, default_value = "ed25519")]
    key_type: String,
    #[arg(long, default_value = "/ip4/127.0.0.1/tcp/0")]
    listen: Vec<Multiaddr>,
    #[arg(long, default_value = "avi-peer-rust")]
    agent: String,
    #[arg(long, default_value = "/avi-peer/1.0.0")]
    protocol_version: String,
    #[arg(long)]
    subscribe: Vec<String>,
    #[arg(long)]
    dial: Vec<Multiaddr>,
    #[arg(long)]
    mdns: bool,
    #[arg(long)]
    floodsub: bool,
    #[arg(long)]
    no_sign: bool,
    #[arg(long)]
    px: bool,
    #[arg(long, default_value_t = 1000)]
    ping_interval: u64,
}

#[derive(NetworkBehaviour)]
struct Behaviour {
    identify: identify::Behaviour,
    ping: ping::Behaviour,
    gossipsub: gossipsub::Behaviour,
    mdns: Toggle<mdns::tokio::Behaviour>,
    streams: libp2p_stream::Behaviour,
}

fn make_key(options: &Options) -> Result<Keypair, Failure> {
    Ok(match (options.key_type.as_str(), options.seed) {
        ("ed25519", Some(seed)) => Keypair::ed25519_from_bytes(Sha256::digest(seed.to_be_bytes()))?,
        ("ed25519", None) => Keypair::generate_ed25519(),
        ("ecdsa", _) => ecdsa::Keypair::generate().into(),
        ("secp256k1", _) => secp256k1::Keypair::generate().into(),
        ("rsa", _) => Keypair::rsa_from_pkcs8(&mut RSA_KEY.to_vec())?,
        (other, _) => return Err(format!("no key type {other}").into()),
    })
}

fn content_id(message: &gossipsub::Message) -> MessageId {
    MessageId::from(Sha256::new().chain_update(message.topic.as_str()).chain_update(&message.data).finalize()[..20].to_vec())
}

fn make_behaviour(options: &Options, key: &Keypair) -> Result<Behaviour, Failure> {
    let mut config = gossipsub::ConfigBuilder::default();
    config.validation_mode(ValidationMode::Strict).max_transmit_size(MAX_MESSAGE + 4096).prune_peers(PRUNE_PEERS);
    if options.px {
        config.mesh_n(0).mesh_n_low(0).mesh_n_high(0).mesh_outbound_min(0).do_px();
    }
    if options.floodsub {
        config.support_floodsub();
    }
    let mut authenticity = MessageAuthenticity::Signed(key.clone());
    if options.no_sign {
        authenticity = MessageAuthenticity::Anonymous;
        config.validation_mode(ValidationMode::Anonymous).message_id_fn(content_id);
    }
    let about = identify::Config::new_with_signed_peer_record(options.protocol_version.clone(), key)
        .with_agent_version(options.agent.clone())
        .with_push_listen_addr_updates(true);
    let mdns = match options.mdns {
        true => Some(mdns::tokio::Behaviour::new(mdns::Config::default(), key.public().to_peer_id())?),
        false => None,
    };

    Ok(Behaviour {
        identify: identify::Behaviour::new(about),
        ping: ping::Behaviour::new(ping::Config::new().with_interval(Duration::from_millis(options.ping_interval))),
        gossipsub: gossipsub::Behaviour::new(authenticity, config.build()?)?,
        mdns: mdns.into(),
        streams: libp2p_stream::Behaviour::new(),
    })
}

/// One field of an event.
fn field(text: impl Display) -> String {
    match text.to_string().replace(char::is_whitespace, "_") {
        empty if empty.is_empty() => "-".into(),
        word => word,
    }
}

fn shown(data: &[u8]) -> String {
    if data.len() <= MAX_SHOWN {
        return String::from_utf8_lossy(data).into_owned();
    }
    let hash: String = Sha256::digest(data).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{}-bytes:{hash}", data.len())
}

// ---- Streams ------------------------------------------------------------------------------------

async fn send(stream: &mut Stream, mut count: u64) -> Result<(), Failure> {
    let chunk = vec![0; CHUNK];

    while count > 0 {
        let n = count.min(CHUNK as u64) as usize;
        stream.write_all(&chunk[..n]).await?;
        count -= n as u64;
    }
    Ok(())
}

async fn count_to_end(stream: &mut Stream) -> Result<u64, Failure> {
    let mut chunk = vec![0; CHUNK];
    let mut count = 0;

    loop {
        match stream.read(&mut chunk).await? {
            0 => return Ok(count),
            n => count += n as u64,
        }
    }
}

async fn answer_perf(mut stream: Stream) -> Result<(), Failure> {
    let mut head = [0; 8];

    stream.read_exact(&mut head).await?;
    count_to_end(&mut stream).await?;
    send(&mut stream, u64::from_be_bytes(head)).await?;
    Ok(stream.close().await?)
}

async fn perf(mut control: Control, peer: PeerId, up: u64, down: u64) -> Result<String, Failure> {
    let started = Instant::now();
    let mut stream = control.open_stream(peer, PERF).await?;

    stream.write_all(&down.to_be_bytes()).await?;
    send(&mut stream, up).await?;
    stream.close().await?;
    match count_to_end(&mut stream).await? {
        n if n == down => Ok(format!("perf {:.6}", started.elapsed().as_secs_f64())),
        n => Err(format!("{n} bytes of {down}").into()),
    }
}

/// 32 bytes that came back; the stream stays open.
async fn open_echo(mut control: Control, peer: PeerId) -> Result<Stream, Failure> {
    let mut stream = control.open_stream(peer, ECHO).await?;
    let mut answer = [0; 32];

    stream.write_all(&[0; 32]).await?;
    stream.read_exact(&mut answer).await?;
    Ok(stream)
}

async fn open_many(control: Control, peer: PeerId, count: usize) -> Result<String, Failure> {
    let mut streams = try_join_all((0..count).map(|_| open_echo(control.clone(), peer))).await?;

    for stream in &mut streams {
        stream.close().await?;
    }
    Ok(format!("streams {peer} {count}"))
}

async fn half_close(mut control: Control, peer: PeerId) -> Result<String, Failure> {
    let mut stream = control.open_stream(peer, ECHO).await?;

    stream.write_all(&[0; 32]).await?;
    stream.close().await?;
    match count_to_end(&mut stream).await? {
        32 => Ok(format!("half-closed {peer}")),
        n => Err(format!("{n} bytes came back").into()),
    }
}

/// A stream that is dropped before it is closed is reset.
async fn reset(control: Control, peer: PeerId) -> Result<String, Failure> {
    open_echo(control, peer).await?;
    Ok(format!("reset {peer}"))
}

// ---- The signed record of a peer -------------------------------------------------------------------

fn take_varint(bytes: &mut &[u8]) -> Option<usize> {
    let mut value = 0;

    for shift in (0..35).step_by(7) {
        let (first, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= usize::from(first & 0x7f) << shift;
        if first & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

/// All fields of identify are bytes; before them stands the message's length.
fn find_signed_record(mut bytes: &[u8]) -> Option<&[u8]> {
    take_varint(&mut bytes)?;
    loop {
        let key = take_varint(&mut bytes)?;
        let length = take_varint(&mut bytes)?;
        let (value, rest) = bytes.split_at_checked(length)?;
        if key == SIGNED_PEER_RECORD {
            return Some(value);
        }
        bytes = rest;
    }
}

/// rust-libp2p's identify takes records of an older form only, and drops others; so it is asked for by hand.
async fn record(mut control: Control, peer: PeerId) -> Result<String, Failure> {
    let mut stream = control.open_stream(peer, IDENTIFY).await?;
    let mut bytes = Vec::new();

    stream.close().await?;
    stream.read_to_end(&mut bytes).await?;
    let envelope = SignedEnvelope::from_protobuf_encoding(find_signed_record(&bytes).ok_or("it has signed none")?)?;
    let record = PeerRecord::from_signed_envelope_interop(envelope)?;
    let addresses: Vec<_> = record.addresses().iter().map(|address| address.to_string()).collect();
    Ok(format!("record {} {} {}", record.peer_id(), record.seq(), field(addresses.join(","))))
}

/// Tells how it ended, whenever it does.
fn start(line: &str, task: impl Future<Output = Result<String, Failure>> + 'static) {
    let line = line.to_owned();

    tokio::task::spawn_local(async move {
        match task.await {
            Ok(event) => println!("{event}"),
            Err(error) => println!("error {line}: {error}"),
        }
    });
}

fn serve_perf(mut control: Control) -> Result<(), Failure> {
    let mut incoming = control.accept(PERF)?;

    tokio::task::spawn_local(async move {
        while let Some((_, stream)) = incoming.next().await {
            tokio::task::spawn_local(async move {
                // Who asked hears of a failure: the stream is reset.
                let _ = answer_perf(stream).await;
            });
        }
    });
    Ok(())
}

// ---- Commands and events ------------------------------------------------------------------------

fn obey(swarm: &mut Swarm<Behaviour>, line: &str) -> Result<(), Failure> {
    let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
    let (first, text) = rest.split_once(' ').unwrap_or((rest, ""));
    let control = swarm.behaviour().streams.new_control();

    match verb {
        "dial" => swarm.dial(first.parse::<Multiaddr>()?)?,
        "disconnect" => {
            let _ = swarm.disconnect_peer_id(first.parse()?);
        }
        "subscribe" => {
            swarm.behaviour_mut().gossipsub.subscribe(&IdentTopic::new(first))?;
        }
        "unsubscribe" => {
            swarm.behaviour_mut().gossipsub.unsubscribe(&IdentTopic::new(first));
        }
        "publish" => publish(swarm, first, text.into())?,
        "publish-size" => publish(swarm, first, vec![b'x'; text.parse()?])?,
        "listen" => {
            swarm.listen_on(first.parse()?)?;
        }
        "perf" => {
            let (up, down) = text.split_once(' ').ok_or("perf PEER UP DOWN")?;
            start(line, perf(control, first.parse()?, up.parse()?, down.parse()?));
        }
        "streams" => start(line, open_many(control, first.parse()?, text.parse()?)),
        "half-close" => start(line, half_close(control, first.parse()?)),
        "reset" => start(line, reset(control, first.parse()?)),
        "record" => start(line, record(control, first.parse()?)),
        _ => return Err(format!("no command {verb}").into()),
    }
    Ok(())
}

fn publish(swarm: &mut Swarm<Behaviour>, topic: &str, data: Vec<u8>) -> Result<(), Failure> {
    swarm.behaviour_mut().gossipsub.publish(IdentTopic::new(topic), data)?;
    println!("published {topic}");
    Ok(())
}

fn found(swarm: &mut Swarm<Behaviour>, peer: PeerId, address: Multiaddr) {
    println!("discovered {peer} {address}");
    let options = DialOpts::peer_id(peer)
        .condition(PeerCondition::DisconnectedAndNotDialing)
        .addresses(vec![address])
        .build();
    // A peer that is connected or being dialled is no error.
    let _ = swarm.dial(options);
}

fn tell(swarm: &mut Swarm<Behaviour>, event: SwarmEvent<BehaviourEvent>) {
    use gossipsub::Event as Gossip;

    match event {
        SwarmEvent::NewListenAddr { address, .. } => {
            println!("listening {address}/p2p/{}", swarm.local_peer_id());
        }
        SwarmEvent::ConnectionEstablished { peer_id, num_established, .. } if num_established.get() == 1 => {
            println!("connected {peer_id}");
        }
        SwarmEvent::ConnectionClosed { peer_id, num_established: 0, .. } => println!("disconnected {peer_id}"),
        SwarmEvent::OutgoingConnectionError { error, .. } => println!("error dial: {error}"),
        SwarmEvent::IncomingConnectionError { error, .. } => println!("error inbound: {error}"),
        SwarmEvent::Behaviour(BehaviourEvent::Identify(identify::Event::Received { peer_id, info, .. })) => {
            let protocols: Vec<_> = info.protocols.iter().map(|protocol| protocol.to_string()).collect();
            let addresses: Vec<_> = info.listen_addrs.iter().map(|address| address.to_string()).collect();
            println!(
                "identified {peer_id} {} {} {}",
                field(info.agent_version),
                field(info.protocol_version),
                field(protocols.join(","))
            );
            println!("addresses {peer_id} {}", field(addresses.join(",")));
        }
        SwarmEvent::Behaviour(BehaviourEvent::Identify(identify::Event::Error { peer_id, error, .. })) => {
            println!("error identify {peer_id}: {error}");
        }
        SwarmEvent::Behaviour(BehaviourEvent::Ping(ping::Event { peer, result, .. })) => match result {
            Ok(time) => println!("ping {peer} {}", time.as_micros()),
            Err(error) => println!("error ping {peer}: {error}"),
        },
        SwarmEvent::Behaviour(BehaviourEvent::Gossipsub(Gossip::Message { message, .. })) => {
            let author = message.source.map_or("-".into(), |peer| peer.to_string());
            println!("message {} {author} {}", message.topic, shown(&message.data));
        }
        SwarmEvent::Behaviour(BehaviourEvent::Gossipsub(Gossip::Subscribed { peer_id, topic })) => {
            println!("subscribed {peer_id} {topic}");
        }
        SwarmEvent::Behaviour(BehaviourEvent::Gossipsub(Gossip::Unsubscribed { peer_id, topic })) => {
            println!("unsubscribed {peer_id} {topic}");
        }
        SwarmEvent::Behaviour(BehaviourEvent::Mdns(mdns::Event::Discovered(peers))) => {
            for (peer, address) in peers {
                found(swarm, peer, address);
            }
        }
        _ => {}
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failure> {
    tokio::task::LocalSet::new().run_until(run()).await
}

async fn run() -> Result<(), Failure> {
    let options = Options::parse();
    let key = make_key(&options)?;
    let behaviour = make_behaviour(&options, &key)?;
    let mut swarm = SwarmBuilder::with_existing_identity(key)
        .with_tokio()
        .with_tcp(tcp::Config::default().nodelay(true), noise::Config::new, yamux::Config::default)?
        .with_behaviour(|_| behaviour)?
        .with_swarm_config(|config| {
            config.with_idle_connection_timeout(Duration::from_secs(24 * 3600)).with_max_negotiating_inbound_streams(1024)
        })
        .build();
    let mut lines = BufReader::new(tokio::io::stdin()).lines();

    println!("peer-id {}", swarm.local_peer_id());
    serve_perf(swarm.behaviour().streams.new_control())?;
    for address in &options.listen {
        swarm.listen_on(address.clone())?;
    }
    for topic in &options.subscribe {
        obey(&mut swarm, &format!("subscribe {topic}"))?;
    }
    for address in &options.dial {
        obey(&mut swarm, &format!("dial {address}"))?;
    }
    loop {
        tokio::select! {
            event = swarm.select_next_some() => tell(&mut swarm, event),
            line = lines.next_line() => match line? {
                None => return Ok(()),
                Some(line) if line == "quit" => return Ok(()),
                Some(line) => if let Err(error) = obey(&mut swarm, &line) {
                    println!("error {line}: {error}");
                },
            },
        }
    }
}
