/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * SealedPeer: an AviLink opposite a peer that speaks Noise as it should, and under it whatever a
 * test or a fuzzer says. The link's events are counted and may be watched; its words are opened.
 */
#pragma once

#include "link/avi-link.h"
#include "link/avi-yamux-frame.h"

G_BEGIN_DECLS

typedef struct _SealedPeer SealedPeer;

typedef void (*SealedPeerFunc) (SealedPeer *self, const AviLinkEvent *event);

struct _SealedPeer
{
  AviLink       *link; /* the one under test; NULL once it failed */
  GError        *error;
  AviNoise      *noise; /* ours */
  gint64         now;
  GByteArray    *heard; /* what the link said under Noise and the test has not taken */
  SealedPeerFunc on_event; /* NULL: data is consumed */
  gpointer       user_data;
  guint          n_events;
  AviWriter      writer;
  AviRandom      random; /* seeded: a run can be repeated */
};

/* Through the Noise handshake. @link_dials: the link is the dialler, we listen. @early_muxer: agreed
 * in the handshake, so that the link is established; else its negotiation is the next to come. */
SealedPeer *sealed_peer_new (const AviLinkConfig *config, gboolean early_muxer, SealedPeerFunc on_event,
                             gpointer user_data);
void        sealed_peer_free (SealedPeer *self);

/* To the link, under Noise; its events are read and what it says is heard. */
void sealed_peer_say     (SealedPeer *self, AviSpan text);
/* A frame of Yamux. */
void sealed_peer_say_frame (SealedPeer *self, AviYamuxFrameType type, guint16 flags, guint32 stream,
                            const char *payload);
/* Time passes. */
void sealed_peer_advance (SealedPeer *self, gint64 duration);
/* After a verb. */
void sealed_peer_drive   (SealedPeer *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (SealedPeer, sealed_peer_free)

G_END_DECLS
