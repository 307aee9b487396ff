/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "echo.h"

static AviStreamOwner *
echo_accept (AviConnection *connection, AviLinkStream *stream)
{
  return g_new0 (AviStreamOwner, 1);
}

static void
echo_data (AviStreamOwner *owner, AviSpan data)
{
  g_autoptr(GBytes) bytes = g_bytes_new (data.data, data.len);

  avi_stream_consume (owner, data.len);
  avi_stream_send (owner, bytes);
}

static void
echo_finished (AviStreamOwner *owner)
{
  avi_stream_finish (owner);
}

static void
echo_gone (AviStreamOwner *owner, gboolean refused)
{
  g_free (owner);
}

const AviStreamHandler echo_handler = {
  .protocol = ECHO_PROTOCOL,
  .accept = echo_accept,
  .data = echo_data,
  .finished = echo_finished,
  .gone = echo_gone,
};
