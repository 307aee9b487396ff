/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "protocols/avi-peer-record.h"

#include "avi-error.h"
#include "wire/avi-protobuf.h"
#include "wire/avi-varint.h"
#include "wire/peer-record.pb-c.h"

#define DOMAIN       "libp2p-peer-record"
#define ARENA_BUDGET (32 * 1024)
/* Of an envelope, all but the addresses, with room to spare. */
#define MAX_OVERHEAD 512

static const guint8 payload_type[] = { 0x03, 0x01 };

static void
avi_peer_record_put (GByteArray *out, AviSpan part)
{
  guint8 len[AVI_VARINT_MAX_LEN];

  g_byte_array_append (out, len, avi_varint_encode (part.len, len));
  g_byte_array_append (out, part.data, part.len);
}

/* What a signature is over (RFC 0002): (transfer full) */
static GByteArray *
avi_peer_record_make_signed (AviSpan payload)
{
  GByteArray *out = g_byte_array_new ();

  avi_peer_record_put (out, AVI_SPAN_STRING (DOMAIN));
  avi_peer_record_put (out, AVI_SPAN (payload_type, sizeof payload_type));
  avi_peer_record_put (out, payload);
  return out;
}

static ProtobufCBinaryData
avi_peer_record_field (AviSpan bytes)
{
  return (ProtobufCBinaryData) { bytes.len, bytes.data };
}

static GBytes *
avi_peer_record_encode (const AviPeerId *peer, guint64 seq, GPtrArray *addresses)
{
  Avi__Wire__PeerRecord record = AVI__WIRE__PEER_RECORD__INIT;
  g_autofree Avi__Wire__PeerRecord__AddressInfo *infos =
    g_new (Avi__Wire__PeerRecord__AddressInfo, addresses->len + 1);
  g_autofree Avi__Wire__PeerRecord__AddressInfo **pointers =
    g_new (Avi__Wire__PeerRecord__AddressInfo *, addresses->len + 1);
  gsize room = AVI_PEER_RECORD_MAX - MAX_OVERHEAD;

  for (guint i = 0; i < addresses->len; i++)
    {
      AviSpan bytes = avi_multiaddr_get_bytes (addresses->pdata[i]);

      if (bytes.len + 8 > room)
        break;
      room -= bytes.len + 8;
      infos[i] = (Avi__Wire__PeerRecord__AddressInfo) AVI__WIRE__PEER_RECORD__ADDRESS_INFO__INIT;
      infos[i].has_multiaddr = TRUE;
      infos[i].multiaddr = avi_peer_record_field (bytes);
      pointers[i] = &infos[i];
      record.n_addresses++;
    }
  record.addresses = pointers;
  record.has_peer_id = record.has_seq = TRUE;
  record.peer_id = avi_peer_record_field (avi_peer_id_get_bytes (peer));
  record.seq = seq;
  return avi_protobuf_pack (&record.base);
}

GBytes *
avi_peer_record_seal (AviKeyPair *key, guint64 seq, GPtrArray *addresses)
{
  g_autoptr(GBytes) payload = avi_peer_record_encode (avi_key_pair_get_peer_id (key), seq, addresses);
  g_autoptr(GByteArray) text = avi_peer_record_make_signed (avi_span_from_bytes (payload));
  Avi__Wire__Envelope envelope = AVI__WIRE__ENVELOPE__INIT;
  guint8 signature[AVI_SIGNATURE_LEN];

  avi_key_pair_sign (key, AVI_SPAN (text->data, text->len), signature);
  envelope.has_public_key = envelope.has_payload_type = envelope.has_payload = envelope.has_signature = TRUE;
  envelope.public_key = avi_peer_record_field (avi_public_key_get_protobuf (avi_key_pair_get_public (key)));
  envelope.payload_type = avi_peer_record_field (AVI_SPAN (payload_type, sizeof payload_type));
  envelope.payload = avi_peer_record_field (avi_span_from_bytes (payload));
  envelope.signature = avi_peer_record_field (AVI_SPAN (signature, sizeof signature));
  return avi_protobuf_pack (&envelope.base);
}

void
avi_peer_record_clear (AviPeerRecord *self)
{
  g_clear_pointer (&self->addresses, g_ptr_array_unref);
}

/* Its public key, whose signature is over the payload; or NULL. */
static AviPublicKey *
avi_peer_record_check (const Avi__Wire__Envelope *envelope, GError **error)
{
  g_autoptr(AviPublicKey) key = avi_public_key_decode (AVI_SPAN (envelope->public_key.data, envelope->public_key.len),
                                                       error);
  g_autoptr(GByteArray) text = NULL;

  if (key == NULL)
    return NULL;
  if (!avi_span_equal (AVI_SPAN (envelope->payload_type.data, envelope->payload_type.len),
                       AVI_SPAN (payload_type, sizeof payload_type)))
    {
      g_set_error_literal (error, AVI_ERROR, AVI_ERROR_PROTOCOL, "an envelope that holds something else");
      return NULL;
    }
  text = avi_peer_record_make_signed (AVI_SPAN (envelope->payload.data, envelope->payload.len));
  if (avi_public_key_verify (key, AVI_SPAN (text->data, text->len),
                             AVI_SPAN (envelope->signature.data, envelope->signature.len)))
    return g_steal_pointer (&key);
  g_set_error_literal (error, AVI_ERROR, AVI_ERROR_SECURITY, "a signature that is none");
  return NULL;
}

static void
avi_peer_record_read_addresses (AviPeerRecord *self, const Avi__Wire__PeerRecord *record)
{
  self->addresses = g_ptr_array_new_with_free_func ((GDestroyNotify) avi_multiaddr_unref);
  for (gsize i = 0; i < record->n_addresses && self->addresses->len < AVI_PEER_RECORD_MAX_ADDRESSES; i++)
    {
      const ProtobufCBinaryData *field = &record->addresses[i]->multiaddr;
      g_autoptr(AviMultiaddr) address = avi_multiaddr_decode (AVI_SPAN (field->data, field->len), NULL);
      AviMultiaddr *bare = NULL;
      AviPeerId leads_to;

      if (address != NULL
          && (!avi_multiaddr_get_peer (address, &leads_to) || avi_peer_id_equal (&leads_to, &self->peer)))
        bare = avi_multiaddr_without_peer (address);
      if (bare != NULL)
        g_ptr_array_add (self->addresses, bare);
    }
}

static gboolean
avi_peer_record_read (AviPeerRecord *self, const Avi__Wire__PeerRecord *record, AviPublicKey *key, GError **error)
{
  if (!avi_peer_id_decode (AVI_SPAN (record->peer_id.data, record->peer_id.len), &self->peer, error))
    return FALSE;
  if (!avi_peer_id_equal (&self->peer, avi_public_key_get_peer_id (key)))
    {
      g_set_error_literal (error, AVI_ERROR, AVI_ERROR_SECURITY, "a record of another peer than the one that signed");
      return FALSE;
    }
  self->seq = record->seq;
  avi_peer_record_read_addresses (self, record);
  return TRUE;
}

gboolean
avi_peer_record_open (AviPeerRecord *self, AviSpan bytes, GError **error)
{
  g_autoptr(AviArena) arena = avi_arena_new (ARENA_BUDGET);
  g_autoptr(AviPublicKey) key = NULL;
  Avi__Wire__Envelope *envelope;
  Avi__Wire__PeerRecord *record = NULL;

  *self = (AviPeerRecord) { 0 };
  if (bytes.len > AVI_PEER_RECORD_MAX)
    {
      g_set_error (error, AVI_ERROR, AVI_ERROR_LIMIT,
                   "A peer record has %" G_GSIZE_FORMAT " bytes, where at most %d are allowed", bytes.len,
                   AVI_PEER_RECORD_MAX);
      return FALSE;
    }
  envelope = avi_protobuf_unpack (&avi__wire__envelope__descriptor, bytes, arena, "an envelope", error);
  key = envelope != NULL ? avi_peer_record_check (envelope, error) : NULL;
  if (key != NULL)
    record = avi_protobuf_unpack (&avi__wire__peer_record__descriptor,
                                  AVI_SPAN (envelope->payload.data, envelope->payload.len), arena, "a record", error);
  if (record != NULL && avi_peer_record_read (self, record, key, error))
    return TRUE;
  g_prefix_error (error, "A peer record: ");
  return FALSE;
}
