/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "wire/avi-multiaddr.h"

#include <arpa/inet.h>

#include "avi-error.h"
#include "wire/avi-multibase.h"
#include "wire/avi-ref-count.h"
#include "wire/avi-text.h"
#include "wire/avi-varint.h"

#define NAME_MAX_LEN 253  /* RFC 1035, as text */
#define TEXT_MAX_LEN 4096 /* no valid address of AVI_MULTIADDR_MAX_LEN bytes is longer */

/* How a protocol's value is written. */
typedef enum
{
  VALUE_NONE,
  VALUE_IP4,
  VALUE_IP6,
  VALUE_PORT,
  VALUE_NAME,
  VALUE_PATH,
  VALUE_PEER,
  VALUE_HASH
} AviMultiaddrValue;

#define LEN_PREFIXED -1

typedef struct
{
  AviMultiaddrProtocol code;
  AviMultiaddrValue    value;
  int                  len; /* of the value in bytes */
  const char          *name;
} AviMultiaddrRow;

static const AviMultiaddrRow protocols[] = {
  { AVI_MULTIADDR_IP4, VALUE_IP4, 4, "ip4" },
  { AVI_MULTIADDR_TCP, VALUE_PORT, 2, "tcp" },
  { AVI_MULTIADDR_IP6, VALUE_IP6, 16, "ip6" },
  { AVI_MULTIADDR_IP6ZONE, VALUE_NAME, LEN_PREFIXED, "ip6zone" },
  { AVI_MULTIADDR_DNS, VALUE_NAME, LEN_PREFIXED, "dns" },
  { AVI_MULTIADDR_DNS4, VALUE_NAME, LEN_PREFIXED, "dns4" },
  { AVI_MULTIADDR_DNS6, VALUE_NAME, LEN_PREFIXED, "dns6" },
  { AVI_MULTIADDR_DNSADDR, VALUE_NAME, LEN_PREFIXED, "dnsaddr" },
  { AVI_MULTIADDR_UDP, VALUE_PORT, 2, "udp" },
  { AVI_MULTIADDR_WEBRTC_DIRECT, VALUE_NONE, 0, "webrtc-direct" },
  { AVI_MULTIADDR_P2P_CIRCUIT, VALUE_NONE, 0, "p2p-circuit" },
  { AVI_MULTIADDR_UNIX, VALUE_PATH, LEN_PREFIXED, "unix" },
  { AVI_MULTIADDR_P2P, VALUE_PEER, LEN_PREFIXED, "p2p" },
  { AVI_MULTIADDR_P2P, VALUE_PEER, LEN_PREFIXED, "ipfs" }, /* the older name, only read */
  { AVI_MULTIADDR_TLS, VALUE_NONE, 0, "tls" },
  { AVI_MULTIADDR_QUIC_V1, VALUE_NONE, 0, "quic-v1" },
  { AVI_MULTIADDR_CERTHASH, VALUE_HASH, LEN_PREFIXED, "certhash" },
  { AVI_MULTIADDR_WS, VALUE_NONE, 0, "ws" },
  { AVI_MULTIADDR_WSS, VALUE_NONE, 0, "wss" },
};

struct _AviMultiaddr
{
  AviRefCount refs;
  gsize       len;
  guint8      bytes[];
};

static const AviMultiaddrRow *
avi_multiaddr_find_code (guint64 code)
{
  for (guint i = 0; i < G_N_ELEMENTS (protocols); i++)
    if (protocols[i].code == code)
      return &protocols[i];
  return NULL;
}

static const AviMultiaddrRow *
avi_multiaddr_find_name (AviSpan name)
{
  for (guint i = 0; i < G_N_ELEMENTS (protocols); i++)
    if (avi_span_equal (AVI_SPAN_STRING (protocols[i].name), name))
      return &protocols[i];
  return NULL;
}

static AviMultiaddr *
avi_multiaddr_new (AviSpan bytes)
{
  AviMultiaddr *self = g_malloc (sizeof *self + bytes.len);

  avi_ref_count_init (&self->refs);
  self->len = bytes.len;
  memcpy (self->bytes, bytes.data, bytes.len);
  return self;
}

AviMultiaddr *
avi_multiaddr_ref (AviMultiaddr *self)
{
  avi_ref_count_inc (&self->refs);
  return self;
}

void
avi_multiaddr_unref (AviMultiaddr *self)
{
  if (avi_ref_count_dec (&self->refs))
    g_free (self);
}

/* Values */

/* Names and paths: something, of UTF-8 without control characters. */
static gboolean
avi_multiaddr_is_text (AviSpan value)
{
  const char *text = (const char *) value.data;

  if (value.len == 0 || !g_utf8_validate (text, value.len, NULL))
    return FALSE;
  for (const char *at = text; at < text + value.len; at = g_utf8_next_char (at))
    if (g_unichar_iscntrl (g_utf8_get_char (at)))
      return FALSE;
  return TRUE;
}

/* A multihash of any kind: a code, the digest's length, the digest. */
static gboolean
avi_multiaddr_is_hash (AviSpan value)
{
  guint64 code, len;
  gsize code_len, len_len;

  if (value.len > AVI_MULTIBASE_MAX_LEN || avi_varint_decode (value, &code, &code_len) != AVI_VARINT_OK)
    return FALSE;
  value = avi_span_skip (value, code_len);
  return avi_varint_decode (value, &len, &len_len) == AVI_VARINT_OK && len > 0 && len == value.len - len_len;
}

/* Of a value that has the length its protocol gives it. */
static gboolean
avi_multiaddr_check_value (const AviMultiaddrRow *row, AviSpan value, GError **error)
{
  AviPeerId peer;

  switch (row->value)
    {
    case VALUE_NAME:
      if (value.len <= NAME_MAX_LEN && avi_multiaddr_is_text (value) && memchr (value.data, '/', value.len) == NULL)
        return TRUE;
      g_set_error (error, AVI_ERROR, AVI_ERROR_PROTOCOL, "it is no name of 1 to %d bytes", NAME_MAX_LEN);
      return FALSE;

    case VALUE_PATH:
      if (avi_multiaddr_is_text (value) && value.data[0] == '/')
        return TRUE;
      g_set_error_literal (error, AVI_ERROR, AVI_ERROR_PROTOCOL, "it is no absolute path");
      return FALSE;

    case VALUE_HASH:
      if (avi_multiaddr_is_hash (value))
        return TRUE;
      g_set_error_literal (error, AVI_ERROR, AVI_ERROR_PROTOCOL, "it is no multihash");
      return FALSE;

    case VALUE_PEER:
      return avi_peer_id_decode (value, &peer, error);

    case VALUE_NONE:
    case VALUE_IP4:
    case VALUE_IP6:
    case VALUE_PORT:
    default:
      return TRUE;
    }
}

static gboolean
avi_multiaddr_read_port (const char *text, guint8 out[2])
{
  guint port = 0;

  if (text[0] == '\0' || (text[0] == '0' && text[1] != '\0'))
    return FALSE;
  for (; *text != '\0'; text++)
    {
      if (!g_ascii_isdigit (*text))
        return FALSE;
      port = port * 10 + g_ascii_digit_value (*text);
      if (port > G_MAXUINT16)
        return FALSE;
    }
  out[0] = port >> 8;
  out[1] = port;
  return TRUE;
}

/* @text: the value as written; @out: what it stands for, appended. */
static gboolean
avi_multiaddr_read_value (const AviMultiaddrRow *row, const char *text, GByteArray *out, GError **error)
{
  g_autoptr(GByteArray) hash = NULL;
  guint8 fixed[16];
  const char *form;
  AviPeerId peer;
  gboolean good;

  switch (row->value)
    {
    case VALUE_IP4:
      good = inet_pton (AF_INET, text, fixed) == 1;
      form = "an IPv4 address";
      break;

    case VALUE_IP6:
      good = inet_pton (AF_INET6, text, fixed) == 1;
      form = "an IPv6 address";
      break;

    case VALUE_PORT:
      good = avi_multiaddr_read_port (text, fixed);
      form = "a port from 0 to 65535";
      break;

    case VALUE_PEER:
      if (!avi_peer_id_parse (text, &peer, error))
        return FALSE;
      g_byte_array_append (out, peer.bytes, peer.len);
      return TRUE;

    case VALUE_HASH:
      if (!avi_multibase_decode (text, &hash, error))
        return FALSE;
      g_byte_array_append (out, hash->data, hash->len);
      return TRUE;

    case VALUE_NAME:
    case VALUE_PATH:
      g_byte_array_append (out, (const guint8 *) text, strlen (text));
      return TRUE;

    case VALUE_NONE:
    default:
      return TRUE;
    }

  if (!good)
    {
      g_autofree char *shown = avi_text_quote (AVI_SPAN_STRING (text));

      g_set_error (error, AVI_ERROR, AVI_ERROR_INVALID_ARGUMENT, "%s is not %s", shown, form);
      return FALSE;
    }
  g_byte_array_append (out, fixed, row->len);
  return TRUE;
}

static void
avi_multiaddr_print_value (const AviMultiaddrRow *row, AviSpan value, GString *out)
{
  char address[INET6_ADDRSTRLEN];
  g_autofree char *text = NULL;
  AviPeerId peer;

  switch (row->value)
    {
    case VALUE_IP4:
      g_string_append (out, inet_ntop (AF_INET, value.data, address, sizeof address));
      break;

    case VALUE_IP6:
      g_string_append (out, inet_ntop (AF_INET6, value.data, address, sizeof address));
      break;

    case VALUE_PORT:
      g_string_append_printf (out, "%u", value.data[0] << 8 | value.data[1]);
      break;

    case VALUE_PEER:
      avi_peer_id_decode (value, &peer, NULL);
      text = avi_peer_id_to_string (&peer);
      g_string_append (out, text);
      break;

    case VALUE_HASH:
      text = avi_multibase_encode ('u', value);
      g_string_append (out, text);
      break;

    case VALUE_NAME:
    case VALUE_PATH:
      g_string_append_len (out, (const char *) value.data, value.len);
      break;

    case VALUE_NONE:
    default:
      break;
    }
}

/* The binary form: of each component the code as a varint, then the value, behind its length as a varint
 * where the protocol does not give it one. */

static gboolean
avi_multiaddr_fail_varint (AviVarintStatus status, const char *what, GError **error)
{
  g_set_error (error, AVI_ERROR, AVI_ERROR_PROTOCOL, "its %s %s", what, avi_varint_explain (status));
  return FALSE;
}

/* Reads the component at the front of @bytes, of which it takes @used. */
static gboolean
avi_multiaddr_read_component (AviSpan bytes, const AviMultiaddrRow **row, AviSpan *value, gsize *used, GError **error)
{
  guint64 number;
  AviVarintStatus status = avi_varint_decode (bytes, &number, used);
  gsize len_len = 0;

  if (status != AVI_VARINT_OK)
    return avi_multiaddr_fail_varint (status, "protocol code", error);

  *row = avi_multiaddr_find_code (number);
  if (*row == NULL)
    {
      g_set_error (error, AVI_ERROR, AVI_ERROR_PROTOCOL, "protocol code %" G_GUINT64_FORMAT " is unknown", number);
      return FALSE;
    }

  number = (*row)->len;
  if ((*row)->len == LEN_PREFIXED)
    {
      status = avi_varint_decode (avi_span_skip (bytes, *used), &number, &len_len);
      if (status != AVI_VARINT_OK)
        return avi_multiaddr_fail_varint (status, "length", error);
      *used += len_len;
    }
  if (number > bytes.len - *used)
    {
      g_set_error (error, AVI_ERROR, AVI_ERROR_PROTOCOL,
                   "%s of %" G_GUINT64_FORMAT " bytes is cut short after %" G_GSIZE_FORMAT,
                   (*row)->name, number, bytes.len - *used);
      return FALSE;
    }

  *value = AVI_SPAN (bytes.data + *used, number);
  *used += number;
  return TRUE;
}

AviMultiaddr *
avi_multiaddr_decode (AviSpan bytes, GError **error)
{
  const AviMultiaddrRow *row = NULL;
  g_autoptr(GError) why = NULL;
  AviSpan value;
  gsize used, at = 0;

  if (bytes.len == 0 || bytes.len > AVI_MULTIADDR_MAX_LEN)
    {
      g_set_error (error, AVI_ERROR, bytes.len == 0 ? AVI_ERROR_PROTOCOL : AVI_ERROR_LIMIT,
                   "An address of %" G_GSIZE_FORMAT " bytes, where 1 to %d are allowed", bytes.len,
                   AVI_MULTIADDR_MAX_LEN);
      return NULL;
    }

  for (guint n = 0; at < bytes.len; n++, at += used)
    {
      if (n == AVI_MULTIADDR_MAX_COMPONENTS)
        g_set_error (&why, AVI_ERROR, AVI_ERROR_LIMIT, "more than %d components", AVI_MULTIADDR_MAX_COMPONENTS);
      else if (row != NULL && row->value == VALUE_PATH)
        g_set_error (&why, AVI_ERROR, AVI_ERROR_PROTOCOL, "something follows a %s path", row->name);
      else if (avi_multiaddr_read_component (avi_span_skip (bytes, at), &row, &value, &used, &why)
               && !avi_multiaddr_check_value (row, value, &why))
        g_prefix_error (&why, "%s: ", row->name);

      if (why != NULL)
        {
          g_set_error (error, AVI_ERROR, why->code, "Address, at byte %" G_GSIZE_FORMAT ": %s", at, why->message);
          return NULL;
        }
    }
  return avi_multiaddr_new (bytes);
}

AviSpan
avi_multiaddr_get_bytes (const AviMultiaddr *self)
{
  return AVI_SPAN (self->bytes, self->len);
}

static gboolean
avi_multiaddr_next_row (const AviMultiaddr *self, AviMultiaddrIter *iter, const AviMultiaddrRow **row)
{
  gsize used;

  if (iter->offset >= self->len
      || !avi_multiaddr_read_component (AVI_SPAN (self->bytes + iter->offset, self->len - iter->offset),
                                        row, &iter->value, &used, NULL))
    return FALSE;
  iter->protocol = (*row)->code;
  iter->offset += used;
  return TRUE;
}

gboolean
avi_multiaddr_next (const AviMultiaddr *self, AviMultiaddrIter *iter)
{
  const AviMultiaddrRow *row;

  return avi_multiaddr_next_row (self, iter, &row);
}

/* Text */

static void
avi_multiaddr_append (GByteArray *bytes, const AviMultiaddrRow *row, AviSpan value)
{
  guint8 number[AVI_VARINT_MAX_LEN];

  g_byte_array_append (bytes, number, avi_varint_encode (row->code, number));
  if (row->len == LEN_PREFIXED)
    g_byte_array_append (bytes, number, avi_varint_encode (value.len, number));
  g_byte_array_append (bytes, value.data, value.len);
}

/* @at: at the slash before a protocol's name; afterwards behind its value. */
static gboolean
avi_multiaddr_parse_component (const char **at, GByteArray *bytes, GError **error)
{
  const char *name = *at + 1;
  const char *end = strchrnul (name, '/');
  const AviMultiaddrRow *row = avi_multiaddr_find_name (AVI_SPAN (name, end - name));
  g_autoptr(GByteArray) value = g_byte_array_new ();
  g_autofree char *text = NULL;

  if (row == NULL)
    {
      g_autofree char *shown = avi_text_quote (AVI_SPAN (name, end - name));

      g_set_error (error, AVI_ERROR, AVI_ERROR_INVALID_ARGUMENT, "protocol %s is unknown", shown);
      return FALSE;
    }

  if (row->value != VALUE_NONE)
    {
      /* A path begins with the slash that ends the name, and takes all that follows. */
      const char *start = row->value == VALUE_PATH || *end == '\0' ? end : end + 1;

      end = row->value == VALUE_PATH ? start + strlen (start) : strchrnul (start, '/');
      if (end == start)
        {
          g_set_error (error, AVI_ERROR, AVI_ERROR_INVALID_ARGUMENT, "%s lacks its value", row->name);
          return FALSE;
        }
      text = g_strndup (start, end - start);
      if (!avi_multiaddr_read_value (row, text, value, error)
          || !avi_multiaddr_check_value (row, AVI_SPAN (value->data, value->len), error))
        {
          g_prefix_error (error, "%s: ", row->name);
          return FALSE;
        }
    }

  avi_multiaddr_append (bytes, row, AVI_SPAN (value->data, value->len));
  *at = end;
  return TRUE;
}

static gboolean
avi_multiaddr_check_limits (gsize len, guint n, GError **error)
{
  if (len > AVI_MULTIADDR_MAX_LEN)
    g_set_error (error, AVI_ERROR, AVI_ERROR_LIMIT, "more than %d bytes", AVI_MULTIADDR_MAX_LEN);
  else if (n > AVI_MULTIADDR_MAX_COMPONENTS)
    g_set_error (error, AVI_ERROR, AVI_ERROR_LIMIT, "more than %d components", AVI_MULTIADDR_MAX_COMPONENTS);
  else
    return TRUE;
  return FALSE;
}

AviMultiaddr *
avi_multiaddr_parse (const char *text, GError **error)
{
  g_autoptr(GByteArray) bytes = g_byte_array_new ();
  g_autoptr(GError) why = NULL;
  const char *at = text;

  if (strnlen (text, TEXT_MAX_LEN + 1) > TEXT_MAX_LEN)
    g_set_error (&why, AVI_ERROR, AVI_ERROR_LIMIT, "more than %d characters", TEXT_MAX_LEN);
  else if (*at != '/')
    g_set_error_literal (&why, AVI_ERROR, AVI_ERROR_INVALID_ARGUMENT, "it does not begin with a slash");

  for (guint n = 1; why == NULL && *at != '\0'; n++)
    if (avi_multiaddr_parse_component (&at, bytes, &why))
      avi_multiaddr_check_limits (bytes->len, n, &why);

  if (why != NULL)
    {
      g_autofree char *shown = avi_text_quote (AVI_SPAN_STRING (text));

      g_set_error (error, AVI_ERROR,
                   why->code == AVI_ERROR_LIMIT ? AVI_ERROR_LIMIT : AVI_ERROR_INVALID_ARGUMENT,
                   "Address %s, at character %" G_GSIZE_FORMAT ": %s", shown, (gsize) (at - text) + 1, why->message);
      return NULL;
    }
  return avi_multiaddr_new (AVI_SPAN (bytes->data, bytes->len));
}

char *
avi_multiaddr_to_string (const AviMultiaddr *self)
{
  AviMultiaddrIter iter = { 0 };
  const AviMultiaddrRow *row;
  GString *text = g_string_new (NULL);

  while (avi_multiaddr_next_row (self, &iter, &row))
    {
      g_string_append_c (text, '/');
      g_string_append (text, row->name);
      if (row->value != VALUE_NONE && row->value != VALUE_PATH)
        g_string_append_c (text, '/');
      avi_multiaddr_print_value (row, iter.value, text);
    }
  return g_string_free (text, FALSE);
}

/* FNV-1a */
guint
avi_multiaddr_hash (gconstpointer self)
{
  const AviMultiaddr *address = self;
  guint32 hash = 2166136261u;

  for (gsize i = 0; i < address->len; i++)
    hash = (hash ^ address->bytes[i]) * 16777619u;
  return hash;
}

gboolean
avi_multiaddr_equal (gconstpointer a, gconstpointer b)
{
  return avi_span_equal (avi_multiaddr_get_bytes (a), avi_multiaddr_get_bytes (b));
}

/* Peers */

/* The length without a trailing /p2p/; @last: the last component. */
static gsize
avi_multiaddr_get_len_without_peer (const AviMultiaddr *self, AviMultiaddrIter *last)
{
  gsize start = 0;

  *last = (AviMultiaddrIter) { 0 };
  do
    start = last->offset;
  while (avi_multiaddr_next (self, last) && last->offset < self->len);

  return last->protocol == AVI_MULTIADDR_P2P ? start : self->len;
}

gboolean
avi_multiaddr_get_peer (const AviMultiaddr *self, AviPeerId *out)
{
  AviMultiaddrIter last;

  return avi_multiaddr_get_len_without_peer (self, &last) < self->len && avi_peer_id_decode (last.value, out, NULL);
}

AviMultiaddr *
avi_multiaddr_without_peer (AviMultiaddr *self)
{
  AviMultiaddrIter last;
  gsize len = avi_multiaddr_get_len_without_peer (self, &last);

  if (len == self->len)
    return avi_multiaddr_ref (self);
  return len > 0 ? avi_multiaddr_new (AVI_SPAN (self->bytes, len)) : NULL;
}

AviMultiaddr *
avi_multiaddr_with_peer (AviMultiaddr *self, const AviPeerId *peer)
{
  AviMultiaddrIter last;
  gsize len = avi_multiaddr_get_len_without_peer (self, &last);
  g_autoptr(GByteArray) bytes = g_byte_array_new ();

  g_byte_array_append (bytes, self->bytes, len);
  avi_multiaddr_append (bytes, avi_multiaddr_find_code (AVI_MULTIADDR_P2P), avi_peer_id_get_bytes (peer));
  return avi_multiaddr_decode (AVI_SPAN (bytes->data, bytes->len), NULL);
}
