/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Node: an AviMdns under virtual time, with what it has sent and told: alone, with packets made by
 * hand in the form of each family (Packet), or in company on a LAN that delivers at once. Peers are
 * known by a number, from which their ids follow.
 */
#pragma once

#include "avi-error.h"
#include "discovery/avi-dns.h"
#include "discovery/avi-mdns.h"

G_BEGIN_DECLS

#define MS      G_GINT64_CONSTANT (1000)
#define SECOND  G_GINT64_CONSTANT (1000000)
#define START   (1000 * SECOND)
#define IFINDEX 1000003 /* no interface of the machine that runs the test */

typedef struct
{
  gint64   at;
  gboolean multicast;
  guint16  port;  /* where to */
  int      family;
  GBytes  *bytes;
} Sent;

typedef struct
{
  AviMdns   *mdns;
  AviRandom  random;
  AviPeerId  id;
  char      *text;
  char      *host; /* "10.0.0.1" */
  GArray    *sent; /* of Sent */
  GPtrArray *told; /* of text: "found PEER ADDRESS ADDRESS", "gone PEER", "foreign", "quiet" */
  guint      wakes;
} Node;

typedef struct
{
  AviWriter    writer;
  AviDnsWriter dns;
  AviDnsName   service;
} Packet;

void        mdns_make_peer      (guint number, AviPeerId *id);
/* Of AviMultiaddr: (transfer full) */
GPtrArray  *mdns_make_addresses (const char *first, ...) G_GNUC_NULL_TERMINATED;
/* @label before the service's name. */
void        mdns_instance_init  (AviDnsName *instance, const char *label);
/* "dnsaddr=@address/p2p/…": (transfer full) */
char       *mdns_dnsaddr        (const char *address, guint peer);
/* (transfer full) */
char       *mdns_name_to_text   (const AviDnsName *name);

/* --- a node, of the peer of that number --- */

Node       *node_new            (guint number);
void        node_free           (Node *node);
/* Its interface is, with one IPv4 address. */
void        node_up             (Node *node, gint64 now);
/* Up, and past its train. */
Node       *node_new_settled    (guint number, gint64 *now);
/* Lets time pass for one node alone. */
void        node_run            (Node *node, gint64 *now, gint64 until);
/* What it has to say at once. */
void        node_take_sent      (Node *node, gint64 now);
void        node_take_events    (Node *node);
/* What it has sent and told. */
void        node_forget         (Node *node);

gboolean    node_receive        (Node *node, AviSpan bytes, const char *from, guint16 port, gint64 now, GError **error);
void        node_ask            (Node *node, const char *name, AviDnsType type, gboolean unicast, guint16 port,
                                 gint64 now);
/* A peer of ours as itself announces, in the plainest form. */
void        node_hear_peer      (Node *node, guint peer, const char *address, guint32 ttl, gint64 now);

const char *node_told           (Node *node, guint index);
/* That @peer was found with @addresses; NULL: that it is gone. */
void        node_assert_told    (Node *node, guint index, guint peer, const char *addresses);

/* --- what it has sent, taken apart --- */

const Sent *node_sent           (Node *node, guint index);
/* Leaves what @node had to answer. */
void        node_forget_queries (Node *node);
/* "PTR*4500 …": type, * where the cache is flushed, TTL; questions in brackets; | between answers
 * and additionals. */
void        node_assert_sent    (Node *node, guint index, const char *description);
/* The names under which @node announces itself. */
void        node_get_names      (Node *node, gint64 *now, AviDnsName *instance, AviDnsName *host);

gboolean    sent_is_query       (const Sent *sent);
/* As `node_assert_sent` compares it: (transfer full) */
char       *sent_describe       (const Sent *sent);
/* The first record of that type, which must be there. */
void        sent_find           (const Sent *sent, AviDnsType type, AviDnsRecord *record);

/* --- a LAN --- */

void        lan_run             (Node **nodes, guint n, gint64 *now, gint64 until);

/* --- packets by hand --- */

void        packet_init         (Packet *packet, guint16 id, guint16 flags);
void        packet_ask          (Packet *packet, const char *name, AviDnsType type, gboolean unicast);
void        packet_put_ptr      (Packet *packet, const AviDnsName *instance, guint32 ttl);
/* @first and so on: its strings. */
void        packet_put_txt      (Packet *packet, AviDnsSection section, const AviDnsName *instance, guint32 ttl,
                                 gboolean flush, const char *first, ...) G_GNUC_NULL_TERMINATED;
/* Ends the packet. */
void        packet_send_from    (Packet *packet, Node *to, const char *from, guint16 port, gint64 now);
/* From a neighbour's port of mDNS. */
void        packet_send         (Packet *packet, Node *to, gint64 now);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Node, node_free)

G_END_DECLS
