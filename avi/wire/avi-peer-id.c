/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "wire/avi-peer-id.h"

#include "avi-error.h"
#include "crypto/avi-crypto.h"
#include "wire/avi-base58.h"
#include "wire/avi-multibase.h"
#include "wire/avi-text.h"

/* Multihash: a code, a length, a digest; all the codes and lengths allowed here are one byte. */
#define MULTIHASH_IDENTITY   0x00
#define MULTIHASH_SHA256     0x12
#define MULTIHASH_HEADER_LEN 2

#define CID_V1     0x01
#define LIBP2P_KEY 0x72

#define INLINE_KEY_MAX 42

G_STATIC_ASSERT (AVI_PEER_ID_MAX_LEN >= MULTIHASH_HEADER_LEN + INLINE_KEY_MAX);

void
avi_peer_id_from_public_key (AviSpan key_protobuf, AviPeerId *out)
{
  guint8 *digest = out->bytes + MULTIHASH_HEADER_LEN;

  *out = (AviPeerId) { 0 };
  if (key_protobuf.len <= INLINE_KEY_MAX)
    {
      out->bytes[0] = MULTIHASH_IDENTITY;
      out->bytes[1] = key_protobuf.len;
      memcpy (digest, key_protobuf.data, key_protobuf.len);
    }
  else
    {
      out->bytes[0] = MULTIHASH_SHA256;
      out->bytes[1] = AVI_SHA256_LEN;
      avi_sha256 (key_protobuf, digest);
    }
  out->len = MULTIHASH_HEADER_LEN + out->bytes[1];
}

gboolean
avi_peer_id_decode (AviSpan multihash, AviPeerId *out, GError **error)
{
  gsize digest_len;

  if (multihash.len < MULTIHASH_HEADER_LEN)
    {
      g_set_error (error, AVI_ERROR, AVI_ERROR_PROTOCOL,
                   "A peer id of %" G_GSIZE_FORMAT " bytes is cut short", multihash.len);
      return FALSE;
    }

  digest_len = multihash.data[1];
  if (multihash.data[0] != MULTIHASH_IDENTITY && multihash.data[0] != MULTIHASH_SHA256)
    {
      g_set_error (error, AVI_ERROR, AVI_ERROR_PROTOCOL,
                   "A peer id begins with 0x%02x, which is neither identity (0x00) nor sha2-256 (0x12)",
                   multihash.data[0]);
      return FALSE;
    }
  if (multihash.data[0] == MULTIHASH_IDENTITY
        ? digest_len < 1 || digest_len > INLINE_KEY_MAX
        : digest_len != AVI_SHA256_LEN)
    {
      g_set_error (error, AVI_ERROR, AVI_ERROR_PROTOCOL,
                   "A peer id of multihash 0x%02x claims a digest of %" G_GSIZE_FORMAT " bytes",
                   multihash.data[0], digest_len);
      return FALSE;
    }
  if (multihash.len != MULTIHASH_HEADER_LEN + digest_len)
    {
      g_set_error (error, AVI_ERROR, AVI_ERROR_PROTOCOL,
                   "A peer id claims a digest of %" G_GSIZE_FORMAT " bytes and has %" G_GSIZE_FORMAT,
                   digest_len, multihash.len - MULTIHASH_HEADER_LEN);
      return FALSE;
    }

  *out = (AviPeerId) { .len = multihash.len };
  memcpy (out->bytes, multihash.data, multihash.len);
  return TRUE;
}

/* A CIDv1 begins with its version and its codec; what follows is the multihash. */
static gboolean
avi_peer_id_decode_cid (AviSpan cid, AviPeerId *out, GError **error)
{
  if (cid.len < 2 || cid.data[0] != CID_V1 || cid.data[1] != LIBP2P_KEY)
    {
      g_set_error_literal (error, AVI_ERROR, AVI_ERROR_PROTOCOL,
                           "It is no CID of version 1 and codec libp2p-key (0x72)");
      return FALSE;
    }
  return avi_peer_id_decode (avi_span_skip (cid, 2), out, error);
}

gboolean
avi_peer_id_parse (const char *text, AviPeerId *out, GError **error)
{
  g_autoptr(GByteArray) bytes = NULL;
  g_autoptr(GError) why = NULL;
  g_autofree char *shown = NULL;

  if (g_str_has_prefix (text, "1") || g_str_has_prefix (text, "Qm"))
    {
      if (avi_base58_decode (text, &bytes, &why)
          && avi_peer_id_decode (AVI_SPAN (bytes->data, bytes->len), out, &why))
        return TRUE;
    }
  else if (avi_multibase_decode (text, &bytes, &why)
           && avi_peer_id_decode_cid (AVI_SPAN (bytes->data, bytes->len), out, &why))
    return TRUE;

  shown = avi_text_quote (AVI_SPAN_STRING (text));
  g_set_error (error, AVI_ERROR, AVI_ERROR_INVALID_ARGUMENT, "%s is not a peer id: %s", shown, why->message);
  return FALSE;
}

char *
avi_peer_id_to_string (const AviPeerId *self)
{
  return avi_base58_encode (avi_peer_id_get_bytes (self));
}

char *
avi_peer_id_to_cid (const AviPeerId *self)
{
  guint8 cid[2 + AVI_PEER_ID_MAX_LEN] = { CID_V1, LIBP2P_KEY };

  memcpy (cid + 2, self->bytes, self->len);
  return avi_multibase_encode ('b', AVI_SPAN (cid, 2 + self->len));
}

AviSpan
avi_peer_id_get_inline_key (const AviPeerId *self)
{
  if (self->len == 0 || self->bytes[0] != MULTIHASH_IDENTITY)
    return AVI_SPAN_EMPTY;
  return avi_span_skip (avi_peer_id_get_bytes (self), MULTIHASH_HEADER_LEN);
}

/* A digest or a key: its last bytes are as good as any hash of it. */
guint
avi_peer_id_hash (gconstpointer self)
{
  const AviPeerId *id = self;
  guint hash = 0;

  if (id->len >= sizeof hash)
    memcpy (&hash, id->bytes + id->len - sizeof hash, sizeof hash);
  return hash;
}

gboolean
avi_peer_id_equal (gconstpointer a, gconstpointer b)
{
  return avi_span_equal (avi_peer_id_get_bytes (a), avi_peer_id_get_bytes (b));
}

int
avi_peer_id_compare (const AviPeerId *a, const AviPeerId *b)
{
  int order = memcmp (a->bytes, b->bytes, MIN (a->len, b->len));

  return order != 0 ? order : (int) a->len - (int) b->len;
}
