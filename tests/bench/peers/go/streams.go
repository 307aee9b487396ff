// SPDX-License-Identifier: LGPL-2.1-or-later

// What happens on streams that a program opens: /perf/1.0.0, and an echo.
package main

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"slices"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
)

const (
	perfProtocol = "/perf/1.0.0"
	echoProtocol = "/avi-bench/echo/1.0.0"
	chunkBytes   = 64 << 10
	echoBytes    = 64
)

// ---- The one that is measured against

func answerStreams(h host.Host) {
	h.SetStreamHandler(perfProtocol, serve(answerPerf))
	h.SetStreamHandler(echoProtocol, serve(answerEcho))
}

func serve(answer func(network.Stream) error) network.StreamHandler {
	return func(stream network.Stream) {
		if answer(stream) != nil {
			stream.Reset()
			return
		}
		stream.Close()
	}
}

func answerPerf(stream network.Stream) error {
	head := make([]byte, 8)
	if _, err := io.ReadFull(stream, head); err != nil {
		return err
	}
	if _, err := drain(stream); err != nil {
		return err
	}
	return send(stream, int64(binary.BigEndian.Uint64(head)))
}

func answerEcho(stream network.Stream) error {
	buffer := make([]byte, 4096)
	for {
		n, err := stream.Read(buffer)
		if n > 0 {
			if _, err := stream.Write(buffer[:n]); err != nil {
				return err
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// drain reads to the end, and says how much it was.
func drain(stream network.Stream) (received int64, err error) {
	buffer := make([]byte, chunkBytes)
	for {
		n, err := stream.Read(buffer)
		received += int64(n)
		if err == io.EOF {
			return received, nil
		}
		if err != nil {
			return received, err
		}
	}
}

func send(stream network.Stream, size int64) error {
	chunk := make([]byte, chunkBytes)
	for size > 0 {
		n, err := stream.Write(chunk[:min(size, chunkBytes)])
		if err != nil {
			return err
		}
		size -= int64(n)
	}
	return nil
}

// ---- The one that measures

func (n *node) connect(address string) (peer.ID, error) {
	info, err := peer.AddrInfoFromString(address)
	if err != nil {
		return "", err
	}
	return info.ID, n.host.Connect(n.ctx, *info)
}

// perf sends as much and has as much sent, and says how long that took.
func (n *node) perf(id peer.ID, up, down int64) (time.Duration, error) {
	started := time.Now()
	stream, err := n.host.NewStream(n.ctx, id, perfProtocol)
	if err != nil {
		return 0, err
	}
	defer stream.Close()
	if _, err := stream.Write(binary.BigEndian.AppendUint64(nil, uint64(down))); err != nil {
		return 0, err
	}
	if err := send(stream, up); err != nil {
		return 0, err
	}
	if err := stream.CloseWrite(); err != nil {
		return 0, err
	}
	received, err := drain(stream)
	if err == nil && received != down {
		err = errors.New("not all of it came")
	}
	return time.Since(started), err
}

func measurePerf(ctx context.Context, name, address string, up, down int64) error {
	n, err := makeNode(ctx)
	if err != nil {
		return err
	}
	id, err := n.connect(address)
	if err != nil {
		return err
	}
	took, err := n.perf(id, up, down)
	if err != nil {
		return err
	}
	result(name, float64(up+down)*8/1e9/took.Seconds())
	return nil
}

func ask(stream network.Stream, buffer []byte) error {
	if _, err := stream.Write(buffer); err != nil {
		return err
	}
	_, err := io.ReadFull(stream, buffer)
	return err
}

func measureEcho(ctx context.Context, address string, duration time.Duration) error {
	n, err := makeNode(ctx)
	if err != nil {
		return err
	}
	id, err := n.connect(address)
	if err != nil {
		return err
	}
	stream, err := n.host.NewStream(ctx, id, echoProtocol)
	if err != nil {
		return err
	}
	defer stream.Close()
	var times []time.Duration
	buffer := make([]byte, echoBytes)
	for end := time.Now().Add(duration); len(times) == 0 || time.Now().Before(end); {
		asked := time.Now()
		if err := ask(stream, buffer); err != nil {
			return err
		}
		times = append(times, time.Since(asked))
	}
	slices.Sort(times)
	result("echo", float64(times[len(times)/2].Nanoseconds())/1e3)
	return nil
}

func (n *node) openOnce(id peer.ID) error {
	stream, err := n.host.NewStream(n.ctx, id, echoProtocol)
	if err != nil {
		return err
	}
	if err := ask(stream, make([]byte, 1)); err != nil {
		return err
	}
	return stream.Close()
}

func measureOpen(ctx context.Context, address string, duration time.Duration) error {
	n, err := makeNode(ctx)
	if err != nil {
		return err
	}
	id, err := n.connect(address)
	if err != nil {
		return err
	}
	count := 0
	started := time.Now()
	for ; count == 0 || time.Since(started) < duration; count++ {
		if err := n.openOnce(id); err != nil {
			return err
		}
	}
	result("open", float64(count)/time.Since(started).Seconds())
	return nil
}
