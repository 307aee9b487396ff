// SPDX-License-Identifier: LGPL-2.1-or-later

// A go-libp2p node that obeys lines: see ../README.md for its options, commands and events.
package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p"
	pubsub "github.com/libp2p/go-libp2p-pubsub"
	pb "github.com/libp2p/go-libp2p-pubsub/pb"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/event"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/peerstore"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/libp2p/go-libp2p/p2p/discovery/mdns"
	"github.com/libp2p/go-libp2p/p2p/host/peerstore/pstoremem"
	"github.com/libp2p/go-libp2p/p2p/muxer/yamux"
	"github.com/libp2p/go-libp2p/p2p/net/swarm"
	"github.com/libp2p/go-libp2p/p2p/net/upgrader"
	"github.com/libp2p/go-libp2p/p2p/protocol/ping"
	"github.com/libp2p/go-libp2p/p2p/security/noise"
	"github.com/libp2p/go-libp2p/p2p/transport/tcp"
	"github.com/multiformats/go-multiaddr"
)

const (
	maxMessage  = 1 << 20
	maxShown    = 256
	chunk       = 64 * 1024
	perfID      = "/perf/1.0.0"
	echoID      = "/avi-bench/echo/1.0.0" // sends back what it hears; ours serves it, of ping only two streams at a time
	maxQueued   = 4096                    // messages; of its own accord it drops what comes while 32 wait
	dialTimeout = 10 * time.Second
)

// words is an option that may be repeated.
type words []string

func (w *words) String() string         { return strings.Join(*w, " ") }
func (w *words) Set(value string) error { *w = append(*w, value); return nil }

type options struct {
	seed            string
	keyType         string
	listen          words
	agent           string
	protocolVersion string
	subscribe       words
	dial            words
	mdns            bool
	floodsub        bool
	noSign          bool
	noEarlyMuxer    bool
	px              bool
	pingInterval    int
}

func parseOptions() *options {
	o := &options{}
	flag.StringVar(&o.seed, "seed", "", "")
	flag.StringVar(&o.keyType, "key-type", "ed25519", "")
	flag.Var(&o.listen, "listen", "")
	flag.StringVar(&o.agent, "agent", "avi-peer-go", "")
	flag.StringVar(&o.protocolVersion, "protocol-version", "", "")
	flag.Var(&o.subscribe, "subscribe", "")
	flag.Var(&o.dial, "dial", "")
	flag.BoolVar(&o.mdns, "mdns", false, "")
	flag.BoolVar(&o.floodsub, "floodsub", false, "")
	flag.BoolVar(&o.noSign, "no-sign", false, "")
	flag.BoolVar(&o.noEarlyMuxer, "no-early-muxer", false, "")
	flag.BoolVar(&o.px, "px", false, "")
	flag.IntVar(&o.pingInterval, "ping-interval", 1000, "")
	flag.Parse()
	if len(o.listen) == 0 {
		o.listen = words{"/ip4/127.0.0.1/tcp/0"}
	}
	return o
}

func makeKey(o *options) (crypto.PrivKey, error) {
	types := map[string]int{
		"ed25519": crypto.Ed25519, "ecdsa": crypto.ECDSA, "secp256k1": crypto.Secp256k1, "rsa": crypto.RSA,
	}
	kind, known := types[o.keyType]
	if !known {
		return nil, fmt.Errorf("no key type %s", o.keyType)
	}
	if o.seed == "" {
		key, _, err := crypto.GenerateKeyPairWithReader(kind, 2048, rand.Reader)
		return key, err
	}
	number, err := strconv.ParseUint(o.seed, 10, 64)
	if err != nil {
		return nil, err
	}
	seed := sha256.Sum256(binary.BigEndian.AppendUint64(nil, number))
	key, _, err := crypto.GenerateEd25519Key(bytes.NewReader(seed[:]))
	return key, err
}

// tell prints one event; events come from many goroutines.
var telling sync.Mutex

func tell(format string, values ...any) {
	telling.Lock()
	defer telling.Unlock()
	fmt.Printf(format+"\n", values...)
}

// field makes a text one field of an event.
func field(text string) string {
	if text == "" {
		return "-"
	}
	return strings.Join(strings.Fields(text), "_")
}

func shown(data []byte) string {
	if len(data) <= maxShown {
		return string(data)
	}
	return fmt.Sprintf("%d-bytes:%x", len(data), sha256.Sum256(data))
}

// node is the host with its topics; its commands come one at a time.
type node struct {
	ctx    context.Context
	host   host.Host
	pubsub *pubsub.PubSub
	topics map[string]*pubsub.Topic
	heard  map[string]*pubsub.Subscription
	book   peerstore.CertifiedAddrBook // what peers signed; go-libp2p's own does not keep what identify brings

	listening map[string]bool // what was told
	watched   map[peer.ID]bool
}

func newNode(ctx context.Context, o *options) (*node, error) {
	key, err := makeKey(o)
	if err != nil {
		return nil, err
	}
	security := noise.New
	if o.noEarlyMuxer {
		security = func(id protocol.ID, key crypto.PrivKey, _ []upgrader.StreamMuxer) (*noise.Transport, error) {
			return noise.New(id, key, nil)
		}
	}
	h, err := libp2p.New(
		libp2p.Identity(key),
		libp2p.NoListenAddrs,
		libp2p.NoTransports,
		libp2p.Transport(tcp.NewTCPTransport),
		libp2p.Security(noise.ID, security),
		libp2p.Muxer(yamux.ID, yamux.DefaultTransport),
		libp2p.UserAgent(o.agent),
		libp2p.ProtocolVersion(o.protocolVersion),
		libp2p.DisableRelay(),
		libp2p.ResourceManager(&network.NullResourceManager{}),
	)
	if err != nil {
		return nil, err
	}
	n := &node{
		ctx: ctx, host: h, topics: map[string]*pubsub.Topic{}, heard: map[string]*pubsub.Subscription{},
		book:      pstoremem.NewAddrBook(),
		listening: map[string]bool{}, watched: map[peer.ID]bool{},
	}
	h.SetStreamHandler(perfID, answerPerf)
	start := pubsub.NewGossipSub
	if o.floodsub {
		start = pubsub.NewFloodSub
	}
	settings := []pubsub.Option{
		pubsub.WithMaxMessageSize(maxMessage + 4096),
		pubsub.WithPeerOutboundQueueSize(maxQueued),
		pubsub.WithValidateQueueSize(maxQueued),
		pubsub.WithValidateWorkers(1), // several change the order of messages
		pubsub.WithRawTracer(prunes{}),
	}
	if o.px {
		settings = append(settings, roomForNobody()...)
	}
	if o.noSign {
		settings = append(settings,
			pubsub.WithNoAuthor(), pubsub.WithMessageSignaturePolicy(pubsub.StrictNoSign), pubsub.WithMessageIdFn(contentID))
	}
	n.pubsub, err = start(ctx, h, settings...)
	return n, err
}

func contentID(message *pb.Message) string {
	sum := sha256.Sum256(append([]byte(message.GetTopic()), message.GetData()...))
	return string(sum[:20])
}

func (n *node) listen(addresses []string) error {
	for _, text := range addresses {
		address, err := multiaddr.NewMultiaddr(text)
		if err != nil {
			return err
		}
		if err := n.host.Network().Listen(address); err != nil {
			return err
		}
	}
	for _, address := range n.host.Network().ListenAddresses() {
		if _, told := n.listening[address.String()]; !told {
			n.listening[address.String()] = true
			tell("listening %s/p2p/%s", address, n.host.ID())
		}
	}
	return nil
}

// watch tells of connections and of identify.
func (n *node) watch() error {
	events, err := n.host.EventBus().Subscribe([]any{
		new(event.EvtPeerConnectednessChanged), new(event.EvtPeerIdentificationCompleted),
		new(event.EvtPeerIdentificationFailed),
	})
	if err != nil {
		return err
	}
	n.host.Network().Notify(&network.NotifyBundle{ConnectedF: func(_ network.Network, connection network.Conn) {
		when := "later"
		if connection.ConnState().UsedEarlyMuxerNegotiation {
			when = "early"
		}
		tell("muxer %s %s", connection.RemotePeer(), when)
	}})
	go func() {
		for e := range events.Out() {
			switch e := e.(type) {
			case event.EvtPeerConnectednessChanged:
				switch e.Connectedness {
				case network.Connected:
					tell("connected %s", e.Peer)
				case network.NotConnected:
					tell("disconnected %s", e.Peer)
				}
			case event.EvtPeerIdentificationCompleted:
				n.keepRecord(e)
				protocols := make([]string, len(e.Protocols))
				for i, protocol := range e.Protocols {
					protocols[i] = string(protocol)
				}
				tell("identified %s %s %s %s", e.Peer, field(e.AgentVersion), field(e.ProtocolVersion),
					field(strings.Join(protocols, ",")))
				n.watchAddresses(e.Peer)
			case event.EvtPeerIdentificationFailed:
				tell("error identify %s: %s", e.Peer, e.Reason)
			}
		}
	}()
	return nil
}

// watchAddresses tells of each address of a peer's, those that it pushes later included.
func (n *node) watchAddresses(id peer.ID) {
	if n.watched[id] {
		return
	}
	n.watched[id] = true
	go func() {
		for address := range n.host.Peerstore().AddrStream(n.ctx, id) {
			tell("addresses %s %s", id, address)
		}
	}()
}

func (n *node) pingAll(interval time.Duration) {
	for range time.Tick(interval) {
		for _, id := range n.host.Network().Peers() {
			go func() {
				ctx, cancel := context.WithTimeout(n.ctx, dialTimeout)
				defer cancel()
				if result := <-ping.Ping(ctx, n.host, id); result.Error != nil {
					tell("error ping %s: %s", id, result.Error)
				} else {
					tell("ping %s %d", id, result.RTT.Microseconds())
				}
			}()
		}
	}
}

// HandlePeerFound is what mDNS calls.
func (n *node) HandlePeerFound(found peer.AddrInfo) {
	for _, address := range found.Addrs {
		tell("discovered %s %s", found.ID, address)
	}
	go n.connect(found)
}

func (n *node) connect(info peer.AddrInfo) {
	ctx, cancel := context.WithTimeout(n.ctx, dialTimeout)
	defer cancel()
	if err := n.host.Connect(ctx, info); err != nil {
		tell("error dial: %s", strings.ReplaceAll(err.Error(), "\n", " "))
	}
}

func (n *node) dial(address string) error {
	info, err := peer.AddrInfoFromString(address)
	if err != nil {
		return err
	}
	// What a test asks for is tried, whatever failed before.
	n.host.Network().(*swarm.Swarm).Backoff().Clear(info.ID)
	go n.connect(*info)
	return nil
}

// topic joins a topic once, and tells who subscribes to it from then on.
func (n *node) topic(name string) (*pubsub.Topic, error) {
	if topic, known := n.topics[name]; known {
		return topic, nil
	}
	topic, err := n.pubsub.Join(name)
	if err != nil {
		return nil, err
	}
	events, err := topic.EventHandler()
	if err != nil {
		return nil, err
	}
	n.topics[name] = topic
	go func() {
		for {
			e, err := events.NextPeerEvent(n.ctx)
			if err != nil {
				return
			}
			if e.Type == pubsub.PeerJoin {
				tell("subscribed %s %s", e.Peer, name)
			} else {
				tell("unsubscribed %s %s", e.Peer, name)
			}
		}
	}()
	return topic, nil
}

func (n *node) subscribe(name string) error {
	topic, err := n.topic(name)
	if err != nil || n.heard[name] != nil {
		return err
	}
	subscription, err := topic.Subscribe(pubsub.WithBufferSize(maxQueued))
	if err != nil {
		return err
	}
	n.heard[name] = subscription
	go func() {
		for {
			message, err := subscription.Next(n.ctx)
			if err != nil {
				return
			}
			if message.ReceivedFrom != n.host.ID() {
				tell("message %s %s %s", name, field(message.GetFrom().String()), shown(message.Data))
			}
		}
	}()
	return nil
}

func (n *node) unsubscribe(name string) {
	if subscription := n.heard[name]; subscription != nil {
		subscription.Cancel()
		delete(n.heard, name)
	}
}

func (n *node) publish(name string, data []byte) error {
	topic, err := n.topic(name)
	if err != nil {
		return err
	}
	if err := topic.Publish(n.ctx, data); err != nil {
		return err
	}
	tell("published %s", name)
	return nil
}

// ---- Streams

func send(stream network.Stream, count uint64) error {
	zeros := make([]byte, chunk)
	for count > 0 {
		written, err := stream.Write(zeros[:min(count, chunk)])
		if err != nil {
			return err
		}
		count -= uint64(written)
	}
	return nil
}

func answerPerf(stream network.Stream) {
	head := make([]byte, 8)
	_, err := io.ReadFull(stream, head)
	if err == nil {
		_, err = io.Copy(io.Discard, stream)
	}
	if err == nil {
		err = send(stream, binary.BigEndian.Uint64(head))
	}
	if err != nil {
		stream.Reset()
		return
	}
	stream.Close()
}

func (n *node) perf(id peer.ID, up, down uint64) error {
	started := time.Now()
	stream, err := n.host.NewStream(n.ctx, id, perfID)
	if err != nil {
		return err
	}
	defer stream.Close()
	if _, err := stream.Write(binary.BigEndian.AppendUint64(nil, down)); err != nil {
		return err
	}
	if err := send(stream, up); err != nil {
		return err
	}
	if err := stream.CloseWrite(); err != nil {
		return err
	}
	received, err := io.Copy(io.Discard, stream)
	if err == nil && uint64(received) != down {
		err = fmt.Errorf("%d bytes of %d", received, down)
	}
	if err == nil {
		tell("perf %.6f", time.Since(started).Seconds())
	}
	return err
}

// openEcho has 32 bytes come back; the stream stays open.
func (n *node) openEcho(id peer.ID) (network.Stream, error) {
	stream, err := n.host.NewStream(n.ctx, id, echoID)
	if err != nil {
		return nil, err
	}
	if _, err := stream.Write(make([]byte, 32)); err != nil {
		return nil, err
	}
	_, err = io.ReadFull(stream, make([]byte, 32))
	return stream, err
}

func (n *node) openMany(id peer.ID, count int) error {
	streams := make([]network.Stream, count)
	problems := make([]error, count)
	var all sync.WaitGroup
	for i := range count {
		all.Go(func() { streams[i], problems[i] = n.openEcho(id) })
	}
	all.Wait()
	if err := errors.Join(problems...); err != nil {
		return err
	}
	tell("streams %s %d", id, count)
	for _, stream := range streams {
		stream.Close()
	}
	return nil
}

func (n *node) halfClose(id peer.ID) error {
	stream, err := n.host.NewStream(n.ctx, id, echoID)
	if err != nil {
		return err
	}
	if _, err := stream.Write(make([]byte, 32)); err != nil {
		return err
	}
	if err := stream.CloseWrite(); err != nil {
		return err
	}
	count, err := io.Copy(io.Discard, stream)
	if err == nil && count != 32 {
		err = fmt.Errorf("%d bytes came back", count)
	}
	if err == nil {
		tell("half-closed %s", id)
	}
	return err
}

func (n *node) reset(id peer.ID) error {
	stream, err := n.openEcho(id)
	if err == nil {
		err = stream.Reset()
	}
	if err == nil {
		tell("reset %s", id)
	}
	return err
}

// onStreams does it beside the commands that follow.
func (n *node) onStreams(line, peerText string, do func(peer.ID) error) error {
	id, err := peer.Decode(peerText)
	if err != nil {
		return err
	}
	go func() {
		if err := do(id); err != nil {
			tell("error %s: %s", line, strings.ReplaceAll(err.Error(), "\n", " "))
		}
	}()
	return nil
}

// ---- Commands

func (n *node) obey(line string) error {
	verb, rest, _ := strings.Cut(line, " ")
	first, text, _ := strings.Cut(rest, " ")
	switch verb {
	case "dial":
		return n.dial(first)
	case "disconnect":
		id, err := peer.Decode(first)
		if err != nil {
			return err
		}
		return n.host.Network().ClosePeer(id)
	case "subscribe":
		return n.subscribe(first)
	case "unsubscribe":
		n.unsubscribe(first)
		return nil
	case "publish":
		return n.publish(first, []byte(text))
	case "publish-size":
		size, err := strconv.Atoi(text)
		if err != nil {
			return err
		}
		return n.publish(first, bytes.Repeat([]byte("x"), size))
	case "listen":
		return n.listen([]string{first})
	case "perf":
		var up, down uint64
		if _, err := fmt.Sscan(text, &up, &down); err != nil {
			return err
		}
		return n.onStreams(line, first, func(id peer.ID) error { return n.perf(id, up, down) })
	case "streams":
		count, err := strconv.Atoi(text)
		if err != nil {
			return err
		}
		return n.onStreams(line, first, func(id peer.ID) error { return n.openMany(id, count) })
	case "half-close":
		return n.onStreams(line, first, n.halfClose)
	case "reset":
		return n.onStreams(line, first, n.reset)
	case "record":
		return n.onStreams(line, first, n.certified)
	}
	return fmt.Errorf("no command %s", verb)
}

func run(o *options) error {
	n, err := newNode(context.Background(), o)
	if err != nil {
		return err
	}
	tell("peer-id %s", n.host.ID())
	if err := n.watch(); err != nil {
		return err
	}
	if err := n.listen(o.listen); err != nil {
		return err
	}
	if o.mdns {
		if err := mdns.NewMdnsService(n.host, "", n).Start(); err != nil {
			return err
		}
	}
	go n.pingAll(time.Duration(o.pingInterval) * time.Millisecond)
	for _, topic := range o.subscribe {
		if err := n.subscribe(topic); err != nil {
			return err
		}
	}
	for _, address := range o.dial {
		if err := n.dial(address); err != nil {
			return err
		}
	}
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() && lines.Text() != "quit" {
		if err := n.obey(lines.Text()); err != nil {
			tell("error %s: %s", lines.Text(), err)
		}
	}
	return n.host.Close()
}

func main() {
	if err := run(parseOptions()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
