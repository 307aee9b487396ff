/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "finding-fixture.h"

#include <unistd.h>

int
finding_fixture_run_tests (void)
{
  /* Not G_TEST_OPTION_ISOLATE_DIRS, which leaks. */
  g_autofree char *folder = g_dir_make_tmp ("avi-finding-XXXXXX", NULL);
  const char *remove[] = { "rm", "-r", folder, NULL };
  int result;

  g_setenv ("XDG_RUNTIME_DIR", folder, TRUE);
  g_setenv ("XDG_STATE_HOME", folder, TRUE);
  result = g_test_run ();
  g_spawn_sync (NULL, (char **) remove, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, NULL, NULL, NULL);
  return result;
}

void
finding_fixture_set_up (FindingFixture *self, gconstpointer data)
{
  core_fixture_init (&self->under_test);
  self->under_test.settings.local = TRUE;
  self->other = avi_key_pair_generate ();
  self->listener = puppet_listen (&self->port);
}

void
finding_fixture_tear_down (FindingFixture *self, gconstpointer data)
{
  core_fixture_clear (&self->under_test);
  g_clear_pointer (&self->local, avi_local_free);
  g_clear_pointer (&self->puppets[0], puppet_free);
  close (self->listener);
  avi_key_pair_unref (self->other);
}

static void
ignore_found (gpointer data, const AviPeerId *peer, const char *name, GPtrArray *addresses)
{
}

static void
ignore_gone (gpointer data, const AviPeerId *peer)
{
}

static void
ignore_trouble (gpointer data, const GError *error)
{
}

void
finding_fixture_publish_all (FindingFixture *self, const char *const *addresses)
{
  g_autoptr(GPtrArray) parsed = g_ptr_array_new_with_free_func ((GDestroyNotify) avi_multiaddr_unref);
  guint8 boot_id[AVI_LOCAL_BOOT_ID_LEN] = { 1 };

  if (self->local == NULL)
    self->local = avi_local_new (NULL, avi_key_pair_get_peer_id (self->other), ignore_found, ignore_gone,
                                 ignore_trouble, NULL, NULL);
  g_assert_nonnull (self->local);
  for (guint i = 0; addresses[i] != NULL; i++)
    g_ptr_array_add (parsed, avi_multiaddr_parse (addresses[i], NULL));
  g_assert_true (avi_local_publish (self->local, "puppet", boot_id, parsed, NULL));
}

void
finding_fixture_publish (FindingFixture *self, guint16 port)
{
  g_autofree char *address = core_fixture_format ("127.0.0.1", port, NULL);

  finding_fixture_publish_all (self, (const char *const[]){ address, NULL });
}

guint16
finding_fixture_find_dead_port (void)
{
  guint16 port;

  close (puppet_listen (&port));
  return port;
}

void
finding_fixture_accept (FindingFixture *self, guint8 boot)
{
  g_clear_pointer (&self->puppets[0], puppet_free);
  self->puppets[0] = puppet_accept (self->other, self->listener, boot);
}

gboolean
finding_fixture_is_connected (gpointer self)
{
  FindingFixture *fixture = self;

  return core_fixture_is_connected (&fixture->under_test, fixture->other);
}

void
finding_fixture_await_connection (FindingFixture *self)
{
  puppets_run (self->puppets, finding_fixture_is_connected, self);
}

static gboolean
has_dialled (gpointer data)
{
  FindingFixture *self = data;

  core_fixture_settle (&self->under_test);
  return core_fixture_count (&self->under_test, "dials") >= self->wanted;
}

void
finding_fixture_await_dials (FindingFixture *self, guint64 n)
{
  self->wanted = n;
  puppets_run (self->puppets, has_dialled, self);
}

static gboolean
has_failed (gpointer data)
{
  FindingFixture *self = data;

  core_fixture_settle (&self->under_test);
  return core_fixture_count (&self->under_test, "dials-failed") >= self->wanted;
}

void
finding_fixture_await_failed_dials (FindingFixture *self, guint64 n)
{
  self->wanted = n;
  puppets_run (self->puppets, has_failed, self);
}
