// SPDX-License-Identifier: LGPL-2.1-or-later
//! What happens on streams that a program opens: /perf/1.0.0, and an echo.

use std::io;
use std::time::{Duration, Instant};

use futures::{AsyncReadExt, AsyncWriteExt, StreamExt};
use libp2p::identity::Keypair;
use libp2p::swarm::{DialError, SwarmEvent};
use libp2p::{Multiaddr, PeerId, Stream, StreamProtocol};
use libp2p_stream::{Control, IncomingStreams};
use tokio::time::timeout;

use crate::{Failure, Node, PATIENCE, Place, Signing, make_node, peer_of};

const PERF: StreamProtocol = StreamProtocol::new("/perf/1.0.0");
const ECHO: StreamProtocol = StreamProtocol::new("/avi-bench/echo/1.0.0");
const CHUNK: usize = 64 << 10;
const BYTES: usize = 64;

// ---- The one that is measured against

pub fn answer(mut control: Control) -> Result<(), Failure> {
    serve(control.accept(PERF)?, answer_perf);
    serve(control.accept(ECHO)?, answer_echo);
    Ok(())
}

fn serve<F>(mut incoming: IncomingStreams, answer: fn(Stream) -> F)
where
    F: Future<Output = io::Result<()>> + Send + 'static,
{
    tokio::spawn(async move {
        while let Some((_, stream)) = incoming.next().await {
            tokio::spawn(answer(stream));
        }
    });
}

async fn answer_perf(mut stream: Stream) -> io::Result<()> {
    let mut head = [0; 8];

    stream.read_exact(&mut head).await?;
    drain(&mut stream).await?;
    send(&mut stream, u64::from_be_bytes(head)).await?;
    stream.close().await
}

async fn answer_echo(mut stream: Stream) -> io::Result<()> {
    let mut buffer = [0; 4096];

    loop {
        match stream.read(&mut buffer).await? {
            0 => return stream.close().await,
            n => stream.write_all(&buffer[..n]).await?,
        }
        stream.flush().await?;
    }
}

/// To its end; returns how much it was.
async fn drain(stream: &mut Stream) -> io::Result<u64> {
    let mut buffer = vec![0; CHUNK];
    let mut received = 0;

    loop {
        match stream.read(&mut buffer).await? {
            0 => return Ok(received),
            n => received += n as u64,
        }
    }
}

async fn send(stream: &mut Stream, mut bytes: u64) -> io::Result<()> {
    let chunk = vec![0; CHUNK];

    while bytes > 0 {
        let size = bytes.min(CHUNK as u64);
        stream.write_all(&chunk[..size as usize]).await?;
        bytes -= size;
    }
    Ok(())
}

// ---- The one that measures

async fn connected(node: &mut Node) -> Result<(), DialError> {
    loop {
        match node.select_next_some().await {
            SwarmEvent::ConnectionEstablished { .. } => return Ok(()),
            SwarmEvent::OutgoingConnectionError { error, .. } => return Err(error),
            _ => {}
        }
    }
}

/// Connects; what else the node has to do it does in a task of its own.
async fn connect(address: &Multiaddr) -> Result<(Control, PeerId), Failure> {
    let mut node = make_node(Keypair::generate_ed25519(), Place::Loopback, Signing::Strict)?;
    let control = node.behaviour().streams.new_control();

    node.dial(address.clone())?;
    timeout(PATIENCE, connected(&mut node)).await??;
    tokio::spawn(async move {
        loop {
            node.select_next_some().await;
        }
    });
    Ok((control, peer_of(address)?))
}

/// Sends as much and has as much sent; returns how long that took.
async fn perf(address: &Multiaddr, up: u64, down: u64) -> Result<Duration, Failure> {
    let (mut control, peer) = connect(address).await?;
    let started = Instant::now();
    let mut stream = control.open_stream(peer, PERF).await?;

    stream.write_all(&down.to_be_bytes()).await?;
    send(&mut stream, up).await?;
    stream.close().await?;
    if drain(&mut stream).await? != down {
        return Err("not all of it came".into());
    }
    Ok(started.elapsed())
}

pub async fn up(address: &Multiaddr, bytes: u64) -> Result<(), Failure> {
    let took = perf(address, bytes, 0).await?;

    println!("result stream-up {}", bytes as f64 * 8.0 / 1e9 / took.as_secs_f64());
    Ok(())
}

pub async fn down(address: &Multiaddr, bytes: u64) -> Result<(), Failure> {
    let took = perf(address, 0, bytes).await?;

    println!("result stream-down {}", bytes as f64 * 8.0 / 1e9 / took.as_secs_f64());
    Ok(())
}

async fn ask(stream: &mut Stream, bytes: usize) -> io::Result<()> {
    let mut buffer = [b'x'; BYTES];

    stream.write_all(&buffer[..bytes]).await?;
    stream.flush().await?;
    stream.read_exact(&mut buffer[..bytes]).await
}

pub async fn echo(address: &Multiaddr, duration: Duration) -> Result<(), Failure> {
    let (mut control, peer) = connect(address).await?;
    let mut stream = control.open_stream(peer, ECHO).await?;
    let end = Instant::now() + duration;
    let mut times = Vec::new();

    while times.is_empty() || Instant::now() < end {
        let asked = Instant::now();
        timeout(PATIENCE, ask(&mut stream, BYTES)).await??;
        times.push(asked.elapsed());
    }
    times.sort();
    println!("result echo {}", times[times.len() / 2].as_nanos() as f64 / 1e3);
    Ok(())
}

async fn open_once(control: &mut Control, peer: PeerId) -> Result<(), Failure> {
    let mut stream = control.open_stream(peer, ECHO).await?;

    ask(&mut stream, 1).await?;
    Ok(stream.close().await?)
}

pub async fn open(address: &Multiaddr, duration: Duration) -> Result<(), Failure> {
    let (mut control, peer) = connect(address).await?;
    let started = Instant::now();
    let mut n = 0;

    while n == 0 || started.elapsed() < duration {
        timeout(PATIENCE, open_once(&mut control, peer)).await??;
        n += 1;
    }
    println!("result open {}", n as f64 / started.elapsed().as_secs_f64());
    Ok(())
}
