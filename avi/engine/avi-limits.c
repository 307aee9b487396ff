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
  self->pending = g_hash_table_new_full (g_bytes_hash, g_bytes_equal, (GDestroyNotify) g_bytes_unref, NULL);
}

void
avi_limits_clear (AviLimits *self)
{
  g_clear_pointer (&self->per_address, g_hash_table_unref);
  g_clear_pointer (&self->pending, g_hash_table_unref);
}

/* The address without its port. An IPv6 host has its whole /64 to choose from, and counts as one; of link-local
 * ones all hosts of a link share that. */
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

/* What one host may have many addresses of: 3 bytes of IPv4, 8 of IPv6; of a link-local one its interface, too. */
static GBytes *
avi_limits_get_network (const struct sockaddr *source)
{
  const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *) source;
  guint8 network[12];

  if (source->sa_family != AF_INET6)
    return g_bytes_new (&((const struct sockaddr_in *) source)->sin_addr, 3);
  if (IN6_IS_ADDR_V4MAPPED (&in6->sin6_addr))
    return g_bytes_new (in6->sin6_addr.s6_addr + 12, 3);
  memcpy (network, &in6->sin6_addr, 8);
  memcpy (network + 8, &in6->sin6_scope_id, 4);
  return g_bytes_new (network, IN6_IS_ADDR_LINKLOCAL (&in6->sin6_addr) ? 12 : 8);
}

/* Of an address or a network. */
static char *
avi_limits_show_key (GBytes *key)
{
  const guint8 *bytes = g_bytes_get_data (key, NULL);
  gsize len = g_bytes_get_size (key);
  guint8 ip[16] = { 0 };
  char text[INET6_ADDRSTRLEN];
  guint32 scope;

  memcpy (ip, bytes, len == 12 ? 8 : len);
  inet_ntop (len <= 4 ? AF_INET : AF_INET6, ip, text, sizeof text);
  if (len == 12)
    {
      memcpy (&scope, bytes + 8, sizeof scope);
      return g_strdup_printf ("%s/64 on interface %u", text, scope);
    }
  return g_strdup_printf ("%s%s", text, len == 8 ? "/64" : len == 3 ? "/24" : "");
}

static guint
avi_limits_look_up (GHashTable *counts,
                    GBytes     *key)
{
  return GPOINTER_TO_UINT (g_hash_table_lookup (counts, key));
}

/* Takes @key. */
static void
avi_limits_set (GHashTable *counts,
                GBytes     *key,
                guint       n)
{
  if (n > 0)
    {
      g_hash_table_replace (counts, key, GUINT_TO_POINTER (n));
      return;
    }
  g_hash_table_remove (counts, key);
  g_bytes_unref (key);
}

/* The one with the highest count, or NULL. */
static GBytes *
avi_limits_find_most (GHashTable *counts,
                      guint      *n_most)
{
  GBytes *most = NULL;
  GHashTableIter iter;
  gpointer key, value;

  *n_most = 0;
  g_hash_table_iter_init (&iter, counts);
  while (g_hash_table_iter_next (&iter, &key, &value))
    if (GPOINTER_TO_UINT (value) > *n_most)
      {
        most = key;
        *n_most = GPOINTER_TO_UINT (value);
      }
  return most;
}

/* Who has the most inbound connections, in words: (transfer full); NULL: nobody has any. */
static char *
avi_limits_find_user (AviLimits *self)
{
  g_autofree char *text = NULL;
  guint n;
  GBytes *most = avi_limits_find_most (self->per_address, &n);

  if (most == NULL)
    return NULL;
  text = avi_limits_show_key (most);
  return g_strdup_printf ("%u by %s", n, text);
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
  GBytes *network = NULL;
  guint n = avi_limits_look_up (self->per_address, key);

  if (self->n_connections >= self->max_connections)
    return avi_limits_refuse (self, AVI_COUNT_REFUSED_TOTAL, "max-connections", self->max_connections, NULL, error);
  if (n >= self->max_per_address)
    {
      g_autofree char *text = avi_limits_show_key (key);

      return avi_limits_refuse (self, AVI_COUNT_REFUSED_PER_ADDRESS, "max-connections-per-address",
                                self->max_per_address, text, error);
    }
  avi_limits_set (self->per_address, g_steal_pointer (&key), n + 1);
  network = avi_limits_get_network (source);
  avi_limits_set (self->pending, network, avi_limits_look_up (self->pending, network) + 1);
  self->n_connections++;
  self->n_pending++;
  return TRUE;
}

GBytes *
avi_limits_find_crowd (AviLimits             *self,
                       const struct sockaddr *source)
{
  g_autoptr(GBytes) own = avi_limits_get_network (source);
  GBytes *most;
  guint n;

  if (avi_limits_look_up (self->pending, own) >= MAX (1, self->max_pending / 2))
    return g_steal_pointer (&own);
  if (self->n_pending < self->max_pending)
    return NULL;
  most = avi_limits_find_most (self->pending, &n);
  return most != NULL ? g_bytes_ref (most) : NULL;
}

gboolean
avi_limits_is_of_crowd (GBytes                *crowd,
                        const struct sockaddr *source)
{
  g_autoptr(GBytes) network = avi_limits_get_network (source);

  return g_bytes_equal (network, crowd);
}

char *
avi_limits_displace (AviLimits *self,
                     GBytes    *crowd)
{
  g_autofree char *text = avi_limits_show_key (crowd);

  avi_core_count (self->core, AVI_COUNT_REFUSED_PENDING, 1);
  return g_strdup_printf ("max-pending is reached: %u were on their way, of %u, and at most half from one network; "
                          "of %u from %s the oldest gives way to another",
                          self->n_pending - 1, self->max_pending, avi_limits_look_up (self->pending, crowd), text);
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
avi_limits_handshake_done (AviLimits             *self,
                           const struct sockaddr *source)
{
  GBytes *network;

  if (source == NULL)
    {
      self->n_dials--;
      return;
    }
  self->n_pending--;
  network = avi_limits_get_network (source);
  avi_limits_set (self->pending, network, avi_limits_look_up (self->pending, network) - 1);
}

void
avi_limits_close (AviLimits             *self,
                  const struct sockaddr *source,
                  gboolean               inbound,
                  gboolean               pending)
{
  self->n_connections--;
  if (pending)
    avi_limits_handshake_done (self, inbound ? source : NULL);
  if (inbound)
    {
      GBytes *key = avi_limits_get_key (source);

      avi_limits_set (self->per_address, key, avi_limits_look_up (self->per_address, key) - 1);
    }
}
