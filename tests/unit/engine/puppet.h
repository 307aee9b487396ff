/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Puppet: a peer that a test leads by the hand: an AviLink on a socket of its own, driven only while
 * the test says so. It answers identify with a boot id of the test's choosing, and pings; it takes
 * identify pushes and the other end's stream for pub/sub, and never says anything else by itself.
 */
#pragma once

#include "link/avi-link.h"
#include "protocols/avi-identify.h"

G_BEGIN_DECLS

typedef struct _Puppet Puppet;

/* Connects to 127.0.0.1:@port. @key: its identity. */
Puppet  *puppet_dial       (AviKeyPair *key, guint16 port, guint8 boot);
/* The same to @ip. */
Puppet  *puppet_dial_at    (AviKeyPair *key, const char *ip, guint16 port, guint8 boot);
/* The same from @ip, an address of this machine. */
Puppet  *puppet_dial_from  (const char *ip, AviKeyPair *key, guint16 port, guint8 boot);
/* Accepts on @listener, a listening socket. */
Puppet  *puppet_accept     (AviKeyPair *key, int listener, guint8 boot);
void     puppet_free       (Puppet *self);
/* As a machine that hangs: the socket stays open, nothing is read or said. */
void     puppet_set_silent (Puppet *self, gboolean silent);
/* It speaks, and reads nothing. */
void     puppet_set_deaf   (Puppet *self, gboolean deaf);
/* It reads its socket, and takes nothing off its streams: once a window is full no more comes on them. */
void     puppet_grant_nothing (Puppet *self);
int      puppet_get_fd     (Puppet *self);
gboolean puppet_is_open    (Puppet *self);        /* the handshake is done, the socket open */
gboolean puppet_is_closed  (Puppet *self);        /* the other end has closed it */
gboolean puppet_was_told_to_go (Puppet *self);    /* by GoAway */
guint    puppet_get_n_identified (Puppet *self);  /* how often it was asked who it is */

/* Drives @puppets (NULL-terminated) and the default main context until @done says TRUE; an error of
 * the test after ten seconds. */
void     puppets_run       (Puppet **puppets, gboolean (*done) (gpointer data), gpointer data);

/* One turn of that: a few milliseconds at most. */
void     puppets_step      (Puppet **puppets);

int      puppet_listen     (guint16 *port);

/* What its identify lists, to be said before it is asked; must outlive it. NULL: identify and ping. */
void               puppet_set_protocols (Puppet *self, const char *const *protocols);
/* Says @info, unasked, by identify push. */
void               puppet_push          (Puppet *self, const AviIdentify *info);
/* Asks the other end who it is. */
void               puppet_ask           (Puppet *self);
/* The last that was answered or pushed to it; NULL: nothing was. */
const AviIdentify *puppet_get_told      (Puppet *self);
/* How often. */
guint              puppet_get_n_told    (Puppet *self);

/* How it answers who asks it who it is. */
typedef enum
{
  PUPPET_SAYS_WHO,
  PUPPET_RESETS,  /* the stream */
  PUPPET_IS_MUTE,
  PUPPET_MUMBLES, /* what is no identify */
  PUPPET_LIES     /* it says another's key */
} PuppetManners;

/* One that was mute answers now. */
void               puppet_set_manners   (Puppet *self, PuppetManners manners);
/* From now on it takes no stream for pings: the other end is left with Yamux's. */
void               puppet_refuse_pings  (Puppet *self);
/* Says goodbye, and goes on. */
void               puppet_go_away       (Puppet *self);
/* Sends what is no frame. */
void               puppet_babble        (Puppet *self);
/* As a machine that has restarted, which knows nothing of the connection: it answers with RST. */
void               puppet_cut           (Puppet *self);

/* A stream of its own, for one protocol (NULL-terminated). */
AviLinkStream     *puppet_open          (Puppet *self, const char *const *protocol);
void               puppet_send          (Puppet *self, AviLinkStream *stream, AviSpan bytes);
/* Bytes sent on it that the other end has not granted room for: while there are 1 MiB no more is taken. */
gsize              puppet_get_queued    (Puppet *self, AviLinkStream *stream);
void               puppet_reset         (Puppet *self, AviLinkStream *stream);
/* How many streams, of either end's, the other end has reset. */
guint              puppet_get_n_reset   (Puppet *self);

/* How many streams for /meshsub/1.1.0 the other end has opened. */
guint              puppet_get_n_pubsub  (Puppet *self);
/* It closes its side of one at an RPC of more than @max_rpc bytes; to be said before the first is opened. */
void               puppet_set_max_rpc   (Puppet *self, gsize max_rpc);
/* Closes its side of the newest of them; nothing where that is gone. */
void               puppet_end_pubsub    (Puppet *self);
/* @text came on one of them, anywhere. */
gboolean           puppet_has_heard     (Puppet *self, const char *text);
/* Where, from 1 on; 0: it did not come. */
gsize              puppet_find_heard    (Puppet *self, const char *text);

G_END_DECLS
