// SPDX-License-Identifier: LGPL-2.1-or-later

// What the peers sign of themselves, and whom a PRUNE names (PX).
package main

import (
	"errors"
	"fmt"

	pubsub "github.com/libp2p/go-libp2p-pubsub"
	pb "github.com/libp2p/go-libp2p-pubsub/pb"
	"github.com/libp2p/go-libp2p/core/event"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/peerstore"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/libp2p/go-libp2p/core/record"
	"github.com/multiformats/go-multiaddr"
)

// roomForNobody is what go-libp2p-pubsub has bootstrappers set: whoever grafts is pruned.
func roomForNobody() []pubsub.Option {
	params := pubsub.DefaultGossipSubParams()
	params.D, params.Dlo, params.Dhi, params.Dout, params.Dscore = 0, 0, 0, 0, 0
	return []pubsub.Option{pubsub.WithGossipSubParams(params), pubsub.WithPeerExchange(true)}
}

func joined(addresses []multiaddr.Multiaddr) string {
	texts := ""
	for _, address := range addresses {
		texts += "," + address.String()
	}
	if texts == "" {
		return "-"
	}
	return texts[1:]
}

// keepRecord does with what identify has checked as go-libp2p-pubsub does: an older record than the last is not taken.
func (n *node) keepRecord(e event.EvtPeerIdentificationCompleted) {
	if e.SignedPeerRecord == nil {
		return
	}
	if taken, err := n.book.ConsumePeerRecord(e.SignedPeerRecord, peerstore.PermanentAddrTTL); !taken {
		tell("error signed record of %s: %v", e.Peer, err)
	}
}

// certified tells the last record that the peer signed.
func (n *node) certified(id peer.ID) error {
	envelope := n.book.GetPeerRecord(id)
	if envelope == nil {
		return errors.New("it has signed none")
	}
	content, err := envelope.Record()
	if err != nil {
		return err
	}
	signed, ok := content.(*peer.PeerRecord)
	if !ok || signed.PeerID != id || !id.MatchesPublicKey(envelope.PublicKey) {
		return errors.New("a record of something else")
	}
	tell("record %s %d %s", id, signed.Seq, joined(signed.Addrs))
	return nil
}

// prunes is a tracer that tells of each PRUNE, and whom it names.
type prunes struct{}

func (prunes) SendRPC(rpc *pubsub.RPC, to peer.ID) {
	for _, prune := range rpc.GetControl().GetPrune() {
		tell("pruned %s %s %d", to, prune.GetTopicID(), len(prune.GetPeers()))
	}
}

func (prunes) RecvRPC(rpc *pubsub.RPC) {
	for _, prune := range rpc.GetControl().GetPrune() {
		tell("was-pruned %s %d", prune.GetTopicID(), len(prune.GetPeers()))
		for _, named := range prune.GetPeers() {
			tell("named %s", nameOf(named))
		}
	}
}

func nameOf(named *pb.PeerInfo) string {
	id := peer.ID(named.GetPeerID())
	if named.SignedPeerRecord == nil {
		return fmt.Sprintf("%s - -", id)
	}
	_, content, err := record.ConsumeEnvelope(named.SignedPeerRecord, peer.PeerRecordEnvelopeDomain)
	if err != nil {
		return fmt.Sprintf("%s bad %s", id, field(err.Error()))
	}
	signed := content.(*peer.PeerRecord)
	return fmt.Sprintf("%s %d %s", signed.PeerID, signed.Seq, joined(signed.Addrs))
}

func (prunes) AddPeer(peer.ID, protocol.ID)          {}
func (prunes) RemovePeer(peer.ID)                    {}
func (prunes) Join(string)                           {}
func (prunes) Leave(string)                          {}
func (prunes) Graft(peer.ID, string)                 {}
func (prunes) Prune(peer.ID, string)                 {}
func (prunes) ValidateMessage(*pubsub.Message)       {}
func (prunes) DeliverMessage(*pubsub.Message)        {}
func (prunes) RejectMessage(*pubsub.Message, string) {}
func (prunes) DuplicateMessage(*pubsub.Message)      {}
func (prunes) ThrottlePeer(peer.ID)                  {}
func (prunes) DropRPC(*pubsub.RPC, peer.ID)          {}
func (prunes) UndeliverableMessage(*pubsub.Message)  {}
