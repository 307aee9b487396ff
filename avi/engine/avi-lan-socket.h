/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * AviLanSocket: a UDP socket on the group of multicast DNS, for one interface and one family. Bound
 * to the group's address, so that it takes nothing that was sent to this host alone: a socket bound
 * to the wildcard would take such packets away from avahi-daemon. What it sends leaves from port
 * 5353 with the interface's own address all the same (Linux takes the address of a group for no
 * source). For AviLan.
 *
 * At most AVI_LAN_SOCKET_RATE packets a second are read (of one frame; longer ones count more); what
 * comes beyond that is the kernel's to drop.
 */
#pragma once

#include <sys/socket.h>

#include "avi-loop.h"
#include "wire/avi-span.h"

G_BEGIN_DECLS

#define AVI_LAN_SOCKET_RATE 1000

typedef struct _AviLanSocket AviLanSocket;

/* There is something to read; what is not, is told again. May free the socket. */
typedef void (*AviLanSocketReady) (gpointer user_data, AviLanSocket *socket);

/* AVI_ERROR_ALREADY_EXISTS: another program has the port for itself alone. */
AviLanSocket *avi_lan_socket_new         (AviLoop *loop, guint ifindex, int family, AviLanSocketReady ready,
                                          gpointer user_data, GError **error);
void          avi_lan_socket_free        (AviLanSocket *self);
guint         avi_lan_socket_get_ifindex (AviLanSocket *self);
/* One packet. FALSE: no more for now. One that does not fit @buffer is passed over. */
gboolean      avi_lan_socket_receive     (AviLanSocket *self, AviSpan buffer, AviSpan *packet,
                                          struct sockaddr_storage *from);
/* FALSE: errno says why. A full queue is no failure: the packet is lost, as any may be. */
gboolean      avi_lan_socket_send        (AviLanSocket *self, const struct sockaddr_storage *to, AviSpan packet);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (AviLanSocket, avi_lan_socket_free)

G_END_DECLS
