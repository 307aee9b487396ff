/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * AviLan: discovery on the LAN as the engine drives it: the network interfaces (AviInterfaces), the
 * mDNS sockets on each that is up (AviLanSocket), the AviMdns machine and, beside it, Avahi. Runs on
 * the engine's loop and context; tells everything from there, nothing from inside a call. It never
 * dials and never judges who was found.
 */
#pragma once

#include "avi-loop.h"
#include "wire/avi-multiaddr.h"

G_BEGIN_DECLS

typedef struct _AviLan AviLan;

typedef struct
{
  /* @addresses: (element-type AviMultiaddr), without /p2p/: all that are known of it by now, the newest
   * first. Also told, once a second at most, where a peer is heard again and nothing is new. */
  void (*found)   (gpointer user_data, const AviPeerId *peer, GPtrArray *addresses);
  /* It said goodbye, or nothing was heard of it for as long as its records live. */
  void (*gone)    (gpointer user_data, const AviPeerId *peer);
  /* An interface or address came or went: back-offs are void, addresses to announce have changed. */
  void (*network) (gpointer user_data);
  /* What `discovery-status` says: what was seen and what stands in the way, parts joined by "; ",
   * never empty. */
  void (*status)  (gpointer user_data, const char *text);
  /* A malformed packet was dropped. May be NULL. */
  void (*invalid) (gpointer user_data);
  /* @n addresses that others told were passed over, for they lead elsewhere. May be NULL. */
  void (*ignored) (gpointer user_data, guint64 n);
} AviLanCallbacks;

/* @mdns FALSE: watch the interfaces only. Never fails as a whole: what does not work (port taken, no
 * interface) is told by `status`. The interfaces are known when it returns. No callback may free the
 * AviLan. */
AviLan    *avi_lan_new           (AviLoop *loop, gboolean mdns, const AviPeerId *self_id,
                                  const AviLanCallbacks *callbacks, gpointer user_data);
/* Listeners: (element-type AviMultiaddr), as bound: 0.0.0.0 and :: stand for all addresses. */
void       avi_lan_set_listeners (AviLan *self, GPtrArray *listeners);
/* The addresses at which others may reach us, wildcards expanded to those of the interfaces that
 * are up, IPv4 first: (transfer full) (element-type AviMultiaddr). Link-local ones only where there
 * are no others. @loopback: and at the end those of `lo`. */
GPtrArray *avi_lan_get_addresses (AviLan *self, gboolean loopback);
/* TRUE where @address is one of this machine's own interface addresses. */
gboolean   avi_lan_is_own        (AviLan *self, const AviMultiaddr *address);
/* TRUE where the interfaces are known, and @address is on none of them any more. */
gboolean   avi_lan_has_lost      (AviLan *self, const AviMultiaddr *address);
/* TRUE where it lies in the subnet of an interface that is up (dialled first). */
gboolean   avi_lan_is_near       (AviLan *self, const AviMultiaddr *address);
/* Looks again now. */
void       avi_lan_query         (AviLan *self);
/* Says goodbye: the packets are sent before this returns, after which nothing is told any more. */
void       avi_lan_goodbye       (AviLan *self);
void       avi_lan_free          (AviLan *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (AviLan, avi_lan_free)

G_END_DECLS
