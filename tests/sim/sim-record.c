/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "sim-record.h"

#include "sim-rpc.h"

#define PAYLOAD_TAG 0x5149a0d1u

static void
sim_published_free (SimPublished *self)
{
  g_free (self->expected);
  g_free (self->heard);
  g_array_unref (self->latencies);
  g_free (self);
}

void
sim_record_init (SimRecord *self, guint n_nodes)
{
  *self = (SimRecord) { .n_nodes = n_nodes };
  self->messages = g_ptr_array_new_with_free_func ((GDestroyNotify) sim_published_free);
  self->texts = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
}

void
sim_record_clear (SimRecord *self)
{
  g_clear_pointer (&self->messages, g_ptr_array_unref);
  g_clear_pointer (&self->texts, g_hash_table_unref);
}

SimPublished *
sim_record_publish (SimRecord *self, guint publisher, const char *text, gint64 now)
{
  SimPublished *message = g_new0 (SimPublished, 1);

  message->publisher = publisher;
  message->at = now;
  message->expected = g_malloc0 (self->n_nodes / 8 + 1);
  message->heard = g_malloc0 (self->n_nodes / 8 + 1);
  message->latencies = g_array_new (FALSE, FALSE, sizeof (guint32));
  g_ptr_array_add (self->messages, message);
  if (text != NULL)
    g_hash_table_insert (self->texts, g_strdup (text), GUINT_TO_POINTER (self->messages->len));
  return message;
}

void
sim_record_expect (SimRecord *self, SimPublished *message, guint node)
{
  message->expected[node / 8] |= 1 << node % 8;
  message->n_expected++;
}

GBytes *
sim_record_make_payload (SimRecord *self, const char *text, gsize size)
{
  gsize len = MAX (size, SIM_PAYLOAD_MIN + (text != NULL ? strlen (text) : 0));
  guint32 header[2] = { GUINT32_TO_LE (PAYLOAD_TAG), GUINT32_TO_LE (self->messages->len - 1) };
  guint8 *payload = g_malloc0 (len);

  memcpy (payload, header, sizeof header);
  if (text != NULL)
    memcpy (payload + SIM_PAYLOAD_MIN, text, strlen (text));
  return g_bytes_new_take (payload, len);
}

SimPublished *
sim_record_find (SimRecord *self, AviSpan payload)
{
  guint32 header[2];
  guint32 number;

  if (payload.len < sizeof header)
    return NULL;
  memcpy (header, payload.data, sizeof header);
  number = GUINT32_FROM_LE (header[1]);
  if (GUINT32_FROM_LE (header[0]) != PAYLOAD_TAG || number >= self->messages->len)
    return NULL;
  return self->messages->pdata[number];
}

SimPublished *
sim_record_find_text (SimRecord *self, const char *text)
{
  guint number = GPOINTER_TO_UINT (g_hash_table_lookup (self->texts, text));

  return number > 0 ? self->messages->pdata[number - 1] : NULL;
}

void
sim_record_hear (SimRecord *self, guint node, AviSpan payload, gint64 once, gint64 now)
{
  SimPublished *message = sim_record_find (self, payload);
  guint32 latency;

  if (message == NULL)
    {
      self->n_foreign++;
      return;
    }
  if (sim_published_is_heard_by (message, node))
    {
      g_assert_cmpint (now - message->at, >=, once);
      self->n_twice++;
      return;
    }
  message->heard[node / 8] |= 1 << node % 8;
  if ((message->expected[node / 8] >> node % 8 & 1) == 0)
    return;
  message->n_heard++;
  latency = (guint32) MIN (now - message->at, G_MAXUINT32);
  g_array_append_val (message->latencies, latency);
}

void
sim_record_copies (SimRecord *self, AviSpan rpc)
{
  SimRpcReader reader = sim_rpc_read (rpc);
  AviSpan payload;

  while (sim_rpc_next_payload (&reader, &payload))
    {
      SimPublished *message = sim_record_find (self, payload);

      if (message != NULL)
        message->n_copies++;
    }
}

void
sim_record_excuse (SimRecord *self, guint node, gint64 now)
{
  for (guint i = self->messages->len; i > 0; i--)
    {
      SimPublished *message = self->messages->pdata[i - 1];
      guint8 bit = 1 << node % 8;

      if (message->at < now - SIM_RECORD_GRACE)
        return;
      if ((message->expected[node / 8] & bit) == 0 || sim_published_is_heard_by (message, node))
        continue;
      message->expected[node / 8] &= ~bit;
      message->n_expected--;
    }
}
