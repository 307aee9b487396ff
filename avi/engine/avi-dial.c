/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "avi-dial.h"

#include <gio/gio.h>

#include "avi-error.h"

/* Addresses that names may add to a dial. */
#define MAX_ADDRESSES 64

typedef struct
{
  AviMultiaddr  *address;
  AviConnection *connection; /* under way */
} Attempt;

struct _AviDial
{
  AviEngine   *engine;
  AviPeerId    expected; /* of length 0: none */
  AviDialDone  done;
  AviDialNote  note;
  gpointer     user_data;
  AviTimer     timer;

  GHashTable   *known;     /* of AviMultiaddr: all that there were, lest one is tried twice */
  GPtrArray    *waiting;   /* of AviMultiaddr, in order */
  GArray       *attempts;  /* of Attempt, under way */
  guint         n_lookups;
  GCancellable *cancellable; /* of the look-ups */
  GString      *errors;
  AviError      code;      /* of the last failure */
};

/* A look-up outlives a dial that ended; it knows by its own cancellable. */
typedef struct
{
  AviDial      *dial;
  GCancellable *cancellable;
  AviMultiaddr *address;
  guint16       port;
} Lookup;

static void avi_dial_go_on (AviTimer *timer, gint64 now);

gboolean
avi_dial_is_possible (const AviMultiaddr *address)
{
  struct sockaddr_storage storage;
  g_autofree char *name = NULL;
  AviMultiaddrIter iter = { 0 };
  socklen_t len;
  guint16 port;
  int family;

  if (avi_multiaddr_to_sockaddr (address, &storage, &len) || avi_multiaddr_get_host (address, &name, &port, &family))
    return TRUE;
  return avi_multiaddr_next (address, &iter) && iter.protocol == AVI_MULTIADDR_DNSADDR;
}

static void
avi_dial_soon (AviDial *self,
               gint64   after)
{
  avi_loop_set_timer (self->engine->loop, &self->timer, avi_loop_now (self->engine->loop) + after, avi_dial_go_on);
}

/* @position: -1: last. */
static void
avi_dial_add_waiting (AviDial      *self,
                      AviMultiaddr *address,
                      gint          position)
{
  if (g_hash_table_size (self->known) < MAX_ADDRESSES && g_hash_table_add (self->known, avi_multiaddr_ref (address)))
    g_ptr_array_insert (self->waiting, position, avi_multiaddr_ref (address));
}

AviDial *
avi_dial_new (AviEngine       *engine,
              const AviPeerId *expected,
              GPtrArray       *addresses,
              AviDialDone      done,
              AviDialNote      note,
              gpointer         user_data)
{
  AviDial *self = g_new0 (AviDial, 1);

  self->engine = engine;
  if (expected != NULL)
    self->expected = *expected;
  self->done = done;
  self->note = note;
  self->user_data = user_data;
  self->waiting = g_ptr_array_new_with_free_func ((GDestroyNotify) avi_multiaddr_unref);
  self->known =
      g_hash_table_new_full (avi_multiaddr_hash, avi_multiaddr_equal, (GDestroyNotify) avi_multiaddr_unref, NULL);
  for (guint i = 0; i < addresses->len; i++)
    avi_dial_add_waiting (self, g_ptr_array_index (addresses, i), -1);
  self->attempts = g_array_new (FALSE, FALSE, sizeof (Attempt));
  self->cancellable = g_cancellable_new ();
  self->errors = g_string_new (NULL);
  self->code = AVI_ERROR_REFUSED;
  avi_core_count (engine->core, AVI_COUNT_DIALS, 1);
  avi_dial_soon (self, 0);
  return self;
}

static void
avi_dial_free (AviDial *self)
{
  avi_loop_clear_timer (self->engine->loop, &self->timer);
  g_cancellable_cancel (self->cancellable);
  g_object_unref (self->cancellable);
  g_hash_table_unref (self->known);
  g_ptr_array_unref (self->waiting);
  g_array_unref (self->attempts);
  g_string_free (self->errors, TRUE);
  g_free (self);
}

/* Closes all attempts but @winner. */
static void
avi_dial_close_attempts (AviDial       *self,
                         AviConnection *winner)
{
  for (guint i = 0; i < self->attempts->len; i++)
    {
      Attempt *attempt = &g_array_index (self->attempts, Attempt, i);

      if (attempt->connection != winner)
        {
          attempt->connection->dial = NULL;
          avi_connection_end (attempt->connection,
                              winner != NULL ? "another address was faster" : "it is not needed any more");
        }
      avi_multiaddr_unref (attempt->address);
    }
  g_array_set_size (self->attempts, 0);
}

void
avi_dial_add (AviDial      *self,
              AviMultiaddr *address)
{
  guint before = self->waiting->len;

  avi_dial_add_waiting (self, address, 0);
  if (self->waiting->len > before)
    avi_dial_soon (self, 0);
}

void
avi_dial_cancel (AviDial *self)
{
  avi_dial_close_attempts (self, NULL);
  avi_dial_free (self);
}

static void
avi_dial_add_error (AviDial            *self,
                    const AviMultiaddr *address,
                    const GError       *error)
{
  g_autofree char *text = avi_multiaddr_to_string (address);

  g_string_append_printf (self->errors, "%s%s: %s", self->errors->len > 0 ? "; " : "", text, error->message);
  if (error->domain == AVI_ERROR)
    self->code = (AviError) error->code;
  avi_core_count (self->engine->core, AVI_COUNT_DIALS_FAILED, 1);
  if (self->note != NULL)
    self->note (self->user_data, address, error);
}

/* Nothing left to try: the answer is no. */
static void
avi_dial_give_up (AviDial *self)
{
  g_autoptr(GError) error = NULL;

  if (self->expected.len > 0)
    {
      g_autofree char *peer = avi_peer_id_to_string (&self->expected);

      error = g_error_new (AVI_ERROR, (gint) self->code, "Cannot reach %s: %s", peer, self->errors->str);
    }
  else
    error = g_error_new (AVI_ERROR, (gint) self->code, "Cannot connect: %s", self->errors->str);
  self->done (self->user_data, self, NULL, error);
  avi_dial_free (self);
}

/* --- names --- */

static void
avi_lookup_free (Lookup *self)
{
  g_object_unref (self->cancellable);
  avi_multiaddr_unref (self->address);
  g_free (self);
}

static Lookup *
avi_lookup_new (AviDial      *dial,
                AviMultiaddr *address,
                guint16       port)
{
  Lookup *self = g_new0 (Lookup, 1);

  self->dial = dial;
  self->cancellable = g_object_ref (dial->cancellable);
  self->address = avi_multiaddr_ref (address);
  self->port = port;
  dial->n_lookups++;
  return self;
}

/* The dial that @lookup is for, its count put right, or NULL where it ended meanwhile. */
static AviDial *
avi_lookup_get_dial (Lookup *lookup)
{
  if (g_cancellable_is_cancelled (lookup->cancellable))
    return NULL;
  lookup->dial->n_lookups--;
  return lookup->dial;
}

static void
avi_dial_lookup_failed (AviDial      *self,
                        AviMultiaddr *address,
                        const char   *message)
{
  g_autoptr(GError) error = g_error_new_literal (AVI_ERROR, AVI_ERROR_NOT_FOUND, message);

  avi_dial_add_error (self, address, error);
}

static void
avi_dial_resolved (GObject      *source,
                   GAsyncResult *result,
                   gpointer      user_data)
{
  Lookup *lookup = user_data;
  AviDial *self = avi_lookup_get_dial (lookup);
  g_autoptr(GError) error = NULL;
  GList *found = g_resolver_lookup_by_name_with_flags_finish (G_RESOLVER (source), result, &error);

  if (self != NULL)
    {
      if (found == NULL)
        avi_dial_lookup_failed (self, lookup->address, error->message);
      for (GList *item = found; item != NULL; item = item->next)
        {
          g_autoptr(GSocketAddress) socket_address = g_inet_socket_address_new (item->data, lookup->port);
          struct sockaddr_storage storage;

          if (g_socket_address_to_native (socket_address, &storage, sizeof storage, NULL))
            {
              g_autoptr(AviMultiaddr) address = avi_multiaddr_from_sockaddr ((struct sockaddr *) &storage);

              avi_dial_add_waiting (self, address, -1);
            }
        }
      avi_dial_soon (self, 0);
    }
  g_resolver_free_addresses (found);
  avi_lookup_free (lookup);
}

static void
avi_dial_resolve (AviDial      *self,
                  AviMultiaddr *address,
                  const char   *name,
                  guint16       port,
                  int           family)
{
  g_autoptr(GResolver) resolver = g_resolver_get_default ();
  GResolverNameLookupFlags flags = family == AF_INET    ? G_RESOLVER_NAME_LOOKUP_FLAGS_IPV4_ONLY
                                   : family == AF_INET6 ? G_RESOLVER_NAME_LOOKUP_FLAGS_IPV6_ONLY
                                                        : G_RESOLVER_NAME_LOOKUP_FLAGS_DEFAULT;

  g_resolver_lookup_by_name_with_flags_async (resolver, name, flags, self->cancellable, avi_dial_resolved,
                                              avi_lookup_new (self, address, port));
}

/* TXT records of _dnsaddr.NAME with dnsaddr=MULTIADDR (specs/addressing). Those for another peer
 * than the one expected are passed over, and nested names are not followed. */
static void
avi_dial_take_dnsaddr (AviDial    *self,
                       const char *text)
{
  g_autoptr(AviMultiaddr) address = NULL;
  struct sockaddr_storage storage;
  AviPeerId peer;
  socklen_t len;

  if (!g_str_has_prefix (text, "dnsaddr="))
    return;
  address = avi_multiaddr_parse (text + strlen ("dnsaddr="), NULL);
  if (address == NULL || !avi_multiaddr_to_sockaddr (address, &storage, &len))
    return;
  if (self->expected.len == 0 || !avi_multiaddr_get_peer (address, &peer) || avi_peer_id_equal (&peer, &self->expected))
    avi_dial_add_waiting (self, address, -1);
}

static void
avi_dial_dnsaddr_resolved (GObject      *source,
                           GAsyncResult *result,
                           gpointer      user_data)
{
  Lookup *lookup = user_data;
  AviDial *self = avi_lookup_get_dial (lookup);
  g_autoptr(GError) error = NULL;
  GList *records = g_resolver_lookup_records_finish (G_RESOLVER (source), result, &error);

  if (self != NULL)
    {
      guint before = self->waiting->len;

      for (GList *item = records; item != NULL; item = item->next)
        {
          g_autofree const char **strings = NULL;

          g_variant_get_child (item->data, 0, "^a&s", &strings);
          for (guint i = 0; strings[i] != NULL; i++)
            avi_dial_take_dnsaddr (self, strings[i]);
        }
      if (self->waiting->len == before)
        avi_dial_lookup_failed (self, lookup->address,
                                error != NULL ? error->message : "its TXT records hold no address for this peer");
      avi_dial_soon (self, 0);
    }
  g_list_free_full (records, (GDestroyNotify) g_variant_unref);
  avi_lookup_free (lookup);
}

static void
avi_dial_resolve_dnsaddr (AviDial      *self,
                          AviMultiaddr *address)
{
  g_autoptr(GResolver) resolver = g_resolver_get_default ();
  g_autofree char *name = NULL;
  AviMultiaddrIter iter = { 0 };

  avi_multiaddr_next (address, &iter);
  name = g_strdup_printf ("_dnsaddr.%.*s", (int) iter.value.len, (const char *) iter.value.data);
  g_resolver_lookup_records_async (resolver, name, G_RESOLVER_RECORD_TXT, self->cancellable, avi_dial_dnsaddr_resolved,
                                   avi_lookup_new (self, address, 0));
}

/* --- attempts --- */

/* TRUE where the address is being looked up, and stands for others. */
static gboolean
avi_dial_look_up (AviDial      *self,
                  AviMultiaddr *address)
{
  AviMultiaddrIter iter = { 0 };
  g_autofree char *name = NULL;
  guint16 port;
  int family;

  if (avi_multiaddr_next (address, &iter) && iter.protocol == AVI_MULTIADDR_DNSADDR)
    {
      avi_dial_resolve_dnsaddr (self, address);
      return TRUE;
    }
  if (avi_multiaddr_get_host (address, &name, &port, &family))
    {
      avi_dial_resolve (self, address, name, port, family);
      return TRUE;
    }
  return FALSE;
}

/* FALSE where it failed at once. */
static gboolean
avi_dial_try (AviDial      *self,
              AviMultiaddr *address)
{
  g_autoptr(AviMultiaddr) bare = avi_multiaddr_without_peer (address);
  gint64 deadline = avi_loop_now (self->engine->loop) + self->engine->settings->dial_timeout;
  g_autoptr(GError) error = NULL;
  Attempt attempt = { .address = bare };

  if (bare == NULL)
    return FALSE;
  attempt.connection = avi_connection_dial (self->engine, bare, self->expected.len > 0 ? &self->expected : NULL, self,
                                            deadline, &error);
  if (attempt.connection == NULL)
    {
      avi_dial_add_error (self, bare, error);
      return FALSE;
    }
  g_steal_pointer (&bare);
  g_array_append_val (self->attempts, attempt);
  return TRUE;
}

static void
avi_dial_go_on (AviTimer *timer,
                gint64    now)
{
  AviDial *self = AVI_CONTAINER_OF (timer, AviDial, timer);
  AviLimits *limits = &self->engine->limits;

  while (self->waiting->len > 0)
    {
      g_autoptr(AviMultiaddr) address = NULL;

      if (limits->n_dials >= limits->max_dials)
        {
          avi_dial_soon (self, AVI_DIAL_STAGGER);
          return;
        }
      address = g_ptr_array_steal_index (self->waiting, 0);
      if (!avi_dial_look_up (self, address) && avi_dial_try (self, address))
        {
          if (self->waiting->len > 0)
            avi_dial_soon (self, AVI_DIAL_STAGGER);
          return;
        }
    }
  if (self->attempts->len == 0 && self->n_lookups == 0)
    avi_dial_give_up (self);
}

static gboolean
avi_dial_take_attempt (AviDial       *self,
                       AviConnection *connection,
                       AviMultiaddr **address)
{
  for (guint i = 0; i < self->attempts->len; i++)
    {
      Attempt *attempt = &g_array_index (self->attempts, Attempt, i);

      if (attempt->connection != connection)
        continue;
      *address = attempt->address;
      g_array_remove_index (self->attempts, i);
      return TRUE;
    }
  return FALSE;
}

void
avi_dial_succeeded (AviDial       *self,
                    AviConnection *connection)
{
  g_autoptr(AviMultiaddr) address = NULL;

  if (!avi_dial_take_attempt (self, connection, &address))
    return;
  if (self->note != NULL)
    self->note (self->user_data, address, NULL);
  avi_dial_close_attempts (self, connection);
  self->done (self->user_data, self, connection, NULL);
  avi_dial_free (self);
}

void
avi_dial_failed (AviDial       *self,
                 AviConnection *connection,
                 const GError  *error)
{
  g_autoptr(AviMultiaddr) address = NULL;
  g_autoptr(GError) unknown = NULL;

  if (!avi_dial_take_attempt (self, connection, &address))
    return;
  if (error == NULL)
    error = unknown = g_error_new_literal (AVI_ERROR, AVI_ERROR_CLOSED, "closed by this node");
  avi_dial_add_error (self, address, error);
  avi_dial_soon (self, 0);
}
