/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The protocols that this node speaks on streams, a table of handlers. To add a protocol: write its
 * machine in protocols/, a handler beside this file, and a line in avi-services.c.
 */
#pragma once

#include "avi-connection.h"

G_BEGIN_DECLS

/* The names of all that peers may open streams for: (transfer container), NULL-terminated. @further: of
 * protocols beside this node's own, or NULL. */
const char            **avi_services_list (const AviStreamHandler *const *further);
/* NULL where nobody handles it. */
const AviStreamHandler *avi_services_find (const AviStreamHandler *const *further, const char *protocol);

extern const AviStreamHandler avi_identify_handler;
extern const AviStreamHandler avi_identify_push_handler;
extern const AviStreamHandler avi_ping_handler;
extern const AviStreamHandler avi_meshsub_1_3_handler;
extern const AviStreamHandler avi_meshsub_1_2_handler;
extern const AviStreamHandler avi_meshsub_1_1_handler;
extern const AviStreamHandler avi_meshsub_1_0_handler;
extern const AviStreamHandler avi_floodsub_handler;

/* Asks the peer who it is; avi_swarm_identified () follows, whatever happens. */
void avi_identify_service_ask  (AviConnection *connection);
/* Tells the peer what we say of ourselves, where that is not what it heard last. */
void avi_identify_service_push (AviConnection *connection);
/* Pings the peer for as long as the connection lives; closes it when no answer comes. */
void avi_ping_service_start    (AviConnection *connection);
/* Is the peer there, now? The next pong says so (avi_swarm_pong). */
void avi_ping_service_probe    (AviConnection *connection);

G_END_DECLS
