/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "avi-error.h"
#include "avi-identity-file.h"
#include "avi-identity-private.h"
#include "crypto/avi-crypto.h"
#include "engine/avi-lock.h"

/**
 * AviIdentity:
 *
 * A key pair, and the peer id that follows from it.
 *
 * The peer id is what a node is known by in the mesh: names are labels, the key is the node. An
 * identity that lives in a file makes a node the same one after a restart:
 * [func@Avi.Identity.load_or_create] is the call for that. A device without an identity makes one
 * when it is constructed, keeps it as long as it lives, and never saves it.
 *
 * An identity never changes. All its calls work from any thread; those that name a file read or
 * write it at once, which is a matter of a few hundred bytes.
 *
 * The key is Ed25519. The file holds it in the form that libp2p calls `PrivateKey`, so identities
 * of other libp2p programs can be used. It must be private to its owner (mode 0600), it is
 * written whole or not at all, and nothing here ever overwrites one identity with another.
 *
 * Since: 1.0
 */
struct _AviIdentity
{
  GObject parent_instance;

  AviKeyPair *key;     /* from construction to the end */
  char       *peer_id; /* of the key, in base58 */

  AviLock lock;
  char   *file; /* under the lock: where it was loaded from or saved to last */
};

enum
{
  PROP_0,
  PROP_PEER_ID,
  PROP_FILE,
  N_PROPS
};

static GParamSpec *properties[N_PROPS];

G_DEFINE_FINAL_TYPE (AviIdentity, avi_identity, G_TYPE_OBJECT)

static AviIdentity *
avi_identity_new_take (AviKeyPair *key,
                       const char *file)
{
  AviIdentity *self = g_object_new (AVI_TYPE_IDENTITY, NULL);

  g_clear_pointer (&self->key, avi_key_pair_unref);
  g_clear_pointer (&self->peer_id, g_free);
  self->key = key;
  self->peer_id = avi_peer_id_to_string (avi_key_pair_get_peer_id (key));
  self->file = g_strdup (file);
  return self;
}

AviKeyPair *
avi_identity_get_key_pair (AviIdentity *self)
{
  return self->key;
}

/**
 * avi_identity_generate:
 *
 * Makes a new identity from the system's randomness. It is in no file.
 *
 * Returns: (transfer full): the identity
 *
 * Since: 1.0
 */
AviIdentity *
avi_identity_generate (void)
{
  return g_object_new (AVI_TYPE_IDENTITY, NULL);
}

/**
 * avi_identity_from_seed:
 * @seed: 32 bytes, which are the secret
 * @error: return location for an error
 *
 * Makes the identity that follows from a seed (RFC 8032's private key): the same seed gives the
 * same identity.
 *
 * Fails with %AVI_ERROR_INVALID_ARGUMENT where the seed is not of 32 bytes.
 *
 * Returns: (transfer full): the identity
 *
 * Since: 1.0
 */
AviIdentity *
avi_identity_from_seed (GBytes  *seed,
                        GError **error)
{
  g_return_val_if_fail (seed != NULL, NULL);
  g_return_val_if_fail (error == NULL || *error == NULL, NULL);

  avi_crypto_init ();
  if (g_bytes_get_size (seed) != AVI_KEY_SEED_LEN)
    {
      g_set_error (error, AVI_ERROR, AVI_ERROR_INVALID_ARGUMENT, "A seed has %d bytes, not %" G_GSIZE_FORMAT,
                   AVI_KEY_SEED_LEN, g_bytes_get_size (seed));
      return NULL;
    }
  return avi_identity_new_take (avi_key_pair_from_seed (g_bytes_get_data (seed, NULL)), NULL);
}

/* --- in a file --- */

/**
 * avi_identity_load:
 * @file: (type filename): the file's path
 * @error: return location for an error
 *
 * Reads an identity from its file.
 *
 * Fails with %AVI_ERROR_NOT_FOUND where there is no such file, with %AVI_ERROR_SECURITY where it
 * is damaged, or open to others than its owner, and with %AVI_ERROR_FAILED where it cannot be
 * read. Each error names the file, which is left as it is.
 *
 * Returns: (transfer full): the identity
 *
 * Since: 1.0
 */
AviIdentity *
avi_identity_load (const char  *file,
                   GError     **error)
{
  AviKeyPair *key;

  g_return_val_if_fail (file != NULL, NULL);
  g_return_val_if_fail (error == NULL || *error == NULL, NULL);

  avi_crypto_init ();
  key = avi_identity_file_load (file, error);
  return key != NULL ? avi_identity_new_take (key, file) : NULL;
}

/**
 * avi_identity_load_or_create:
 * @file: (type filename): the file's path; its folder must exist
 * @error: return location for an error
 *
 * Reads an identity from its file, or, where there is none, makes one and writes it there,
 * readable by its owner only. Of several programs that do so at once all get the same identity.
 *
 * A file that is there is never overwritten, however damaged: fails as [func@Avi.Identity.load]
 * does, and with %AVI_ERROR_NOT_FOUND or %AVI_ERROR_FAILED where it cannot be written. Nothing is
 * written through a symbolic link that leads nowhere, which is %AVI_ERROR_NOT_FOUND.
 *
 * Returns: (transfer full): the identity
 *
 * Since: 1.0
 */
AviIdentity *
avi_identity_load_or_create (const char  *file,
                             GError     **error)
{
  g_autoptr(GError) failure = NULL;
  g_autoptr(AviIdentity) self = NULL;

  g_return_val_if_fail (file != NULL, NULL);
  g_return_val_if_fail (error == NULL || *error == NULL, NULL);

  self = avi_identity_load (file, &failure);
  if (self != NULL)
    return g_steal_pointer (&self);
  if (!g_error_matches (failure, AVI_ERROR, AVI_ERROR_NOT_FOUND))
    {
      g_propagate_error (error, g_steal_pointer (&failure));
      return NULL;
    }

  g_clear_error (&failure);
  self = avi_identity_generate ();
  if (avi_identity_file_create (file, self->key, &failure))
    {
      self->file = g_strdup (file);
      return g_steal_pointer (&self);
    }
  /* Somebody else was faster: theirs is the one. */
  if (g_error_matches (failure, AVI_ERROR, AVI_ERROR_ALREADY_EXISTS))
    return avi_identity_load (file, error);
  g_propagate_error (error, g_steal_pointer (&failure));
  return NULL;
}

/**
 * avi_identity_save:
 * @self: an identity
 * @file: (type filename): the file's path; its folder must exist
 * @error: return location for an error
 *
 * Writes the identity to a file, readable by its owner only. The file is written whole or not at
 * all. Where it already holds this identity nothing is done.
 *
 * Fails with %AVI_ERROR_ALREADY_EXISTS where the file holds anything else, which is never
 * overwritten; with %AVI_ERROR_SECURITY where it holds this identity, but open to others; with
 * %AVI_ERROR_NOT_FOUND or %AVI_ERROR_FAILED where it cannot be written. Each error names the file.
 *
 * Returns: %TRUE where the identity is in the file
 *
 * Since: 1.0
 */
gboolean
avi_identity_save (AviIdentity  *self,
                   const char   *file,
                   GError      **error)
{
  g_autoptr(GError) failure = NULL;

  g_return_val_if_fail (AVI_IS_IDENTITY (self), FALSE);
  g_return_val_if_fail (file != NULL, FALSE);
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  if (!avi_identity_file_create (file, self->key, &failure))
    {
      g_autoptr(AviKeyPair) there = NULL;

      if (!g_error_matches (failure, AVI_ERROR, AVI_ERROR_ALREADY_EXISTS))
        {
          g_propagate_error (error, g_steal_pointer (&failure));
          return FALSE;
        }
      there = avi_identity_file_load (file, error);
      if (there == NULL)
        return FALSE;
      if (!avi_peer_id_equal (avi_key_pair_get_peer_id (there), avi_key_pair_get_peer_id (self->key)))
        {
          g_autofree char *other = avi_peer_id_to_string (avi_key_pair_get_peer_id (there));

          g_set_error (error, AVI_ERROR, AVI_ERROR_ALREADY_EXISTS,
                       "The identity file “%s” holds another identity, %s", file, other);
          return FALSE;
        }
    }

  avi_lock (&self->lock);
  g_free (self->file);
  self->file = g_strdup (file);
  avi_unlock (&self->lock);
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_FILE]);
  return TRUE;
}

/* --- what it is for --- */

/**
 * avi_identity_get_peer_id: (get-property peer-id)
 * @self: an identity
 *
 * Gets the peer id in base58 (`12D3KooW…`).
 *
 * Returns: (transfer none): the peer id, as long as the identity lives
 *
 * Since: 1.0
 */
const char *
avi_identity_get_peer_id (AviIdentity *self)
{
  g_return_val_if_fail (AVI_IS_IDENTITY (self), NULL);

  return self->peer_id;
}

/**
 * avi_identity_dup_file: (get-property file)
 * @self: an identity
 *
 * Gets the path of the file that the identity was loaded from or saved to last.
 *
 * Returns: (transfer full) (nullable) (type filename): the path, or %NULL where it is in no file
 *
 * Since: 1.0
 */
char *
avi_identity_dup_file (AviIdentity *self)
{
  char *file;

  g_return_val_if_fail (AVI_IS_IDENTITY (self), NULL);

  avi_lock (&self->lock);
  file = g_strdup (self->file);
  avi_unlock (&self->lock);
  return file;
}

/**
 * avi_identity_sign:
 * @self: an identity
 * @data: what to sign
 *
 * Signs data. Begin it with words that say what the signature is for, so that it cannot be taken
 * for one of another purpose: the mesh's own messages are signed with this key, too.
 *
 * Returns: (transfer full): the signature, 64 bytes (Ed25519, RFC 8032)
 *
 * Since: 1.0
 */
GBytes *
avi_identity_sign (AviIdentity *self,
                   GBytes      *data)
{
  guint8 signature[AVI_SIGNATURE_LEN];

  g_return_val_if_fail (AVI_IS_IDENTITY (self), NULL);
  g_return_val_if_fail (data != NULL, NULL);

  avi_key_pair_sign (self->key, avi_span_from_bytes (data), signature);
  return g_bytes_new (signature, sizeof signature);
}

/**
 * avi_identity_verify:
 * @peer_id: the peer id of who is said to have signed
 * @data: what was signed
 * @signature: the signature
 * @error: return location for an error
 *
 * Checks a signature. It is good only where this returns %TRUE.
 *
 * Fails with %AVI_ERROR_SECURITY where the signature is not of this peer over this data, and with
 * %AVI_ERROR_INVALID_ARGUMENT where @peer_id is malformed, or is a hash from which no key can be
 * had (an RSA or ECDSA key's).
 *
 * Returns: %TRUE where the signature is good
 *
 * Since: 1.0
 */
gboolean
avi_identity_verify (const char  *peer_id,
                     GBytes      *data,
                     GBytes      *signature,
                     GError     **error)
{
  g_autoptr(AviPublicKey) key = NULL;
  AviPeerId peer;
  AviSpan inlined;

  g_return_val_if_fail (peer_id != NULL, FALSE);
  g_return_val_if_fail (data != NULL, FALSE);
  g_return_val_if_fail (signature != NULL, FALSE);
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  avi_crypto_init ();
  if (!avi_peer_id_parse (peer_id, &peer, error))
    return FALSE;
  inlined = avi_peer_id_get_inline_key (&peer);
  if (inlined.len == 0)
    {
      g_set_error (error, AVI_ERROR, AVI_ERROR_INVALID_ARGUMENT, "The peer id “%s” is a hash, its key is not in it",
                   peer_id);
      return FALSE;
    }
  key = avi_public_key_decode (inlined, error);
  if (key == NULL)
    return FALSE;
  if (!avi_public_key_verify (key, avi_span_from_bytes (data), avi_span_from_bytes (signature)))
    {
      g_set_error (error, AVI_ERROR, AVI_ERROR_SECURITY, "The signature is not that of %s over this data", peer_id);
      return FALSE;
    }
  return TRUE;
}

/* --- the object --- */

static void
avi_identity_get_property (GObject    *object,
                           guint       id,
                           GValue     *value,
                           GParamSpec *pspec)
{
  AviIdentity *self = AVI_IDENTITY (object);

  switch (id)
    {
    case PROP_PEER_ID:
      g_value_set_string (value, self->peer_id);
      break;
    case PROP_FILE:
      g_value_take_string (value, avi_identity_dup_file (self));
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
avi_identity_finalize (GObject *object)
{
  AviIdentity *self = AVI_IDENTITY (object);

  avi_key_pair_unref (self->key);
  g_free (self->peer_id);
  g_free (self->file);
  avi_lock_clear (&self->lock);
  G_OBJECT_CLASS (avi_identity_parent_class)->finalize (object);
}

/* Bindings construct objects without asking: an identity is never without a key. */
static void
avi_identity_init (AviIdentity *self)
{
  avi_crypto_init ();
  avi_lock_init (&self->lock);
  self->key = avi_key_pair_generate ();
  self->peer_id = avi_peer_id_to_string (avi_key_pair_get_peer_id (self->key));
}

static void
avi_identity_class_init (AviIdentityClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->get_property = avi_identity_get_property;
  object_class->finalize = avi_identity_finalize;

  /**
   * AviIdentity:peer-id: (getter get_peer_id)
   *
   * The peer id in base58.
   *
   * Since: 1.0
   */
  properties[PROP_PEER_ID] =
    g_param_spec_string ("peer-id", NULL, NULL, NULL, G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);

  /**
   * AviIdentity:file: (getter dup_file)
   *
   * The path of the file that it was loaded from or saved to last, or %NULL.
   *
   * Since: 1.0
   */
  properties[PROP_FILE] =
    g_param_spec_string ("file", NULL, NULL, NULL,
                         G_PARAM_READABLE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS);

  g_object_class_install_properties (object_class, N_PROPS, properties);
}
