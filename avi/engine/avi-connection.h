/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * AviConnection: one TCP socket and the AviLink on it. It moves bytes between the two, tells the
 * swarm of the connection's life and the streams' owners of their data. Nothing else knows all the
 * layers; it knows nothing of what the streams carry.
 *
 *   CONNECTING → HANDSHAKE → OPEN → CLOSED, any state → CLOSED. It is freed after the round in which
 *   it closed, so that callers up the stack may still look at its state.
 */
#pragma once

#include "avi-engine-private.h"
#include "link/avi-link.h"
#include "protocols/avi-identify.h"

G_BEGIN_DECLS

typedef struct _AviStreamOwner AviStreamOwner;
typedef struct _AviDial        AviDial;
typedef struct _AviPeerEntry   AviPeerEntry;

typedef enum
{
  AVI_CONNECTION_CONNECTING,
  AVI_CONNECTION_HANDSHAKE,
  AVI_CONNECTION_OPEN,
  AVI_CONNECTION_CLOSED
} AviConnectionState;

/* Who ended a connection. The network: nobody said so, it does not carry any more. */
typedef enum
{
  AVI_CLOSER_US,
  AVI_CLOSER_PEER,
  AVI_CLOSER_NETWORK
} AviCloser;

/* What a protocol does with its streams. `gone` comes exactly once, last, and frees the owner. */
struct _AviStreamHandler
{
  const char *protocol;
  /* Of a peer's on one connection, at once: what each may make us hold stands in docs/hostile-peers.md. 0: as many
   * as the connection has. */
  guint max_streams;
  /* Handlers of one family have these streams together. NULL: the handler has them alone. */
  const char *family;
  /* The peer opened a stream: the owner for it, or NULL to reset it. */
  AviStreamOwner *(*accept)   (AviConnection *connection, AviLinkStream *stream);
  /* The peer took the protocol on a stream of ours. */
  void            (*agreed)   (AviStreamOwner *owner, const char *protocol);
  void            (*data)     (AviStreamOwner *owner, AviSpan data);
  void            (*finished) (AviStreamOwner *owner);
  void            (*writable) (AviStreamOwner *owner);
  /* @refused: the peer does not speak the protocol. */
  void            (*gone)     (AviStreamOwner *owner, gboolean refused);
};

/* The head of every owner of a stream. */
struct _AviStreamOwner
{
  const AviStreamHandler *handler;
  AviConnection          *connection;
  AviLinkStream          *stream;
  GList                   link; /* in the connection's `owners` */
};

struct _AviConnection
{
  AviEngine         *engine;
  AviConnectionState state;
  AviWatch           watch;
  AviTimer           timer;
  AviLink           *link;
  AviMultiaddr      *remote;
  AviMultiaddr      *local;       /* from when it is connected; NULL before */
  gboolean           inbound;
  struct sockaddr_storage source; /* of an inbound one, for the limits */
  gint64             connect_deadline;
  AviDial           *dial;        /* whose attempt this is, until the handshake is done */
  GByteArray        *unsent;      /* what the socket did not take */
  guint64            n_sealed;    /* bytes that came off the link for the socket, */
  guint64            n_sent;      /* and those that it took */
  AviCaptureFlow    *flow;        /* in the engine's capture; NULL: there is none */
  GQueue             owners;      /* of AviStreamOwner */
  GList              all_link;
  GList              dirty_link;
  gboolean           is_dirty;

  /* From the handshake on; kept by the swarm. */
  AviPeerId     peer;
  AviPeerEntry *entry;
  AviIdentify   info;
  GBytes       *said;             /* what we said of ourselves last, by identify or a push; NULL: nothing */
  gboolean      identified;       /* the peer said who it is, or will not */
  gboolean      draining;         /* not used for anything new; ends at drain_deadline */
  gint64        identify_deadline;
  gint64        drain_deadline;
  gint64        established;      /* monotonic */
  gint64        since;            /* Unix µs */
  gint64        round_trip;       /* µs, -1: not measured */
  AviStreamOwner *ping;           /* the prober's stream */
  guint64       n_refused;        /* of the peer's streams, those that the link refused, as last counted */
  gboolean      refusal_told;
  const char    *why_drained;     /* static; NULL: it is not drained */
  char          *why_closed;      /* and by whom */
};

/* Begins to connect to @address (of a TCP socket). Errors: AVI_ERROR_LIMIT, or the system's. */
AviConnection *avi_connection_dial (AviEngine *engine, AviMultiaddr *address, const AviPeerId *expected, AviDial *dial,
                                    gint64 deadline, GError **error);
/* Takes @fd, which the limits have admitted. */
AviConnection *avi_connection_accept (AviEngine *engine, int fd, const struct sockaddr_storage *source, socklen_t len);
/* At once; what is not sent is lost. @reason: (transfer full). */
void           avi_connection_close  (AviConnection *self, AviCloser closer, GError *reason);
/* The same, where we want it to end and nothing is wrong. */
void           avi_connection_end    (AviConnection *self, const char *why);
/* Of a failure that a machine tells: silence is the network's, all else is what we do not put up with. */
AviCloser      avi_closer_of         (const GError *error);
/* Closes it where its own address is on no interface any more: what is sent on it goes nowhere. */
void           avi_connection_check_address (AviConnection *self);
/* Says GoAway, takes nothing new, closes @after µs from now, or as soon as the peer does. @why: static. */
void           avi_connection_drain  (AviConnection *self, gint64 after, const char *why);
void           avi_connection_free   (AviConnection *self);
/* Asks whether the peer is there, by a Yamux ping, which every peer answers. */
void           avi_connection_ping   (AviConnection *self);
/* Sends what there is to send. Called after each round for the dirty ones. */
void           avi_connection_flush  (AviConnection *self);
gboolean       avi_connection_is_flushed (AviConnection *self);
/* Recomputes when to call again: after one of the deadlines above was set. */
void           avi_connection_update_timer (AviConnection *self);

/* Opens a stream and gives it to @owner, whose handler is set. FALSE: nothing was opened, the owner
 * is still the caller's. */
gboolean avi_connection_open_stream (AviConnection *self, const char *const *protocols, AviStreamOwner *owner,
                                     GError **error);

/* On a stream, by its owner. `send` takes a reference; FALSE: WRITABLE follows. */
gboolean       avi_stream_send    (AviStreamOwner *owner, GBytes *bytes);
void           avi_stream_finish  (AviStreamOwner *owner);
void           avi_stream_consume (AviStreamOwner *owner, gsize n);
/* `gone` follows at once. */
void           avi_stream_reset   (AviStreamOwner *owner);

G_END_DECLS
