/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * AviInterfaces against the kernel, in a network namespace of the program's own.
 */
#include "config.h"

#include <arpa/inet.h>
#include <unistd.h>

#include "engine/avi-interfaces.h"
#include "netns.h"

#define DEADLINE (10 * G_USEC_PER_SEC)

typedef struct
{
  GMainContext  *context;
  AviLoop       *loop;
  AviInterfaces *interfaces;
  guint          changes;
} Fixture;

static void
woken (gpointer user_data)
{
}

static void
changed (gpointer user_data)
{
  Fixture *fixture = user_data;

  fixture->changes++;
}

/* A pair of veth, both ends here, up, with no addresses but what tests give them. */
static void
set_up (Fixture *fixture, gconstpointer data)
{
  g_autoptr(GError) error = NULL;

  netns_ip ("link add v0 type veth peer name v1");
  netns_ip ("link set v0 addrgenmode none");
  netns_ip ("link set v1 addrgenmode none");
  netns_ip ("link set lo up");
  netns_ip ("link set v0 up");
  netns_ip ("link set v1 up");
  netns_ip ("addr add 10.1.2.3/20 dev v0");

  fixture->context = g_main_context_new ();
  fixture->loop = avi_loop_new (fixture->context, woken, fixture);
  fixture->interfaces = avi_interfaces_new (fixture->loop, changed, fixture, &error);
  g_assert_no_error (error);
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  avi_interfaces_free (fixture->interfaces);
  avi_loop_free (fixture->loop);
  g_main_context_unref (fixture->context);
  netns_ip ("link del v0");
}

static const AviInterface *
find (Fixture *fixture, const char *name)
{
  GPtrArray *interfaces = avi_interfaces_get (fixture->interfaces);

  for (guint i = 0; i < interfaces->len; i++)
    {
      const AviInterface *interface = g_ptr_array_index (interfaces, i);

      if (strcmp (interface->name, name) == 0)
        return interface;
    }
  return NULL;
}

/* "10.1.2.3/20 …" of @name; "" where there is no such interface. */
static char *
describe (Fixture *fixture, const char *name)
{
  const AviInterface *interface = find (fixture, name);
  GString *text = g_string_new (NULL);

  for (guint i = 0; interface != NULL && i < interface->addresses->len; i++)
    {
      const AviInterfaceAddress *address = &g_array_index (interface->addresses, AviInterfaceAddress, i);
      char ip[INET6_ADDRSTRLEN];

      inet_ntop (address->family, address->ip, ip, sizeof ip);
      g_string_append_printf (text, "%s%s/%u%s", i > 0 ? " " : "", ip, address->prefix, address->fleeting ? "~" : "");
    }
  return g_string_free (text, FALSE);
}

static void
assert_addresses (Fixture *fixture, const char *name, const char *expected)
{
  g_autofree char *text = describe (fixture, name);

  g_assert_cmpstr (text, ==, expected);
}

/* Whatever the kernel has told so far is taken in. */
static void
settle (Fixture *fixture)
{
  while (g_main_context_iteration (fixture->context, FALSE))
    continue;
}

static void
wait_for_addresses (Fixture *fixture, const char *name, const char *expected)
{
  gint64 deadline = g_get_monotonic_time () + DEADLINE;

  for (;;)
    {
      g_autofree char *text = describe (fixture, name);

      if (strcmp (text, expected) == 0)
        return;
      if (g_get_monotonic_time () > deadline)
        g_error ("%s has “%s”, not “%s”", name, text, expected);
      g_main_context_iteration (fixture->context, FALSE);
      g_usleep (1000);
    }
}

/* The kernel tells of carriers after a moment of its own. */
static void
wait_for_up (Fixture *fixture, const char *name, gboolean up)
{
  gint64 deadline = g_get_monotonic_time () + DEADLINE;

  while (find (fixture, name)->up != up)
    {
      g_assert_cmpint (g_get_monotonic_time (), <, deadline);
      g_main_context_iteration (fixture->context, FALSE);
      g_usleep (1000);
    }
}

static void
test_start (Fixture *fixture, gconstpointer data)
{
  const AviInterface *lo = find (fixture, "lo");
  const AviInterface *v0 = find (fixture, "v0");

  g_assert_true (lo != NULL && lo->up && lo->loopback);
  g_assert_true (v0 != NULL && v0->multicast && !v0->loopback && !v0->port);
  g_assert_cmpuint (v0->index, ==, if_nametoindex ("v0"));
  g_assert_true (avi_interfaces_find (fixture->interfaces, v0->index) == v0);
  g_assert_null (avi_interfaces_find (fixture->interfaces, 99999));
  assert_addresses (fixture, "lo", "127.0.0.1/8 ::1/128");
  assert_addresses (fixture, "v0", "10.1.2.3/20");
  wait_for_up (fixture, "v0", TRUE);
}

static void
test_addresses (Fixture *fixture, gconstpointer data)
{
  wait_for_up (fixture, "v0", TRUE);
  wait_for_up (fixture, "v1", TRUE);
  netns_ip ("addr add fd00::1/64 dev v0 nodad");
  wait_for_addresses (fixture, "v0", "10.1.2.3/20 fd00::1/64");
  g_assert_cmpuint (fixture->changes, >=, 1);

  /* Its life is prolonged, as a router does every few minutes: no change. */
  fixture->changes = 0;
  netns_ip ("addr change fd00::1/64 dev v0 valid_lft 2000 preferred_lft 1000");
  netns_ip ("addr change fd00::1/64 dev v0 valid_lft 3000 preferred_lft 2000");
  settle (fixture);
  g_assert_cmpuint (fixture->changes, ==, 0);

  /* It is no longer preferred. */
  netns_ip ("addr change fd00::1/64 dev v0 valid_lft 3000 preferred_lft 0");
  settle (fixture);
  assert_addresses (fixture, "v0", "10.1.2.3/20 fd00::1/64~");
  g_assert_cmpuint (fixture->changes, ==, 1);

  netns_ip ("addr del 10.1.2.3/20 dev v0");
  settle (fixture);
  assert_addresses (fixture, "v0", "fd00::1/64~");
}

static void
test_peer_address (Fixture *fixture, gconstpointer data)
{
  const AviInterface *v0;
  guint8 ip[4] = { 10, 9, 0, 1 };

  netns_ip ("addr add 10.9.0.1 peer 10.9.8.7/32 dev v0");
  settle (fixture);
  v0 = find (fixture, "v0");
  g_assert_true (avi_interface_has (v0, AF_INET, ip));
  g_assert_false (avi_interface_is_near (v0, AF_INET, ip));
  memcpy (ip, (guint8[]){ 10, 9, 8, 7 }, 4);
  g_assert_false (avi_interface_has (v0, AF_INET, ip));
  g_assert_true (avi_interface_is_near (v0, AF_INET, ip));
}

static void
test_tentative (Fixture *fixture, gconstpointer data)
{
  /* Not before the kernel has made sure that nobody else has it. */
  netns_ip ("addr add fd00::2/64 dev v0");
  settle (fixture);
  assert_addresses (fixture, "v0", "10.1.2.3/20");
  wait_for_addresses (fixture, "v0", "10.1.2.3/20 fd00::2/64");
}

static void
test_links (Fixture *fixture, gconstpointer data)
{
  netns_ip ("link set v1 down"); /* v0 loses its carrier */
  wait_for_up (fixture, "v0", FALSE);
  netns_ip ("link set v1 up");
  wait_for_up (fixture, "v0", TRUE);
  netns_ip ("link set v0 multicast off");
  settle (fixture);
  g_assert_false (find (fixture, "v0")->multicast);

  netns_ip ("link set v1 down");
  netns_ip ("link set v1 name other");
  settle (fixture);
  g_assert_nonnull (find (fixture, "other"));
  g_assert_null (find (fixture, "v1"));

  netns_ip ("link add w0 type veth peer name w1");
  settle (fixture);
  g_assert_nonnull (find (fixture, "w0"));
  netns_ip ("link del w0");
  settle (fixture);
  g_assert_null (find (fixture, "w0"));
  g_assert_null (find (fixture, "w1"));
  g_assert_nonnull (find (fixture, "v0"));
}

static void
test_ports (Fixture *fixture, gconstpointer data)
{
  netns_ip ("link add br0 type bridge");
  netns_ip ("link set v1 master br0");
  settle (fixture);
  g_assert_true (find (fixture, "v1")->port);
  g_assert_false (find (fixture, "br0")->port);

  /* The bridge tells that its port has gone in the words that tell of an interface's end. */
  netns_ip ("link set v1 nomaster");
  settle (fixture);
  g_assert_nonnull (find (fixture, "v1"));
  g_assert_false (find (fixture, "v1")->port);
  netns_ip ("link del br0");
}

/* Far more changes than the socket holds, in the end of addresses that are none; then @last. */
static void
flood (const char *name, const char *last)
{
  g_autoptr(GString) commands = g_string_new (NULL);
  g_autofree char *path = NULL;
  int fd = g_file_open_tmp ("avi-ip-XXXXXX", &path, NULL);

  g_assert_cmpint (fd, >=, 0);
  for (guint round = 0; round < 10; round++)
    {
      for (guint i = 1; i < 250; i++)
        g_string_append_printf (commands, "addr add 10.2.%u.%u/32 dev %s\n", round, i, name);
      for (guint i = 1; i < 250; i++)
        g_string_append_printf (commands, "addr del 10.2.%u.%u/32 dev %s\n", round, i, name);
    }
  g_string_append (commands, last);
  g_assert_true (g_file_set_contents (path, commands->str, commands->len, NULL));
  netns_ip ("-batch %s", path);
  unlink (path);
  close (fd);
}

static void
test_overflow (Fixture *fixture, gconstpointer data)
{
  netns_ip ("link set v1 down");
  flood ("v1", "addr add 10.3.0.1/24 dev v1\naddr del 10.1.2.3/20 dev v0\nlink set v1 name late\n");
  wait_for_addresses (fixture, "v0", "");
  wait_for_addresses (fixture, "late", "10.3.0.1/24");
  g_assert_null (find (fixture, "v1"));
}

/* That the 64 have gone is lost. */
static void
test_overflow_when_full (Fixture *fixture, gconstpointer data)
{
  g_autoptr(GString) last = g_string_new (NULL);

  for (guint i = 1; i <= AVI_INTERFACES_MAX_ADDRESSES; i++)
    {
      netns_ip ("addr add 10.4.0.%u/32 dev v1", i);
      g_string_append_printf (last, "addr del 10.4.0.%u/32 dev v1\n", i);
    }
  settle (fixture);
  g_assert_cmpuint (find (fixture, "v1")->addresses->len, ==, AVI_INTERFACES_MAX_ADDRESSES);
  g_string_append (last, "addr add 10.3.0.1/24 dev v1\n");
  flood ("v0", last->str);
  wait_for_addresses (fixture, "v1", "10.3.0.1/24");
}

static void
test_many (Fixture *fixture, gconstpointer data)
{
  const AviInterface *v1;

  for (guint i = 1; i <= AVI_INTERFACES_MAX_ADDRESSES + 10; i++)
    netns_ip ("addr add 10.2.0.%u/32 dev v1", i);
  settle (fixture);
  v1 = find (fixture, "v1");
  g_assert_cmpuint (v1->addresses->len, ==, AVI_INTERFACES_MAX_ADDRESSES);
}

static void
test_near (Fixture *fixture, gconstpointer data)
{
  static const struct
  {
    const char *interface;
    const char *ip;
    gboolean own, near;
  } cases[] = {
    { "v0", "10.1.2.3", TRUE, TRUE },
    { "v0", "10.1.15.255", FALSE, TRUE },
    { "v0", "10.1.16.0", FALSE, FALSE },
    { "v0", "169.254.7.7", FALSE, TRUE },
    { "v0", "fe80::7", FALSE, TRUE },
    { "v0", "fec0::7", FALSE, FALSE },
    { "v0", "fd00::7", FALSE, FALSE },
    { "v0", "127.0.0.1", FALSE, FALSE },
    { "lo", "127.0.0.1", TRUE, TRUE },
    { "lo", "127.9.9.9", TRUE, TRUE },
    { "lo", "::1", TRUE, TRUE },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      int family = strchr (cases[i].ip, ':') != NULL ? AF_INET6 : AF_INET;
      guint8 ip[16] = { 0 };

      inet_pton (family, cases[i].ip, ip);
      g_test_message ("%s on %s", cases[i].ip, cases[i].interface);
      g_assert_cmpint (avi_interface_has (find (fixture, cases[i].interface), family, ip), ==, cases[i].own);
      g_assert_cmpint (avi_interface_is_near (find (fixture, cases[i].interface), family, ip), ==, cases[i].near);
    }
}

#define ADD(path, func) g_test_add (path, Fixture, NULL, set_up, func, tear_down)

int
main (int argc, char **argv)
{
  const char *why = NULL;
  gboolean entered = netns_enter (&why);

  g_test_init (&argc, &argv, NULL);
  if (!entered)
    {
      g_print ("1..0 # SKIP %s\n", why);
      return 0;
    }
  ADD ("/interfaces/knows what there is before it returns", test_start);
  ADD ("/interfaces/hears of addresses that come, go and change, not of lives prolonged", test_addresses);
  ADD ("/interfaces/the other end of a point-to-point address is near, not own", test_peer_address);
  ADD ("/interfaces/an address counts once it is known to be unique", test_tentative);
  ADD ("/interfaces/hears of links that come, go and change", test_links);
  ADD ("/interfaces/tells the port of a bridge, and that it is none any more", test_ports);
  ADD ("/interfaces/looks again where changes were lost", test_overflow);
  ADD ("/interfaces/makes room for what is there, though it was lost that the old is gone", test_overflow_when_full);
  ADD ("/interfaces/keeps 64 addresses of an interface", test_many);
  ADD ("/interfaces/tells own from near and far", test_near);
  return g_test_run ();
}
