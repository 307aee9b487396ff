/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the files of AviConnection share: avi-connection.c moves bytes and hears the link,
 * avi-connection-streams.c has its streams, avi-connection-close.c ends it, avi-connection-capture.c writes
 * down what it carries. For nobody else.
 */
#pragma once

#include "avi-connection.h"

G_BEGIN_DECLS

/* It ends, for a call on its socket failed with @code. */
void avi_connection_break           (AviConnection *self, int code);

/* It may have something to say: it is flushed after this round. */
void avi_connection_touch           (AviConnection *self);

/* The peer opened a stream: it gets an owner, or is reset. */
void avi_connection_accept_stream   (AviConnection *self, AviLinkEvent *event);
/* It has ended, and its owner hears it. */
void avi_connection_stream_gone     (AviConnection *self, AviStreamOwner *owner, gboolean refused);
/* @n streams of the peer's are over the limit that is named by @what. */
void avi_connection_refused_streams (AviConnection *self, guint64 n, const char *what, guint n_open, guint max);

/* All four do nothing where there is no capture. It is connected: */
void avi_connection_begin_capture   (AviConnection *self);
/* The peer is known. */
void avi_connection_name_in_capture (AviConnection *self);
/* The link has heard or said something; before anything else is done with it. */
void avi_connection_capture         (AviConnection *self);
void avi_connection_end_capture     (AviConnection *self, gboolean by_peer);

G_END_DECLS
