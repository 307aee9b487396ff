/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "hostile-fixture.h"

#include "protocols/gossipsub/avi-gossipsub.h"

void
hostile_fixture_init (HostileFixture *self)
{
  core_fixture_init (&self->under_test);
  for (guint i = 0; i < G_N_ELEMENTS (self->keys); i++)
    self->keys[i] = avi_key_pair_generate ();
}

void
hostile_fixture_clear (HostileFixture *self)
{
  core_fixture_clear (&self->under_test);
  for (guint i = 0; i < G_N_ELEMENTS (self->keys); i++)
    {
      g_clear_pointer (&self->puppets[i], puppet_free);
      avi_key_pair_unref (self->keys[i]);
    }
}

void
hostile_fixture_connect (HostileFixture *self, guint i, const char *ip)
{
  static const char *const protocols[] = { AVI_IDENTIFY_PROTOCOL, AVI_GOSSIPSUB_PROTOCOL_1_1, NULL };

  self->puppets[i] = puppet_dial_from (ip, self->keys[i], core_fixture_get_port (&self->under_test), 1);
  puppet_set_protocols (self->puppets[i], protocols);
  puppets_run (self->puppets, hostile_fixture_is_connected, self);
}

gboolean
hostile_fixture_is_connected (gpointer data)
{
  HostileFixture *self = data;

  for (guint i = 0; i < G_N_ELEMENTS (self->keys); i++)
    if (self->puppets[i] != NULL && !core_fixture_is_connected (&self->under_test, self->keys[i]))
      return FALSE;
  return TRUE;
}

typedef struct
{
  HostileFixture *fixture;
  const char *name;
  guint64 wanted;
} Count;

static gboolean
has_counted (gpointer data)
{
  Count *self = data;

  return core_fixture_count (&self->fixture->under_test, self->name) >= self->wanted;
}

void
hostile_fixture_run_until_counted (HostileFixture *self, const char *name, guint64 wanted)
{
  Count count = { self, name, wanted };

  puppets_run (self->puppets, has_counted, &count);
}
