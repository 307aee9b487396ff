/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "avi-dial.h"

#include "avi-error.h"
#include "avi-lookup.h"

/* Of a dial, those of names among them. */
#define MAX_ADDRESSES 64
/* Of a dial, with the names that names stand for: as go-libp2p's and js-libp2p's. */
#define MAX_LOOKUPS 32

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
  gboolean     hearsay;
  AviTimer     timer;

  GHashTable   *known;     /* of AviMultiaddr: all that there were, lest one is tried twice */
  GPtrArray    *waiting;   /* of AviMultiaddr, in order */
  GArray       *attempts;  /* of Attempt, under way */
  GPtrArray    *lookups;   /* of AviLookup, under way */
  guint         n_looked_up;
  guint         n_left_out; /* addresses beyond MAX_ADDRESSES */
  GString      *names;     /* that have led to addresses */
  GString      *errors;
  AviError      code;      /* of the last failure */
};

static void avi_dial_go_on (AviTimer *timer, gint64 now);

gboolean
avi_dial_is_possible (const AviMultiaddr *address)
{
  struct sockaddr_storage storage;
  socklen_t len;

  return avi_multiaddr_to_sockaddr (address, &storage, &len) || avi_lookup_is_needed (address);
}

static void
avi_dial_soon (AviDial *self,
               gint64   after)
{
  avi_loop_set_timer (self->engine->loop, &self->timer, avi_loop_now (self->engine->loop) + after, avi_dial_go_on);
}

/* Of what begins now. */
static gint64
avi_dial_get_deadline (AviDial *self)
{
  return avi_loop_now (self->engine->loop) + self->engine->settings->dial_timeout;
}

/* FALSE: it is known to the dial already, or one too many. Whom a dial expects, it expects at every address. */
static gboolean
avi_dial_take (AviDial       *self,
               AviMultiaddr  *address,
               AviMultiaddr **taken)
{
  AviMultiaddr *bare = self->expected.len > 0 ? avi_multiaddr_without_peer (address) : avi_multiaddr_ref (address);

  *taken = bare;
  if (bare == NULL || g_hash_table_contains (self->known, bare))
    return FALSE;
  if (g_hash_table_size (self->known) >= MAX_ADDRESSES)
    {
      self->n_left_out++;
      return FALSE;
    }
  return g_hash_table_add (self->known, avi_multiaddr_ref (bare));
}

/* @position: -1: last. */
static void
avi_dial_add_waiting (AviDial      *self,
                      AviMultiaddr *address,
                      gint          position)
{
  g_autoptr(AviMultiaddr) taken = NULL;

  if (avi_dial_take (self, address, &taken))
    g_ptr_array_insert (self->waiting, position, avi_multiaddr_ref (taken));
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
  self->lookups = g_ptr_array_new ();
  self->names = g_string_new (NULL);
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
  for (guint i = 0; i < self->lookups->len; i++)
    avi_lookup_cancel (g_ptr_array_index (self->lookups, i));
  g_ptr_array_unref (self->lookups);
  g_hash_table_unref (self->known);
  g_ptr_array_unref (self->waiting);
  g_array_unref (self->attempts);
  g_string_free (self->names, TRUE);
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
avi_dial_set_hearsay (AviDial *self)
{
  self->hearsay = TRUE;
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

static void
avi_dial_add_failure (AviDial            *self,
                      const AviMultiaddr *address,
                      AviError            code,
                      const char         *message)
{
  g_autoptr(GError) error = g_error_new_literal (AVI_ERROR, (gint) code, message);

  avi_dial_add_error (self, address, error);
}

/* Nothing left to try: the answer is no. */
static void
avi_dial_give_up (AviDial *self)
{
  g_autoptr(GError) error = NULL;

  if (self->n_left_out > 0)
    g_string_append_printf (self->errors, "; not tried: %u more addresses, a dial has %d at most", self->n_left_out,
                            MAX_ADDRESSES);
  if (self->expected.len > 0)
    {
      g_autofree char *peer = avi_peer_id_to_string (&self->expected);

      error = g_error_new (AVI_ERROR, (gint) self->code, "Cannot reach %s%s%s: %s", peer,
                           self->names->len > 0 ? " by " : "", self->names->str, self->errors->str);
    }
  else
    error = g_error_new (AVI_ERROR, (gint) self->code, "Cannot connect%s%s: %s", self->names->len > 0 ? " to " : "",
                         self->names->str, self->errors->str);
  self->done (self->user_data, self, NULL, error);
  avi_dial_free (self);
}

/* --- names --- */

static void avi_dial_look_up (AviDial *self, AviMultiaddr *address, gint64 deadline);

/* Whom an address is to lead to. FALSE: whoever answers. */
static gboolean
avi_dial_get_wanted (AviDial            *self,
                     const AviMultiaddr *address,
                     AviPeerId          *out)
{
  *out = self->expected;
  return self->expected.len > 0 || avi_multiaddr_get_peer (address, out);
}

/* TRUE where @address, which @name stands for, leads to who is wanted there: it ends in that peer's id
 * (multiformats/multiaddr, DNSADDR). */
static gboolean
avi_dial_is_meant (AviDial            *self,
                   const AviMultiaddr *name,
                   const AviMultiaddr *address)
{
  AviMultiaddrIter iter = { 0 };
  AviPeerId wanted, peer;

  if (!avi_dial_is_possible (address))
    return FALSE;
  /* Other names know nothing of peers. */
  if (!avi_multiaddr_next (name, &iter) || iter.protocol != AVI_MULTIADDR_DNSADDR)
    return TRUE;
  return !avi_dial_get_wanted (self, name, &wanted)
         || (avi_multiaddr_get_peer (address, &peer) && avi_peer_id_equal (&peer, &wanted));
}

/* Names that a name stands for are looked up at once, in what is left of its time. FALSE: nothing new. */
static gboolean
avi_dial_take_found (AviDial      *self,
                     AviMultiaddr *address,
                     gint64        deadline)
{
  g_autoptr(AviMultiaddr) taken = NULL;

  if (!avi_dial_take (self, address, &taken))
    return FALSE;
  if (avi_lookup_is_needed (taken))
    avi_dial_look_up (self, taken, deadline);
  else
    g_ptr_array_add (self->waiting, g_steal_pointer (&taken));
  return TRUE;
}

/* The errors name the addresses that were tried, of which whoever gave the name may know nothing. */
static void
avi_dial_add_name (AviDial            *self,
                   const AviMultiaddr *name)
{
  g_autofree char *text = avi_multiaddr_to_string (name);

  g_string_append_printf (self->names, "%s%s", self->names->len > 0 ? ", " : "", text);
}

static void
avi_dial_looked_up (gpointer      user_data,
                    AviLookup    *lookup,
                    GPtrArray    *found,
                    const GError *error)
{
  AviDial *self = user_data;
  AviMultiaddr *name = avi_lookup_get_address (lookup);
  gboolean any = FALSE, any_new = FALSE;

  g_ptr_array_remove_fast (self->lookups, lookup);
  for (guint i = 0; found != NULL && i < found->len; i++)
    {
      AviMultiaddr *address = g_ptr_array_index (found, i);

      if (!avi_dial_is_meant (self, name, address))
        continue;
      any = TRUE;
      any_new |= avi_dial_take_found (self, address, avi_lookup_get_deadline (lookup));
    }
  if (error != NULL)
    avi_dial_add_error (self, name, error);
  else if (!any)
    avi_dial_add_failure (self, name, AVI_ERROR_NOT_FOUND,
                          self->expected.len > 0 ? "its TXT records hold no address of this peer over TCP"
                                                 : "its TXT records hold no address over TCP");
  else if (!any_new)
    avi_dial_add_failure (self, name, AVI_ERROR_NOT_FOUND, "it leads to nothing that was not known already");
  else
    avi_dial_add_name (self, name);
  avi_dial_soon (self, 0);
}

static void
avi_dial_look_up (AviDial      *self,
                  AviMultiaddr *address,
                  gint64        deadline)
{
  if (self->n_looked_up == MAX_LOOKUPS)
    {
      avi_dial_add_failure (self, address, AVI_ERROR_LIMIT,
                            "not looked up: a dial asks for " G_STRINGIFY (MAX_LOOKUPS) " names at most");
      return;
    }
  self->n_looked_up++;
  g_ptr_array_add (self->lookups, avi_lookup_new (self->engine->loop, address, deadline, avi_dial_looked_up, self));
}

/* --- attempts --- */

/* FALSE where it failed at once. */
static gboolean
avi_dial_try (AviDial      *self,
              AviMultiaddr *address)
{
  g_autoptr(AviMultiaddr) bare = avi_multiaddr_without_peer (address);
  gint64 deadline = avi_dial_get_deadline (self);
  g_autoptr(GError) error = NULL;
  Attempt attempt = { .address = bare };
  AviPeerId wanted;

  if (bare == NULL)
    return FALSE;
  attempt.connection = avi_connection_dial (self->engine, bare,
                                            avi_dial_get_wanted (self, address, &wanted) ? &wanted : NULL, self,
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

/* When the next attempt may begin. */
static gint64
avi_dial_get_turn (AviDial *self,
                   gint64   now)
{
  AviLimits *limits = &self->engine->limits;

  if (self->hearsay)
    return avi_limits_get_hearsay_turn (limits, now);
  return limits->n_dials >= limits->max_dials ? now + AVI_DIAL_STAGGER : now;
}

static void
avi_dial_go_on (AviTimer *timer,
                gint64    now)
{
  AviDial *self = AVI_CONTAINER_OF (timer, AviDial, timer);

  while (self->waiting->len > 0)
    {
      g_autoptr(AviMultiaddr) address = NULL;
      gint64 turn = avi_dial_get_turn (self, now);

      if (turn > now)
        {
          avi_dial_soon (self, turn - now);
          return;
        }
      if (self->hearsay)
        avi_limits_take_hearsay_turn (&self->engine->limits, now);
      address = g_ptr_array_steal_index (self->waiting, 0);
      if (avi_lookup_is_needed (address))
        avi_dial_look_up (self, address, avi_dial_get_deadline (self));
      else if (avi_dial_try (self, address))
        {
          if (self->waiting->len > 0)
            avi_dial_soon (self, AVI_DIAL_STAGGER);
          return;
        }
    }
  if (self->attempts->len == 0 && self->lookups->len == 0)
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
    error = unknown = g_error_new_literal (AVI_ERROR, AVI_ERROR_CLOSED, connection->why_closed);
  avi_dial_add_error (self, address, error);
  avi_dial_soon (self, 0);
}
