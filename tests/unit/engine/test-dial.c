/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * One peer dialled over several addresses, on loopback, with the clock in the test's hand: when the next
 * attempt begins (RFC 8305), what becomes of those that lost, and what an error says.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "avi-error.h"
#include "clock.h"
#include "core-fixture.h"
#include "puppet.h"

#define N_PLACES 3
#define STAGGER  (250 * G_TIME_SPAN_MILLISECOND)

typedef struct
{
  CoreFixture under_test;
  AviKeyPair *other;
  Puppet     *puppets[2];
  char       *bootstrap[N_PLACES + 1]; /* where the other is said to be */
  int         listeners[N_PLACES];
  int         accepted[N_PLACES];      /* -1: nothing yet */
  guint       wanted;
  AviCall    *call;
} Fixture;

static void
set_up (Fixture *fixture, gconstpointer data)
{
  core_fixture_init (&fixture->under_test);
  fixture->other = avi_key_pair_generate ();
  for (guint i = 0; i < N_PLACES; i++)
    {
      guint16 port;

      fixture->listeners[i] = puppet_listen (&port);
      fcntl (fixture->listeners[i], F_SETFL, O_NONBLOCK);
      fixture->bootstrap[i] = core_fixture_format ("127.0.0.1", port, fixture->other);
      fixture->accepted[i] = -1;
    }
  fixture->under_test.settings.bootstrap = (const char *const *) fixture->bootstrap;
  clock_stop ();
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  clock_go_on ();
  core_fixture_clear (&fixture->under_test);
  g_clear_pointer (&fixture->puppets[0], puppet_free);
  for (guint i = 0; i < N_PLACES; i++)
    {
      close (fixture->listeners[i]);
      if (fixture->accepted[i] >= 0)
        close (fixture->accepted[i]);
      g_free (fixture->bootstrap[i]);
    }
  avi_key_pair_unref (fixture->other);
}

/* Those that have come to their listener. */
static guint
count_attempts (Fixture *fixture)
{
  guint n = 0;

  core_fixture_settle (&fixture->under_test);
  for (guint i = 0; i < N_PLACES; i++)
    {
      if (fixture->accepted[i] < 0)
        fixture->accepted[i] = accept (fixture->listeners[i], NULL, NULL);
      n += fixture->accepted[i] >= 0;
    }
  return n;
}

static gboolean
has_wanted_attempts (gpointer data)
{
  Fixture *fixture = data;

  return count_attempts (fixture) >= fixture->wanted;
}

static void
await_attempts (Fixture *fixture, guint n)
{
  fixture->wanted = n;
  puppets_run (fixture->puppets, has_wanted_attempts, fixture);
  g_assert_cmpuint (count_attempts (fixture), ==, n);
}

static void
await_end (int fd)
{
  struct pollfd wait = { .fd = fd, .events = POLLIN };
  char buffer[4096];
  ssize_t n;

  do
    {
      g_assert_cmpint (poll (&wait, 1, 10000), ==, 1);
      n = recv (fd, buffer, sizeof buffer, 0);
    }
  while (n > 0);
  g_assert_cmpint (n, ==, 0);
}

static void
test_stagger (Fixture *fixture, gconstpointer data)
{
  core_fixture_start (&fixture->under_test);
  for (guint i = 1; i <= N_PLACES; i++)
    {
      await_attempts (fixture, i);
      clock_advance (STAGGER - 1);
      g_assert_cmpuint (count_attempts (fixture), ==, i);
      clock_advance (1);
    }
  g_assert_cmpuint (core_fixture_count (&fixture->under_test, "dials-failed"), ==, 0);
}

static gboolean
has_failed_once (gpointer data)
{
  Fixture *fixture = data;

  return core_fixture_count (&fixture->under_test, "dials-failed") == 1;
}

static void
test_failure (Fixture *fixture, gconstpointer data)
{
  core_fixture_start (&fixture->under_test);
  await_attempts (fixture, 1);
  shutdown (fixture->accepted[0], SHUT_RDWR);
  puppets_run (fixture->puppets, has_failed_once, fixture);
  await_attempts (fixture, 2);
}

static gboolean
is_connected (gpointer data)
{
  Fixture *fixture = data;

  return core_fixture_is_connected (&fixture->under_test, fixture->other);
}

static void
test_winner (Fixture *fixture, gconstpointer data)
{
  core_fixture_start (&fixture->under_test);
  await_attempts (fixture, 1);
  clock_advance (STAGGER);
  core_fixture_settle (&fixture->under_test);
  fixture->puppets[0] = puppet_accept (fixture->other, fixture->listeners[1], 1);
  puppets_run (fixture->puppets, is_connected, fixture);
  await_end (fixture->accepted[0]);
  g_assert_true (puppet_is_open (fixture->puppets[0]));
  clock_advance (STAGGER);
  core_fixture_settle (&fixture->under_test);
  g_assert_cmpint (accept (fixture->listeners[2], NULL, NULL), <, 0);
}

static void
test_cancel (Fixture *fixture, gconstpointer data)
{
  g_autoptr(AviCall) call = avi_call_new (NULL);
  g_autoptr(GError) error = NULL;
  char *target = fixture->bootstrap[0];

  *strstr (target, "/p2p/") = '\0'; /* whoever is there */
  fixture->under_test.settings.bootstrap = NULL;
  core_fixture_start (&fixture->under_test);
  avi_core_dial (fixture->under_test.core, target, call);
  await_attempts (fixture, 1);
  avi_core_cancel (fixture->under_test.core, call);
  await_end (fixture->accepted[0]);
  g_assert_false (avi_call_get_result (call, NULL, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
}

/* --- what an error says --- */

static gboolean
is_answered (gpointer data)
{
  Fixture *fixture = data;

  core_fixture_settle (&fixture->under_test);
  return avi_call_is_done (fixture->call);
}

static void
await_answer (Fixture *fixture, AviCall *call)
{
  fixture->call = call;
  puppets_run (fixture->puppets, is_answered, fixture);
}

static gboolean
is_closed (gpointer data)
{
  Fixture *fixture = data;

  return puppet_is_closed (fixture->puppets[0]);
}

static void
test_wrong_peer (Fixture *fixture, gconstpointer data)
{
  g_autoptr(AviKeyPair) stranger = avi_key_pair_generate ();
  g_autofree char *wanted = avi_peer_id_to_string (avi_key_pair_get_peer_id (fixture->other));
  g_autoptr(AviCall) call = avi_call_new (NULL);
  g_autoptr(GError) error = NULL;

  fixture->under_test.settings.bootstrap = NULL;
  core_fixture_start (&fixture->under_test);
  avi_core_dial (fixture->under_test.core, fixture->bootstrap[0], call);
  core_fixture_settle (&fixture->under_test);
  fixture->puppets[0] = puppet_accept (stranger, fixture->listeners[0], 1);
  puppets_run (fixture->puppets, is_closed, fixture);
  await_answer (fixture, call);
  g_assert_false (avi_call_get_result (call, NULL, NULL, &error));
  g_assert_error (error, AVI_ERROR, AVI_ERROR_SECURITY);
  g_assert_nonnull (strstr (error->message, wanted));
  g_assert_nonnull (strstr (error->message, "/ip4/127.0.0.1/tcp/"));
}

/* --- names --- */

/* A resolver to which any name has as many addresses as the first label says. */
typedef struct
{
  GResolver parent_instance;
} ManyResolver;

typedef struct
{
  GResolverClass parent_class;
} ManyResolverClass;

GType many_resolver_get_type (void);
G_DEFINE_TYPE (ManyResolver, many_resolver, G_TYPE_RESOLVER)

static void
free_addresses (gpointer addresses)
{
  g_resolver_free_addresses (addresses);
}

static void
many_resolver_lookup (GResolver               *resolver,
                      const char              *name,
                      GResolverNameLookupFlags flags,
                      GCancellable            *cancellable,
                      GAsyncReadyCallback      callback,
                      gpointer                 user_data)
{
  g_autoptr(GTask) task = g_task_new (resolver, cancellable, callback, user_data);
  guint n = (guint) g_ascii_strtoull (name, NULL, 10);
  GList *addresses = NULL;

  for (guint i = 0; i < n; i++)
    {
      g_autofree char *text = g_strdup_printf ("127.1.1.%u", i + 1);

      addresses = g_list_prepend (addresses, g_inet_address_new_from_string (text));
    }
  g_task_return_pointer (task, addresses, free_addresses);
}

static GList *
many_resolver_lookup_finish (GResolver    *resolver,
                             GAsyncResult *result,
                             GError      **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}

static void
many_resolver_class_init (ManyResolverClass *klass)
{
  GResolverClass *resolver_class = G_RESOLVER_CLASS (klass);

  resolver_class->lookup_by_name_with_flags_async = many_resolver_lookup;
  resolver_class->lookup_by_name_with_flags_finish = many_resolver_lookup_finish;
}

static void
many_resolver_init (ManyResolver *self)
{
}

/* Each failed attempt is listed, and a name leads to no more than 63 of them (64 with itself): so many
 * addresses and words of the system are all that an error ever holds. The rest it counts. */
static void
test_longest_error (Fixture *fixture, gconstpointer data)
{
  g_autoptr(GResolver) real = g_resolver_get_default ();
  g_autoptr(GResolver) many = g_object_new (many_resolver_get_type (), NULL);
  g_autoptr(AviCall) call = avi_call_new (NULL);
  g_autoptr(GError) error = NULL;
  g_auto(GStrv) parts = NULL;

  g_resolver_set_default (many);
  fixture->under_test.settings.bootstrap = NULL;
  core_fixture_start (&fixture->under_test);
  avi_core_dial (fixture->under_test.core, "/dns4/200.many/tcp/1", call);
  await_answer (fixture, call);
  g_assert_false (avi_call_get_result (call, NULL, NULL, &error));
  g_assert_error (error, AVI_ERROR, AVI_ERROR_REFUSED);
  parts = g_strsplit (error->message, "; ", -1);
  g_assert_cmpuint (g_strv_length (parts), ==, 63 + 1);
  g_assert_true (g_str_has_prefix (parts[63], "not tried: 137 more addresses"));
  g_assert_cmpuint (core_fixture_count (&fixture->under_test, "dials-failed"), ==, 63);
  g_assert_cmpuint (strlen (error->message), <, 63 * 64);
  g_resolver_set_default (real);
}

#define ADD(path, func) g_test_add (path, Fixture, NULL, set_up, func, tear_down)

int
main (int argc, char **argv)
{
  clock_init ();
  g_test_init (&argc, &argv, NULL);
  ADD ("/dial/the next address is tried 250 ms after the one before", test_stagger);
  ADD ("/dial/the next address is tried at once where the one before fails", test_failure);
  ADD ("/dial/the first to finish its handshake wins, the others are closed, and no more are tried", test_winner);
  ADD ("/dial/who is cancelled closes what is half open", test_cancel);
  ADD ("/dial/another peer than the one wanted is an error that says who was wanted and where", test_wrong_peer);
  ADD ("/dial/an error lists 63 addresses at most, however many a name has", test_longest_error);
  return g_test_run ();
}
