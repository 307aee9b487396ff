/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <pthread.h>

#include "engine/avi-peer-info.h"

static AviPeerInfo *
make_info (void)
{
  AviPeerInfo *info = g_new0 (AviPeerInfo, 1);

  avi_ref_count_init (&info->ref_count);
  info->id = g_strdup ("12D3KooW");
  info->name = g_strdup ("kitchen");
  info->agent = g_strdup ("kitchen");
  info->addresses = g_strsplit ("/ip4/10.0.0.1/tcp/1 /ip4/10.0.0.2/tcp/1", " ", -1);
  info->protocols = g_strsplit ("/a /b", " ", -1);
  info->last_error = g_strdup ("unplugged");
  return info;
}

/* What is not freed, or freed twice, the sanitizers say. */
static void
test_last_reference (void)
{
  AviPeerInfo *info = make_info ();

  g_assert_true (avi_peer_info_ref (info) == info);
  avi_peer_info_unref (info);
  g_assert_cmpstr (info->name, ==, "kitchen");
  avi_peer_info_unref (info);
}

static gpointer
read_and_unref (gpointer data)
{
  AviPeerInfo *info = data;

  g_assert_cmpstr (info->addresses[1], ==, "/ip4/10.0.0.2/tcp/1");
  avi_peer_info_unref (info);
  return NULL;
}

static void
test_threads (void)
{
  for (guint round = 0; round < 20; round++)
    {
      g_autoptr(AviPeerInfo) info = make_info ();
      pthread_t threads[4];

      for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
        g_assert_cmpint (pthread_create (&threads[i], NULL, read_and_unref, avi_peer_info_ref (info)), ==, 0);
      for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
        pthread_join (threads[i], NULL);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/peer-info/lives until its last reference is gone", test_last_reference);
  g_test_add_func ("/peer-info/is read from any thread", test_threads);
  return g_test_run ();
}
