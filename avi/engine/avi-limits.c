/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "avi-limits.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include "avi-error.h"

void
avi_limits_init (AviLimits         *self,
                 AviCore           *core,
                 const AviSettings *settings)
{
  self->core = core;
  self->max_connections = settings->max_connections;
  self->max_per_address = settings->max_connections_per_address;
  self->max_pending = settings->max_pending;
  self->max_dials = settings->max_dials;
  self->per_address = g_hash_table_new_full (g_bytes_hash, g_bytes_equal, (GDestroyNotify) g_bytes_unref, NULL);
}

void
avi_limits_clear (AviLimits *self)
{
  g_clear_pointer (&self->per_address, g_hash_table_unref);
}

/* The address without its port. An IPv6 host has its whole /64 to choose from, and counts as one. */
static GBytes *
avi_limits_get_key (const struct sockaddr *source)
{
  if (source->sa_family == AF_INET6)
    {
      const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *) source;
      gsize len = IN6_IS_ADDR_LINKLOCAL (&in6->sin6_addr) || IN6_IS_ADDR_V4MAPPED (&in6->sin6_addr) ? 16 : 8;

      return g_bytes_new (&in6->sin6_addr, len);
    }
  return g_bytes_new (&((const struct sockaddr_in *) source)->sin_addr, 4);
}

static char *
avi_limits_show_key (GBytes *key)
{
  const guint8 *bytes = g_bytes_get_data (key, NULL);
  gsize len = g_bytes_get_size (key);
  guint8 ip[16] = { 0 };
  char text[INET6_ADDRSTRLEN];

  memcpy (ip, bytes, len);
  inet_ntop (len == 4 ? AF_INET : AF_INET6, ip, text, sizeof text);
  return g_strdup_printf ("%s%s", text, len == 8 ? "/64" : "");
}

/* Who has the most inbound connections, in words: (transfer full); NULL: nobody has any. */
static char *
avi_limits_find_user (AviLimits *self)
{
  g_autofree char *text = NULL;
  GBytes *most = NULL;
  guint n_most = 0;
  GHashTableIter iter;
  gpointer key, value;

  g_hash_table_iter_init (&iter, self->per_address);
  while (g_hash_table_iter_next (&iter, &key, &value))
    if (GPOINTER_TO_UINT (value) > n_most)
      {
        most = key;
        n_most = GPOINTER_TO_UINT (value);
      }
  if (most == NULL)
    return NULL;
  text = avi_limits_show_key (most);
  return g_strdup_printf ("%u by %s", n_most, text);
}

/* @user: NULL: whoever has the most. */
static gboolean
avi_limits_refuse (AviLimits  *self,
                   AviCount    count,
                   const char *property,
                   guint       limit,
                   const char *user,
                   GError    **error)
{
  g_autofree char *most = user == NULL ? avi_limits_find_user (self) : NULL;

  avi_core_count (self->core, count, 1);
  g_set_error (error, AVI_ERROR, AVI_ERROR_LIMIT, "%s is reached: %u of %u are in use%s%s%s%s", property, limit, limit,
               user != NULL ? ", all by " : "", user != NULL ? user : "",
               most != NULL ? "; most connections from outside, " : "", most != NULL ? most : "");
  return FALSE;
}

gboolean
avi_limits_accept (AviLimits             *self,
                   const struct sockaddr *source,
                   GError               **error)
{
  g_autoptr(GBytes) key = avi_limits_get_key (source);
  guint n = GPOINTER_TO_UINT (g_hash_table_lookup (self->per_address, key));

  if (self->n_connections >= self->max_connections)
    return avi_limits_refuse (self, AVI_COUNT_REFUSED_TOTAL, "max-connections", self->max_connections, NULL, error);
  if (self->n_pending >= self->max_pending)
    return avi_limits_refuse (self, AVI_COUNT_REFUSED_PENDING, "max-pending", self->max_pending, NULL, error);
  if (n >= self->max_per_address)
    {
      g_autofree char *text = avi_limits_show_key (key);

      return avi_limits_refuse (self, AVI_COUNT_REFUSED_PER_ADDRESS, "max-connections-per-address",
                                self->max_per_address, text, error);
    }
  g_hash_table_replace (self->per_address, g_steal_pointer (&key), GUINT_TO_POINTER (n + 1));
  self->n_connections++;
  self->n_pending++;
  return TRUE;
}

gboolean
avi_limits_dial (AviLimits *self,
                 GError   **error)
{
  if (self->n_connections >= self->max_connections)
    return avi_limits_refuse (self, AVI_COUNT_REFUSED_TOTAL, "max-connections", self->max_connections, NULL, error);
  self->n_connections++;
  self->n_dials++;
  return TRUE;
}

#define HEARSAY_COST (G_USEC_PER_SEC / AVI_LIMITS_HEARSAY_RATE)

gint64
avi_limits_get_hearsay_turn (const AviLimits *self,
                             gint64           now)
{
  if (self->n_dials >= MAX (1, self->max_dials - self->max_dials / 4))
    return now + AVI_LIMITS_LATER;
  return MAX (now, self->hearsay_paid - (AVI_LIMITS_HEARSAY_BURST - 1) * HEARSAY_COST);
}

void
avi_limits_take_hearsay_turn (AviLimits *self,
                              gint64     now)
{
  self->hearsay_paid = MAX (self->hearsay_paid, now) + HEARSAY_COST;
}

void
avi_limits_handshake_done (AviLimits *self,
                           gboolean   inbound)
{
  if (inbound)
    self->n_pending--;
  else
    self->n_dials--;
}

void
avi_limits_close (AviLimits             *self,
                  const struct sockaddr *source,
                  gboolean               inbound,
                  gboolean               pending)
{
  self->n_connections--;
  if (pending)
    avi_limits_handshake_done (self, inbound);
  if (inbound)
    {
      g_autoptr(GBytes) key = avi_limits_get_key (source);
      guint n = GPOINTER_TO_UINT (g_hash_table_lookup (self->per_address, key));

      if (n <= 1)
        g_hash_table_remove (self->per_address, key);
      else
        g_hash_table_replace (self->per_address, g_steal_pointer (&key), GUINT_TO_POINTER (n - 1));
    }
}
