/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "protocols/gossipsub/avi-message-id.h"

#include "crypto/avi-crypto.h"
#include "crypto/avi-key.h"
#include "wire/avi-base58.h"

/* The lengths that a peer id has in base58: sha2-256 (Qm…); identity of an Ed25519 (12D3KooW…) and of
 * a secp256k1 key (16Uiu2HA…). Their first bytes are fixed, so each has one length. */
#define TEXT_SHA256_LEN    46
#define TEXT_ED25519_LEN   52
#define TEXT_SECP256K1_LEN 53
#define TEXT_MAX_LEN       (TEXT_SECP256K1_LEN + 20) /* 2^64 - 1 has 20 digits */

AviMessageId
avi_message_id_make (const AviSipKey *secret, const AviPeerId *from, guint64 seqno)
{
  guint8 bytes[AVI_PEER_ID_MAX_LEN + AVI_SEQNO_LEN];
  guint64 big_endian = GUINT64_TO_BE (seqno);

  memcpy (bytes, from->bytes, from->len);
  memcpy (bytes + from->len, &big_endian, AVI_SEQNO_LEN);
  return avi_sip_hash (secret, AVI_SPAN (bytes, from->len + AVI_SEQNO_LEN));
}

AviMessageId
avi_message_id_make_content (const AviSipKey *secret, const guint8 content[AVI_CONTENT_ID_LEN])
{
  return avi_sip_hash (secret, AVI_SPAN (content, AVI_CONTENT_ID_LEN));
}

void
avi_message_id_hash_content (AviSpan topic, AviSpan data, guint8 out[AVI_CONTENT_ID_LEN])
{
  guint8 digest[AVI_SHA256_LEN];

  avi_sha256_pair (topic, data, digest);
  memcpy (out, digest, AVI_CONTENT_ID_LEN);
}

static guint64
avi_message_id_read_seqno (AviSpan bytes)
{
  guint64 big_endian;

  memcpy (&big_endian, bytes.data + bytes.len - AVI_SEQNO_LEN, AVI_SEQNO_LEN);
  return GUINT64_FROM_BE (big_endian);
}

static AviMessageIdForm
avi_message_id_parse_plain (AviSpan bytes, AviPeerId *from, guint64 *seqno)
{
  if (bytes.len <= AVI_SEQNO_LEN
      || !avi_peer_id_decode (AVI_SPAN (bytes.data, bytes.len - AVI_SEQNO_LEN), from, NULL))
    return AVI_MESSAGE_ID_UNKNOWN;

  *seqno = avi_message_id_read_seqno (bytes);
  return AVI_MESSAGE_ID_PLAIN;
}

static AviMessageIdForm
avi_message_id_parse_key (AviSpan bytes, AviPeerId *from, guint64 *seqno)
{
  if (bytes.len <= AVI_SEQNO_LEN || bytes.len > AVI_PUBLIC_KEY_MAX + AVI_SEQNO_LEN)
    return AVI_MESSAGE_ID_UNKNOWN;

  avi_peer_id_from_public_key (AVI_SPAN (bytes.data, bytes.len - AVI_SEQNO_LEN), from);
  *seqno = avi_message_id_read_seqno (bytes);
  return AVI_MESSAGE_ID_KEY;
}

/* As it is printed: digits only, no zero in front. */
static gboolean
avi_message_id_parse_decimal (const char *text, guint64 *value)
{
  return (text[0] != '0' || text[1] == '\0') && g_ascii_string_to_unsigned (text, 10, 0, G_MAXUINT64, value, NULL);
}

static gsize
avi_message_id_get_author_len (const char *text)
{
  if (text[0] == 'Q')
    return TEXT_SHA256_LEN;
  return text[1] == '2' ? TEXT_ED25519_LEN : TEXT_SECP256K1_LEN;
}

static AviMessageIdForm
avi_message_id_parse_text (AviSpan bytes, AviPeerId *from, guint64 *seqno)
{
  char text[TEXT_MAX_LEN + 1] = "";
  char author[TEXT_SECP256K1_LEN + 1];
  g_autoptr(GByteArray) multihash = NULL;
  gsize author_len;

  if (bytes.len > TEXT_MAX_LEN || memchr (bytes.data, '\0', bytes.len) != NULL)
    return AVI_MESSAGE_ID_UNKNOWN;
  memcpy (text, bytes.data, bytes.len);
  author_len = avi_message_id_get_author_len (text);
  g_strlcpy (author, text, author_len + 1);

  if (bytes.len <= author_len
      || !avi_message_id_parse_decimal (text + author_len, seqno)
      || !avi_base58_decode (author, &multihash, NULL)
      || !avi_peer_id_decode (AVI_SPAN (multihash->data, multihash->len), from, NULL))
    return AVI_MESSAGE_ID_UNKNOWN;
  return AVI_MESSAGE_ID_TEXT;
}

AviMessageIdForm
avi_message_id_parse (AviSpan bytes, AviPeerId *from, guint64 *seqno)
{
  switch (bytes.len > 0 ? bytes.data[0] : 0xff)
    {
    case 0x00: /* multihash identity */
    case 0x12: /* multihash sha2-256 */
      return avi_message_id_parse_plain (bytes, from, seqno);

    case 0x08: /* a public key's first field, its type */
      return avi_message_id_parse_key (bytes, from, seqno);

    case '1': /* base58 of the two multihashes */
    case 'Q':
      return avi_message_id_parse_text (bytes, from, seqno);

    default:
      return AVI_MESSAGE_ID_UNKNOWN;
    }
}

AviMessageIdForm
avi_message_id_read (const AviSipKey *secret, AviSpan bytes, AviMessageId *id, AviPeerId *from)
{
  AviMessageIdForm form;
  guint64 seqno;

  if (bytes.len == AVI_CONTENT_ID_LEN)
    {
      *from = (AviPeerId) { 0 };
      *id = avi_message_id_make_content (secret, bytes.data);
      return AVI_MESSAGE_ID_CONTENT;
    }
  form = avi_message_id_parse (bytes, from, &seqno);
  if (form != AVI_MESSAGE_ID_UNKNOWN)
    *id = avi_message_id_make (secret, from, seqno);
  return form;
}

AviMessageIdForm
avi_message_id_guess (const char *agent)
{
  if (agent == NULL)
    return AVI_MESSAGE_ID_UNKNOWN;
  if (g_str_has_prefix (agent, "rust-libp2p"))
    return AVI_MESSAGE_ID_TEXT;
  if (g_str_has_prefix (agent, "js-libp2p"))
    return AVI_MESSAGE_ID_KEY;
  return AVI_MESSAGE_ID_PLAIN;
}

guint
avi_message_id_hash (gconstpointer self)
{
  return (guint) ((const AviMessageId *) self)->lo;
}

gboolean
avi_message_id_equal (gconstpointer a, gconstpointer b)
{
  return avi_sip_hash_equal (*(const AviMessageId *) a, *(const AviMessageId *) b);
}
