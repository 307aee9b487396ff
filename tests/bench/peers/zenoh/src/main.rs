// SPDX-License-Identifier: LGPL-2.1-or-later
//! A zenoh node to be measured: see ../../README.md for what it is asked and answers. Peers, in the clear, over TCP.

use std::error::Error;
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::thread::sleep;
use std::time::{Duration, Instant};

use zenoh::pubsub::Publisher;
use zenoh::qos::CongestionControl;
use zenoh::{Config, Session, Wait};

const WINDOW: u64 = 4096;
const STEP: u64 = WINDOW / 8;
const OVERDUE: Duration = Duration::from_secs(3);
const SETTLE: Duration = Duration::from_millis(500);
const RETRY: Duration = Duration::from_millis(20);
const ATTEMPTS: u64 = 500;
const RATE: u64 = 1000;
const WARM_UP: u64 = 4;
const BYTES: usize = 64;

const HELLO: u8 = b'h';
const WARMING: u8 = b'w';
const PROBE: u8 = b'p';
const LOAD: u8 = b'x';

type Failure = Box<dyn Error + Send + Sync>;

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

/// It looks for nobody, and tells nobody of others.
fn open(listen: Option<&str>, connect: Option<&str>) -> Result<Session, Failure> {
    let mut config = Config::default();

    config.insert_json5("mode", "\"peer\"")?;
    config.insert_json5("scouting/multicast/enabled", "false")?;
    config.insert_json5("scouting/gossip/enabled", "false")?;
    config.insert_json5("listen/endpoints", &format!("{:?}", listen.as_slice()))?;
    config.insert_json5("connect/endpoints", &format!("{:?}", connect.as_slice()))?;
    zenoh::open(config).wait()
}

/// Of its own accord it drops what comes while it is congested.
fn publisher(session: &Session, topic: &'static str) -> Result<Publisher<'static>, Failure> {
    session.declare_publisher(topic).congestion_control(CongestionControl::Block).wait()
}

// ---- The one that is measured against

#[derive(Default)]
struct Counts {
    heard: u64,
    times: Vec<u64>,
}

impl Counts {
    /// What is to be said to it.
    fn hear(&mut self, data: &[u8]) -> Option<Vec<u8>> {
        match data[0] {
            LOAD => {
                self.heard += 1;
                (self.heard % STEP == 0).then(|| self.heard.to_string().into())
            }
            PROBE => {
                let published = u64::from_le_bytes(data[8..16].try_into().ok()?);
                self.times.push(now_ns() - published);
                None
            }
            HELLO => Some(data.to_vec()),
            _ => None,
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
}

fn subscribe() -> Result<(), Failure> {
    let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let address = format!("tcp/127.0.0.1:{port}");
    let session = open(Some(&address), None)?;
    let counts = Arc::new(Mutex::new(Counts::default()));
    let acks = publisher(&session, "ack")?;
    let counted = counts.clone();
    let _subscriber = session
        .declare_subscriber("load")
        .callback(move |sample| {
            let answer = counted.lock().unwrap().hear(&sample.payload().to_bytes());
            if let Some(answer) = answer {
                acks.put(answer).wait().unwrap();
            }
        })
        .wait()?;

    println!("listening {address}");
    for line in std::io::stdin().lines() {
        line?;
        counts.lock().unwrap().report();
    }
    Ok(())
}

// ---- The one that publishes

struct Loader {
    _session: Session,
    messages: Publisher<'static>,
    /// What was acknowledged, or None for a greeting that was answered.
    acks: Receiver<Option<u64>>,
}

/// Connects, and returns when the subscriber is known to hear.
fn meet(address: &str) -> Result<Loader, Failure> {
    let session = open(None, Some(address))?;
    let messages = publisher(&session, "load")?;
    let (told, acks) = channel();

    session
        .declare_subscriber("ack")
        .callback(move |sample| {
            let said = sample.payload().try_to_string().ok().and_then(|text| text.parse().ok());
            let _ = told.send(said);
        })
        .background()
        .wait()?;
    for attempt in 0..ATTEMPTS {
        messages.put(payload(HELLO, attempt, BYTES)).wait()?;
        if acks.recv_timeout(RETRY).is_ok() {
            sleep(SETTLE);
            return Ok(Loader { _session: session, messages, acks });
        }
    }
    Err("the subscriber does not answer".into())
}

/// The next acknowledgement; None where there was none for a while.
fn next_ack(acks: &Receiver<Option<u64>>) -> Option<u64> {
    loop {
        if let Some(said) = acks.recv_timeout(OVERDUE).ok()? {
            return Some(said);
        }
    }
}

fn load(address: &str, size: usize, duration: Duration) -> Result<(), Failure> {
    let loader = meet(address)?;
    let (mut sent, mut acked) = (0, 0);
    let mut took = Duration::ZERO;
    let started = Instant::now();

    // What is sent last fills a step, so that an acknowledgement tells of it.
    while took < duration || sent % STEP != 0 || acked < sent {
        let end = if took < duration { acked + WINDOW } else { sent.next_multiple_of(STEP) };
        while sent < end {
            loader.messages.put(payload(LOAD, sent, size)).wait()?;
            sent += 1;
        }
        let Some(said) = next_ack(&loader.acks) else { break };
        acked = acked.max(said);
        took = started.elapsed();
    }
    println!("result lost {}", sent - acked);
    println!("result load {}", acked as f64 / took.as_secs_f64().max(1e-9));
    Ok(())
}

fn pace(address: &str, count: u64) -> Result<(), Failure> {
    let loader = meet(address)?;
    let mut turn = Instant::now();

    for i in 0..count {
        sleep(turn.saturating_duration_since(Instant::now()));
        let kind = if i < count / WARM_UP { WARMING } else { PROBE };
        loader.messages.put(payload(kind, now_ns(), BYTES)).wait()?;
        turn += Duration::from_secs(1) / RATE as u32;
    }
    sleep(SETTLE);
    Ok(())
}

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();

    match words[..] {
        ["subscribe"] | ["subscribe", "unsigned"] => subscribe(),
        ["load", address, size, seconds] | ["load", address, size, seconds, "unsigned"] => {
            load(address, size.parse()?, Duration::try_from_secs_f64(seconds.parse()?)?)
        }
        ["pace", address, count] => pace(address, count.parse()?),
        _ => Err("see ../README.md".into()),
    }
}
