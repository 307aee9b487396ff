// SPDX-License-Identifier: LGPL-2.1-or-later

// What is measured of pub/sub alone.
package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	pubsub "github.com/libp2p/go-libp2p-pubsub"
	pb "github.com/libp2p/go-libp2p-pubsub/pb"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/multiformats/go-multiaddr"
	"golang.org/x/sys/unix"
)

const (
	loadWindow = 4096
	loadStep   = loadWindow / 8
	loadQueued = 4 * loadWindow
	overdue    = 3 * time.Second
	settle     = 500 * time.Millisecond
	probeRate  = 1000
	warmUp     = 4
	loadBytes  = 64

	kindHello   = 'h'
	kindWarming = 'w'
	kindProbe   = 'p'
	kindLoad    = 'x'
)

// unsigned is what makes messages nameless, on all topics; a message is then called by what it says.
var unsigned = []pubsub.Option{
	pubsub.WithMessageSignaturePolicy(pubsub.StrictNoSign),
	pubsub.WithNoAuthor(),
	pubsub.WithMessageIdFn(func(message *pb.Message) string {
		sum := sha256.Sum256(append([]byte(message.GetTopic()), message.Data...))
		return string(sum[:20])
	}),
}

// nowNs is the clock of all processes here, whatever they are written in.
func nowNs() int64 {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		panic(err)
	}
	return now.Nano()
}

// payload is a kind, and from the eighth byte on a number.
func payload(kind byte, number uint64, size int) []byte {
	data := make([]byte, max(size, 16))
	data[0] = kind
	binary.LittleEndian.PutUint64(data[8:], number)
	return data
}

func makeLoadNode(ctx context.Context, options ...pubsub.Option) (*node, error) {
	key, _, err := crypto.GenerateEd25519Key(rand.Reader)
	if err != nil {
		return nil, err
	}
	return newNode(ctx, key, append(options,
		pubsub.WithPeerOutboundQueueSize(loadQueued),
		pubsub.WithValidateQueueSize(loadQueued),
	)...)
}

func (n *node) subscribeLoad(name string) (*pubsub.Subscription, error) {
	topic, err := n.topic(name)
	if err != nil {
		return nil, err
	}
	return topic.Subscribe(pubsub.WithBufferSize(loadQueued))
}

// ---- Those that are measured against

// hearer counts what comes, and answers.
type hearer struct {
	*node
	heard  atomic.Uint64
	probes atomic.Pointer[[]int64]
}

func (h *hearer) hear(subscription *pubsub.Subscription) {
	var times []int64
	for {
		message, err := subscription.Next(h.ctx)
		if err != nil {
			return
		}
		// Of its own accord it hears itself.
		if message.ReceivedFrom == h.host.ID() {
			continue
		}
		switch message.Data[0] {
		case kindLoad:
			h.count(subscription.Topic())
		case kindProbe:
			times = append(times, nowNs()-int64(binary.LittleEndian.Uint64(message.Data[8:])))
			heard := times
			h.probes.Store(&heard)
		case kindHello:
			if subscription.Topic() == "load" {
				h.say(message.Data)
			}
		}
	}
}

func (h *hearer) count(topic string) {
	heard := h.heard.Add(1)
	if topic == "load" && heard%loadStep == 0 {
		h.say([]byte(strconv.FormatUint(heard, 10)))
	}
}

func (h *hearer) say(data []byte) {
	if err := h.publish("ack", data); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
}

func (h *hearer) report() {
	result("heard", float64(h.heard.Load()))
	stored := h.probes.Load()
	if stored == nil {
		result("probes", 0)
		return
	}
	times := slices.Clone(*stored)
	slices.Sort(times)
	result("probes", float64(len(times)))
	result("latency", float64(times[len(times)/2])/1e3)
	result("latency-p99", float64(times[len(times)*99/100])/1e3)
}

func (h *hearer) publishAtRate(rate, count int) {
	ticker := time.NewTicker(time.Second / time.Duration(rate))
	defer ticker.Stop()
	for ; count > 0; count-- {
		if err := h.publish("mesh", payload(kindLoad, uint64(count), loadBytes)); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
		<-ticker.C
	}
	fmt.Println("published")
}

func (h *hearer) await(topic string, count int) {
	for len(h.pubsub.ListPeers(topic)) < count {
		time.Sleep(retry)
	}
	fmt.Println("ready")
}

func (h *hearer) obey(words []string) error {
	switch {
	case len(words) == 1 && words[0] == "report":
		h.report()
	case len(words) == 2 && words[0] == "connect":
		_, err := h.connect(words[1])
		return err
	case len(words) == 3:
		count, err := strconv.Atoi(words[2])
		if err != nil {
			return err
		}
		if words[0] == "await" {
			go h.await(words[1], count)
			return nil
		}
		rate, err := strconv.Atoi(words[1])
		if err != nil {
			return err
		}
		go h.publishAtRate(rate, count)
	}
	return nil
}

// serveTopics listens with these subscriptions, and with a connection to that address, and then does what its input says.
func serveTopics(ctx context.Context, topics []string, dialled string, options ...pubsub.Option) error {
	n, err := makeLoadNode(ctx, options...)
	if err != nil {
		return err
	}
	h := &hearer{node: n}
	// Topics are joined before two goroutines look for them.
	if _, err := n.topic("ack"); err != nil {
		return err
	}
	for _, name := range topics {
		subscription, err := n.subscribeLoad(name)
		if err != nil {
			return err
		}
		go h.hear(subscription)
	}
	if err := n.host.Network().Listen(multiaddr.StringCast("/ip4/127.0.0.1/tcp/0")); err != nil {
		return err
	}
	if dialled != "" {
		if _, err := n.connect(dialled); err != nil {
			return err
		}
	}
	fmt.Printf("listening %s/p2p/%s\n", n.host.Network().ListenAddresses()[0], n.host.ID())
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		if err := h.obey(strings.Fields(lines.Text())); err != nil {
			return err
		}
	}
	return lines.Err()
}

func topicNames(count int) []string {
	names := make([]string, count)
	for i := range names {
		names[i] = fmt.Sprintf("topic-%d", i)
	}
	return names
}

// ---- The one that publishes

// meetSubscriber connects, and returns when the subscriber is known to hear, whoever is between.
func (n *node) meetSubscriber(address string) (*pubsub.Subscription, error) {
	acks, err := n.subscribeLoad("ack")
	if err != nil {
		return nil, err
	}
	if _, err := n.connect(address); err != nil {
		return nil, err
	}
	for attempt := range attempts {
		if err := n.publish("load", payload(kindHello, uint64(attempt), loadBytes)); err != nil {
			return nil, err
		}
		if n.next(acks, retry) {
			for n.next(acks, settle) {
			}
			return acks, nil
		}
	}
	return nil, errors.New("the subscriber does not answer")
}

// nextAck is what an acknowledgement said, or 0 where there was none for a while.
func (n *node) nextAck(acks *pubsub.Subscription) (uint64, error) {
	ctx, cancel := context.WithTimeout(n.ctx, overdue)
	defer cancel()
	for {
		message, err := acks.Next(ctx)
		if err != nil {
			return 0, nil
		}
		if message.Data[0] != kindHello {
			return strconv.ParseUint(string(message.Data), 10, 64)
		}
	}
}

func load(ctx context.Context, address string, size int, duration time.Duration, options ...pubsub.Option) error {
	n, err := makeLoadNode(ctx, options...)
	if err != nil {
		return err
	}
	acks, err := n.meetSubscriber(address)
	if err != nil {
		return err
	}
	var sent, acked uint64
	var took time.Duration
	started := time.Now()
	// What is sent last fills a step, so that an acknowledgement tells of it.
	for took < duration || sent%loadStep != 0 || acked < sent {
		end := acked + loadWindow
		if took >= duration {
			end = (sent + loadStep - 1) / loadStep * loadStep
		}
		for ; sent < end; sent++ {
			if err := n.publish("load", payload(kindLoad, sent, size)); err != nil {
				return err
			}
		}
		said, err := n.nextAck(acks)
		if err != nil {
			return err
		}
		if said == 0 {
			break
		}
		acked = max(acked, said)
		took = time.Since(started)
	}
	result("lost", float64(sent-acked))
	result("load", float64(acked)/max(took.Seconds(), 1e-9))
	return nil
}

func pace(ctx context.Context, address string, count int) error {
	n, err := makeLoadNode(ctx)
	if err != nil {
		return err
	}
	if _, err := n.meetSubscriber(address); err != nil {
		return err
	}
	ticker := time.NewTicker(time.Second / probeRate)
	defer ticker.Stop()
	for i := range count {
		<-ticker.C
		kind := byte(kindProbe)
		if i < count/warmUp {
			kind = kindWarming
		}
		if err := n.publish("load", payload(kind, uint64(nowNs()), loadBytes)); err != nil {
			return err
		}
	}
	time.Sleep(settle)
	return nil
}

// obeyPubsub does what the words say, where they are about pub/sub alone; otherwise it returns false.
func obeyPubsub(words []string) (bool, error) {
	if len(words) == 0 {
		return false, nil
	}
	var options []pubsub.Option
	if words[len(words)-1] == "unsigned" {
		options, words = unsigned, words[:len(words)-1]
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	switch {
	case len(words) == 1 && words[0] == "subscribe":
		return true, serveTopics(context.Background(), []string{"load"}, "", options...)
	case len(words) == 2 && words[0] == "relay":
		return true, serveTopics(context.Background(), []string{"load", "ack"}, words[1])
	case len(words) == 1 && words[0] == "mesh":
		return true, serveTopics(context.Background(), []string{"mesh"}, "")
	case len(words) == 2 && words[0] == "topics":
		count, err := strconv.Atoi(words[1])
		if err != nil {
			return true, err
		}
		return true, serveTopics(context.Background(), topicNames(count), "")
	case len(words) == 4 && words[0] == "load":
		size, err := strconv.Atoi(words[2])
		if err != nil {
			return true, err
		}
		seconds, err := strconv.ParseFloat(words[3], 64)
		if err != nil {
			return true, err
		}
		return true, load(ctx, words[1], size, time.Duration(seconds*float64(time.Second)), options...)
	case len(words) == 3 && words[0] == "pace":
		count, err := strconv.Atoi(words[2])
		if err != nil {
			return true, err
		}
		return true, pace(ctx, words[1], count)
	}
	return false, nil
}
