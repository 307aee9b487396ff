/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What an engine's log has to say goes to GLib's, at debug level.
 */
#include "config.h"

#include "avi-engine-private.h"

static void
avi_engine_write_log (AviEngine *self)
{
  AviLogLine *line;

  while ((line = avi_log_next (self->log)) != NULL)
    {
      const char *peer = line->peer != NULL ? line->peer : "";
      const char *remote = line->remote != NULL ? line->remote : "";

      g_log_structured (G_LOG_DOMAIN, G_LOG_LEVEL_DEBUG, "AVI_PEER", peer, "AVI_CONNECTION", remote, "MESSAGE",
                        "%s%s%s%s%s", peer, line->peer != NULL ? " " : "", remote, line->remote != NULL ? ": " : "",
                        line->text);
      avi_log_line_free (line);
    }
}

static void
avi_engine_log_due (AviTimer *timer,
                    gint64    now)
{
  AviEngine *self = AVI_CONTAINER_OF (timer, AviEngine, log_timer);

  avi_log_tick (self->log, now);
  avi_engine_write_log (self);
  avi_loop_set_timer (self->loop, timer, avi_log_deadline (self->log), avi_engine_log_due);
}

static gboolean
avi_engine_is_heard (void)
{
  return !g_log_writer_default_would_drop (G_LOG_LEVEL_DEBUG, G_LOG_DOMAIN);
}

static void
avi_engine_say (AviEngine          *self,
                gboolean            is_state,
                const AviPeerId    *peer,
                const AviMultiaddr *remote,
                const char         *text)
{
  g_autofree char *peer_text = peer != NULL ? avi_peer_id_to_string (peer) : NULL;
  g_autofree char *remote_text = remote != NULL ? avi_multiaddr_to_string (remote) : NULL;
  gint64 now = avi_loop_now (self->loop);

  if (is_state)
    avi_log_state (self->log, peer_text, remote_text, text, now);
  else
    avi_log_note (self->log, peer_text, remote_text, text, now);
  avi_engine_write_log (self);
  avi_loop_set_timer (self->loop, &self->log_timer, avi_log_deadline (self->log), avi_engine_log_due);
}

void
avi_engine_log (AviEngine          *self,
                const AviPeerId    *peer,
                const AviMultiaddr *remote,
                const char         *format,
                ...)
{
  g_autofree char *text = NULL;
  va_list args;

  if (!avi_engine_is_heard ())
    return;
  va_start (args, format);
  text = g_strdup_vprintf (format, args);
  va_end (args);
  avi_engine_say (self, FALSE, peer, remote, text);
}

void
avi_engine_log_state (AviEngine          *self,
                      const AviPeerId    *peer,
                      const AviMultiaddr *remote,
                      const char         *format,
                      ...)
{
  g_autofree char *text = NULL;
  va_list args;

  if (!avi_engine_is_heard ())
    return;
  va_start (args, format);
  text = g_strdup_vprintf (format, args);
  va_end (args);
  avi_engine_say (self, TRUE, peer, remote, text);
}

void
avi_engine_end_log (AviEngine *self)
{
  avi_log_flush (self->log, avi_loop_now (self->loop));
  avi_engine_write_log (self);
  avi_loop_clear_timer (self->loop, &self->log_timer);
}
