/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "core-fixture.h"

#include "crypto/avi-crypto.h"

void
core_fixture_init (CoreFixture *self)
{
  static const char *const listen[] = { "/ip4/127.0.0.1/tcp/0", NULL };

  avi_crypto_init ();
  self->core = avi_core_new ();
  self->identity = avi_key_pair_generate ();
  self->settings = (AviSettings) {
    .name = "under-test",
    .identity = self->identity,
    .listen = listen,
    .max_peers = 16,
    .max_connections = 32,
    .max_connections_per_peer = 3,
    .max_connections_per_address = 8,
    .max_pending = 8,
    .max_dials = 8,
    .max_streams = 256,
    .dial_timeout = 5 * G_USEC_PER_SEC,
    .context = g_getenv ("AVI_TEST_UNTHREADED") != NULL ? g_main_context_default () : NULL,
  };
}

gboolean
core_fixture_try_start (CoreFixture *self,
                        GError     **error)
{
  g_autoptr(AviCall) call = avi_call_new (NULL);

  avi_core_start (self->core, &self->settings, call);
  avi_core_wait (self->core, call);
  return avi_call_get_result (call, NULL, NULL, error);
}

void
core_fixture_start (CoreFixture *self)
{
  g_autoptr(GError) error = NULL;

  core_fixture_try_start (self, &error);
  g_assert_no_error (error);
}

void
core_fixture_stop (CoreFixture *self)
{
  g_autoptr(AviCall) call = avi_call_new (NULL);
  AviEvent *event, *next;

  avi_core_stop (self->core, call);
  /* More than once, for it wakes an engine to which no timer is ever due by itself. */
  while (!avi_call_is_done (call))
    {
      avi_core_hurry (self->core);
      while (g_main_context_iteration (NULL, FALSE))
        ;
      g_usleep (1000);
    }
  for (event = avi_core_take_events (self->core); event != NULL; event = next)
    {
      next = event->next;
      avi_event_free (event);
    }
}

/* The engine answers in one round; that the next has begun says that all of that one is done. */
void
core_fixture_settle (CoreFixture *self)
{
  for (guint i = 0; i < 3; i++)
    {
      g_autoptr(AviCall) call = avi_call_new (NULL);

      avi_core_dial (self->core, "nobody", call);
      avi_core_wait (self->core, call);
    }
}

void
core_fixture_inspect (CoreFixture *self, AviEngineFunc func, gpointer data)
{
  avi_core_run (self->core, func, data);
  core_fixture_settle (self);
}

void
core_fixture_clear (CoreFixture *self)
{
  core_fixture_stop (self);
  avi_core_unref (self->core);
  avi_key_pair_unref (self->identity);
}

guint16
core_fixture_get_port (CoreFixture *self)
{
  g_auto(GStrv) addresses = avi_core_dup_addresses (self->core);
  const char *tcp;

  g_assert_nonnull (addresses[0]);
  tcp = strstr (addresses[0], "/tcp/");
  g_assert_nonnull (tcp);
  return (guint16) g_ascii_strtoull (tcp + strlen ("/tcp/"), NULL, 10);
}

guint64
core_fixture_count (CoreFixture *self,
                    const char  *name)
{
  g_autoptr(GVariant) statistics = avi_core_dup_statistics (self->core);
  guint64 value = 0;

  g_assert_true (g_variant_lookup (statistics, name, "t", &value));
  return value;
}

AviPeerInfo *
core_fixture_look (CoreFixture *self,
                   AviKeyPair  *peer)
{
  return avi_core_dup_peer (self->core, avi_key_pair_get_peer_id (peer));
}

gboolean
core_fixture_is_connected (CoreFixture *self,
                           AviKeyPair  *peer)
{
  g_autoptr(AviPeerInfo) info = core_fixture_look (self, peer);

  return info != NULL && info->connected;
}

char *
core_fixture_format (const char *ip,
                     guint16     port,
                     AviKeyPair *peer)
{
  g_autofree char *id = peer != NULL ? avi_peer_id_to_string (avi_key_pair_get_peer_id (peer)) : NULL;

  return g_strdup_printf ("/ip4/%s/tcp/%u%s%s", ip, port, id != NULL ? "/p2p/" : "", id != NULL ? id : "");
}
