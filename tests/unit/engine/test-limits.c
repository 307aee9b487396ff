/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <arpa/inet.h>

#include "avi-error.h"
#include "engine/avi-limits.h"

typedef struct
{
  AviCore  *core;
  AviLimits limits;
} Fixture;

static void
setup (Fixture      *fixture,
       gconstpointer data)
{
  AviSettings settings = {
    .max_connections = 10,
    .max_connections_per_address = 3,
    .max_pending = 4,
    .max_dials = 2,
  };

  fixture->core = avi_core_new ();
  avi_limits_init (&fixture->limits, fixture->core, &settings);
}

static void
teardown (Fixture      *fixture,
          gconstpointer data)
{
  avi_limits_clear (&fixture->limits);
  avi_core_unref (fixture->core);
}

static struct sockaddr_storage
ip4 (const char *text)
{
  struct sockaddr_storage storage = { 0 };
  struct sockaddr_in *in = (struct sockaddr_in *) &storage;

  in->sin_family = AF_INET;
  g_assert_cmpint (inet_pton (AF_INET, text, &in->sin_addr), ==, 1);
  return storage;
}

static struct sockaddr_storage
ip6 (const char *text)
{
  struct sockaddr_storage storage = { 0 };
  struct sockaddr_in6 *in6 = (struct sockaddr_in6 *) &storage;

  in6->sin6_family = AF_INET6;
  g_assert_cmpint (inet_pton (AF_INET6, text, &in6->sin6_addr), ==, 1);
  return storage;
}

static gboolean
accept_from (Fixture                *fixture,
             struct sockaddr_storage source,
             GError                **error)
{
  return avi_limits_accept (&fixture->limits, (struct sockaddr *) &source, error);
}

static gboolean
has_to_give_way (Fixture                *fixture,
                 struct sockaddr_storage source,
                 struct sockaddr_storage other)
{
  g_autoptr(GBytes) crowd = avi_limits_find_crowd (&fixture->limits, (struct sockaddr *) &source);

  return crowd != NULL && avi_limits_is_of_crowd (crowd, (struct sockaddr *) &other);
}

static void
finish (Fixture                *fixture,
        struct sockaddr_storage source)
{
  avi_limits_handshake_done (&fixture->limits, (struct sockaddr *) &source);
}

static gboolean
has_room (Fixture                *fixture,
          struct sockaddr_storage source)
{
  g_autoptr(GBytes) crowd = avi_limits_find_crowd (&fixture->limits, (struct sockaddr *) &source);

  return crowd == NULL;
}

/* Of four there may be two from one network. */
static void
test_pending (Fixture      *fixture,
              gconstpointer data)
{
  struct sockaddr_storage third = ip4 ("127.0.2.1");
  g_autoptr(GBytes) crowd = NULL;
  g_autofree char *why = NULL;

  g_assert_true (accept_from (fixture, ip4 ("127.0.0.1"), NULL));
  g_assert_true (has_room (fixture, ip4 ("127.0.0.2")));
  g_assert_true (accept_from (fixture, ip4 ("127.0.0.2"), NULL));
  g_assert_true (has_to_give_way (fixture, ip4 ("127.0.0.3"), ip4 ("127.0.0.4")));
  g_assert_true (has_room (fixture, ip4 ("127.0.1.1")));
  g_assert_true (accept_from (fixture, ip4 ("127.0.1.1"), NULL));
  g_assert_true (has_room (fixture, third));
  g_assert_true (accept_from (fixture, third, NULL));
  g_assert_true (has_to_give_way (fixture, third, ip4 ("127.0.0.1")));
  g_assert_true (has_to_give_way (fixture, ip4 ("127.0.1.1"), ip4 ("127.0.0.1")));
  g_assert_true (has_to_give_way (fixture, ip6 ("2001:db8::1"), ip4 ("127.0.0.1")));

  crowd = avi_limits_find_crowd (&fixture->limits, (struct sockaddr *) &third);
  g_assert_true (accept_from (fixture, third, NULL));
  why = avi_limits_displace (&fixture->limits, crowd);
  g_assert_nonnull (strstr (why, "max-pending is reached: 4 were on their way, of 4, "));
  g_assert_nonnull (strstr (why, "of 2 from 127.0.0.0/24 the oldest "));
  finish (fixture, ip4 ("127.0.0.1"));
  finish (fixture, third);
  g_assert_true (has_room (fixture, third));
  finish (fixture, ip4 ("127.0.0.2"));
  finish (fixture, ip4 ("127.0.1.1"));
  finish (fixture, third);
  g_assert_cmpuint (fixture->limits.n_pending, ==, 0);
  g_assert_cmpuint (g_hash_table_size (fixture->limits.pending), ==, 0);
}

static struct sockaddr_storage
ip6_on (const char *text,
        guint32     interface)
{
  struct sockaddr_storage storage = ip6 (text);

  ((struct sockaddr_in6 *) &storage)->sin6_scope_id = interface;
  return storage;
}

static void
test_pending_networks (Fixture      *fixture,
                       gconstpointer data)
{
  g_autoptr(GBytes) crowd = NULL;
  g_autofree char *why = NULL;
  struct sockaddr_storage third = ip6_on ("fe80::3", 2);

  g_assert_true (accept_from (fixture, ip6_on ("fe80::1", 2), NULL));
  g_assert_true (accept_from (fixture, ip6_on ("fe80::2", 2), NULL));
  g_assert_true (has_room (fixture, ip6_on ("fe80::3", 3)));
  g_assert_true (has_room (fixture, ip6 ("2001:db8::1")));
  crowd = avi_limits_find_crowd (&fixture->limits, (struct sockaddr *) &third);
  g_assert_nonnull (crowd);
  why = avi_limits_displace (&fixture->limits, crowd);
  g_assert_nonnull (strstr (why, "of 2 from fe80::/64 on interface 2 "));
  g_assert_true (accept_from (fixture, ip6 ("::ffff:10.0.0.1"), NULL));
  g_assert_true (accept_from (fixture, ip4 ("10.0.0.2"), NULL));
  g_assert_true (has_to_give_way (fixture, ip6 ("::ffff:10.0.0.3"), ip4 ("10.0.0.4")));
}

static void
test_per_address (Fixture      *fixture,
                  gconstpointer data)
{
  struct sockaddr_storage one = ip4 ("10.0.0.1");
  g_autoptr(GError) error = NULL;

  for (guint i = 0; i < 3; i++)
    {
      g_assert_true (accept_from (fixture, one, NULL));
      finish (fixture, one);
    }
  g_assert_false (accept_from (fixture, one, &error));
  g_assert_error (error, AVI_ERROR, AVI_ERROR_LIMIT);
  g_assert_cmpstr (error->message, ==, "max-connections-per-address is reached: 3 of 3 are in use, all by 10.0.0.1");
  avi_limits_close (&fixture->limits, (struct sockaddr *) &one, TRUE, FALSE);
  g_assert_true (accept_from (fixture, one, NULL));
}

static void
test_ip6_network (Fixture      *fixture,
                  gconstpointer data)
{
  g_autoptr(GError) error = NULL;

  for (guint i = 1; i <= 3; i++)
    {
      g_autofree char *text = g_strdup_printf ("2001:db8::%u", i);

      g_assert_true (accept_from (fixture, ip6 (text), NULL));
    }
  g_assert_false (accept_from (fixture, ip6 ("2001:db8::4"), &error));
  g_assert_nonnull (strstr (error->message, "all by 2001:db8::/64"));
  g_assert_true (accept_from (fixture, ip6 ("fe80::1"), NULL));
}

static void
test_total (Fixture      *fixture,
            gconstpointer data)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(GVariant) statistics = NULL;
  guint64 refused = 0;

  for (guint i = 0; i < 10; i++)
    g_assert_true (avi_limits_dial (&fixture->limits, NULL));
  g_assert_false (avi_limits_dial (&fixture->limits, &error));
  g_assert_error (error, AVI_ERROR, AVI_ERROR_LIMIT);
  g_assert_nonnull (strstr (error->message, "10 of 10"));
  statistics = avi_core_dup_statistics (fixture->core);
  g_assert_true (g_variant_lookup (statistics, "refused-max-connections", "t", &refused));
  g_assert_cmpuint (refused, ==, 1);
  for (guint i = 0; i < 10; i++)
    avi_limits_close (&fixture->limits, NULL, FALSE, TRUE);
  g_assert_cmpuint (fixture->limits.n_connections, ==, 0);
  g_assert_cmpuint (fixture->limits.n_dials, ==, 0);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  g_test_add ("/limits/bound the handshakes that are not done, and those of a network to half of them", Fixture, NULL,
              setup, test_pending, teardown);
  g_test_add ("/limits/count all link-local addresses on an interface as one network", Fixture, NULL, setup,
              test_pending_networks, teardown);
  g_test_add ("/limits/bound one source address, and name it", Fixture, NULL, setup, test_per_address, teardown);
  g_test_add ("/limits/count an IPv6 network of 64 bits as one host", Fixture, NULL, setup, test_ip6_network, teardown);
  g_test_add ("/limits/bound all connections, and count refusals", Fixture, NULL, setup, test_total, teardown);
  return g_test_run ();
}
