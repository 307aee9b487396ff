/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * AviLan: discovery on the LAN as the engine drives it: the network interfaces (by rtnetlink: which
 * are up, with which addresses, and every change), the mDNS sockets per family, the AviMdns machine
 * and, beside it, Avahi. Runs on the engine's loop and context.
 *
 * Sockets are bound to 224.0.0.251:5353 and [ff02::fb]:5353 with SO_REUSEADDR and SO_REUSEPORT:
 * one bound to the wildcard would take the daemon's unicast packets.
 */
#pragma once

#include "avi-loop.h"
#include "wire/avi-multiaddr.h"

G_BEGIN_DECLS

typedef struct _AviLan AviLan;

typedef struct
{
  /* @addresses: (element-type AviMultiaddr), without /p2p/ */
  void (*found)   (gpointer user_data, const AviPeerId *peer, GPtrArray *addresses);
  void (*gone)    (gpointer user_data, const AviPeerId *peer);
  /* An interface or address came or went: back-offs are void, addresses to announce have changed. */
  void (*network) (gpointer user_data);
  /* What `discovery-status` says: one or more sentences, never empty. */
  void (*status)  (gpointer user_data, const char *text);
} AviLanCallbacks;

/* @mdns FALSE: watch the interfaces only. @ports: of our TCP listeners. Never fails as a whole:
 * what does not work (port taken, no interface) is told by `status`. */
AviLan    *avi_lan_new           (AviLoop *loop, gboolean mdns, const AviPeerId *self_id, const AviLanCallbacks *callbacks, gpointer user_data);
/* Listeners: (element-type AviMultiaddr), as bound: 0.0.0.0 and :: stand for all addresses. */
void       avi_lan_set_listeners (AviLan *self, GPtrArray *listeners);
/* The addresses at which others may reach us, wildcards expanded to those of the interfaces that
 * are up: (transfer full) (element-type AviMultiaddr). @loopback: with those of `lo`. */
GPtrArray *avi_lan_get_addresses (AviLan *self, gboolean loopback);
/* TRUE where @address is one of this machine's own interface addresses. */
gboolean   avi_lan_is_own        (AviLan *self, const AviMultiaddr *address);
/* TRUE where it lies in the subnet of an interface that is up (dialled first). */
gboolean   avi_lan_is_near       (AviLan *self, const AviMultiaddr *address);
/* Looks again now. */
void       avi_lan_query         (AviLan *self);
/* Says goodbye: the packets are sent before this returns. Then free it. */
void       avi_lan_goodbye       (AviLan *self);
void       avi_lan_free          (AviLan *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (AviLan, avi_lan_free)

G_END_DECLS
