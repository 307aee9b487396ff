/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "sim-rpc.h"

#include "protocols/gossipsub/avi-signing.h"

/* --- reading --- */

static gboolean
sim_rpc_find (AviSpan bytes, guint64 tag, AviSpan *found)
{
  AviRpcReader reader = avi_rpc_reader_init (bytes);
  AviRpcField field;

  while (avi_rpc_reader_next (&reader, &field))
    if (field.tag == tag)
      {
        *found = field.bytes;
        return TRUE;
      }
  return FALSE;
}

gboolean
sim_rpc_next_payload (SimRpcReader *self, AviSpan *payload)
{
  AviRpcField field;

  while (avi_rpc_reader_next (&self->rpc, &field))
    if (field.tag == AVI_RPC_PUBLISH && sim_rpc_find (field.bytes, AVI_MESSAGE_DATA, payload))
      return TRUE;
  return FALSE;
}

gboolean
sim_rpc_has_messages (AviSpan rpc)
{
  AviSpan message;

  return sim_rpc_find (rpc, AVI_RPC_PUBLISH, &message);
}

gboolean
sim_rpc_prunes (AviSpan rpc, const char *topic)
{
  AviSpan control, prune, name;

  return sim_rpc_find (rpc, AVI_RPC_CONTROL, &control) && sim_rpc_find (control, AVI_CONTROL_PRUNE, &prune)
         && sim_rpc_find (prune, AVI_PRUNE_TOPIC, &name) && avi_span_equal (name, AVI_SPAN_STRING (topic));
}

void
sim_rpc_list_ids (AviSpan rpc, GPtrArray *ids)
{
  AviRpcReader reader = avi_rpc_reader_init (rpc);
  AviRpcField field;
  AviSpan from, seqno;

  while (avi_rpc_reader_next (&reader, &field))
    if (field.tag == AVI_RPC_PUBLISH && sim_rpc_find (field.bytes, AVI_MESSAGE_FROM, &from)
        && sim_rpc_find (field.bytes, AVI_MESSAGE_SEQNO, &seqno))
      {
        g_autoptr(GByteArray) id = g_byte_array_new ();

        g_byte_array_append (id, from.data, from.len);
        g_byte_array_append (id, seqno.data, seqno.len);
        g_ptr_array_add (ids, g_byte_array_free_to_bytes (g_steal_pointer (&id)));
      }
}

/* --- writing --- */

void
sim_rpc_put_subscription (GByteArray *out, const char *topic)
{
  g_autoptr(GByteArray) part = g_byte_array_new ();

  avi_rpc_put_varint (part, AVI_SUBSCRIPTION_SUBSCRIBE, TRUE);
  avi_rpc_put_bytes (part, AVI_SUBSCRIPTION_TOPIC, AVI_SPAN_STRING (topic));
  avi_rpc_put_bytes (out, AVI_RPC_SUBSCRIPTION, AVI_SPAN (part->data, part->len));
}

static void
sim_rpc_put_control (GByteArray *out, guint64 tag, const GByteArray *part)
{
  g_autoptr(GByteArray) control = g_byte_array_new ();

  avi_rpc_put_bytes (control, tag, AVI_SPAN (part->data, part->len));
  avi_rpc_put_bytes (out, AVI_RPC_CONTROL, AVI_SPAN (control->data, control->len));
}

void
sim_rpc_put_graft (GByteArray *out, const char *topic)
{
  g_autoptr(GByteArray) part = g_byte_array_new ();

  avi_rpc_put_bytes (part, AVI_GRAFT_TOPIC, AVI_SPAN_STRING (topic));
  sim_rpc_put_control (out, AVI_CONTROL_GRAFT, part);
}

void
sim_rpc_put_ihave (GByteArray *out, const char *topic, const GByteArray *ids)
{
  g_autoptr(GByteArray) part = g_byte_array_new ();

  avi_rpc_put_bytes (part, AVI_IHAVE_TOPIC, AVI_SPAN_STRING (topic));
  g_byte_array_append (part, ids->data, ids->len);
  sim_rpc_put_control (out, AVI_CONTROL_IHAVE, part);
}

void
sim_rpc_put_iwant (GByteArray *out, const GByteArray *ids)
{
  sim_rpc_put_control (out, AVI_CONTROL_IWANT, ids);
}

void
sim_rpc_put_id (GByteArray *out, gboolean ihave, AviSpan id)
{
  avi_rpc_put_bytes (out, ihave ? AVI_IHAVE_ID : AVI_IWANT_ID, id);
}

void
sim_rpc_put_new_id (GByteArray *out, const AviPeerId *author, guint64 seqno)
{
  guint64 big_endian = GUINT64_TO_BE (seqno);
  guint8 id[AVI_PEER_ID_MAX_LEN + sizeof big_endian];

  memcpy (id, author->bytes, author->len);
  memcpy (id + author->len, &big_endian, sizeof big_endian);
  sim_rpc_put_id (out, TRUE, AVI_SPAN (id, author->len + sizeof big_endian));
}

void
sim_rpc_put_message (GByteArray *out, const AviKeyPair *author, const char *topic, AviSpan data, guint64 seqno)
{
  g_autoptr(GByteArray) message = avi_signing_sign (author, topic, data, seqno);

  avi_rpc_put_bytes (out, AVI_RPC_PUBLISH, AVI_SPAN (message->data, message->len));
}

void
sim_rpc_put_forgery (GByteArray *out, const AviPeerId *author, const char *topic, AviSpan data, guint64 seqno,
                     AviRandom *random)
{
  g_autoptr(GByteArray) message = g_byte_array_new ();
  guint64 big_endian = GUINT64_TO_BE (seqno);
  guint8 signature[AVI_SIGNATURE_LEN];

  random->fill (random, signature, sizeof signature);
  avi_rpc_put_bytes (message, AVI_MESSAGE_FROM, avi_peer_id_get_bytes (author));
  avi_rpc_put_bytes (message, AVI_MESSAGE_DATA, data);
  avi_rpc_put_bytes (message, AVI_MESSAGE_SEQNO, AVI_SPAN (&big_endian, sizeof big_endian));
  avi_rpc_put_bytes (message, AVI_MESSAGE_TOPIC, AVI_SPAN_STRING (topic));
  avi_rpc_put_bytes (message, AVI_MESSAGE_SIGNATURE, AVI_SPAN (signature, sizeof signature));
  avi_rpc_put_bytes (out, AVI_RPC_PUBLISH, AVI_SPAN (message->data, message->len));
}

GBytes *
sim_rpc_frame (const GByteArray *rpc)
{
  guint8 len[10];
  gsize len_len = avi_rpc_encode_varint (rpc->len, len);
  guint8 *frame = g_malloc (len_len + rpc->len);

  memcpy (frame, len, len_len);
  if (rpc->len > 0)
    memcpy (frame + len_len, rpc->data, rpc->len);
  return g_bytes_new_take (frame, len_len + rpc->len);
}

AviSpan
sim_rpc_unframe (GBytes *rpc)
{
  AviSpan span = avi_span_from_bytes (rpc);
  gsize len_len = 1;

  while (span.data[len_len - 1] & 0x80)
    len_len++;
  return avi_span_skip (span, len_len);
}
