/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <netinet/in.h>

#include "avi-error.h"
#include "discovery/avi-local-file.h"

#define GROUP "node"

gboolean
avi_local_file_takes (const AviMultiaddr *address)
{
  struct sockaddr_storage storage;
  socklen_t len;

  if (!avi_multiaddr_to_sockaddr (address, &storage, &len))
    return FALSE;

  if (storage.ss_family == AF_INET)
    {
      const struct sockaddr_in *in = (const struct sockaddr_in *) &storage;

      return in->sin_port != 0 && ntohl (in->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
    }
  else
    {
      const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *) &storage;

      return in6->sin6_port != 0 && IN6_IS_ADDR_LOOPBACK (&in6->sin6_addr);
    }
}

/* The value of @key, which must be there and be UTF-8. */
static char *
avi_local_file_get (GKeyFile *keys, const char *key, GError **error)
{
  g_autoptr(GError) reason = NULL;
  char *value = g_key_file_get_string (keys, GROUP, key, &reason);

  if (value == NULL)
    g_set_error (error, AVI_ERROR, AVI_ERROR_PROTOCOL, "“%s” in [%s]: %s", key, GROUP, reason->message);
  return value;
}

static gboolean
avi_local_file_get_peer (GKeyFile *keys, AviPeerId *out, GError **error)
{
  g_autofree char *text = avi_local_file_get (keys, "peer-id", error);

  if (text == NULL)
    return FALSE;
  if (avi_peer_id_parse (text, out, error))
    return TRUE;
  g_prefix_error (error, "“peer-id” in [%s]: ", GROUP);
  return FALSE;
}

static gboolean
avi_local_file_get_boot_id (GKeyFile *keys, guint8 *out, GError **error)
{
  g_autofree char *text = avi_local_file_get (keys, "boot-id", error);

  if (text == NULL)
    return FALSE;

  gboolean valid = strlen (text) == 2 * AVI_LOCAL_BOOT_ID_LEN;

  for (guint i = 0; valid && i < AVI_LOCAL_BOOT_ID_LEN; i++)
    {
      int high = g_ascii_xdigit_value (text[2 * i]);
      int low = g_ascii_xdigit_value (text[2 * i + 1]);

      valid = high >= 0 && low >= 0;
      if (valid)
        out[i] = high << 4 | low;
    }
  if (valid)
    return TRUE;

  g_set_error (error, AVI_ERROR, AVI_ERROR_PROTOCOL,
               "“boot-id” in [%s] is not %d hexadecimal digits", GROUP, 2 * AVI_LOCAL_BOOT_ID_LEN);
  return FALSE;
}

static GPtrArray *
avi_local_file_get_addresses (GKeyFile *keys, GError **error)
{
  g_autoptr(GPtrArray) addresses = g_ptr_array_new_with_free_func ((GDestroyNotify) avi_multiaddr_unref);
  g_autoptr(GError) reason = NULL;
  g_auto(GStrv) texts = g_key_file_get_string_list (keys, GROUP, "addresses", NULL, &reason);

  if (texts == NULL)
    {
      g_set_error (error, AVI_ERROR, AVI_ERROR_PROTOCOL, "“addresses” in [%s]: %s", GROUP, reason->message);
      return NULL;
    }

  for (guint i = 0; texts[i] != NULL; i++)
    {
      g_autoptr(AviMultiaddr) address = avi_multiaddr_parse (texts[i], NULL);

      if (address == NULL || !avi_local_file_takes (address))
        continue;
      if (addresses->len == AVI_LOCAL_FILE_MAX_ADDRESSES)
        {
          g_set_error (error, AVI_ERROR, AVI_ERROR_LIMIT,
                       "“addresses” in [%s] are more than %d", GROUP, AVI_LOCAL_FILE_MAX_ADDRESSES);
          return NULL;
        }
      g_ptr_array_add (addresses, avi_multiaddr_without_peer (address));
    }
  return g_steal_pointer (&addresses);
}

gboolean
avi_local_file_parse (AviLocalFile *out, AviSpan bytes, GError **error)
{
  g_autoptr(GKeyFile) keys = g_key_file_new ();
  g_autoptr(GError) reason = NULL;
  g_autofree char *name = NULL;
  g_autoptr(GPtrArray) addresses = NULL;
  AviLocalFile file = { 0 };

  if (bytes.len > AVI_LOCAL_FILE_MAX_LEN)
    {
      g_set_error (error, AVI_ERROR, AVI_ERROR_LIMIT,
                   "A node's file is longer than %d bytes", AVI_LOCAL_FILE_MAX_LEN);
      return FALSE;
    }
  if (bytes.len == 0 ||
      !g_key_file_load_from_data (keys, (const char *) bytes.data, bytes.len, G_KEY_FILE_NONE, &reason))
    {
      g_set_error (error, AVI_ERROR, AVI_ERROR_PROTOCOL,
                   "Not a key file: %s", reason != NULL ? reason->message : "it is empty");
      return FALSE;
    }
  if (!avi_local_file_get_peer (keys, &file.peer, error) ||
      (name = avi_local_file_get (keys, "name", error)) == NULL ||
      !avi_local_file_get_boot_id (keys, file.boot_id, error) ||
      (addresses = avi_local_file_get_addresses (keys, error)) == NULL)
    return FALSE;

  file.name = g_steal_pointer (&name);
  file.addresses = g_steal_pointer (&addresses);
  *out = file;
  return TRUE;
}

static char *
avi_local_file_format_addresses (GPtrArray *addresses)
{
  GString *list = g_string_new (NULL);
  guint n = 0;

  for (guint i = 0; i < addresses->len && n < AVI_LOCAL_FILE_MAX_ADDRESSES; i++)
    {
      if (!avi_local_file_takes (addresses->pdata[i]))
        continue;

      g_autoptr(AviMultiaddr) address = avi_multiaddr_without_peer (addresses->pdata[i]);
      g_autofree char *text = avi_multiaddr_to_string (address);

      g_string_append_printf (list, "%s;", text);
      n++;
    }
  return g_string_free (list, FALSE);
}

GBytes *
avi_local_file_format (const AviLocalFile *self, GError **error)
{
  g_autoptr(GKeyFile) keys = g_key_file_new ();
  g_autofree char *peer = avi_peer_id_to_string (&self->peer);
  g_autofree char *addresses = avi_local_file_format_addresses (self->addresses);
  char boot_id[2 * AVI_LOCAL_BOOT_ID_LEN + 1];

  if (!g_utf8_validate (self->name, -1, NULL))
    {
      g_set_error_literal (error, AVI_ERROR, AVI_ERROR_INVALID_ARGUMENT, "The node's name is not UTF-8");
      return NULL;
    }
  for (guint i = 0; i < AVI_LOCAL_BOOT_ID_LEN; i++)
    g_snprintf (boot_id + 2 * i, 3, "%02x", self->boot_id[i]);

  g_key_file_set_string (keys, GROUP, "peer-id", peer);
  g_key_file_set_string (keys, GROUP, "name", self->name);
  g_key_file_set_string (keys, GROUP, "boot-id", boot_id);
  /* Written as it stands: multiaddrs of this kind hold nothing that the list form would escape. */
  g_key_file_set_value (keys, GROUP, "addresses", addresses);

  gsize len;
  g_autofree char *text = g_key_file_to_data (keys, &len, NULL);

  if (len > AVI_LOCAL_FILE_MAX_LEN)
    {
      g_set_error (error, AVI_ERROR, AVI_ERROR_LIMIT,
                   "The node's file would be %" G_GSIZE_FORMAT " bytes, the limit is %d: its name is too long",
                   len, AVI_LOCAL_FILE_MAX_LEN);
      return NULL;
    }
  return g_bytes_new_take (g_steal_pointer (&text), len);
}

gboolean
avi_local_file_equal (const AviLocalFile *a, const AviLocalFile *b)
{
  if (!avi_peer_id_equal (&a->peer, &b->peer) || !g_str_equal (a->name, b->name) ||
      memcmp (a->boot_id, b->boot_id, AVI_LOCAL_BOOT_ID_LEN) != 0 || a->addresses->len != b->addresses->len)
    return FALSE;

  for (guint i = 0; i < a->addresses->len; i++)
    {
      if (!avi_multiaddr_equal (a->addresses->pdata[i], b->addresses->pdata[i]))
        return FALSE;
    }
  return TRUE;
}

void
avi_local_file_clear (AviLocalFile *self)
{
  g_clear_pointer (&self->name, g_free);
  g_clear_pointer (&self->addresses, g_ptr_array_unref);
}
