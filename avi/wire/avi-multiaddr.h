/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * AviMultiaddr: a multiaddr (github.com/multiformats/multiaddr), immutable and reference-counted,
 * kept in its binary form. Knows ip4, ip6 with ip6zone, dns, dns4, dns6, dnsaddr, tcp, udp,
 * quic-v1, ws, wss, tls, unix, p2p, p2p-circuit, webrtc-direct and certhash; anything else is an
 * error that names it and its place. At most 1,024 bytes and 32 components, of which a name has at
 * most 253 bytes. In text, a unix path is the rest of the address, and /ipfs/ stands for /p2p/.
 */
#pragma once

#include <sys/socket.h>

#include "avi-peer-id.h"

G_BEGIN_DECLS

#define AVI_MULTIADDR_MAX_LEN        1024
#define AVI_MULTIADDR_MAX_COMPONENTS 32

typedef enum
{
  AVI_MULTIADDR_IP4           = 4,
  AVI_MULTIADDR_TCP           = 6,
  AVI_MULTIADDR_IP6           = 41,
  AVI_MULTIADDR_IP6ZONE       = 42,
  AVI_MULTIADDR_DNS           = 53,
  AVI_MULTIADDR_DNS4          = 54,
  AVI_MULTIADDR_DNS6          = 55,
  AVI_MULTIADDR_DNSADDR       = 56,
  AVI_MULTIADDR_UDP           = 273,
  AVI_MULTIADDR_WEBRTC_DIRECT = 280,
  AVI_MULTIADDR_P2P_CIRCUIT   = 290,
  AVI_MULTIADDR_UNIX          = 400,
  AVI_MULTIADDR_P2P           = 421,
  AVI_MULTIADDR_TLS           = 448,
  AVI_MULTIADDR_QUIC_V1       = 461,
  AVI_MULTIADDR_CERTHASH      = 466,
  AVI_MULTIADDR_WS            = 477,
  AVI_MULTIADDR_WSS           = 478
} AviMultiaddrProtocol;

typedef struct _AviMultiaddr AviMultiaddr;

typedef struct
{
  gsize                offset; /* private; 0 to begin */
  AviMultiaddrProtocol protocol;
  AviSpan              value;  /* without its length prefix */
} AviMultiaddrIter;

AviMultiaddr *avi_multiaddr_parse        (const char *text, GError **error);
AviMultiaddr *avi_multiaddr_decode       (AviSpan bytes, GError **error);
AviMultiaddr *avi_multiaddr_ref          (AviMultiaddr *self);
void          avi_multiaddr_unref        (AviMultiaddr *self);
char         *avi_multiaddr_to_string    (const AviMultiaddr *self);
AviSpan       avi_multiaddr_get_bytes    (const AviMultiaddr *self);
gboolean      avi_multiaddr_next         (const AviMultiaddr *self, AviMultiaddrIter *iter);
guint         avi_multiaddr_hash         (gconstpointer self);
gboolean      avi_multiaddr_equal        (gconstpointer a, gconstpointer b);

/* Whom the address leads to: the /p2p/ at its end. FALSE where there is none (one further in is a
 * relay's). */
gboolean      avi_multiaddr_get_peer     (const AviMultiaddr *self, AviPeerId *out);
/* Without a trailing /p2p/: (transfer full), @self itself where it has none; NULL where nothing is
 * left. */
AviMultiaddr *avi_multiaddr_without_peer (AviMultiaddr *self);
/* With a trailing /p2p/@peer, replacing one that is there: (transfer full); NULL where the address
 * would pass its limits, or ends in a unix path, which takes in what follows it. */
AviMultiaddr *avi_multiaddr_with_peer    (AviMultiaddr *self, const AviPeerId *peer);

/* /ip4/…/tcp/… or /ip6/…/tcp/… (zone as scope id, by if_nametoindex or number), a trailing /p2p/
 * allowed, nothing else. FALSE for every other form. */
gboolean      avi_multiaddr_to_sockaddr  (const AviMultiaddr *self, struct sockaddr_storage *out, socklen_t *len);
/* AF_INET or AF_INET6, as TCP; a link-local IPv6 address gets an ip6zone from its scope id, an IPv4
 * address mapped into IPv6 is taken out of it. NULL for another family. */
AviMultiaddr *avi_multiaddr_from_sockaddr (const struct sockaddr *address);
/* (dns|dns4|dns6)/NAME/tcp/PORT, a trailing /p2p/ allowed: the name and port to look up, and the
 * family wanted (AF_UNSPEC, AF_INET, AF_INET6). @name: (transfer full). */
gboolean      avi_multiaddr_get_host     (const AviMultiaddr *self, char **name, guint16 *port, int *family);

/* TRUE for an IP address of the loopback network (127.0.0.0/8, in IPv6 too, and ::1), whatever
 * follows it. */
gboolean      avi_multiaddr_is_loopback  (const AviMultiaddr *self);
/* 0.0.0.0 or ::, which is where one listens, and no place to dial. */
gboolean      avi_multiaddr_is_unspecified (const AviMultiaddr *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (AviMultiaddr, avi_multiaddr_unref)

G_END_DECLS
