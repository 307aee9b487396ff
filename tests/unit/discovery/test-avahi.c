/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "discovery/avi-avahi.h"
#include "discovery/avi-avahi-browser.h"
#include "discovery/avi-avahi-publisher.h"
#include "mock-avahi.h"

#define PATIENCE (20 * G_USEC_PER_SEC)
#define SERVICE  "_p2p._udp.local"
#define INSTANCE "abc._p2p._udp.local"
#define PTR      12
#define TXT      16

/* --- A private bus, perhaps a daemon on it, and what we are told --- */

typedef struct
{
  GTestDBus  *bus;
  MockAvahi  *mock;
  AviAvahi   *avahi;
  AviPeerId   self_id;

  GHashTable *peers; /* "peer id/ifindex" → addresses, joined by blanks */
  guint       n_found;
  guint       n_gone;
  guint       n_changed;
  gboolean    running;
  char       *problem;
} Fixture;

static AviPeerId
peer (guint n)
{
  guint8 key[36] = { 0x08, 0x01, 0x12, 0x20 };
  AviPeerId id;

  memcpy (key + 4, &n, sizeof n);
  avi_peer_id_from_public_key (AVI_SPAN (key, sizeof key), &id);
  return id;
}

static char *
peer_key (const AviPeerId *id, guint ifindex)
{
  g_autofree char *text = avi_peer_id_to_string (id);

  return g_strdup_printf ("%s/%u", text, ifindex);
}

static void
on_found (gpointer user_data, const AviPeerId *id, GPtrArray *addresses, guint ifindex)
{
  Fixture *f = user_data;
  g_autoptr(GString) all = g_string_new (NULL);

  g_assert_cmpuint (addresses->len, >, 0);
  for (guint i = 0; i < addresses->len; i++)
    {
      g_autofree char *text = avi_multiaddr_to_string (addresses->pdata[i]);

      g_string_append_printf (all, "%s%s", i > 0 ? " " : "", text);
    }
  g_hash_table_replace (f->peers, peer_key (id, ifindex), g_strdup (all->str));
  f->n_found++;
}

static void
on_gone (gpointer user_data, const AviPeerId *id, guint ifindex)
{
  Fixture *f = user_data;
  g_autofree char *key = peer_key (id, ifindex);

  g_assert_true (g_hash_table_remove (f->peers, key));
  f->n_gone++;
}

static void
on_changed (gpointer user_data, gboolean running, const char *problem)
{
  Fixture *f = user_data;

  f->n_changed++;
  f->running = running;
  g_free (f->problem);
  f->problem = g_strdup (problem);
}

static void
set_up (Fixture *f, gconstpointer data)
{
  f->peers = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  f->self_id = peer (0);
  f->bus = g_test_dbus_new (G_TEST_DBUS_NONE);
  g_test_dbus_up (f->bus);
  g_setenv ("DBUS_SYSTEM_BUS_ADDRESS", g_test_dbus_get_bus_address (f->bus), TRUE);
  avi_avahi_timeout_ms = 10000;
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  g_clear_pointer (&f->avahi, avi_avahi_free);
  g_clear_pointer (&f->mock, mock_avahi_free);
  /* Answers that are under way belong to nobody now. */
  while (g_main_context_iteration (NULL, FALSE))
    ;
  if (f->bus != NULL)
    {
      g_test_dbus_stop (f->bus);
      g_object_unref (f->bus);
    }
  g_hash_table_unref (f->peers);
  g_free (f->problem);
}

static void
turn (gint64 deadline)
{
  g_assert_cmpint (g_get_monotonic_time (), <, deadline);
  if (!g_main_context_iteration (NULL, FALSE))
    g_usleep (1000);
}

#define wait_for(condition)                                                                                            \
 for (gint64 deadline = g_get_monotonic_time () + PATIENCE; !(condition);)                                             \
 turn (deadline)

static void
start (Fixture *f)
{
  f->avahi = avi_avahi_new (&f->self_id, on_found, on_gone, on_changed, f);
}

/* As it is where all is well. */
static void
start_with_daemon (Fixture *f)
{
  f->mock = mock_avahi_new (g_test_dbus_get_bus_address (f->bus));
  mock_avahi_run (f->mock);
  start (f);
  wait_for (mock_avahi_get_browser (f->mock, SERVICE, PTR) != NULL && f->running && f->problem == NULL);
}

static void
publish (Fixture *f, guint ifindex, guint16 port, const char *first, ...)
{
  g_autoptr(GPtrArray) addresses = g_ptr_array_new_with_free_func ((GDestroyNotify) avi_multiaddr_unref);
  va_list args;

  va_start (args, first);
  for (const char *text = first; text != NULL; text = va_arg (args, const char *))
    g_ptr_array_add (addresses, avi_multiaddr_parse (text, NULL));
  va_end (args);
  avi_avahi_set_interface (f->avahi, ifindex, addresses, port);
}

/* --- What others announce --- */

static void
append_string (GByteArray *data, const char *text)
{
  guint8 len = strlen (text);

  g_byte_array_append (data, &len, 1);
  g_byte_array_append (data, (const guint8 *) text, len);
}

/* The PTR record of the service that names @instance comes or goes. */
static void
point (Fixture *f, const char *member, const char *instance, gint32 ifindex, gint32 protocol)
{
  g_autoptr(GByteArray) data = g_byte_array_new ();
  g_auto(GStrv) labels = g_strsplit (instance, ".", -1);

  for (guint i = 0; labels[i] != NULL; i++)
    append_string (data, labels[i]);
  g_byte_array_append (data, (const guint8 *) "", 1);
  mock_avahi_item (f->mock, mock_avahi_get_browser (f->mock, SERVICE, PTR), member, ifindex, protocol, data->data,
                   data->len);
}

/* A TXT record of @instance comes or goes; @first and so on: multiaddrs, each of which gets the
 * peer @n. */
static void
tell (Fixture *f, const char *member, const char *instance, gint32 ifindex, gint32 protocol, guint n, const char *first,
      ...)
{
  g_autoptr(GByteArray) data = g_byte_array_new ();
  AviPeerId id = peer (n);
  g_autofree char *id_text = avi_peer_id_to_string (&id);
  va_list args;

  va_start (args, first);
  for (const char *text = first; text != NULL; text = va_arg (args, const char *))
    {
      g_autofree char *string = g_strdup_printf ("dnsaddr=%s/p2p/%s", text, id_text);

      append_string (data, string);
    }
  va_end (args);
  mock_avahi_item (f->mock, mock_avahi_get_browser (f->mock, instance, TXT), member, ifindex, protocol, data->data,
                   data->len);
}

static const char *
sees (Fixture *f, guint n, guint ifindex)
{
  AviPeerId id = peer (n);
  g_autofree char *key = peer_key (&id, ifindex);

  return g_hash_table_lookup (f->peers, key);
}

/* An instance whose TXT records are looked for from now on. */
static void
introduce (Fixture *f, const char *instance, gint32 ifindex)
{
  point (f, "ItemNew", instance, ifindex, 0);
  wait_for (mock_avahi_get_browser (f->mock, instance, TXT) != NULL);
}

/* Signals come in order: when the last is seen, so are those before it. */
static void
settle (Fixture *f)
{
  static const char marker[] = "marker._p2p._udp.local";

  introduce (f, marker, 99);
  tell (f, "ItemNew", marker, 99, 0, 9999, "/ip4/10.9.9.9/tcp/9", NULL);
  wait_for (sees (f, 9999, 99) != NULL);
  point (f, "ItemRemove", marker, 99, 0);
  wait_for (sees (f, 9999, 99) == NULL);
  wait_for (mock_avahi_get_browser (f->mock, marker, TXT) == NULL);
  f->n_found--;
  f->n_gone--;
}

/* --- Publishing --- */

static void
test_publishes (Fixture *f, gconstpointer data)
{
  g_autofree char *id = avi_peer_id_to_string (&f->self_id);
  g_autofree char *lan = g_strdup_printf ("dnsaddr=/ip4/10.0.0.1/tcp/4001/p2p/%s", id);
  g_autofree char *link_local = g_strdup_printf ("dnsaddr=/ip6/fe80::1/tcp/4001/p2p/%s", id);
  g_autofree char *other = g_strdup_printf ("dnsaddr=/ip4/192.168.1.7/tcp/4001/p2p/%s", id);

  start_with_daemon (f);
  publish (f, 2, 4001, "/ip4/10.0.0.1/tcp/4001", "/ip4/127.0.0.1/tcp/4001", "/ip6zone/2/ip6/fe80::1/tcp/4001", NULL);
  publish (f, 3, 4001, "/ip4/192.168.1.7/tcp/4001", NULL);
  publish (f, 4, 4001, "/ip4/127.0.0.1/tcp/4001", NULL);
  publish (f, 5, 0, "/ip4/10.0.0.1/tcp/4001", NULL);
  wait_for (mock_avahi_get_group (f->mock, 2) != NULL && mock_avahi_get_group (f->mock, 3) != NULL);
  g_assert_cmpuint (mock_avahi_count_groups (f->mock), ==, 2);

  MockGroup *two = mock_avahi_get_group (f->mock, 2), *three = mock_avahi_get_group (f->mock, 3);

  g_assert_cmpstr (two->type, ==, "_p2p._udp");
  g_assert_cmpuint (two->port, ==, 4001);
  g_assert_cmpuint (strlen (two->name), ==, 32);
  g_assert_cmpstr (two->name, !=, three->name);
  g_assert_cmpuint (g_strv_length (two->texts), ==, 2);
  g_assert_cmpstr (two->texts[0], ==, lan);
  g_assert_cmpstr (two->texts[1], ==, link_local);
  g_assert_cmpuint (g_strv_length (three->texts), ==, 1);
  g_assert_cmpstr (three->texts[0], ==, other);
  wait_for (f->running && f->problem == NULL);
}

static void
test_publishes_before (Fixture *f, gconstpointer data)
{
  start (f);
  publish (f, 2, 4001, "/ip4/10.0.0.1/tcp/4001", NULL);
  wait_for (f->problem != NULL);
  g_assert_false (f->running);
  g_assert_cmpstr (f->problem, ==, "avahi-daemon is not running");

  f->mock = mock_avahi_new (g_test_dbus_get_bus_address (f->bus));
  mock_avahi_run (f->mock);
  wait_for (mock_avahi_get_group (f->mock, 2) != NULL);
}

static void
test_changes (Fixture *f, gconstpointer data)
{
  start_with_daemon (f);
  publish (f, 2, 4001, "/ip4/10.0.0.1/tcp/4001", NULL);
  wait_for (mock_avahi_get_group (f->mock, 2) != NULL);
  MockGroup *first = mock_avahi_get_group (f->mock, 2);

  publish (f, 2, 4001, "/ip4/10.0.0.1/tcp/4001", NULL);
  publish (f, 2, 4001, "/ip4/10.0.0.9/tcp/4001", "/ip4/10.0.0.8/tcp/4001", NULL);
  wait_for (first->n_updates > 0);
  g_assert_cmpuint (first->n_updates, ==, 1);
  g_assert_nonnull (strstr (first->texts[0], "/10.0.0.9/"));
  g_assert_cmpuint (f->mock->groups->len, ==, 1);

  publish (f, 2, 4002, "/ip4/10.0.0.9/tcp/4002", NULL);
  wait_for (first->freed && mock_avahi_get_group (f->mock, 2) != NULL);
  MockGroup *second = mock_avahi_get_group (f->mock, 2);
  g_assert_cmpuint (second->port, ==, 4002);

  publish (f, 2, 4002, NULL, NULL);
  wait_for (second->freed);
  publish (f, 2, 4002, "/ip4/10.0.0.9/tcp/4002", NULL);
  wait_for (mock_avahi_get_group (f->mock, 2) != NULL);
  avi_avahi_remove_interface (f->avahi, 2);
  wait_for (mock_avahi_count_groups (f->mock) == 0);
}

static void
test_collision (Fixture *f, gconstpointer data)
{
  start_with_daemon (f);
  f->mock->collide_once = TRUE;
  publish (f, 2, 4001, "/ip4/10.0.0.1/tcp/4001", NULL);
  wait_for (f->problem != NULL);
  wait_for (mock_avahi_get_group (f->mock, 2) != NULL && f->problem == NULL);

  MockGroup *first = f->mock->groups->pdata[0];

  g_assert_true (first->freed);
  g_assert_cmpstr (mock_avahi_get_group (f->mock, 2)->name, !=, first->name);
}

static void
test_refused (Fixture *f, gconstpointer data)
{
  start_with_daemon (f);
  f->mock->refuse = "org.freedesktop.Avahi.NotPermittedError";
  publish (f, 2, 4001, "/ip4/10.0.0.1/tcp/4001", NULL);
  wait_for (f->problem != NULL);
  g_assert_true (f->running);
  g_assert_nonnull (strstr (f->problem, "does not publish"));
  g_assert_nonnull (strstr (f->problem, "Not permitted"));
  g_assert_nonnull (mock_avahi_get_browser (f->mock, SERVICE, PTR));
  f->mock->refuse = NULL;
  wait_for (mock_avahi_get_group (f->mock, 2) != NULL && f->problem == NULL);
}

static void
test_limits_published (Fixture *f, gconstpointer data)
{
  g_autoptr(GPtrArray) many = g_ptr_array_new_with_free_func ((GDestroyNotify) avi_multiaddr_unref);

  for (guint i = 1; i <= 2 * AVI_AVAHI_MAX_PUBLISHED; i++)
    {
      g_autofree char *text = g_strdup_printf ("/ip4/10.0.0.%u/tcp/1", i);

      g_ptr_array_add (many, avi_multiaddr_parse (text, NULL));
    }
  start_with_daemon (f);
  for (guint i = 1; i <= AVI_AVAHI_MAX_INTERFACES + 5; i++)
    avi_avahi_set_interface (f->avahi, i, many, 1);
  wait_for (mock_avahi_get_group (f->mock, AVI_AVAHI_MAX_INTERFACES) != NULL);
  settle (f);
  g_assert_cmpuint (mock_avahi_count_groups (f->mock), ==, AVI_AVAHI_MAX_INTERFACES);
  g_assert_cmpuint (g_strv_length (mock_avahi_get_group (f->mock, 1)->texts), ==, AVI_AVAHI_MAX_PUBLISHED);
}

static void
test_withdraws (Fixture *f, gconstpointer data)
{
  start_with_daemon (f);
  publish (f, 2, 4001, "/ip4/10.0.0.1/tcp/4001", NULL);
  wait_for (mock_avahi_get_group (f->mock, 2) != NULL);
  introduce (f, INSTANCE, 2);
  g_autofree char *client = g_strdup (f->mock->client);
  gboolean left = FALSE;

  g_clear_pointer (&f->avahi, avi_avahi_free);
  /* What the real daemon goes by, should the calls be lost: the client's connection has ended. */
  while (!left)
    {
      g_autoptr(GVariant) reply = g_dbus_connection_call_sync (
          f->mock->connection, "org.freedesktop.DBus", "/", "org.freedesktop.DBus", "NameHasOwner",
          g_variant_new ("(s)", client), G_VARIANT_TYPE ("(b)"), G_DBUS_CALL_FLAGS_NONE, -1, NULL, NULL);
      gboolean there;

      g_variant_get (reply, "(b)", &there);
      left = !there;
    }
}

/* --- Browsing --- */

static void
test_finds (Fixture *f, gconstpointer data)
{
  char lo[IF_NAMESIZE] = "";
  g_autofree char *expected = NULL;

  start_with_daemon (f);
  introduce (f, INSTANCE, 1);
  tell (f, "ItemNew", INSTANCE, 1, 0, 5, "/ip4/10.0.0.2/tcp/4001", "/ip6/fe80::2/tcp/4001", "/ip4/127.0.0.1/tcp/4001",
        "/ip4/10.0.0.2/udp/4001/quic-v1", NULL);
  wait_for (sees (f, 5, 1) != NULL);
  if_indextoname (1, lo);
  expected = g_strdup_printf ("/ip4/10.0.0.2/tcp/4001 /ip6zone/%s/ip6/fe80::2/tcp/4001", lo);
  g_assert_cmpstr (sees (f, 5, 1), ==, expected);

  /* The same by the other protocol, and on another interface */
  tell (f, "ItemNew", INSTANCE, 1, 1, 5, "/ip4/10.0.0.2/tcp/4001", "/ip6/fe80::2/tcp/4001", NULL);
  tell (f, "ItemNew", INSTANCE, 3, 0, 5, "/ip4/192.168.1.2/tcp/4001", NULL);
  wait_for (sees (f, 5, 3) != NULL);
  g_assert_cmpstr (sees (f, 5, 3), ==, "/ip4/192.168.1.2/tcp/4001");
  g_assert_cmpuint (f->n_found, ==, 2);

  /* It stays until the last that says so is gone. */
  tell (f, "ItemRemove", INSTANCE, 1, 0, 5, "/ip4/10.0.0.2/tcp/4001", "/ip6/fe80::2/tcp/4001", NULL);
  settle (f);
  g_assert_cmpstr (sees (f, 5, 1), ==, expected);
  tell (f, "ItemRemove", INSTANCE, 1, 1, 5, "/ip4/10.0.0.2/tcp/4001", "/ip6/fe80::2/tcp/4001", NULL);
  wait_for (sees (f, 5, 1) == NULL);
  g_assert_nonnull (sees (f, 5, 3));
  g_assert_cmpuint (f->n_gone, ==, 1);
}

static void
test_several_records (Fixture *f, gconstpointer data)
{
  start_with_daemon (f);
  introduce (f, INSTANCE, 2);
  tell (f, "ItemNew", INSTANCE, 2, 0, 5, "/ip4/10.0.0.2/tcp/1", NULL);
  tell (f, "ItemNew", INSTANCE, 2, 0, 5, "/ip6/2001:db8::2/tcp/1", NULL);
  wait_for (f->n_found == 2);
  g_assert_cmpstr (sees (f, 5, 2), ==, "/ip4/10.0.0.2/tcp/1 /ip6/2001:db8::2/tcp/1");
  tell (f, "ItemRemove", INSTANCE, 2, 0, 5, "/ip4/10.0.0.2/tcp/1", NULL);
  wait_for (f->n_found == 3);
  g_assert_cmpstr (sees (f, 5, 2), ==, "/ip6/2001:db8::2/tcp/1");

  /* A second name for the same node, as after its restart */
  introduce (f, "def._p2p._udp.local", 2);
  tell (f, "ItemNew", "def._p2p._udp.local", 2, 0, 5, "/ip4/10.0.0.3/tcp/1", NULL);
  wait_for (f->n_found == 4);
  point (f, "ItemRemove", INSTANCE, 2, 0);
  wait_for (f->n_found == 5);
  g_assert_cmpstr (sees (f, 5, 2), ==, "/ip4/10.0.0.3/tcp/1");
  g_assert_cmpuint (f->n_gone, ==, 0);
  point (f, "ItemRemove", "def._p2p._udp.local", 2, 0);
  wait_for (f->n_gone == 1);
  wait_for (mock_avahi_count_browsers (f->mock) == 1);
}

static void
test_pointers (Fixture *f, gconstpointer data)
{
  start_with_daemon (f);
  introduce (f, INSTANCE, 2);
  point (f, "ItemNew", INSTANCE, 2, 1);
  point (f, "ItemNew", "ABC._p2p._udp.local", 3, 0);
  tell (f, "ItemNew", INSTANCE, 2, 0, 5, "/ip4/10.0.0.2/tcp/1", NULL);
  wait_for (sees (f, 5, 2) != NULL);
  point (f, "ItemRemove", INSTANCE, 2, 0);
  point (f, "ItemRemove", INSTANCE, 3, 0);
  settle (f);
  g_assert_nonnull (sees (f, 5, 2));
  point (f, "ItemRemove", INSTANCE, 2, 1);
  wait_for (sees (f, 5, 2) == NULL);
  point (f, "ItemRemove", INSTANCE, 2, 1);
  settle (f);
}

static void
test_ourselves (Fixture *f, gconstpointer data)
{
  start_with_daemon (f);
  introduce (f, INSTANCE, 2);
  tell (f, "ItemNew", INSTANCE, 2, 0, 0, "/ip4/10.0.0.1/tcp/1", NULL);
  settle (f);
  g_assert_cmpuint (f->n_found, ==, 0);
}

static void
test_malformed (Fixture *f, gconstpointer data)
{
  static const char *const names[] = { "", "\3ab", "\3abc", "\300\014", "\100aaa", "\3abc\0\1x" };

  start_with_daemon (f);
  MockBrowser *browser = mock_avahi_get_browser (f->mock, SERVICE, PTR);

  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    mock_avahi_item (f->mock, browser, "ItemNew", 2, 0, names[i], i == 5 ? 7 : strlen (names[i]));
  mock_avahi_item (f->mock, browser, "ItemNew", -1, 0, "\3abc", 5);
  mock_avahi_item (f->mock, browser, "ItemNew", 2, 0, "", 1);
  mock_avahi_emit (f->mock, browser->path, "RecordBrowser", "ItemNew", g_variant_new ("(s)", "what"));
  mock_avahi_emit (f->mock, browser->path, "RecordBrowser", "Unheard", NULL);
  mock_avahi_emit (f->mock, browser->path, "EntryGroup", "ItemNew", NULL);
  mock_avahi_emit (f->mock, "/elsewhere", "RecordBrowser", "ItemNew", NULL);
  introduce (f, INSTANCE, 2);
  g_assert_cmpuint (mock_avahi_count_browsers (f->mock), ==, 2);

  browser = mock_avahi_get_browser (f->mock, INSTANCE, TXT);
  mock_avahi_item (f->mock, browser, "ItemNew", 2, 0, "\377dnsaddr=", 9);
  mock_avahi_item (f->mock, browser, "ItemNew", 2, 0, "", 0);
  mock_avahi_item (f->mock, browser, "ItemNew", 2, 0, "\11dnsaddr=/", 10);
  mock_avahi_emit (f->mock, browser->path, "RecordBrowser", "ItemNew", g_variant_new ("(s)", "what"));
  settle (f);
  g_assert_cmpuint (f->n_found, ==, 0);
}

static void
test_names (void)
{
  static const struct
  {
    const char *data;
    gsize       len;
    const char *name;
  } cases[] = {
    { "\3abc\4_p2p\4_udp\5local", 21, "abc._p2p._udp.local" },
    { "\3aBc", 5, "abc" },
    { "\6a.b\\ \303", 8, "a\\.b\\\\\\032\\195" },
    { "", 1, NULL },
    { "\3abc", 4, NULL },
    { "\3abc\0", 6, NULL },
    { "\300\014", 3, NULL },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *name = avi_avahi_parse_name (AVI_SPAN (cases[i].data, cases[i].len));

      g_assert_cmpstr (name, ==, cases[i].name);
    }
}

static void
test_max_instances (Fixture *f, gconstpointer data)
{
  start_with_daemon (f);
  for (guint i = 0; i < AVI_AVAHI_MAX_INSTANCES + 10; i++)
    {
      g_autofree char *name = g_strdup_printf ("i%u._p2p._udp.local", i);

      point (f, "ItemNew", name, 2, 0);
    }
  wait_for (f->problem != NULL);
  g_assert_nonnull (strstr (f->problem, "256"));
  wait_for (mock_avahi_count_browsers (f->mock) == AVI_AVAHI_MAX_INSTANCES + 1);
  point (f, "ItemRemove", "i0._p2p._udp.local", 2, 0);
  wait_for (f->problem == NULL);
  introduce (f, INSTANCE, 2);
}

static void
test_browsing_fails (Fixture *f, gconstpointer data)
{
  start_with_daemon (f);
  introduce (f, INSTANCE, 2);
  tell (f, "ItemNew", INSTANCE, 2, 0, 5, "/ip4/10.0.0.2/tcp/1", NULL);
  wait_for (sees (f, 5, 2) != NULL);
  mock_avahi_emit (f->mock, mock_avahi_get_browser (f->mock, SERVICE, PTR)->path, "RecordBrowser", "Failure",
                   g_variant_new ("(s)", "org.freedesktop.Avahi.Failure"));
  wait_for (f->problem != NULL);
  g_assert_nonnull (strstr (f->problem, "does not browse"));
  g_assert_null (sees (f, 5, 2));
  wait_for (mock_avahi_count_browsers (f->mock) == 0);
  wait_for (mock_avahi_get_browser (f->mock, SERVICE, PTR) != NULL);
  introduce (f, INSTANCE, 2);
  wait_for (f->problem == NULL);
}

/* --- The daemon --- */

static void
test_comes_and_goes (Fixture *f, gconstpointer data)
{
  start_with_daemon (f);
  publish (f, 2, 4001, "/ip4/10.0.0.1/tcp/4001", NULL);
  for (guint i = 0; i < 3; i++)
    {
      wait_for (mock_avahi_get_browser (f->mock, SERVICE, PTR) != NULL && mock_avahi_get_group (f->mock, 2) != NULL);
      wait_for (f->running && f->problem == NULL);
      introduce (f, INSTANCE, 2);
      tell (f, "ItemNew", INSTANCE, 2, 0, 5, "/ip4/10.0.0.2/tcp/1", NULL);
      wait_for (sees (f, 5, 2) != NULL);

      g_clear_pointer (&f->mock, mock_avahi_free);
      wait_for (!f->running);
      g_assert_cmpstr (f->problem, ==, "avahi-daemon is not running");
      g_assert_null (sees (f, 5, 2));

      f->mock = mock_avahi_new (g_test_dbus_get_bus_address (f->bus));
      mock_avahi_run (f->mock);
    }
}

static void
test_old_daemon (Fixture *f, gconstpointer data)
{
  f->mock = mock_avahi_new (g_test_dbus_get_bus_address (f->bus));
  f->mock->legacy = TRUE;
  mock_avahi_run (f->mock);
  start (f);
  publish (f, 2, 4001, "/ip4/10.0.0.1/tcp/4001", NULL);
  wait_for (mock_avahi_get_browser (f->mock, SERVICE, PTR) != NULL && mock_avahi_get_group (f->mock, 2) != NULL);
  introduce (f, INSTANCE, 2);
  tell (f, "ItemNew", INSTANCE, 2, 0, 5, "/ip4/10.0.0.2/tcp/1", NULL);
  wait_for (sees (f, 5, 2) != NULL);
  g_assert_null (f->problem);
}

static void
test_not_ready (Fixture *f, gconstpointer data)
{
  f->mock = mock_avahi_new (g_test_dbus_get_bus_address (f->bus));
  f->mock->state = 1;
  mock_avahi_run (f->mock);
  start (f);
  publish (f, 2, 4001, "/ip4/10.0.0.1/tcp/4001", NULL);
  wait_for (f->problem != NULL);
  g_assert_true (f->running);
  g_assert_nonnull (strstr (f->problem, "registering"));
  g_assert_cmpuint (f->mock->n_objects, ==, 0);

  mock_avahi_set_state (f->mock, 2);
  wait_for (mock_avahi_get_group (f->mock, 2) != NULL && mock_avahi_get_browser (f->mock, SERVICE, PTR) != NULL);
  g_assert_null (f->problem);
  mock_avahi_set_state (f->mock, 3);
  wait_for (f->problem != NULL);
  g_assert_nonnull (strstr (f->problem, "taken"));
  wait_for (mock_avahi_count_groups (f->mock) == 0);
  mock_avahi_set_state (f->mock, 2);
  wait_for (mock_avahi_get_group (f->mock, 2) != NULL);
  g_assert_cmpuint (mock_avahi_count_browsers (f->mock), ==, 1);
}

static void
test_never_answers (Fixture *f, gconstpointer data)
{
  gint64 before;

  avi_avahi_timeout_ms = 1000;
  f->mock = mock_avahi_new (g_test_dbus_get_bus_address (f->bus));
  f->mock->silent = TRUE;
  mock_avahi_run (f->mock);
  before = g_get_monotonic_time ();
  start (f);
  publish (f, 2, 4001, "/ip4/10.0.0.1/tcp/4001", NULL);
  wait_for (f->problem != NULL);
  /* It took the time that a call is given, and no longer. */
  g_assert_cmpint (g_get_monotonic_time () - before, >=, 900 * 1000);
  g_assert_false (f->running);
  g_assert_nonnull (strstr (f->problem, "does not answer"));

  /* Once it does, all is well again. */
  mock_avahi_wake (f->mock);
  wait_for (mock_avahi_get_group (f->mock, 2) != NULL && f->running && f->problem == NULL);
}

static void
test_late_answers (Fixture *f, gconstpointer data)
{
  start_with_daemon (f);
  f->mock->silent = TRUE;
  publish (f, 2, 4001, "/ip4/10.0.0.1/tcp/4001", NULL);
  publish (f, 3, 4001, "/ip4/10.0.1.1/tcp/4001", NULL);
  point (f, "ItemNew", INSTANCE, 2, 0);
  wait_for (f->mock->kept->len == 3);
  avi_avahi_remove_interface (f->avahi, 2);
  point (f, "ItemRemove", INSTANCE, 2, 0);
  /* The marker's browser waits behind: so the removal was seen. */
  point (f, "ItemNew", "other._p2p._udp.local", 2, 0);
  wait_for (f->mock->kept->len == 4);

  /* What is made too late is freed there. */
  mock_avahi_wake (f->mock);
  wait_for (f->mock->groups->len == 2 && mock_avahi_count_groups (f->mock) == 1);
  wait_for (mock_avahi_get_browser (f->mock, "other._p2p._udp.local", TXT) != NULL);
  wait_for (mock_avahi_count_browsers (f->mock) == 2);
  g_assert_nonnull (mock_avahi_get_group (f->mock, 3));
}

static void
test_freed_amid_calls (Fixture *f, gconstpointer data)
{
  start_with_daemon (f);
  f->mock->silent = TRUE;
  publish (f, 2, 4001, "/ip4/10.0.0.1/tcp/4001", NULL);
  point (f, "ItemNew", INSTANCE, 2, 0);
  wait_for (f->mock->kept->len == 2);
  guint n_changed = f->n_changed;
  g_clear_pointer (&f->avahi, avi_avahi_free);
  mock_avahi_wake (f->mock);
  g_clear_pointer (&f->mock, mock_avahi_free);
  g_assert_cmpuint (f->n_changed, ==, n_changed);

  /* At every other stage, too */
  for (guint i = 0; i < 60; i++)
    {
      start (f);
      for (guint j = 0; j < i; j++)
        g_main_context_iteration (NULL, j % 3 == 0 && j < 6);
      g_clear_pointer (&f->avahi, avi_avahi_free);
    }
}

/* --- The bus --- */

static void
test_no_bus (Fixture *f, gconstpointer data)
{
  g_setenv ("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nonexistent/socket", TRUE);
  start (f);
  g_assert_cmpuint (f->n_changed, ==, 0);
  wait_for (f->n_changed == 1);
  g_assert_false (f->running);
  g_assert_nonnull (strstr (f->problem, "No system bus"));

  /* It appears later. */
  f->mock = mock_avahi_new (g_test_dbus_get_bus_address (f->bus));
  mock_avahi_run (f->mock);
  g_setenv ("DBUS_SYSTEM_BUS_ADDRESS", g_test_dbus_get_bus_address (f->bus), TRUE);
  wait_for (f->running && mock_avahi_get_browser (f->mock, SERVICE, PTR) != NULL);
}

static void
test_bus_ends (Fixture *f, gconstpointer data)
{
  start_with_daemon (f);
  introduce (f, INSTANCE, 2);
  tell (f, "ItemNew", INSTANCE, 2, 0, 5, "/ip4/10.0.0.2/tcp/1", NULL);
  wait_for (sees (f, 5, 2) != NULL);
  g_dbus_connection_set_exit_on_close (f->mock->connection, FALSE);
  g_test_dbus_stop (f->bus);
  wait_for (!f->running);
  g_assert_nonnull (strstr (f->problem, "No system bus"));
  g_assert_null (sees (f, 5, 2));
  g_clear_pointer (&f->mock, mock_avahi_free);
  g_clear_object (&f->bus);

  f->bus = g_test_dbus_new (G_TEST_DBUS_NONE);
  g_test_dbus_up (f->bus);
  f->mock = mock_avahi_new (g_test_dbus_get_bus_address (f->bus));
  mock_avahi_run (f->mock);
  g_setenv ("DBUS_SYSTEM_BUS_ADDRESS", g_test_dbus_get_bus_address (f->bus), TRUE);
  wait_for (f->running && f->problem == NULL);
}

/* Accepts a connection, and says nothing. */
static void
test_mute_bus (Fixture *f, gconstpointer data)
{
  struct sockaddr_un name = { .sun_family = AF_UNIX };
  g_autofree char *folder = g_dir_make_tmp ("avi-avahi-XXXXXX", NULL);
  g_autofree char *path = g_build_filename (folder, "bus", NULL);
  g_autofree char *address = g_strdup_printf ("unix:path=%s", path);
  int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

  avi_avahi_timeout_ms = 500;

  g_strlcpy (name.sun_path, path, sizeof name.sun_path);
  g_assert_cmpint (bind (fd, (struct sockaddr *) &name, sizeof name), ==, 0);
  g_assert_cmpint (listen (fd, 5), ==, 0);
  g_setenv ("DBUS_SYSTEM_BUS_ADDRESS", address, TRUE);
  start (f);
  wait_for (f->n_changed == 1);
  g_assert_nonnull (strstr (f->problem, "does not answer"));
  g_clear_pointer (&f->avahi, avi_avahi_free);
  close (fd);
  unlink (path);
  rmdir (folder);
}

static void
add (const char *path, void (*test) (Fixture *, gconstpointer))
{
  g_test_add (path, Fixture, NULL, set_up, test, tear_down);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  add ("/avahi/publishes on each interface its own addresses, and no loopback", test_publishes);
  add ("/avahi/publishes once the daemon comes", test_publishes_before);
  add ("/avahi/changes a record in place, and a port by a new service", test_changes);
  add ("/avahi/takes another name after a collision", test_collision);
  add ("/avahi/says why nothing is published, and tries again", test_refused);
  add ("/avahi/publishes at most 10 addresses on 64 interfaces", test_limits_published);
  add ("/avahi/withdraws everything when it ends", test_withdraws);
  add ("/avahi/finds peers per interface, and misses them when the last record is gone", test_finds);
  add ("/avahi/adds up records and instances of one peer", test_several_records);
  add ("/avahi/an instance is there while any pointer to it is", test_pointers);
  add ("/avahi/does not find itself", test_ourselves);
  add ("/avahi/passes over what is malformed", test_malformed);
  g_test_add_func ("/avahi/escapes names as the daemon does", test_names);
  add ("/avahi/looks at 256 instances and says so", test_max_instances);
  add ("/avahi/browses again after a failure", test_browsing_fails);
  add ("/avahi/the daemon comes and goes at any time", test_comes_and_goes);
  add ("/avahi/works with a daemon older than 0.8", test_old_daemon);
  add ("/avahi/publishes only while the host's name is settled", test_not_ready);
  add ("/avahi/a daemon that does not answer holds nothing up", test_never_answers);
  add ("/avahi/answers that come too late leave nothing behind", test_late_answers);
  add ("/avahi/may end at any moment", test_freed_amid_calls);
  add ("/avahi/no system bus is no error, and one may come", test_no_bus);
  add ("/avahi/outlives the system bus", test_bus_ends);
  add ("/avahi/a bus that does not answer holds nothing up", test_mute_bus);
  return g_test_run ();
}
