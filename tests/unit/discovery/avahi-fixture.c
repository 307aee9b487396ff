/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "avahi-fixture.h"

AviPeerId
avahi_peer (guint n)
{
  guint8 key[36] = { 0x08, 0x01, 0x12, 0x20 };
  AviPeerId id;

  memcpy (key + 4, &n, sizeof n);
  avi_peer_id_from_public_key (AVI_SPAN (key, sizeof key), &id);
  return id;
}

static char *
avahi_peer_key (const AviPeerId *id, guint ifindex)
{
  g_autofree char *text = avi_peer_id_to_string (id);

  return g_strdup_printf ("%s/%u", text, ifindex);
}

static void
avahi_on_found (gpointer user_data, const AviPeerId *id, GPtrArray *addresses, guint ifindex)
{
  AvahiFixture *f = user_data;
  g_autoptr(GString) all = g_string_new (NULL);

  g_assert_cmpuint (addresses->len, >, 0);
  for (guint i = 0; i < addresses->len; i++)
    {
      g_autofree char *text = avi_multiaddr_to_string (addresses->pdata[i]);

      g_string_append_printf (all, "%s%s", i > 0 ? " " : "", text);
    }
  g_hash_table_replace (f->peers, avahi_peer_key (id, ifindex), g_strdup (all->str));
  f->n_found++;
}

static void
avahi_on_gone (gpointer user_data, const AviPeerId *id, guint ifindex)
{
  AvahiFixture *f = user_data;
  g_autofree char *key = avahi_peer_key (id, ifindex);

  g_assert_true (g_hash_table_remove (f->peers, key));
  f->n_gone++;
}

static void
avahi_on_changed (gpointer user_data, gboolean running, const char *problem)
{
  AvahiFixture *f = user_data;

  f->n_changed++;
  f->running = running;
  g_free (f->problem);
  f->problem = g_strdup (problem);
}

static void
avahi_set_up (AvahiFixture *f, gconstpointer data)
{
  f->peers = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  f->self_id = avahi_peer (0);
  f->bus = g_test_dbus_new (G_TEST_DBUS_NONE);
  g_test_dbus_up (f->bus);
  g_setenv ("DBUS_SYSTEM_BUS_ADDRESS", g_test_dbus_get_bus_address (f->bus), TRUE);
  avi_avahi_timeout_ms = 10000;
}

static void
avahi_tear_down (AvahiFixture *f, gconstpointer data)
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

void
avahi_turn (gint64 deadline)
{
  g_assert_cmpint (g_get_monotonic_time (), <, deadline);
  if (!g_main_context_iteration (NULL, FALSE))
    g_usleep (1000);
}

void
avahi_start (AvahiFixture *f)
{
  f->avahi = avi_avahi_new (&f->self_id, avahi_on_found, avahi_on_gone, avahi_on_changed, f);
}

void
avahi_start_with_daemon (AvahiFixture *f)
{
  f->mock = mock_avahi_new (g_test_dbus_get_bus_address (f->bus));
  mock_avahi_run (f->mock);
  avahi_start (f);
  wait_for (mock_avahi_get_browser (f->mock, SERVICE, PTR) != NULL && f->running && f->problem == NULL);
}

void
avahi_publish (AvahiFixture *f, guint ifindex, guint16 port, const char *first, ...)
{
  g_autoptr(GPtrArray) addresses = g_ptr_array_new_with_free_func ((GDestroyNotify) avi_multiaddr_unref);
  va_list args;

  va_start (args, first);
  for (const char *text = first; text != NULL; text = va_arg (args, const char *))
    g_ptr_array_add (addresses, avi_multiaddr_parse (text, NULL));
  va_end (args);
  avi_avahi_set_interface (f->avahi, ifindex, addresses, port);
}

static void
avahi_append_string (GByteArray *data, const char *text)
{
  guint8 len = strlen (text);

  g_byte_array_append (data, &len, 1);
  g_byte_array_append (data, (const guint8 *) text, len);
}

void
avahi_point (AvahiFixture *f, const char *member, const char *instance, gint32 ifindex, gint32 protocol)
{
  g_autoptr(GByteArray) data = g_byte_array_new ();
  g_auto(GStrv) labels = g_strsplit (instance, ".", -1);

  for (guint i = 0; labels[i] != NULL; i++)
    avahi_append_string (data, labels[i]);
  g_byte_array_append (data, (const guint8 *) "", 1);
  mock_avahi_item (f->mock, mock_avahi_get_browser (f->mock, SERVICE, PTR), member, ifindex, protocol, data->data,
                   data->len);
}

void
avahi_tell (AvahiFixture *f, const char *member, const char *instance, gint32 ifindex, gint32 protocol, guint n,
            const char *first, ...)
{
  g_autoptr(GByteArray) data = g_byte_array_new ();
  AviPeerId id = avahi_peer (n);
  g_autofree char *id_text = avi_peer_id_to_string (&id);
  va_list args;

  va_start (args, first);
  for (const char *text = first; text != NULL; text = va_arg (args, const char *))
    {
      g_autofree char *string = g_strdup_printf ("dnsaddr=%s/p2p/%s", text, id_text);

      avahi_append_string (data, string);
    }
  va_end (args);
  mock_avahi_item (f->mock, mock_avahi_get_browser (f->mock, instance, TXT), member, ifindex, protocol, data->data,
                   data->len);
}

const char *
avahi_sees (AvahiFixture *f, guint n, guint ifindex)
{
  AviPeerId id = avahi_peer (n);
  g_autofree char *key = avahi_peer_key (&id, ifindex);

  return g_hash_table_lookup (f->peers, key);
}

void
avahi_introduce (AvahiFixture *f, const char *instance, gint32 ifindex)
{
  avahi_point (f, "ItemNew", instance, ifindex, 0);
  wait_for (mock_avahi_get_browser (f->mock, instance, TXT) != NULL);
}

void
avahi_settle (AvahiFixture *f)
{
  static const char marker[] = "marker._p2p._udp.local";

  avahi_introduce (f, marker, 99);
  avahi_tell (f, "ItemNew", marker, 99, 0, 9999, "/ip4/10.9.9.9/tcp/9", NULL);
  wait_for (avahi_sees (f, 9999, 99) != NULL);
  avahi_point (f, "ItemRemove", marker, 99, 0);
  wait_for (avahi_sees (f, 9999, 99) == NULL);
  wait_for (mock_avahi_get_browser (f->mock, marker, TXT) == NULL);
  f->n_found--;
  f->n_gone--;
}

void
avahi_add_test (const char *path, void (*test) (AvahiFixture *, gconstpointer))
{
  g_test_add (path, AvahiFixture, NULL, avahi_set_up, test, avahi_tear_down);
}
