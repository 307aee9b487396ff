/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the files of AviLink share: its state. avi-link.c has the connection's negotiation and the
 * doors, avi-link-streams.c the streams and their verbs. For nobody else.
 */
#pragma once

#include "avi-error.h"
#include "link/avi-link.h"
#include "link/avi-multistream.h"
#include "link/avi-yamux-queue.h"

G_BEGIN_DECLS

typedef enum
{
  AVI_LINK_SECURITY, /* /noise is proposed */
  AVI_LINK_NOISE,    /* the handshake */
  AVI_LINK_MUXER,    /* /yamux/1.0.0 is proposed, where that was not agreed early */
  AVI_LINK_OPEN
} AviLinkStage;

typedef enum
{
  AVI_LINK_STREAM_OFFERING,   /* ours: one of several protocols is to be agreed; data is held */
  AVI_LINK_STREAM_OPTIMISTIC, /* ours: the one protocol is not confirmed; data goes, FIN is held */
  AVI_LINK_STREAM_LISTENING,  /* the peer's: it proposes; nobody was told yet */
  AVI_LINK_STREAM_REFUSING,   /* the peer's: "na" and FIN are on their way, the rest is ignored */
  AVI_LINK_STREAM_OPEN
} AviLinkStreamState;

struct _AviLinkStream
{
  guint32            id; /* Yamux's */
  AviLinkStreamState state;
  gboolean           inbound;
  gboolean           finishing; /* its owner sends no more */
  const char        *protocol;  /* NULL until agreed */
  gpointer           owner;

  AviMultistream *negotiation; /* NULL once it is done */
  gint64          deadline;    /* µs, of the negotiation */
  AviYamuxQueue   held;        /* data that waits for the agreement */

  GList in_all;
  GList in_negotiating;
};

struct _AviLink
{
  /* From the config. */
  gboolean           dialer;
  AviNoiseStatic    *statics; /* NULL once Noise has begun */
  AviPeerId          expected; /* of length 0: whoever answers */
  const char *const *protocols;
  gboolean           early_muxer;
  AviYamuxConfig     limits;
  gint64             handshake_timeout;
  gint64             negotiation_timeout;
  AviRandom         *random;
  AviLinkTap        *tap; /* or NULL */

  gint64       now;      /* as last told */
  gint64       deadline; /* of the handshake */
  AviLinkStage stage;
  GError      *error;
  gboolean     error_told;

  /* From the pipe up; a negotiation is NULL before it begins and once it is done. */
  AviMultistream *security;
  AviNoise       *noise;
  AviPublicKey   *peer;  /* Noise's; NULL until it is proven */
  AviMultistream *muxer;
  AviYamux       *yamux;

  GQueue streams;
  GQueue negotiating; /* of them, those with a deadline, the earliest first */

  AviLinkStream *speaking; /* whose negotiation `next` is reading */
  gsize          spoken;   /* bytes of it that the negotiation took, whose credit is to be returned */
  AviLinkStream *gone;     /* told with the last event, freed with the next */
};

/* What a layer gave to `next`. */
typedef enum
{
  AVI_LINK_PULLED_NOTHING,
  AVI_LINK_PULLED_SOMETHING, /* not for the owner; look again */
  AVI_LINK_PULLED_EVENT
} AviLinkPulled;

/* The link has failed, at what @layer (NULL: the message says it) reports; takes @error. */
void          avi_link_fail             (AviLink *self, const char *layer, GError *error);

/* Whose time for a negotiation is over. */
AviLinkPulled avi_link_pull_expired     (AviLink *self, AviLinkEvent *event);
/* The negotiation of the stream that data came for. */
AviLinkPulled avi_link_pull_negotiation (AviLink *self, AviLinkEvent *event);
AviLinkPulled avi_link_pull_yamux       (AviLink *self, AviLinkEvent *event);
void          avi_link_stream_free      (AviLink *self, AviLinkStream *stream);

G_END_DECLS
