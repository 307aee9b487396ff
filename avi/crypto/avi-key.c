/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "crypto/avi-key.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <sodium.h>

#include "avi-error.h"
#include "crypto/avi-crypto.h"
#include "wire/avi-ref-count.h"
#include "wire/avi-varint.h"

#define ED25519_LEN        crypto_sign_PUBLICKEYBYTES
#define ED25519_SECRET_LEN crypto_sign_SECRETKEYBYTES /* the seed, then the public key */

#define RSA_MIN_BITS       2048
#define RSA_MAX_BITS       8192
#define RSA_EXPONENT_BITS  31 /* as Go has it; a long one is there to waste our time */

/* A key's protobuf has one valid form (specs/peer-ids, Keys): field 1, the type, then field 2, the data. */
#define FIELD_TYPE   0x08
#define FIELD_DATA   0x12
#define HEADER_LEN   4 /* up to the data, where they are shorter than 128 bytes */

struct _AviPublicKey
{
  AviRefCount refs;
  AviKeyType  type;
  AviPeerId   peer_id;
  EVP_PKEY   *pkey; /* NULL for Ed25519, whose key is the end of the protobuf */
  gsize       len;
  guint8      protobuf[];
};

struct _AviKeyPair
{
  AviRefCount   refs;
  AviPublicKey *public;
  guint8        secret[ED25519_SECRET_LEN];
};

static gboolean
avi_key_fail (const char *what, gsize at, GError **error)
{
  g_set_error (error, AVI_ERROR, AVI_ERROR_PROTOCOL, "Key: %s at byte %" G_GSIZE_FORMAT, what, at);
  return FALSE;
}

/* One field: its tag, then a varint. */
static gboolean
avi_key_read_field (AviSpan protobuf, gsize *at, guint8 tag, guint64 *value, GError **error)
{
  AviVarintStatus status;
  gsize used;

  if (*at >= protobuf.len)
    return avi_key_fail ("a field is missing", *at, error);
  if (protobuf.data[*at] != tag)
    return avi_key_fail (tag == FIELD_TYPE ? "the type is not" : "the data are not", *at, error);

  status = avi_varint_decode (avi_span_skip (protobuf, *at + 1), value, &used);
  if (status != AVI_VARINT_OK)
    {
      g_autofree char *what = g_strdup_printf ("a varint that %s", avi_varint_explain (status));

      return avi_key_fail (what, *at + 1, error);
    }
  *at += 1 + used;
  return TRUE;
}

static gboolean
avi_key_read (AviSpan protobuf, guint64 *type, AviSpan *data, GError **error)
{
  gsize at = 0;
  guint64 len;

  if (!avi_key_read_field (protobuf, &at, FIELD_TYPE, type, error)
      || !avi_key_read_field (protobuf, &at, FIELD_DATA, &len, error))
    return FALSE;

  *data = avi_span_skip (protobuf, at);
  if (data->len != len)
    {
      g_set_error (error, AVI_ERROR, AVI_ERROR_PROTOCOL,
                   "Key: its data claim %" G_GUINT64_FORMAT " bytes and have %" G_GSIZE_FORMAT, len, data->len);
      return FALSE;
    }
  return TRUE;
}

/* @point: in the encoding of SEC 1; libcrypto checks that it lies on the curve. */
static EVP_PKEY *
avi_key_load_point (const char *curve, AviSpan point)
{
  EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name (NULL, "EC", NULL);
  EVP_PKEY *pkey = NULL;
  OSSL_PARAM params[] = {
    OSSL_PARAM_construct_utf8_string (OSSL_PKEY_PARAM_GROUP_NAME, (char *) curve, 0),
    OSSL_PARAM_construct_octet_string (OSSL_PKEY_PARAM_PUB_KEY, point.data, point.len),
    OSSL_PARAM_construct_end (),
  };

  if (context == NULL || EVP_PKEY_fromdata_init (context) <= 0
      || EVP_PKEY_fromdata (context, &pkey, EVP_PKEY_PUBLIC_KEY, params) <= 0)
    pkey = NULL;
  EVP_PKEY_CTX_free (context);
  return pkey;
}

static EVP_PKEY *
avi_key_load_secp256k1 (AviSpan data)
{
  if (data.len != 33 || (data.data[0] != 0x02 && data.data[0] != 0x03))
    return NULL;
  return avi_key_load_point ("secp256k1", data);
}

/* The one SubjectPublicKeyInfo (RFC 5480) of an uncompressed point on P-256: this, then the point. */
static EVP_PKEY *
avi_key_load_ecdsa (AviSpan data)
{
  static const guint8 header[] = {
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06,
    0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
  };

  if (data.len != sizeof header + 65 || memcmp (data.data, header, sizeof header) != 0
      || data.data[sizeof header] != 0x04)
    return NULL;
  return avi_key_load_point ("prime256v1", avi_span_skip (data, sizeof header));
}

static gboolean
avi_key_is_rsa_exponent_small (EVP_PKEY *pkey)
{
  BIGNUM *exponent = NULL;
  gboolean small = EVP_PKEY_get_bn_param (pkey, OSSL_PKEY_PARAM_RSA_E, &exponent)
                   && BN_num_bits (exponent) <= RSA_EXPONENT_BITS && BN_is_odd (exponent) && !BN_is_one (exponent);

  BN_free (exponent);
  return small;
}

/* Libcrypto is asked only where the algorithm says rsaEncryption (RFC 3279, 2.3.1). DER has one form for
 * each value: a key that encodes to other bytes than it came in was not DER. */
static EVP_PKEY *
avi_key_load_rsa (AviSpan data, GError **error)
{
  static const guint8 algorithm[] = {
    0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00,
  };
  const gsize algorithm_at = data.len < 256 ? 3 : 4; /* behind the tag and the length of the whole */
  const guint8 *end = data.data;
  EVP_PKEY *pkey;
  guint8 *again = NULL;
  int bits, again_len;

  if (data.len < algorithm_at + sizeof algorithm || memcmp (data.data + algorithm_at, algorithm, sizeof algorithm) != 0
      || (pkey = d2i_PUBKEY (NULL, &end, data.len)) == NULL)
    return NULL;

  bits = EVP_PKEY_get_bits (pkey);
  again_len = i2d_PUBKEY (pkey, &again);
  if (again_len < 0 || !avi_span_equal (AVI_SPAN (again, again_len), data) || !avi_key_is_rsa_exponent_small (pkey))
    g_clear_pointer (&pkey, EVP_PKEY_free);
  else if (bits < RSA_MIN_BITS || bits > RSA_MAX_BITS)
    {
      g_set_error (error, AVI_ERROR, AVI_ERROR_SECURITY,
                   "Key: RSA of %d bits, where %d to %d are allowed", bits, RSA_MIN_BITS, RSA_MAX_BITS);
      g_clear_pointer (&pkey, EVP_PKEY_free);
    }
  OPENSSL_free (again);
  return pkey;
}

/* @pkey: stays NULL for Ed25519. */
static gboolean
avi_key_load (guint64 type, AviSpan data, EVP_PKEY **pkey, GError **error)
{
  g_autoptr(GError) why = NULL;
  const char *form;

  switch (type)
    {
    case AVI_KEY_ED25519:
      if (data.len == ED25519_LEN)
        return TRUE;
      form = "an Ed25519 key";
      break;
    case AVI_KEY_RSA:
      *pkey = avi_key_load_rsa (data, &why);
      form = "an RSA key in DER";
      break;
    case AVI_KEY_SECP256K1:
      *pkey = avi_key_load_secp256k1 (data);
      form = "a compressed point on secp256k1";
      break;
    case AVI_KEY_ECDSA:
      *pkey = avi_key_load_ecdsa (data);
      form = "an ECDSA key on P-256 in DER";
      break;
    default:
      g_set_error (error, AVI_ERROR, AVI_ERROR_PROTOCOL, "Key: type %" G_GUINT64_FORMAT " is unknown", type);
      return FALSE;
    }

  if (*pkey != NULL)
    return TRUE;
  if (why != NULL)
    g_propagate_error (error, g_steal_pointer (&why));
  else
    g_set_error (error, AVI_ERROR, AVI_ERROR_PROTOCOL,
                 "Key: its %" G_GSIZE_FORMAT " bytes of data are not %s", data.len, form);
  return FALSE;
}

AviPublicKey *
avi_public_key_decode (AviSpan protobuf, GError **error)
{
  AviPublicKey *self;
  EVP_PKEY *pkey = NULL;
  guint64 type;
  AviSpan data;
  gboolean loaded;

  if (protobuf.len > AVI_PUBLIC_KEY_MAX)
    {
      g_set_error (error, AVI_ERROR, AVI_ERROR_LIMIT,
                   "Key: %" G_GSIZE_FORMAT " bytes, where %d are allowed", protobuf.len, AVI_PUBLIC_KEY_MAX);
      return NULL;
    }
  if (!avi_key_read (protobuf, &type, &data, error))
    return NULL;

  avi_crypto_init ();
  /* libcrypto's errors stay out of the thread's queue, which may be the program's. */
  ERR_set_mark ();
  loaded = avi_key_load (type, data, &pkey, error);
  ERR_pop_to_mark ();
  if (!loaded)
    return NULL;

  self = g_malloc (sizeof *self + protobuf.len);
  avi_ref_count_init (&self->refs);
  self->type = type;
  self->pkey = pkey;
  self->len = protobuf.len;
  memcpy (self->protobuf, protobuf.data, protobuf.len);
  avi_peer_id_from_public_key (protobuf, &self->peer_id);
  return self;
}

AviPublicKey *
avi_public_key_ref (AviPublicKey *self)
{
  avi_ref_count_inc (&self->refs);
  return self;
}

void
avi_public_key_unref (AviPublicKey *self)
{
  if (!avi_ref_count_dec (&self->refs))
    return;

  EVP_PKEY_free (self->pkey);
  g_free (self);
}

AviKeyType
avi_public_key_get_type_of (const AviPublicKey *self)
{
  return self->type;
}

AviSpan
avi_public_key_get_protobuf (const AviPublicKey *self)
{
  return AVI_SPAN (self->protobuf, self->len);
}

const AviPeerId *
avi_public_key_get_peer_id (const AviPublicKey *self)
{
  return &self->peer_id;
}

/* All three kinds hash with SHA-256; RSA pads as in PKCS#1 1.5, which is libcrypto's default. */
static gboolean
avi_public_key_verify_pkey (AviPublicKey *self, AviSpan message, AviSpan signature)
{
  EVP_MD_CTX *context = EVP_MD_CTX_new ();
  gboolean good;

  ERR_set_mark ();
  good = context != NULL
         && EVP_DigestVerifyInit_ex (context, NULL, "SHA2-256", NULL, NULL, self->pkey, NULL) == 1
         && EVP_DigestVerify (context, signature.data, signature.len, message.data, message.len) == 1;
  ERR_pop_to_mark ();
  EVP_MD_CTX_free (context);
  return good;
}

gboolean
avi_public_key_verify (AviPublicKey *self, AviSpan message, AviSpan signature)
{
  if (self->type != AVI_KEY_ED25519)
    return avi_public_key_verify_pkey (self, message, signature);

  return signature.len == AVI_SIGNATURE_LEN
         && crypto_sign_verify_detached (signature.data, message.data, message.len,
                                         self->protobuf + self->len - ED25519_LEN) == 0;
}

AviKeyPair *
avi_key_pair_from_seed (const guint8 seed[AVI_KEY_SEED_LEN])
{
  AviKeyPair *self = g_new0 (AviKeyPair, 1);
  guint8 protobuf[HEADER_LEN + ED25519_LEN] = { FIELD_TYPE, AVI_KEY_ED25519, FIELD_DATA, ED25519_LEN };

  avi_crypto_init ();
  avi_ref_count_init (&self->refs);
  crypto_sign_seed_keypair (protobuf + HEADER_LEN, self->secret, seed);
  self->public = avi_public_key_decode (AVI_SPAN (protobuf, sizeof protobuf), NULL);
  return self;
}

AviKeyPair *
avi_key_pair_generate (void)
{
  guint8 seed[AVI_KEY_SEED_LEN];
  AviKeyPair *self;

  avi_crypto_init ();
  randombytes_buf (seed, sizeof seed);
  self = avi_key_pair_from_seed (seed);
  avi_wipe (seed, sizeof seed);
  return self;
}

AviKeyPair *
avi_key_pair_decode (AviSpan protobuf, GError **error)
{
  g_autoptr(AviKeyPair) self = NULL;
  guint64 type;
  AviSpan data;

  if (!avi_key_read (protobuf, &type, &data, error))
    return NULL;
  if (type != AVI_KEY_ED25519)
    {
      g_set_error (error, AVI_ERROR, AVI_ERROR_PROTOCOL,
                   "Key: a private key of type %" G_GUINT64_FORMAT ", where only Ed25519 (1) is used", type);
      return NULL;
    }
  if (data.len != ED25519_SECRET_LEN && data.len != ED25519_SECRET_LEN + ED25519_LEN)
    {
      g_set_error (error, AVI_ERROR, AVI_ERROR_PROTOCOL,
                   "Key: %" G_GSIZE_FORMAT " bytes are no private Ed25519 key", data.len);
      return NULL;
    }

  self = avi_key_pair_from_seed (data.data);
  for (gsize at = AVI_KEY_SEED_LEN; at < data.len; at += ED25519_LEN)
    if (memcmp (data.data + at, self->secret + AVI_KEY_SEED_LEN, ED25519_LEN) != 0)
      {
        g_set_error_literal (error, AVI_ERROR, AVI_ERROR_SECURITY, "Key: its private and its public half do not match");
        return NULL;
      }
  return g_steal_pointer (&self);
}

#define ENCODED_PAIR_LEN (HEADER_LEN + ED25519_SECRET_LEN)

static void
avi_key_pair_free_encoded (gpointer encoded)
{
  avi_wipe (encoded, ENCODED_PAIR_LEN);
  g_free (encoded);
}

GBytes *
avi_key_pair_encode (const AviKeyPair *self)
{
  static const guint8 header[HEADER_LEN] = { FIELD_TYPE, AVI_KEY_ED25519, FIELD_DATA, ED25519_SECRET_LEN };
  guint8 *encoded = g_malloc (ENCODED_PAIR_LEN);

  memcpy (encoded, header, HEADER_LEN);
  memcpy (encoded + HEADER_LEN, self->secret, ED25519_SECRET_LEN);
  return g_bytes_new_with_free_func (encoded, ENCODED_PAIR_LEN, avi_key_pair_free_encoded, encoded);
}

AviKeyPair *
avi_key_pair_ref (AviKeyPair *self)
{
  avi_ref_count_inc (&self->refs);
  return self;
}

void
avi_key_pair_unref (AviKeyPair *self)
{
  if (!avi_ref_count_dec (&self->refs))
    return;

  avi_wipe (self->secret, sizeof self->secret);
  avi_public_key_unref (self->public);
  g_free (self);
}

AviPublicKey *
avi_key_pair_get_public (AviKeyPair *self)
{
  return self->public;
}

const AviPeerId *
avi_key_pair_get_peer_id (const AviKeyPair *self)
{
  return avi_public_key_get_peer_id (self->public);
}

void
avi_key_pair_sign (const AviKeyPair *self, AviSpan message, guint8 signature[AVI_SIGNATURE_LEN])
{
  crypto_sign_detached (signature, NULL, message.data, message.len, self->secret);
}
