/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "life-fixture.h"

#define SETTLING 6 /* turns */

void
life_fixture_set_up (LifeFixture *self, gconstpointer data)
{
  clock_stop ();
  core_fixture_init (&self->under_test);
  self->other = avi_key_pair_generate ();
  self->story = g_string_new (NULL);
}

void
life_fixture_tear_down (LifeFixture *self, gconstpointer data)
{
  clock_go_on ();
  core_fixture_clear (&self->under_test);
  for (guint i = 0; i < G_N_ELEMENTS (self->puppets); i++)
    g_clear_pointer (&self->puppets[i], puppet_free);
  g_clear_pointer (&self->call, avi_call_unref);
  avi_key_pair_unref (self->other);
  g_string_free (self->story, TRUE);
  g_free (self->why);
}

void
life_fixture_start (LifeFixture *self)
{
  core_fixture_start (&self->under_test);
  self->port = core_fixture_get_port (&self->under_test);
}

Puppet *
life_fixture_come (LifeFixture *self, guint which, guint8 boot)
{
  self->puppets[which] = puppet_dial (self->other, self->port, boot);
  return self->puppets[which];
}

Puppet *
life_fixture_meet (LifeFixture *self)
{
  life_fixture_start (self);
  life_fixture_come (self, 0, 1);
  life_fixture_await_story (self, "c");
  return self->puppets[0];
}

AviCall *
life_fixture_dial (LifeFixture *self, const char *target)
{
  g_clear_pointer (&self->call, avi_call_unref);
  self->call = avi_call_new (NULL);
  avi_core_dial (self->under_test.core, target, self->call);
  core_fixture_settle (&self->under_test);
  return self->call;
}

/* --- what was told --- */

const char *
life_fixture_hear (LifeFixture *self)
{
  AviEvent *event, *next;

  for (event = avi_core_take_events (self->under_test.core); event != NULL; event = next)
    {
      next = event->next;
      if (event->type == AVI_EVENT_PEER_CONNECTED)
        g_string_append_c (self->story, 'c');
      if (event->type == AVI_EVENT_IDENTITY_CONFLICT)
        g_string_append_c (self->story, '!');
      if (event->type == AVI_EVENT_PEER_DISCONNECTED)
        {
          g_string_append_c (self->story, 'd');
          g_free (self->why);
          self->why = g_strdup (event->peer->last_error);
        }
      avi_event_free (event);
    }
  return self->story->str;
}

static gboolean
story_is_told (gpointer data)
{
  LifeFixture *self = data;

  return g_str_equal (life_fixture_hear (self), self->wanted);
}

void
life_fixture_await_story (LifeFixture *self, const char *story)
{
  self->wanted = story;
  puppets_run (self->puppets, story_is_told, self);
}

/* --- waiting --- */

static gboolean
is_identified (gpointer data)
{
  return puppet_get_n_identified (data) > 0;
}

void
life_fixture_await_identified (LifeFixture *self, guint which)
{
  puppets_run (self->puppets, is_identified, self->puppets[which]);
  life_fixture_settle (self);
}

static gboolean
is_closed (gpointer data)
{
  return puppet_is_closed (data);
}

void
life_fixture_await_close (LifeFixture *self, guint which)
{
  puppets_run (self->puppets, is_closed, self->puppets[which]);
}

static gboolean
has_counted (gpointer data)
{
  LifeFixture *self = data;

  core_fixture_settle (&self->under_test);
  return core_fixture_count (&self->under_test, self->wanted) >= self->wanted_count;
}

void
life_fixture_await_count (LifeFixture *self, const char *name, guint64 n)
{
  self->wanted = name;
  self->wanted_count = n;
  puppets_run (self->puppets, has_counted, self);
  g_assert_cmpuint (core_fixture_count (&self->under_test, name), ==, n);
}

static gboolean
is_answered (gpointer data)
{
  LifeFixture *self = data;

  if (avi_core_get_state (self->under_test.core) == AVI_CORE_RUNNING)
    core_fixture_settle (&self->under_test);
  return avi_call_is_done (self->call);
}

GError *
life_fixture_await_error (LifeFixture *self, AviCall *call)
{
  GError *error = NULL;

  puppets_run (self->puppets, is_answered, self);
  g_assert_false (avi_call_get_result (call, NULL, NULL, &error));
  return error;
}

void
life_fixture_settle (LifeFixture *self)
{
  for (guint i = 0; i < SETTLING; i++)
    {
      core_fixture_settle (&self->under_test);
      puppets_step (self->puppets);
    }
}

void
life_fixture_wait (LifeFixture *self, gint64 time)
{
  clock_advance (time);
  life_fixture_settle (self);
}
