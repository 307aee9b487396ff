// SPDX-License-Identifier: LGPL-2.1-or-later
//! A stand-in for the AVI nodes that are in the field: their versions of the same crates, their
//! protocols and no others, their habits. It obeys lines: see ../../README.md.
//!
//! What differs from ../../rust: no ping, Kademlia always, names of its own choice as agentVersion, no
//! RPC above 1 MiB, and every 5 s it dials each peer it knows and is not connected to.

use std::collections::{BTreeSet, HashMap};
use std::error::Error;
use std::fmt::Display;
use std::time::Duration;

use clap::Parser;
use futures::StreamExt;
use libp2p::gossipsub::{self, IdentTopic, MessageAuthenticity, ValidationMode};
use libp2p::identity::Keypair;
use libp2p::kad::{self, store::MemoryStore};
use libp2p::multiaddr::Protocol;
use libp2p::swarm::behaviour::toggle::Toggle;
use libp2p::swarm::dial_opts::DialOpts;
use libp2p::swarm::{ConnectionId, NetworkBehaviour, Swarm, SwarmEvent};
use libp2p::{Multiaddr, PeerId, SwarmBuilder, identify, mdns, noise, tcp, yamux};
use sha2::{Digest, Sha256};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::time::{MissedTickBehavior, interval};

const PROTOCOL_VERSION: &str = "/avi/1.0.0";
const REDIAL_INTERVAL: Duration = Duration::from_secs(5);
const HEARTBEAT: Duration = Duration::from_secs(1);
const IDLE_TIMEOUT: Duration = Duration::from_secs(24 * 3600);
/// Of an RPC, so that a message's data must stay a little below it.
const MAX_TRANSMIT: usize = 1 << 20;
const MAX_SHOWN: usize = 256;
const MAX_KNOWN: usize = 256;

type Failure = Box<dyn Error>;

#[derive(Parser)]
struct Options {
    #[arg(long)]
    seed: Option<u64>,
    #[arg(long, default_value = "/ip4/127.0.0.1/tcp/0")]
    listen: Vec<Multiaddr>,
    /// The node's name.
    #[arg(long, default_value = "avi-node")]
    agent: String,
    #[arg(long)]
    subscribe: Vec<String>,
    #[arg(long)]
    dial: Vec<Multiaddr>,
    #[arg(long)]
    mdns: bool,
    /// D, D_lo and D_hi: who is not in so small a mesh learns of messages by gossip.
    #[arg(long)]
    mesh: Option<usize>,
    /// Hand its own messages to its mesh only, as it does with those of others.
    #[arg(long)]
    no_flood_publish: bool,
}

#[derive(NetworkBehaviour)]
struct Behaviour {
    identify: identify::Behaviour,
    gossipsub: gossipsub::Behaviour,
    kad: kad::Behaviour<MemoryStore>,
    mdns: Toggle<mdns::tokio::Behaviour>,
}

struct Node {
    swarm: Swarm<Behaviour>,
    /// Whom to dial again.
    known: HashMap<PeerId, BTreeSet<Multiaddr>>,
    /// Of our own dials: what was dialled, to be known if it succeeds.
    dialling: HashMap<ConnectionId, Multiaddr>,
}

fn make_key(seed: Option<u64>) -> Result<Keypair, Failure> {
    Ok(match seed {
        Some(seed) => Keypair::ed25519_from_bytes(Sha256::digest(seed.to_be_bytes()))?,
        None => Keypair::generate_ed25519(),
    })
}

fn make_gossipsub(options: &Options, key: &Keypair) -> Result<gossipsub::Behaviour, Failure> {
    let mut config = gossipsub::ConfigBuilder::default();
    config.validation_mode(ValidationMode::Strict).heartbeat_interval(HEARTBEAT).max_transmit_size(MAX_TRANSMIT);
    if let Some(n) = options.mesh {
        config.mesh_n(n).mesh_n_low(n).mesh_n_high(n).mesh_outbound_min(0);
    }
    if options.no_flood_publish {
        config.flood_publish(false);
    }
    Ok(gossipsub::Behaviour::new(MessageAuthenticity::Signed(key.clone()), config.build()?)?)
}

fn make_behaviour(options: &Options, key: &Keypair) -> Result<Behaviour, Failure> {
    let id = key.public().to_peer_id();
    let about =
        identify::Config::new(PROTOCOL_VERSION.into(), key.public()).with_agent_version(options.agent.clone());
    let mut kad = kad::Behaviour::new(id, MemoryStore::new(id));
    kad.set_mode(Some(kad::Mode::Server));

    Ok(Behaviour {
        identify: identify::Behaviour::new(about),
        gossipsub: make_gossipsub(options, key)?,
        kad,
        mdns: match options.mdns {
            true => Some(mdns::tokio::Behaviour::new(mdns::Config::default(), id)?).into(),
            false => None.into(),
        },
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

fn without_peer_id(mut address: Multiaddr) -> Multiaddr {
    if matches!(address.iter().last(), Some(Protocol::P2p(_))) {
        address.pop();
    }
    address
}

impl Node {
    fn obey(&mut self, line: &str) -> Result<(), Failure> {
        let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
        let (first, text) = rest.split_once(' ').unwrap_or((rest, ""));
        let gossipsub = &mut self.swarm.behaviour_mut().gossipsub;

        match verb {
            "dial" => self.dial(first.parse()?)?,
            "disconnect" => {
                let _ = self.swarm.disconnect_peer_id(first.parse()?);
            }
            "subscribe" => {
                gossipsub.subscribe(&IdentTopic::new(first))?;
            }
            "unsubscribe" => {
                gossipsub.unsubscribe(&IdentTopic::new(first))?;
            }
            "publish" => self.publish(first, text.into())?,
            "publish-size" => self.publish(first, vec![b'x'; text.parse()?])?,
            _ => return Err(format!("no command {verb}").into()),
        }
        Ok(())
    }

    fn dial(&mut self, address: Multiaddr) -> Result<(), Failure> {
        let options = DialOpts::from(address.clone());
        self.dialling.insert(options.connection_id(), address);
        self.swarm.dial(options)?;
        Ok(())
    }

    fn publish(&mut self, topic: &str, data: Vec<u8>) -> Result<(), Failure> {
        self.swarm.behaviour_mut().gossipsub.publish(IdentTopic::new(topic), data)?;
        println!("published {topic}");
        Ok(())
    }

    fn know(&mut self, peer: PeerId, address: Multiaddr) {
        if self.known.len() < MAX_KNOWN || self.known.contains_key(&peer) {
            self.swarm.behaviour_mut().kad.add_address(&peer, address.clone());
            self.known.entry(peer).or_default().insert(without_peer_id(address));
        }
    }

    fn redial(&mut self) {
        for (peer, addresses) in &self.known {
            if !self.swarm.is_connected(peer) {
                let addresses = addresses.iter().cloned().collect();
                // One that is being dialled already is no error.
                let _ = self.swarm.dial(DialOpts::peer_id(*peer).addresses(addresses).build());
            }
        }
    }

    fn tell(&mut self, event: SwarmEvent<BehaviourEvent>) {
        match event {
            SwarmEvent::NewListenAddr { address, .. } => {
                println!("listening {address}/p2p/{}", self.swarm.local_peer_id());
            }
            SwarmEvent::ConnectionEstablished { peer_id, connection_id, num_established, .. } => {
                if let Some(address) = self.dialling.remove(&connection_id) {
                    self.know(peer_id, address);
                }
                if num_established.get() == 1 {
                    println!("connected {peer_id}");
                }
            }
            SwarmEvent::ConnectionClosed { peer_id, num_established: 0, .. } => println!("disconnected {peer_id}"),
            SwarmEvent::OutgoingConnectionError { error, connection_id, .. } => {
                self.dialling.remove(&connection_id);
                println!("error dial: {error}");
            }
            SwarmEvent::IncomingConnectionError { error, .. } => println!("error inbound: {error}"),
            SwarmEvent::Behaviour(event) => self.tell_of_behaviour(event),
            _ => {}
        }
    }

    fn tell_of_behaviour(&mut self, event: BehaviourEvent) {
        use gossipsub::Event as Gossip;

        match event {
            BehaviourEvent::Identify(identify::Event::Received { peer_id, info, .. }) => {
                let protocols: Vec<_> = info.protocols.iter().map(|protocol| protocol.to_string()).collect();
                println!(
                    "identified {peer_id} {} {} {}",
                    field(info.agent_version),
                    field(info.protocol_version),
                    field(protocols.join(","))
                );
                for address in info.listen_addrs {
                    self.know(peer_id, address);
                }
            }
            BehaviourEvent::Identify(identify::Event::Error { peer_id, error }) => {
                println!("error identify {peer_id}: {error}");
            }
            BehaviourEvent::Gossipsub(Gossip::Message { message, .. }) => {
                let author = message.source.map_or("-".into(), |peer| peer.to_string());
                println!("message {} {author} {}", message.topic, shown(&message.data));
            }
            BehaviourEvent::Gossipsub(Gossip::Subscribed { peer_id, topic }) => {
                println!("subscribed {peer_id} {topic}");
            }
            BehaviourEvent::Gossipsub(Gossip::Unsubscribed { peer_id, topic }) => {
                println!("unsubscribed {peer_id} {topic}");
            }
            BehaviourEvent::Mdns(mdns::Event::Discovered(peers)) => {
                for (peer, address) in peers {
                    println!("discovered {peer} {address}");
                    self.know(peer, address);
                }
                self.redial();
            }
            _ => {}
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failure> {
    let options = Options::parse();
    let key = make_key(options.seed)?;
    let behaviour = make_behaviour(&options, &key)?;
    let swarm = SwarmBuilder::with_existing_identity(key)
        .with_tokio()
        .with_tcp(tcp::Config::default(), noise::Config::new, yamux::Config::default)?
        .with_behaviour(|_| behaviour)?
        .with_swarm_config(|config| config.with_idle_connection_timeout(IDLE_TIMEOUT))
        .build();
    let mut node = Node { swarm, known: HashMap::new(), dialling: HashMap::new() };
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    let mut redials = interval(REDIAL_INTERVAL);

    redials.set_missed_tick_behavior(MissedTickBehavior::Delay);
    println!("peer-id {}", node.swarm.local_peer_id());
    for address in &options.listen {
        node.swarm.listen_on(address.clone())?;
    }
    for topic in &options.subscribe {
        node.obey(&format!("subscribe {topic}"))?;
    }
    for address in &options.dial {
        node.obey(&format!("dial {address}"))?;
    }
    loop {
        tokio::select! {
            event = node.swarm.select_next_some() => node.tell(event),
            _ = redials.tick() => node.redial(),
            line = lines.next_line() => match line? {
                None => return Ok(()),
                Some(line) if line == "quit" => return Ok(()),
                Some(line) => if let Err(error) = node.obey(&line) {
                    println!("error {line}: {error}");
                },
            },
        }
    }
}
