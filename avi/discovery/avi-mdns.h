/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * AviMdns: our own responder and querier of mDNS (RFC 6762, DNS-SD RFC 6763) for libp2p's service
 * (specs/discovery/mdns), with the dialect that rust-libp2p speaks. A machine without I/O: it is
 * told which interfaces are up with which addresses, handed datagrams, and says what to send where.
 *
 * Found and gone are told per peer; a record's expiry is about addresses only, never a reason to
 * close a connection.
 */
#pragma once

#include "crypto/avi-random.h"
#include "wire/avi-multiaddr.h"

G_BEGIN_DECLS

#define AVI_MDNS_PORT         5353
#define AVI_MDNS_GROUP_IP4    "224.0.0.251"
#define AVI_MDNS_GROUP_IP6    "ff02::fb"
#define AVI_MDNS_SERVICE      "_p2p._udp.local"
#define AVI_MDNS_MAX_PACKET   9000 /* bytes, RFC 6762 section 17 */
#define AVI_MDNS_MAX_SENT     1452 /* bytes of a packet of ours: one frame of Ethernet, IPv6 and UDP taken off */
#define AVI_MDNS_QUIET_TIME                                                                                            \
 (600 * G_USEC_PER_SEC)                              /* without a packet of another host: then all are asked. In peace
                                                      somebody asks every 375 s at the latest, not always another */
#define AVI_MDNS_ANSWER_TIME (10 * G_USEC_PER_SEC)  /* and if none answers within, that is told */
#define AVI_MDNS_MAX_PEERS    1024 /* remembered */
#define AVI_MDNS_MAX_ADDRESSES  16 /* of a peer */

typedef struct _AviMdns AviMdns;

/* A subnet of an interface. */
typedef struct
{
  int    family; /* AF_INET, AF_INET6 */
  guint8 ip[16];
  guint8 prefix; /* bits of it */
} AviMdnsNetwork;

typedef struct
{
  guint                   ifindex;
  gboolean                multicast; /* out: to the group rather than to one host */
  gboolean                own;       /* in: the source is an address of this machine */
  gboolean                near;      /* in: the source is on this link by its address, so that it may be answered by
                                        unicast. What came by multicast is on this link in any case (RFC 6762, section 11) */
  const AviMdnsNetwork   *networks;  /* in: those of the interface, where addresses that are told may be dialled */
  guint                   n_networks;
  struct sockaddr_storage remote;    /* in: the source. out: where to, group or host */
  AviSpan                 bytes;     /* out: good until the next call */
} AviMdnsPacket;

typedef enum
{
  AVI_MDNS_EVENT_FOUND,  /* peer has these addresses (of AviMultiaddr, without /p2p/; all that are known, the
                            newest first): something changed, or it was heard again (told once a second at most) */
  AVI_MDNS_EVENT_GONE,   /* peer withdrew itself, or its records expired */
  AVI_MDNS_EVENT_FOREIGN, /* the first packet of another host on ifindex, ever or after QUIET */
  AVI_MDNS_EVENT_QUIET    /* none since AVI_MDNS_QUIET_TIME, and none that answered when all were asked */
} AviMdnsEventType;

typedef struct
{
  AviMdnsEventType type;
  AviPeerId        peer;
  GPtrArray       *addresses; /* (transfer none) */
  guint            ifindex;
} AviMdnsEvent;

AviMdns *avi_mdns_new  (const AviPeerId *self_id, AviRandom *random);
void     avi_mdns_free (AviMdns *self);

/* An interface that is up, or whose addresses changed: @addresses (of AviMultiaddr, TCP, LAN only,
 * without /p2p/, the best first) is what is announced there and nowhere else. It queries and
 * announces at once and after 0.25, 0.5, 1 and 2 s, then queries at growing intervals. Nothing
 * happens where nothing has changed. */
void     avi_mdns_set_interface    (AviMdns *self, guint ifindex, gboolean ip4, gboolean ip6, GPtrArray *addresses,
                                    gint64 now);
void     avi_mdns_remove_interface (AviMdns *self, guint ifindex);
/* Withdraws us everywhere: what `transmit` then gives are goodbyes, after which it is silent. */
void     avi_mdns_goodbye          (AviMdns *self, gint64 now);
/* Look again now (a dial that failed, a program's own `discover`). */
void     avi_mdns_query            (AviMdns *self, gint64 now);

/* Malformed packets are errors that name the place; the machine stays good. */
gboolean avi_mdns_receive  (AviMdns *self, const AviMdnsPacket *packet, gint64 now, GError **error);
void     avi_mdns_tick     (AviMdns *self, gint64 now);
gboolean avi_mdns_transmit (AviMdns *self, AviMdnsPacket *packet, gint64 now);
gboolean avi_mdns_next     (AviMdns *self, AviMdnsEvent *event);
gint64   avi_mdns_deadline (AviMdns *self);
guint    avi_mdns_get_n_peers (AviMdns *self);
/* Addresses that were told, and passed over for not being near, so far. */
guint64  avi_mdns_get_n_ignored (AviMdns *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (AviMdns, avi_mdns_free)

G_END_DECLS
