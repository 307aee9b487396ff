/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * AvahiFixture: a private bus that is taken for the system's, perhaps a daemon on it, an AviAvahi,
 * and what that has told. The daemon says what a test has it say; nothing goes to any network.
 */
#pragma once

#include "discovery/avi-avahi-bus.h"
#include "discovery/avi-avahi.h"
#include "mock-avahi.h"

G_BEGIN_DECLS

#define PATIENCE (20 * G_USEC_PER_SEC)
#define SERVICE  "_p2p._udp.local"
#define INSTANCE "abc._p2p._udp.local"
#define PTR      12
#define TXT      16

typedef struct
{
  GTestDBus  *bus;
  MockAvahi  *mock;
  AviAvahi   *avahi;
  AviPeerId   self_id;

  GHashTable *peers; /* "peer id/ifindex" → addresses, joined by blanks */
  guint       n_found;
  guint       n_gone;
  guint       n_changed;
  gboolean    running;
  char       *problem;
} AvahiFixture;

/* A test with a fixture of its own, in which nothing has begun. */
void        avahi_add_test          (const char *path, void (*test) (AvahiFixture *, gconstpointer));

#define wait_for(condition)                                                                                            \
 for (gint64 deadline = g_get_monotonic_time () + PATIENCE; !(condition);)                                             \
 avahi_turn (deadline)
void        avahi_turn              (gint64 deadline);

void        avahi_start             (AvahiFixture *f);
/* As it is where all is well. */
void        avahi_start_with_daemon (AvahiFixture *f);
/* @first and so on: multiaddrs. */
void        avahi_publish           (AvahiFixture *f, guint ifindex, guint16 port, const char *first,
                                     ...) G_GNUC_NULL_TERMINATED;

/* The PTR record of the service that names @instance comes or goes. @member: ItemNew or ItemRemove */
void        avahi_point             (AvahiFixture *f, const char *member, const char *instance, gint32 ifindex,
                                     gint32 protocol);
/* A TXT record of @instance comes or goes; @first and so on: multiaddrs, each of which gets the
 * peer @n. */
void        avahi_tell              (AvahiFixture *f, const char *member, const char *instance, gint32 ifindex,
                                     gint32 protocol, guint n, const char *first, ...) G_GNUC_NULL_TERMINATED;
/* An instance whose TXT records are looked for from now on. */
void        avahi_introduce         (AvahiFixture *f, const char *instance, gint32 ifindex);
/* Signals come in order: when the last is seen, so are those before it. */
void        avahi_settle            (AvahiFixture *f);

AviPeerId   avahi_peer              (guint n);
/* Its addresses, joined by blanks; NULL: it is not there. */
const char *avahi_sees              (AvahiFixture *f, guint n, guint ifindex);

G_END_DECLS
