// SPDX-License-Identifier: LGPL-2.1-or-later
//! What is measured of pub/sub alone: see ../../README.md for what it is asked and answers.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use futures::StreamExt;
use libp2p::Multiaddr;
use libp2p::gossipsub::{self, PublishError};
use libp2p::identity::Keypair;
use libp2p::swarm::SwarmEvent;
use tokio::io::{AsyncBufReadExt, BufReader, Lines, Stdin};
use tokio::time::{Interval, interval, sleep_until, timeout};

use crate::{
    BehaviourEvent, Failure, Node, PATIENCE, Place, RETRY, Signing, make_node, message_of, next_message, publish, subscribe,
};

const WINDOW: u64 = 4096;
const STEP: u64 = WINDOW / 8;
const OVERDUE: Duration = Duration::from_secs(3);
const SETTLE: Duration = Duration::from_millis(500);
const RATE: u64 = 1000;
const WARM_UP: u64 = 4;
const BYTES: usize = 64;

const HELLO: u8 = b'h';
const WARMING: u8 = b'w';
const PROBE: u8 = b'p';
const LOAD: u8 = b'x';

/// The clock of all processes here, whatever they are written in.
fn now_ns() -> u64 {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: it writes to what it is given, and nothing else.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut now) };
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}

/// A kind, and from the eighth byte on a number.
fn payload(kind: u8, number: u64, size: usize) -> Vec<u8> {
    let mut data = vec![0; size.max(16)];
    data[0] = kind;
    data[8..16].copy_from_slice(&number.to_le_bytes());
    data
}

// ---- Those that are measured against

/// What a node has heard, and what it has still to publish.
struct Counts {
    heard: u64,
    times: Vec<u64>,
    subscribers: HashMap<String, usize>,
    awaited: Option<(String, usize)>,
    left: u64,
    turns: Interval,
}

impl Counts {
    fn new() -> Self {
        Counts {
            heard: 0,
            times: Vec::new(),
            subscribers: HashMap::new(),
            awaited: None,
            left: 0,
            turns: interval(Duration::from_secs(3600)),
        }
    }

    fn report(&mut self) {
        println!("result heard {}", self.heard);
        println!("result probes {}", self.times.len());
        if !self.times.is_empty() {
            self.times.sort();
            println!("result latency {}", self.times[self.times.len() / 2] as f64 / 1e3);
            println!("result latency-p99 {}", self.times[self.times.len() * 99 / 100] as f64 / 1e3);
        }
    }

    fn hear(&mut self, node: &mut Node, message: gossipsub::Message) -> Result<(), Failure> {
        match message.data[0] {
            LOAD => {
                self.heard += 1;
                if message.topic.as_str() == "load" && self.heard % STEP == 0 {
                    publish(node, "ack", self.heard.to_string().into())?;
                }
            }
            PROBE => {
                let published = u64::from_le_bytes(message.data[8..16].try_into()?);
                self.times.push(now_ns() - published);
            }
            HELLO if message.topic.as_str() == "load" => {
                // Until the other's subscription is known this fails; it asks again.
                let _ = publish(node, "ack", message.data);
            }
            _ => {}
        }
        Ok(())
    }

    fn obey(&mut self, node: &mut Node, line: &str) -> Result<(), Failure> {
        match line.split(' ').collect::<Vec<_>>()[..] {
            ["report"] => self.report(),
            ["connect", address] => node.dial(address.parse::<Multiaddr>()?)?,
            ["await", topic, count] => self.awaited = Some((topic.into(), count.parse()?)),
            ["publish", rate, count] => {
                self.left = count.parse()?;
                self.turns = interval(Duration::from_secs(1) / rate.parse()?);
            }
            _ => {}
        }
        Ok(())
    }

    fn take_turn(&mut self, node: &mut Node) -> Result<(), Failure> {
        if self.left == 0 {
            return Ok(());
        }
        publish(node, "mesh", payload(LOAD, self.left, BYTES))?;
        self.left -= 1;
        if self.left == 0 {
            println!("published");
        }
        Ok(())
    }

    fn check_awaited(&mut self) {
        if let Some((topic, count)) = &self.awaited
            && self.subscribers.get(topic).is_some_and(|subscribers| subscribers >= count)
        {
            println!("ready");
            self.awaited = None;
        }
    }
}

/// Does what its input says, until that ends.
async fn run(mut node: Node, mut lines: Lines<BufReader<Stdin>>) -> Result<(), Failure> {
    let mut counts = Counts::new();

    loop {
        tokio::select! {
            event = node.select_next_some() => {
                if let SwarmEvent::Behaviour(BehaviourEvent::Gossipsub(gossipsub::Event::Subscribed { topic, .. })) = &event {
                    *counts.subscribers.entry(topic.to_string()).or_default() += 1;
                    counts.check_awaited();
                } else if let Some(message) = message_of(event) {
                    counts.hear(&mut node, message)?;
                }
            },
            _ = counts.turns.tick() => counts.take_turn(&mut node)?,
            line = lines.next_line() => match line? {
                Some(line) => {
                    counts.obey(&mut node, &line)?;
                    counts.check_awaited();
                }
                None => return Ok(()),
            },
        }
    }
}

async fn listen(node: &mut Node) -> Result<String, Failure> {
    node.listen_on("/ip4/127.0.0.1/tcp/0".parse()?)?;
    loop {
        if let SwarmEvent::NewListenAddr { address, .. } = node.select_next_some().await {
            return Ok(format!("{address}/p2p/{}", node.local_peer_id()));
        }
    }
}

/// Listens with these subscriptions, and with a connection to that address, and then does what its input says.
async fn serve(mut node: Node, topics: &[String], dialled: Option<&Multiaddr>) -> Result<(), Failure> {
    for topic in topics {
        subscribe(&mut node, topic)?;
    }
    let address = listen(&mut node).await?;
    if let Some(dialled) = dialled {
        node.dial(dialled.clone())?;
        while !matches!(node.select_next_some().await, SwarmEvent::ConnectionEstablished { .. }) {}
    }
    println!("listening {address}");
    run(node, BufReader::new(tokio::io::stdin()).lines()).await
}

fn fresh(signing: Signing) -> Result<Node, Failure> {
    make_node(Keypair::generate_ed25519(), Place::Loopback, signing)
}

pub async fn listen_to_load(signing: Signing) -> Result<(), Failure> {
    serve(fresh(signing)?, &["load".into()], None).await
}

pub async fn relay(address: &Multiaddr) -> Result<(), Failure> {
    serve(fresh(Signing::Strict)?, &["load".into(), "ack".into()], Some(address)).await
}

pub async fn mesh() -> Result<(), Failure> {
    serve(fresh(Signing::Strict)?, &["mesh".into()], None).await
}

pub async fn topics(count: u32) -> Result<(), Failure> {
    let names: Vec<String> = (0..count).map(|i| format!("topic-{i}")).collect();
    serve(fresh(Signing::Strict)?, &names, None).await
}

// ---- The one that publishes

/// Connects, and returns when the subscriber is known to hear, whoever is between.
async fn meet(address: &Multiaddr, signing: Signing) -> Result<Node, Failure> {
    let mut node = fresh(signing)?;

    subscribe(&mut node, "ack")?;
    node.dial(address.clone())?;
    for attempt in 0..(PATIENCE.as_millis() / RETRY.as_millis()) as u64 {
        // Until the subscription of the other is known this fails; that is what is waited for.
        let _ = publish(&mut node, "load", payload(HELLO, attempt, BYTES));
        if timeout(RETRY, next_message(&mut node)).await.is_ok() {
            let settled = tokio::time::Instant::now() + SETTLE;
            loop {
                tokio::select! {
                    _ = node.select_next_some() => {},
                    _ = sleep_until(settled) => return Ok(node),
                }
            }
        }
    }
    Err("the subscriber does not answer".into())
}

/// Publishes up to as many, as far as the queue lets it.
fn fill(node: &mut Node, sent: &mut u64, end: u64, size: usize) -> Result<(), Failure> {
    while *sent < end {
        match publish(node, "load", payload(LOAD, *sent, size)) {
            Ok(()) => *sent += 1,
            Err(error) if matches!(error.downcast_ref(), Some(PublishError::AllQueuesFull(_))) => return Ok(()),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// The next acknowledgement; None where there was none for a while.
async fn next_ack(node: &mut Node) -> Result<Option<u64>, Failure> {
    while let Ok(message) = timeout(OVERDUE, next_message(node)).await {
        if message.data[0].is_ascii_digit() {
            return Ok(Some(String::from_utf8(message.data)?.parse()?));
        }
    }
    Ok(None)
}

pub async fn load(address: &Multiaddr, size: usize, duration: Duration, signing: Signing) -> Result<(), Failure> {
    let mut node = meet(address, signing).await?;
    let (mut sent, mut acked) = (0, 0);
    let mut took = Duration::ZERO;
    let started = Instant::now();

    // What is sent last fills a step, so that an acknowledgement tells of it.
    while took < duration || sent % STEP != 0 || acked < sent {
        let end = if took < duration { acked + WINDOW } else { sent.next_multiple_of(STEP) };
        fill(&mut node, &mut sent, end, size)?;
        let Some(said) = next_ack(&mut node).await? else { break };
        acked = acked.max(said);
        took = started.elapsed();
    }
    println!("result lost {}", sent - acked);
    println!("result load {}", acked as f64 / took.as_secs_f64().max(1e-9));
    Ok(())
}

pub async fn pace(address: &Multiaddr, count: u64) -> Result<(), Failure> {
    let mut node = meet(address, Signing::Strict).await?;
    let mut turns = interval(Duration::from_secs(1) / RATE as u32);
    let mut published = 0;

    while published < count {
        tokio::select! {
            _ = node.select_next_some() => {},
            _ = turns.tick() => {
                let kind = if published < count / WARM_UP { WARMING } else { PROBE };
                publish(&mut node, "load", payload(kind, now_ns(), BYTES))?;
                published += 1;
            },
        }
    }
    let settled = tokio::time::Instant::now() + SETTLE;
    loop {
        tokio::select! {
            _ = node.select_next_some() => {},
            _ = sleep_until(settled) => return Ok(()),
        }
    }
}
