/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * One look-up, with a resolver of the test's own in place of the system's: how much of an answer is looked
 * at, and how long it is waited for. What a dial makes of names is in test-names.c.
 */
#include "config.h"

#include "engine/avi-lookup.h"

#include <gio/gio.h>
#include <netdb.h>
#include <resolv.h>

#include "avi-error.h"
#include "clock.h"
#include "engine/avi-guest.h"

#define MAX_ANSWER 65535
#define TOO_MANY   (AVI_LOOKUP_MAX_FOUND + 100)
#define PATIENCE   (10 * (gint64) G_USEC_PER_SEC)

typedef struct
{
  AviLoop  *loop;
  AviGuest *guest;
  guint     n_done;
  guint     n_found;
  char     *first;
  GError   *error;
} Fixture;

/* --- the resolver --- */

static guint n_records;  /* of each answer */
static gsize n_cut;      /* bytes that are missing at the end of TXT records */
static gint is_stuck;    /* it answers once this is FALSE */

static void
put16 (GByteArray *message, guint value)
{
  guint8 bytes[] = { (guint8) (value >> 8), (guint8) value };

  g_byte_array_append (message, bytes, sizeof bytes);
}

/* RFC 1035, section 4.1: no question, and records that belong to the root. */
static void
put_record (GByteArray *message, guint number)
{
  g_autofree char *text = g_strdup_printf ("dnsaddr=/ip4/127.0.0.1/tcp/%u", number + 1);
  guint8 root = 0, len = (guint8) strlen (text);

  g_byte_array_append (message, &root, 1);
  put16 (message, 16); /* TXT */
  put16 (message, 1);  /* IN */
  put16 (message, 0);
  put16 (message, 60);
  put16 (message, len + 1u);
  g_byte_array_append (message, &len, 1);
  g_byte_array_append (message, (const guint8 *) text, len);
}

/* In place of libc's. */
int
res_query (const char *name, int klass, int type, unsigned char *answer, int size)
{
  g_autoptr(GByteArray) message = g_byte_array_new ();

  while (g_atomic_int_get (&is_stuck))
    g_usleep (1000);
  put16 (message, 0);
  put16 (message, 0x8000); /* an answer, without an error */
  put16 (message, 0);
  put16 (message, n_records);
  put16 (message, 0);
  put16 (message, 0);
  for (guint i = 0; i < n_records; i++)
    put_record (message, i);
  g_assert_cmpint (size, ==, MAX_ANSWER);
  g_assert_cmpuint (message->len, <=, MAX_ANSWER);
  memcpy (answer, message->data, message->len);
  return (int) (message->len - n_cut);
}

typedef struct
{
  GResolver parent_instance;
} FakeResolver;

typedef struct
{
  GResolverClass parent_class;
} FakeResolverClass;

static GType fake_resolver_get_type (void);

G_DEFINE_TYPE (FakeResolver, fake_resolver, G_TYPE_RESOLVER)

static void
fake_resolver_init (FakeResolver *self)
{
}

static void
free_addresses (gpointer addresses)
{
  g_resolver_free_addresses (addresses);
}

static void
fake_resolver_lookup (GResolver               *resolver,
                      const char              *name,
                      GResolverNameLookupFlags flags,
                      GCancellable            *cancellable,
                      GAsyncReadyCallback      callback,
                      gpointer                 user_data)
{
  g_autoptr(GTask) task = g_task_new (resolver, cancellable, callback, user_data);
  GList *found = NULL;

  for (guint i = n_records; i > 0; i--)
    {
      g_autofree char *ip = g_strdup_printf ("10.0.%u.%u", i / 256, i % 256);

      found = g_list_prepend (found, g_inet_address_new_from_string (ip));
    }
  g_task_return_pointer (task, found, free_addresses);
}

static GList *
fake_resolver_lookup_finish (GResolver    *resolver,
                             GAsyncResult *result,
                             GError      **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}

static void
fake_resolver_class_init (FakeResolverClass *klass)
{
  GResolverClass *resolver_class = G_RESOLVER_CLASS (klass);

  resolver_class->lookup_by_name_with_flags_async = fake_resolver_lookup;
  resolver_class->lookup_by_name_with_flags_finish = fake_resolver_lookup_finish;
}

/* --- who asks --- */

static void
ignore_wake (gpointer user_data)
{
}

static void
after_round (gpointer user_data)
{
  avi_guest_update (((Fixture *) user_data)->guest);
}

static void
set_up (Fixture *fixture, gconstpointer data)
{
  clock_stop ();
  n_records = 1;
  fixture->loop = avi_loop_new (NULL, ignore_wake, NULL);
  fixture->guest = avi_guest_new (fixture->loop);
  avi_loop_set_after_round (fixture->loop, after_round, fixture);
  avi_guest_enter (fixture->guest);
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  clock_go_on ();
  g_atomic_int_set (&is_stuck, FALSE);
  n_cut = 0;
  avi_guest_leave (fixture->guest);
  avi_guest_free (fixture->guest);
  avi_loop_free (fixture->loop);
  g_free (fixture->first);
  g_clear_error (&fixture->error);
}

static void
take_answer (gpointer user_data, AviLookup *lookup, GPtrArray *found, const GError *error)
{
  Fixture *fixture = user_data;

  g_assert_true ((found != NULL) != (error != NULL));
  fixture->n_done++;
  fixture->n_found = found != NULL ? found->len : 0;
  if (found != NULL)
    fixture->first = avi_multiaddr_to_string (g_ptr_array_index (found, 0));
  if (error != NULL)
    fixture->error = g_error_copy (error);
}

static AviLookup *
look_up (Fixture *fixture, const char *text)
{
  g_autoptr(AviMultiaddr) address = avi_multiaddr_parse (text, NULL);
  AviLookup *lookup;

  g_assert_true (avi_lookup_is_needed (address));
  lookup = avi_lookup_new (fixture->loop, address, g_get_monotonic_time () + PATIENCE, take_answer, fixture);
  g_assert_cmpuint (fixture->n_done, ==, 0);
  return lookup;
}

static void
await_answer (Fixture *fixture)
{
  for (guint i = 0; fixture->n_done == 0 && i < 10000; i++)
    {
      avi_loop_iterate (fixture->loop, FALSE);
      g_usleep (1000);
    }
  g_assert_cmpuint (fixture->n_done, ==, 1);
}

static void
test_many (Fixture *fixture, gconstpointer data)
{
  n_records = TOO_MANY;
  look_up (fixture, data);
  await_answer (fixture);
  g_assert_no_error (fixture->error);
  g_assert_cmpuint (fixture->n_found, ==, AVI_LOOKUP_MAX_FOUND);
}

static void
test_order (Fixture *fixture, gconstpointer data)
{
  n_records = 3;
  look_up (fixture, "/dns4/many.test/tcp/7");
  await_answer (fixture);
  g_assert_cmpuint (fixture->n_found, ==, 3);
  g_assert_cmpstr (fixture->first, ==, "/ip4/10.0.0.1/tcp/7");
}

static void
test_cut (Fixture *fixture, gconstpointer data)
{
  n_records = 3;
  n_cut = 1;
  look_up (fixture, "/dnsaddr/cut.test");
  await_answer (fixture);
  g_assert_no_error (fixture->error);
  g_assert_cmpuint (fixture->n_found, ==, 2);
}

/* What the resolver says afterwards is heard by nobody. */
static void
test_stuck (Fixture *fixture, gconstpointer data)
{
  g_atomic_int_set (&is_stuck, TRUE);
  look_up (fixture, "/dnsaddr/stuck.test");
  clock_advance (PATIENCE - 1);
  avi_loop_iterate (fixture->loop, FALSE);
  g_assert_cmpuint (fixture->n_done, ==, 0);
  clock_advance (1);
  avi_loop_iterate (fixture->loop, FALSE);
  g_assert_cmpuint (fixture->n_done, ==, 1);
  g_assert_error (fixture->error, AVI_ERROR, AVI_ERROR_TIMEOUT);
}

static void
test_cancelled (Fixture *fixture, gconstpointer data)
{
  avi_lookup_cancel (look_up (fixture, data));
  clock_advance (PATIENCE);
  for (guint i = 0; i < 10; i++)
    avi_loop_iterate (fixture->loop, FALSE);
  g_assert_cmpuint (fixture->n_done, ==, 0);
}

static void
use_fake_resolver (void)
{
  g_autoptr(GResolver) fake = g_object_new (fake_resolver_get_type (), NULL);

  g_resolver_set_default (fake);
}

#define ADD_TEST(path, func, data) g_test_add ("/lookup/" path, Fixture, data, set_up, func, tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  use_fake_resolver ();
  ADD_TEST ("of a host's addresses the first 1,024 are looked at", test_many, "/dns4/many.test/tcp/7");
  ADD_TEST ("of a dnsaddr's addresses the first 1,024 are looked at", test_many, "/dnsaddr/many.test");
  ADD_TEST ("a host's addresses come in its order, with the port", test_order, NULL);
  ADD_TEST ("of an answer that is cut short the whole records count", test_cut, NULL);
  ADD_TEST ("a resolver that is stuck is waited for until the deadline", test_stuck, NULL);
  ADD_TEST ("who cancels hears nothing of a host", test_cancelled, "/dns4/many.test/tcp/7");
  ADD_TEST ("who cancels hears nothing of a dnsaddr", test_cancelled, "/dnsaddr/many.test");
  return g_test_run ();
}
