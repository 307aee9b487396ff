/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the parts of an engine share. Each part (listener, connection, dial, swarm, pub/sub, …) is a
 * small type with its own file; they reach each other through the engine. One thread at a time.
 */
#pragma once

#include "avi-capture.h"
#include "avi-core-private.h"
#include "avi-engine.h"
#include "avi-guest.h"
#include "avi-lan.h"
#include "avi-limits.h"
#include "avi-log.h"
#include "avi-loop.h"
#include "discovery/avi-local.h"
#include "link/avi-noise.h"

G_BEGIN_DECLS

#define AVI_PROTOCOL_VERSION      "/avi/1.0.0"
#define AVI_ENGINE_RECEIVE_BUFFER (256 * 1024) /* bytes of one read */
#define AVI_ENGINE_WRITER_LIMIT   (256 * 1024) /* bytes of one write */

typedef struct _AviConnection AviConnection;
typedef struct _AviSwarm      AviSwarm;
typedef struct _AviPubsub     AviPubsub;
typedef struct _AviBootstrap  AviBootstrap;

struct _AviEngine
{
  AviLock            lock; /* of all of it, but while its thread waits for events */
  AviCore           *core;
  const AviSettings *settings;
  AviLoop           *loop;  /* NULL, and no guest: descriptors had run out */
  AviGuest          *guest; /* where GIO's calls end */
  AviRandom         *random;

  /* Who we are, anew at each start but for the identity. */
  AviPeerId       self_id;
  guint8          boot_id[16];
  /* Of our signed peer records: grows when our addresses become others than those, joined. */
  guint64         record_seq;
  GByteArray     *record_of; /* NULL: none was made yet */
  AviNoiseStatic *statics;

  /* The protocols that peers may open streams for; NULL-terminated. */
  const char **protocols;

  /* One buffer each for all connections: what is read goes up at once, what is written and not
   * taken by the socket is copied out. */
  guint8   *receive_buffer;
  AviWriter writer;

  AviCapture *capture; /* NULL: nobody asked for it */
  AviLinkTap  tap;     /* of the connection that is driven, where there is a capture */

  AviLog     *log;
  AviTimer    log_timer; /* it has counts to tell */

  AviLimits limits;

  GPtrArray    *listeners; /* of AviListener */
  AviSwarm     *swarm;
  AviPubsub    *pubsub;
  AviBootstrap *bootstrap;
  AviLan       *lan;
  AviLocal     *local;     /* NULL: switched off, or no runtime directory */
  char         *lan_status;
  char         *local_problem; /* or NULL */

  GQueue connections;      /* of AviConnection: all that are not closed, by their `all_link` */

  /* Connections with something to send, flushed after each round; and those that have ended, freed
   * when nobody up the stack can hold them any more. */
  GQueue     dirty;        /* of AviConnection, by their `dirty_link` */
  GPtrArray *graveyard;    /* of AviConnection */

  AviTimer scan_timer;     /* node files are to be looked at */
  gint64   slept;          /* as avi_sleep_get said last */
  gboolean begun;          /* the first round was */
  gboolean stopping;       /* no new work */
  gboolean hurry;          /* and no flush */
  gboolean stopped;        /* the loop ends */
  gint64   stop_deadline;
  AviTimer stop_timer;
};

/* For the debug log, with the fields AVI_PEER and AVI_CONNECTION; either may be NULL. What happens again and
 * again to one peer is folded (AviLog). */
void avi_engine_log (AviEngine *self, const AviPeerId *peer, const AviMultiaddr *remote, const char *format, ...)
    G_GNUC_PRINTF (4, 5);
/* A change of state, which is always told. */
void avi_engine_log_state (AviEngine *self, const AviPeerId *peer, const AviMultiaddr *remote, const char *format, ...)
    G_GNUC_PRINTF (4, 5);

/* What was counted and not told yet. */
void avi_engine_end_log (AviEngine *self);

/* Of a start: mDNS and node files, where the settings want them. */
void avi_engine_start_discovery (AviEngine *self);
/* Another network, or as good as one: back-offs are void, and peers are told our addresses. */
void avi_engine_network_changed (AviEngine *self);
/* Listening addresses have changed: the snapshot, discovery and identify push follow. */
void avi_engine_update_addresses (AviEngine *self);
/* A peer of this machine may have died, of which its node file gives no event: soon, not now. */
void avi_engine_look_again (AviEngine *self);
/* Our addresses as we tell peers: (transfer full) (element-type AviMultiaddr) */
GPtrArray *avi_engine_get_addresses (AviEngine *self);

G_END_DECLS
