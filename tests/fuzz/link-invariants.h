/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What must hold of an established link whose events have been taken: its tables agree with each other
 * and with Yamux's, no limit is passed, and there is nothing that it should have done by now.
 */
#pragma once

#include "link/avi-link-private.h"
#include "link/avi-yamux-private.h"

/* Returns the bytes in its queue. */
static inline gsize
link_check_yamux_stream (AviYamux *yamux, AviYamuxStream *stream, gsize max_send)
{
  AviYamuxWindow *window = &stream->window;

  g_assert_cmpuint (stream->queue.len, <=, yamux->config.max_send_queue + max_send);
  g_assert_cmpuint (window->size, >=, AVI_YAMUX_INITIAL_WINDOW);
  g_assert_cmpuint (window->size, <=, MAX (yamux->config.max_window, AVI_YAMUX_INITIAL_WINDOW));
  g_assert_cmpuint ((gsize) window->granted + window->consumed, <=, window->size);
  g_assert_false (avi_yamux_get_sendable (stream) > 0 && stream->in_ready.data == NULL);
  g_assert_false (stream->received_all && stream->send_state == AVI_YAMUX_SENT_ALL);
  return stream->queue.len;
}

static inline void
link_check_yamux (AviYamux *yamux, gsize max_send)
{
  gsize queued = 0, grown = 0;
  guint n_unaccepted = 0, n_unacknowledged = 0;
  GHashTableIter iter;
  gpointer value;

  if (yamux->streams != NULL)
    g_hash_table_iter_init (&iter, yamux->streams);
  while (yamux->streams != NULL && g_hash_table_iter_next (&iter, NULL, &value))
    {
      AviYamuxStream *stream = value;

      queued += link_check_yamux_stream (yamux, stream, max_send);
      grown += stream->window.size - AVI_YAMUX_INITIAL_WINDOW;
      n_unaccepted += stream->state == AVI_YAMUX_STREAM_OFFERED;
      n_unacknowledged += stream->state <= AVI_YAMUX_STREAM_OPENED;
    }
  g_assert_cmpuint (yamux->queued, ==, queued);
  g_assert_cmpuint (yamux->grown, ==, grown);
  g_assert_cmpuint (grown, <=, yamux->config.max_receive);
  g_assert_cmpuint (yamux->n_unaccepted, ==, n_unaccepted);
  g_assert_cmpuint (n_unaccepted, <=, yamux->config.max_unaccepted);
  g_assert_cmpuint (yamux->n_unacknowledged, ==, n_unacknowledged);
  g_assert_cmpuint (avi_yamux_get_n_streams (yamux), <=, yamux->config.max_streams);
  g_assert_cmpuint (yamux->happened.length, ==, 0);
  g_assert_cmpuint (yamux->input.len, ==, 0);
}

/* @n_owned: streams of which an owner was told. @max_send: the most that an owner sends at once; what it
 * holds until a protocol is agreed has the same limit. */
static inline void
link_check (AviLink *link, guint n_owned, gsize max_send, gint64 now)
{
  guint n_told = 0, n_negotiating = 0;
  gint64 before = G_MININT64;

  g_assert_no_error (link->error);
  g_assert_null (link->gone);
  g_assert_cmpint (avi_link_deadline (link), >, now);
  if (link->yamux == NULL)
    {
      g_assert_cmpuint (link->streams.length, ==, 0);
      return;
    }

  for (GList *l = link->streams.head; l != NULL; l = l->next)
    {
      AviLinkStream *stream = l->data;
      AviYamuxStream *below = avi_yamux_find (link->yamux, stream->id);

      g_assert_true (below != NULL && below->owner == stream);
      g_assert_cmpuint (stream->held.len, <=, link->limits.max_send_queue + max_send);
      n_told += stream->owner != NULL;
      n_negotiating += stream->in_negotiating.data != NULL;
    }
  for (GList *l = link->negotiating.head; l != NULL; l = l->next)
    {
      AviLinkStream *stream = l->data;

      g_assert_cmpint (stream->deadline, >=, before);
      before = stream->deadline;
    }
  g_assert_cmpuint (n_told, ==, n_owned);
  g_assert_cmpuint (n_negotiating, ==, link->negotiating.length);
  g_assert_cmpuint (avi_yamux_get_n_streams (link->yamux), ==, link->streams.length);
  link_check_yamux (link->yamux, max_send);
}
