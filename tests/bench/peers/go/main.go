// SPDX-License-Identifier: LGPL-2.1-or-later

// A go-libp2p node to be measured: see ../README.md for what it is asked and answers.
package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"time"

	"github.com/libp2p/go-libp2p"
	pubsub "github.com/libp2p/go-libp2p-pubsub"
	"github.com/libp2p/go-libp2p/core/connmgr"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/muxer/yamux"
	"github.com/libp2p/go-libp2p/p2p/protocol/identify"
	"github.com/libp2p/go-libp2p/p2p/security/noise"
	"github.com/libp2p/go-libp2p/p2p/transport/tcp"
	"github.com/multiformats/go-multiaddr"
)

const (
	maxMessage     = 1 << 20
	maxQueued      = 4096 // messages; of its own accord it drops what comes while 32 wait
	windowMessages = 512
	windowBytes    = 2 << 20
	patience       = 60 * time.Second
	retry          = 20 * time.Millisecond
	attempts       = 500
)

// window is how many messages of that size may be under way.
func window(size int) int {
	return max(1, min(windowMessages, windowBytes/max(size, 1)))
}

func result(name string, value float64) {
	fmt.Printf("result %s %.3f\n", name, value)
}

// node is a host with its topics.
type node struct {
	ctx    context.Context
	host   host.Host
	pubsub *pubsub.PubSub
	topics map[string]*pubsub.Topic
}

func newNode(ctx context.Context, key crypto.PrivKey, options ...pubsub.Option) (*node, error) {
	h, err := libp2p.New(
		libp2p.Identity(key),
		libp2p.NoListenAddrs,
		libp2p.NoTransports,
		libp2p.Transport(tcp.NewTCPTransport),
		libp2p.Security(noise.ID, noise.New),
		libp2p.Muxer(yamux.ID, yamux.DefaultTransport),
		libp2p.DisableRelay(),
		libp2p.ResourceManager(&network.NullResourceManager{}),
		libp2p.ConnectionManager(connmgr.NullConnMgr{}),
	)
	if err != nil {
		return nil, err
	}
	n := &node{ctx: ctx, host: h, topics: map[string]*pubsub.Topic{}}
	n.pubsub, err = pubsub.NewGossipSub(ctx, h, append([]pubsub.Option{
		pubsub.WithMaxMessageSize(maxMessage + 4096),
		pubsub.WithPeerOutboundQueueSize(maxQueued),
		pubsub.WithValidateQueueSize(maxQueued),
	}, options...)...)
	return n, err
}

func makeNode(ctx context.Context) (*node, error) {
	key, _, err := crypto.GenerateEd25519Key(rand.Reader)
	if err != nil {
		return nil, err
	}
	return newNode(ctx, key)
}

func (n *node) topic(name string) (*pubsub.Topic, error) {
	if topic, known := n.topics[name]; known {
		return topic, nil
	}
	topic, err := n.pubsub.Join(name)
	if err == nil {
		n.topics[name] = topic
	}
	return topic, err
}

func (n *node) publish(name string, data []byte) error {
	topic, err := n.topic(name)
	if err != nil {
		return err
	}
	return topic.Publish(n.ctx, data)
}

func (n *node) subscribe(name string) (*pubsub.Subscription, error) {
	topic, err := n.topic(name)
	if err != nil {
		return nil, err
	}
	return topic.Subscribe(pubsub.WithBufferSize(maxQueued))
}

// ---- The one that is measured against

func listen(ctx context.Context) error {
	key, _, err := crypto.GenerateEd25519Key(rand.Reader)
	if err != nil {
		return err
	}
	called := time.Now()
	n, err := newNode(ctx, key)
	if err != nil {
		return err
	}
	questions, err := n.subscribe("question")
	if err != nil {
		return err
	}
	bulk, err := n.subscribe("bulk")
	if err != nil {
		return err
	}
	answerStreams(n.host)
	if err := n.host.Network().Listen(multiaddr.StringCast("/ip4/127.0.0.1/tcp/0")); err != nil {
		return err
	}
	result("start", float64(time.Since(called).Microseconds()))
	// Topics are joined before two goroutines look for them.
	for _, name := range []string{"answer", "ack"} {
		if _, err := n.topic(name); err != nil {
			return err
		}
	}
	fmt.Printf("listening %s/p2p/%s\n", n.host.Network().ListenAddresses()[0], n.host.ID())
	go n.answer(questions)
	go n.count(bulk)
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

func (n *node) answer(questions *pubsub.Subscription) {
	for {
		message, err := questions.Next(n.ctx)
		if err != nil {
			return
		}
		if err := n.publish("answer", message.Data); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
	}
}

func (n *node) count(bulk *pubsub.Subscription) {
	for received := 1; ; received++ {
		message, err := bulk.Next(n.ctx)
		if err != nil {
			return
		}
		if received%max(window(len(message.Data))/8, 1) != 0 {
			continue
		}
		if err := n.publish("ack", []byte(strconv.Itoa(received))); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
	}
}

// ---- The one that measures

// meet connects, and returns when each is known to hear the other.
func (n *node) meet(address string) (answers, acks *pubsub.Subscription, err error) {
	if answers, err = n.subscribe("answer"); err != nil {
		return
	}
	if acks, err = n.subscribe("ack"); err != nil {
		return
	}
	if _, err = n.connect(address); err != nil {
		return
	}
	for attempt := range attempts {
		if err = n.publish("question", fmt.Appendf(nil, "hello %d", attempt)); err != nil {
			return
		}
		if n.next(answers, retry) {
			for n.next(answers, 5*retry) {
			}
			return
		}
	}
	return nil, nil, errors.New("the listener does not answer")
}

// next says whether there was an answer in that time.
func (n *node) next(answers *pubsub.Subscription, wait time.Duration) bool {
	ctx, cancel := context.WithTimeout(n.ctx, wait)
	defer cancel()
	_, err := answers.Next(ctx)
	return err == nil
}

func latency(ctx context.Context, address string, duration time.Duration) error {
	n, err := makeNode(ctx)
	if err != nil {
		return err
	}
	answers, _, err := n.meet(address)
	if err != nil {
		return err
	}
	var times []time.Duration
	for end := time.Now().Add(duration); time.Now().Before(end); {
		asked := time.Now()
		if err := n.publish("question", fmt.Appendf(nil, "%064d", len(times))); err != nil {
			return err
		}
		if _, err := answers.Next(ctx); err != nil {
			return err
		}
		times = append(times, time.Since(asked))
	}
	slices.Sort(times)
	result("publish-latency", float64(times[len(times)/2].Nanoseconds())/1e3)
	return nil
}

func messages(ctx context.Context, address string, size int, duration time.Duration) error {
	n, err := makeNode(ctx)
	if err != nil {
		return err
	}
	_, acks, err := n.meet(address)
	if err != nil {
		return err
	}
	data := bytes.Repeat([]byte("x"), size)
	sent, acked := 0, 0
	started := time.Now()
	for time.Since(started) < duration {
		for ; sent-acked < window(size); sent++ {
			if err := n.publish("bulk", data); err != nil {
				return err
			}
		}
		message, err := acks.Next(ctx)
		if err != nil {
			return err
		}
		said, err := strconv.Atoi(string(message.Data))
		if err != nil {
			return err
		}
		acked = max(acked, said)
	}
	result("messages", float64(acked)/time.Since(started).Seconds())
	return nil
}

func dial(ctx context.Context, address string, count int) error {
	n, err := makeNode(ctx)
	if err != nil {
		return err
	}
	info, err := peer.AddrInfoFromString(address)
	if err != nil {
		return err
	}
	n.host.Peerstore().AddAddrs(info.ID, info.Addrs, time.Hour)
	service := n.host.(interface{ IDService() identify.IDService }).IDService()
	var connected, identified time.Duration
	for range count {
		called := time.Now()
		connection, err := n.host.Network().DialPeer(ctx, info.ID)
		if err != nil {
			return err
		}
		connected += time.Since(called)
		<-service.IdentifyWait(connection)
		identified += time.Since(called)
		if err := n.host.Network().ClosePeer(info.ID); err != nil {
			return err
		}
	}
	result("dial", float64(count)/connected.Seconds())
	result("dial-identified", float64(count)/identified.Seconds())
	return nil
}

func obey(words []string) error {
	if known, err := obeyPubsub(words); known {
		return err
	}
	numbers := make([]float64, 2)
	if len(words) > 2 {
		for i, word := range words[2:min(len(words), 4)] {
			number, err := strconv.ParseFloat(word, 64)
			if err != nil {
				return err
			}
			numbers[i] = number
		}
	}
	seconds := func(number float64) time.Duration { return time.Duration(number * float64(time.Second)) }
	if len(words) == 1 && words[0] == "listen" {
		return listen(context.Background())
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	switch {
	case len(words) == 3 && words[0] == "up":
		return measurePerf(ctx, "stream-up", words[1], int64(numbers[0]), 0)
	case len(words) == 3 && words[0] == "down":
		return measurePerf(ctx, "stream-down", words[1], 0, int64(numbers[0]))
	case len(words) == 3 && words[0] == "echo":
		return measureEcho(ctx, words[1], seconds(numbers[0]))
	case len(words) == 3 && words[0] == "open":
		return measureOpen(ctx, words[1], seconds(numbers[0]))
	case len(words) == 3 && words[0] == "dial":
		return dial(ctx, words[1], int(numbers[0]))
	case len(words) == 3 && words[0] == "latency":
		return latency(ctx, words[1], seconds(numbers[0]))
	case len(words) == 4 && words[0] == "messages":
		return messages(ctx, words[1], int(numbers[0]), seconds(numbers[1]))
	}
	return errors.New("see peers/README.md")
}

func main() {
	if err := obey(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
