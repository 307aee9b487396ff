// SPDX-License-Identifier: LGPL-2.1-or-later
//! A rust-libp2p node to be measured: see ../../README.md for what it is asked and answers.

mod pubsub;
mod streams;

use std::error::Error;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::{Duration, Instant};

use futures::StreamExt;
use libp2p::gossipsub::{self, AllowAllSubscriptionFilter, IdentTopic, MaxCountSubscriptionFilter, MessageAuthenticity};
use libp2p::identity::Keypair;
use libp2p::multiaddr::Protocol;
use libp2p::swarm::behaviour::toggle::Toggle;
use libp2p::swarm::dial_opts::DialOpts;
use libp2p::swarm::{NetworkBehaviour, Swarm, SwarmEvent};
use libp2p::{Multiaddr, PeerId, SwarmBuilder, identify, mdns, noise, ping, tcp, yamux};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::time::timeout;

const MAX_MESSAGE: usize = 1 << 20;
const MAX_QUEUED: usize = 16384; // messages; of its own accord it drops what comes while 5,000 wait
const MAX_TOPICS: usize = 1024;
const MAX_CONTROL: usize = 128 << 10; // bytes of an RPC beside its messages; of its own accord 16 KiB
const WINDOW_MESSAGES: usize = 512;
const WINDOW_BYTES: usize = 2 << 20;
const PATIENCE: Duration = Duration::from_secs(10);
const RETRY: Duration = Duration::from_millis(20);

type Failure = Box<dyn Error>;
type Node = Swarm<Behaviour>;

#[derive(NetworkBehaviour)]
struct Behaviour {
    identify: identify::Behaviour,
    ping: ping::Behaviour,
    gossipsub: gossipsub::Behaviour,
    streams: libp2p_stream::Behaviour,
    mdns: Toggle<mdns::tokio::Behaviour>,
}

/// Where a node is to be found: by its address on this machine, or by mDNS on the LAN.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    Loopback,
    Lan,
}

/// Whether messages name and prove their author, on all topics.
#[derive(Clone, Copy, PartialEq)]
enum Signing {
    Strict,
    None,
}

/// How many messages of that size may be under way.
fn window(size: usize) -> usize {
    WINDOW_MESSAGES.min(WINDOW_BYTES / size.max(1)).max(1)
}

/// What a message is called that has no author: by what it says.
fn content_id(message: &gossipsub::Message) -> gossipsub::MessageId {
    let mut hasher = DefaultHasher::new();

    message.topic.as_str().hash(&mut hasher);
    message.data.hash(&mut hasher);
    hasher.finish().to_be_bytes().to_vec().into()
}

fn make_node(key: Keypair, place: Place, signing: Signing) -> Result<Node, Failure> {
    let mut builder = gossipsub::ConfigBuilder::default();
    let authenticity = match signing {
        Signing::Strict => MessageAuthenticity::Signed(key.clone()),
        Signing::None => {
            builder.validation_mode(gossipsub::ValidationMode::Anonymous).message_id_fn(content_id);
            MessageAuthenticity::Anonymous
        }
    };
    let config = builder
        .max_transmit_size(MAX_MESSAGE + 4096)
        .max_control_message_size(MAX_CONTROL)
        .connection_handler_queue_len(MAX_QUEUED)
        .build()?;
    // Of its own accord it takes a hundred topics of a peer.
    let subscriptions = MaxCountSubscriptionFilter {
        filter: AllowAllSubscriptionFilter {},
        max_subscribed_topics: MAX_TOPICS,
        max_subscriptions_per_request: MAX_TOPICS,
    };
    let mdns = match place {
        Place::Loopback => None,
        Place::Lan => Some(mdns::tokio::Behaviour::new(mdns::Config::default(), key.public().to_peer_id())?),
    };
    let behaviour = Behaviour {
        identify: identify::Behaviour::new(identify::Config::new("/avi-bench/1.0.0".into(), key.public())),
        ping: ping::Behaviour::new(ping::Config::new()),
        gossipsub: gossipsub::Behaviour::new_with_subscription_filter(authenticity, config, subscriptions)?,
        streams: libp2p_stream::Behaviour::new(),
        mdns: mdns.into(),
    };

    Ok(SwarmBuilder::with_existing_identity(key)
        .with_tokio()
        .with_tcp(tcp::Config::default().nodelay(true), noise::Config::new, yamux::Config::default)?
        .with_behaviour(|_| behaviour)?
        .with_swarm_config(|config| config.with_idle_connection_timeout(Duration::from_secs(24 * 3600)))
        .build())
}

fn subscribe(node: &mut Node, topic: &str) -> Result<(), Failure> {
    node.behaviour_mut().gossipsub.subscribe(&IdentTopic::new(topic))?;
    Ok(())
}

fn publish(node: &mut Node, topic: &str, data: Vec<u8>) -> Result<(), Failure> {
    node.behaviour_mut().gossipsub.publish(IdentTopic::new(topic), data)?;
    Ok(())
}

fn message_of(event: SwarmEvent<BehaviourEvent>) -> Option<gossipsub::Message> {
    match event {
        SwarmEvent::Behaviour(BehaviourEvent::Gossipsub(gossipsub::Event::Message { message, .. })) => Some(message),
        _ => None,
    }
}

async fn next_message(node: &mut Node) -> gossipsub::Message {
    loop {
        if let Some(message) = message_of(node.select_next_some().await) {
            return message;
        }
    }
}

// ---- The one that is measured against

async fn listen(place: Place) -> Result<(), Failure> {
    let address = match place {
        Place::Loopback => "/ip4/127.0.0.1/tcp/0",
        Place::Lan => "/ip4/0.0.0.0/tcp/0",
    };
    let key = Keypair::generate_ed25519();
    let called = Instant::now();
    let mut node = make_node(key, place, Signing::Strict)?;
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    let mut received = 0;

    streams::answer(node.behaviour().streams.new_control())?;
    node.listen_on(address.parse()?)?;
    subscribe(&mut node, "question")?;
    subscribe(&mut node, "bulk")?;
    loop {
        tokio::select! {
            event = node.select_next_some() => match event {
                SwarmEvent::NewListenAddr { address, .. } => {
                    println!("result start {}", called.elapsed().as_micros());
                    println!("listening {address}/p2p/{}", node.local_peer_id());
                }
                event => if let Some(message) = message_of(event) {
                    answer(&mut node, message, &mut received)?;
                }
            },
            line = lines.next_line() => if line?.is_none() {
                return Ok(());
            },
        }
    }
}

fn answer(node: &mut Node, message: gossipsub::Message, received: &mut usize) -> Result<(), Failure> {
    if message.topic.as_str() == "question" {
        return publish(node, "answer", message.data);
    }
    *received += 1;
    if *received % (window(message.data.len()) / 8).max(1) == 0 {
        publish(node, "ack", received.to_string().into())?;
    }
    Ok(())
}

// ---- The one that measures

/// Connects, and returns when each is known to hear the other.
async fn meet(address: &Multiaddr) -> Result<Node, Failure> {
    let mut node = make_node(Keypair::generate_ed25519(), Place::Loopback, Signing::Strict)?;

    subscribe(&mut node, "answer")?;
    subscribe(&mut node, "ack")?;
    node.dial(address.clone())?;
    for attempt in 0..PATIENCE.as_millis() / RETRY.as_millis() {
        // Until the subscription of the other is known this fails; that is what is waited for.
        let _ = publish(&mut node, "question", format!("hello {attempt}").into());
        if timeout(RETRY, next_message(&mut node)).await.is_ok() {
            while timeout(RETRY * 5, next_message(&mut node)).await.is_ok() {}
            return Ok(node);
        }
    }
    Err("the listener does not answer".into())
}

async fn latency(address: &Multiaddr, duration: Duration) -> Result<(), Failure> {
    let mut node = meet(address).await?;
    let end = Instant::now() + duration;
    let mut times = Vec::new();

    while Instant::now() < end {
        let asked = Instant::now();
        publish(&mut node, "question", format!("{:064}", times.len()).into())?;
        timeout(PATIENCE, next_message(&mut node)).await?;
        times.push(asked.elapsed());
    }
    times.sort();
    println!("result publish-latency {}", times[times.len() / 2].as_nanos() as f64 / 1e3);
    Ok(())
}

async fn messages(address: &Multiaddr, size: usize, duration: Duration) -> Result<(), Failure> {
    let mut node = meet(address).await?;
    let (mut sent, mut acked) = (0, 0);
    let started = Instant::now();
    let mut last = started;

    while last < started + duration {
        while sent - acked < window(size) {
            publish(&mut node, "bulk", vec![b'x'; size])?;
            sent += 1;
        }
        let message = timeout(PATIENCE, next_message(&mut node)).await?;
        acked = acked.max(String::from_utf8(message.data)?.parse()?);
        last = Instant::now();
    }
    println!("result messages {}", acked as f64 / (last - started).as_secs_f64());
    Ok(())
}

fn peer_of(address: &Multiaddr) -> Result<PeerId, Failure> {
    match address.iter().last() {
        Some(Protocol::P2p(peer)) => Ok(peer),
        _ => Err("an address with /p2p/ is needed".into()),
    }
}

async fn dial(address: &Multiaddr, count: u32) -> Result<(), Failure> {
    let mut node = make_node(Keypair::generate_ed25519(), Place::Loopback, Signing::Strict)?;
    let (mut connected, mut identified) = (Duration::ZERO, Duration::ZERO);
    let peer = peer_of(address)?;

    for _ in 0..count {
        let called = Instant::now();
        node.dial(address.clone())?;
        timeout(PATIENCE, dial_once(&mut node, peer, called, &mut connected, &mut identified)).await??;
    }
    println!("result dial {}", count as f64 / connected.as_secs_f64());
    println!("result dial-identified {}", count as f64 / identified.as_secs_f64());
    Ok(())
}

/// Adds up the times to connected and to identified, and disconnects.
async fn dial_once(
    node: &mut Node,
    peer: PeerId,
    called: Instant,
    connected: &mut Duration,
    identified: &mut Duration,
) -> Result<(), Failure> {
    loop {
        match node.select_next_some().await {
            SwarmEvent::ConnectionEstablished { .. } => *connected += called.elapsed(),
            SwarmEvent::Behaviour(BehaviourEvent::Identify(identify::Event::Received { .. })) => {
                *identified += called.elapsed();
                let _ = node.disconnect_peer_id(peer);
            }
            SwarmEvent::ConnectionClosed { .. } => return Ok(()),
            SwarmEvent::OutgoingConnectionError { error, .. } => return Err(error.into()),
            _ => {}
        }
    }
}

/// How long it takes to find a node of the LAN and to connect to it, as a program does that dials whom it is told of.
async fn discover() -> Result<(), Failure> {
    let key = Keypair::generate_ed25519();
    let called = Instant::now();
    let mut node = make_node(key, Place::Lan, Signing::Strict)?;

    node.listen_on("/ip4/0.0.0.0/tcp/0".parse()?)?;
    timeout(PATIENCE, discovered(&mut node)).await?;
    println!("result discover {}", called.elapsed().as_secs_f64() * 1e3);
    Ok(())
}

async fn discovered(node: &mut Node) {
    loop {
        match node.select_next_some().await {
            SwarmEvent::Behaviour(BehaviourEvent::Mdns(mdns::Event::Discovered(found))) => {
                for (peer, address) in found {
                    // One that is being dialled already is no error.
                    let _ = node.dial(DialOpts::peer_id(peer).addresses(vec![address]).build());
                }
            }
            SwarmEvent::ConnectionEstablished { .. } => return,
            _ => {}
        }
    }
}

fn seconds_of(word: &str) -> Result<Duration, Failure> {
    Ok(Duration::try_from_secs_f64(word.parse()?)?)
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();

    match words[..] {
        ["listen"] => listen(Place::Loopback).await,
        ["subscribe"] => pubsub::listen_to_load(Signing::Strict).await,
        ["subscribe", "unsigned"] => pubsub::listen_to_load(Signing::None).await,
        ["relay", address] => pubsub::relay(&address.parse()?).await,
        ["mesh"] => pubsub::mesh().await,
        ["topics", count] => pubsub::topics(count.parse()?).await,
        ["load", address, size, seconds] => {
            pubsub::load(&address.parse()?, size.parse()?, seconds_of(seconds)?, Signing::Strict).await
        }
        ["load", address, size, seconds, "unsigned"] => {
            pubsub::load(&address.parse()?, size.parse()?, seconds_of(seconds)?, Signing::None).await
        }
        ["pace", address, count] => pubsub::pace(&address.parse()?, count.parse()?).await,
        ["listen", "lan"] => listen(Place::Lan).await,
        ["discover", "lan"] => discover().await,
        ["up", address, bytes] => streams::up(&address.parse()?, bytes.parse()?).await,
        ["down", address, bytes] => streams::down(&address.parse()?, bytes.parse()?).await,
        ["echo", address, seconds] => streams::echo(&address.parse()?, seconds_of(seconds)?).await,
        ["open", address, seconds] => streams::open(&address.parse()?, seconds_of(seconds)?).await,
        ["dial", address, count] => dial(&address.parse()?, count.parse()?).await,
        ["latency", address, seconds] => latency(&address.parse()?, seconds_of(seconds)?).await,
        ["messages", address, size, seconds] => {
            messages(&address.parse()?, size.parse()?, seconds_of(seconds)?).await
        }
        _ => Err("see peers/README.md".into()),
    }
}
