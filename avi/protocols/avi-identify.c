/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "protocols/avi-identify.h"

#include "avi-error.h"
#include "wire/avi-frame-reader.h"
#include "wire/avi-protobuf.h"
#include "wire/identify.pb-c.h"

/* AVI_IDENTIFY_MAX_LEN once more, and room for some thousand addresses and protocols. */
#define ARENA_BUDGET (256 * 1024)

struct _AviIdentifyReader
{
  AviFrameReader frames;
  /* The messages joined: to protobuf that is their merger ("Last One Wins", repeated fields appended). */
  GByteArray *merged;
  guint       n_messages;
  gboolean    failed;
};

void
avi_identify_clear (AviIdentify *self)
{
  g_free (self->protocol_version);
  g_free (self->agent_version);
  g_clear_pointer (&self->key, avi_public_key_unref);
  g_clear_pointer (&self->listen_addresses, g_ptr_array_unref);
  g_clear_pointer (&self->observed_address, avi_multiaddr_unref);
  g_strfreev (self->protocols);
  g_clear_pointer (&self->signed_peer_record, g_bytes_unref);
  *self = (AviIdentify) { 0 };
}

static ProtobufCBinaryData
avi_identify_field (AviSpan bytes)
{
  return (ProtobufCBinaryData) { bytes.len, bytes.data };
}

static ProtobufCBinaryData
avi_identify_text (const char *text)
{
  return avi_identify_field (AVI_SPAN_STRING (text));
}

GBytes *
avi_identify_encode (const AviIdentify *self)
{
  Avi__Wire__Identify message = AVI__WIRE__IDENTIFY__INIT;
  gsize n_addresses = self->listen_addresses != NULL ? self->listen_addresses->len : 0;
  gsize n_protocols = self->protocols != NULL ? g_strv_length (self->protocols) : 0;
  g_autofree ProtobufCBinaryData *addresses = g_new (ProtobufCBinaryData, n_addresses);
  g_autofree ProtobufCBinaryData *protocols = g_new (ProtobufCBinaryData, n_protocols);

  for (gsize i = 0; i < n_addresses; i++)
    addresses[i] = avi_identify_field (avi_multiaddr_get_bytes (g_ptr_array_index (self->listen_addresses, i)));
  for (gsize i = 0; i < n_protocols; i++)
    protocols[i] = avi_identify_text (self->protocols[i]);
  message.n_listen_addrs = n_addresses;
  message.listen_addrs = addresses;
  message.n_protocols = n_protocols;
  message.protocols = protocols;

  if ((message.has_protocol_version = self->protocol_version != NULL))
    message.protocol_version = avi_identify_text (self->protocol_version);
  if ((message.has_agent_version = self->agent_version != NULL))
    message.agent_version = avi_identify_text (self->agent_version);
  if ((message.has_public_key = self->key != NULL))
    message.public_key = avi_identify_field (avi_public_key_get_protobuf (self->key));
  if ((message.has_observed_addr = self->observed_address != NULL))
    message.observed_addr = avi_identify_field (avi_multiaddr_get_bytes (self->observed_address));
  if ((message.has_signed_peer_record = self->signed_peer_record != NULL))
    message.signed_peer_record = avi_identify_field (avi_span_from_bytes (self->signed_peer_record));
  if ((message.has_boot_id = self->has_boot_id))
    message.boot_id = avi_identify_field (AVI_SPAN (self->boot_id, AVI_BOOT_ID_LEN));
  return avi_protobuf_pack_delimited (&message.base);
}

AviIdentifyReader *
avi_identify_reader_new (void)
{
  AviIdentifyReader *self = g_new0 (AviIdentifyReader, 1);

  avi_frame_reader_init (&self->frames, AVI_IDENTIFY_MAX_LEN);
  self->merged = g_byte_array_new ();
  return self;
}

void
avi_identify_reader_free (AviIdentifyReader *self)
{
  avi_frame_reader_clear (&self->frames);
  g_byte_array_unref (self->merged);
  g_free (self);
}

static gboolean
avi_identify_reader_take (AviIdentifyReader *self, AviSpan message, GError **error)
{
  if (message.len > AVI_IDENTIFY_MAX_LEN - self->merged->len)
    {
      g_set_error (error, AVI_ERROR, AVI_ERROR_LIMIT,
                   "Identify: more than the %d bytes allowed", AVI_IDENTIFY_MAX_LEN);
      return FALSE;
    }
  if (++self->n_messages > AVI_IDENTIFY_MAX_MESSAGES)
    {
      g_set_error (error, AVI_ERROR, AVI_ERROR_LIMIT,
                   "Identify: more than the %d messages allowed", AVI_IDENTIFY_MAX_MESSAGES);
      return FALSE;
    }

  if (message.len > 0)
    g_byte_array_append (self->merged, message.data, message.len);
  return TRUE;
}

gboolean
avi_identify_reader_receive (AviIdentifyReader *self, AviSpan bytes, GError **error)
{
  g_autoptr(GError) malformed = NULL;
  AviSpan message;

  if (self->failed)
    {
      g_set_error (error, AVI_ERROR, AVI_ERROR_CLOSED, "Identify: this stream has failed before");
      return FALSE;
    }

  avi_frame_reader_push (&self->frames, bytes);
  while (avi_frame_reader_next (&self->frames, &message, &malformed))
    if (!avi_identify_reader_take (self, message, error))
      {
        self->failed = TRUE;
        return FALSE;
      }
  if (malformed != NULL)
    {
      self->failed = TRUE;
      g_propagate_prefixed_error (error, g_steal_pointer (&malformed), "Identify: ");
      return FALSE;
    }
  return TRUE;
}

static AviPublicKey *
avi_identify_read_key (const ProtobufCBinaryData *field, const AviPeerId *peer, GError **error)
{
  g_autoptr(AviPublicKey) key = avi_public_key_decode (AVI_SPAN (field->data, field->len), error);
  g_autofree char *told = NULL;
  g_autofree char *real = NULL;

  if (key == NULL)
    {
      g_prefix_error (error, "Identify: ");
      return NULL;
    }
  if (avi_peer_id_equal (avi_public_key_get_peer_id (key), peer))
    return g_steal_pointer (&key);

  told = avi_peer_id_to_string (avi_public_key_get_peer_id (key));
  real = avi_peer_id_to_string (peer);
  g_set_error (error, AVI_ERROR, AVI_ERROR_SECURITY, "Identify: peer %s shows the key of %s", real, told);
  return NULL;
}

/* NULL: malformed, of a protocol not known here, or of another peer. */
static AviMultiaddr *
avi_identify_read_address (const ProtobufCBinaryData *field, const AviPeerId *peer)
{
  g_autoptr(AviMultiaddr) address = avi_multiaddr_decode (AVI_SPAN (field->data, field->len), NULL);
  g_autoptr(AviMultiaddr) stripped = NULL;
  AviPeerId leads_to;

  if (address == NULL
      || (peer != NULL && avi_multiaddr_get_peer (address, &leads_to) && !avi_peer_id_equal (&leads_to, peer)))
    return NULL;

  /* Whatever leads to two peers leads nowhere. */
  stripped = avi_multiaddr_without_peer (address);
  return stripped != NULL && !avi_multiaddr_get_peer (stripped, &leads_to) ? g_steal_pointer (&stripped) : NULL;
}

static void
avi_identify_read_addresses (AviIdentify *self, const Avi__Wire__Identify *message, const AviPeerId *peer)
{
  if (message->n_listen_addrs == 0)
    return;

  self->listen_addresses = g_ptr_array_new_with_free_func ((GDestroyNotify) avi_multiaddr_unref);
  for (gsize i = 0; i < message->n_listen_addrs; i++)
    {
      AviMultiaddr *address = NULL;

      if (self->listen_addresses->len < AVI_IDENTIFY_MAX_ADDRESSES)
        address = avi_identify_read_address (&message->listen_addrs[i], peer);
      if (address != NULL)
        g_ptr_array_add (self->listen_addresses, address);
      else
        self->n_ignored++;
    }
}

/* js ends it in /p2p/ and our own id. */
static void
avi_identify_read_observed (AviIdentify *self, const Avi__Wire__Identify *message)
{
  g_autoptr(AviMultiaddr) whole = NULL;
  AviPeerId unused;

  if (message->observed_addr.len == 0)
    return;
  self->observed_address = avi_identify_read_address (&message->observed_addr, NULL);
  whole = avi_multiaddr_decode (AVI_SPAN (message->observed_addr.data, message->observed_addr.len), NULL);
  self->observed_by_id = self->observed_address != NULL && avi_multiaddr_get_peer (whole, &unused);
}

static void
avi_identify_read_protocols (AviIdentify *self, const Avi__Wire__Identify *message)
{
  g_autoptr(GStrvBuilder) builder = NULL;
  guint n = 0;

  if (message->n_protocols == 0)
    return;

  builder = g_strv_builder_new ();
  for (gsize i = 0; i < message->n_protocols; i++)
    {
      g_autofree char *name = NULL;

      if (n < AVI_IDENTIFY_MAX_PROTOCOLS && message->protocols[i].len > 0)
        name = avi_protobuf_dup_text (&message->protocols[i], AVI_IDENTIFY_MAX_TEXT);
      if (name == NULL)
        {
          self->n_ignored++;
          continue;
        }
      g_strv_builder_add (builder, name);
      n++;
    }
  self->protocols = g_strv_builder_end (builder);
}

gboolean
avi_identify_reader_finish (AviIdentifyReader *self, const AviPeerId *peer, AviIdentify *out, GError **error)
{
  g_autoptr(AviArena) arena = avi_arena_new (ARENA_BUDGET);
  g_autoptr(AviPublicKey) key = NULL;
  Avi__Wire__Identify *message;

  *out = (AviIdentify) { 0 };
  if (self->failed || self->n_messages == 0 || (self->frames.partial != NULL && !self->frames.whole))
    {
      g_set_error (error, AVI_ERROR, AVI_ERROR_PROTOCOL,
                   "Identify: the peer ended the stream before its message was whole");
      return FALSE;
    }

  message = avi_protobuf_unpack (&avi__wire__identify__descriptor, AVI_SPAN (self->merged->data, self->merged->len),
                                 arena, "Identify", error);
  if (message == NULL)
    return FALSE;
  if (message->public_key.len > 0)
    {
      key = avi_identify_read_key (&message->public_key, peer, error);
      if (key == NULL)
        return FALSE;
    }

  out->key = g_steal_pointer (&key);
  if (message->has_protocol_version)
    out->protocol_version = avi_protobuf_dup_text (&message->protocol_version, AVI_IDENTIFY_MAX_TEXT);
  if (message->has_agent_version)
    out->agent_version = avi_protobuf_dup_text (&message->agent_version, AVI_IDENTIFY_MAX_TEXT);
  avi_identify_read_observed (out, message);
  avi_identify_read_addresses (out, message, peer);
  avi_identify_read_protocols (out, message);
  if (message->signed_peer_record.len > 0 && message->signed_peer_record.len <= AVI_PEER_RECORD_MAX)
    out->signed_peer_record = g_bytes_new (message->signed_peer_record.data, message->signed_peer_record.len);
  out->has_boot_id = message->boot_id.len == AVI_BOOT_ID_LEN;
  if (out->has_boot_id)
    memcpy (out->boot_id, message->boot_id.data, AVI_BOOT_ID_LEN);
  return TRUE;
}
