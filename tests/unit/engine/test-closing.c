/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the debug log of a running core says of connections that end: who ended them and why, and
 * nothing over and over.
 */
#include "config.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core-fixture.h"
#include "puppet.h"

typedef struct
{
  CoreFixture under_test;
  AviKeyPair *other;
  Puppet     *puppets[2];
  const char *wanted;
} Fixture;

/* Lines of the engine's thread. */
static GMutex lines_lock;
static GString *lines;

static GLogWriterOutput
note_log (GLogLevelFlags level, const GLogField *fields, gsize n_fields, gpointer data)
{
  g_mutex_lock (&lines_lock);
  for (gsize i = 0; i < n_fields; i++)
    if (g_str_equal (fields[i].key, "MESSAGE"))
      g_string_append_printf (lines, "%s\n", (const char *) fields[i].value);
  g_mutex_unlock (&lines_lock);
  return G_LOG_WRITER_HANDLED;
}

static guint
count_lines (const char *text)
{
  guint n = 0;

  g_mutex_lock (&lines_lock);
  for (const char *at = strstr (lines->str, text); at != NULL; at = strstr (at + 1, text))
    n++;
  g_mutex_unlock (&lines_lock);
  return n;
}

static gboolean
is_said (gpointer data)
{
  Fixture *fixture = data;

  return count_lines (fixture->wanted) > 0;
}

static void
run_until_said (Fixture *fixture, const char *text)
{
  fixture->wanted = text;
  puppets_run (fixture->puppets, is_said, fixture);
}

static void
set_up (Fixture *fixture, gconstpointer data)
{
  g_mutex_lock (&lines_lock);
  g_string_set_size (lines, 0);
  g_mutex_unlock (&lines_lock);
  core_fixture_init (&fixture->under_test);
  fixture->under_test.settings.dial_timeout = G_USEC_PER_SEC;
  fixture->other = avi_key_pair_generate ();
  core_fixture_start (&fixture->under_test);
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  core_fixture_clear (&fixture->under_test);
  g_clear_pointer (&fixture->puppets[0], puppet_free);
  avi_key_pair_unref (fixture->other);
}

static void
connect_puppet (Fixture *fixture)
{
  fixture->puppets[0] = puppet_dial (fixture->other, core_fixture_get_port (&fixture->under_test), 1);
  run_until_said (fixture, "inbound connection is in use\n");
  g_assert_cmpuint (count_lines ("inbound connection established\n"), ==, 1);
}

static void
test_by_peer (Fixture *fixture, gconstpointer data)
{
  g_autoptr(AviPeerInfo) info = NULL;

  connect_puppet (fixture);
  g_clear_pointer (&fixture->puppets[0], puppet_free);
  run_until_said (fixture, "inbound connection ended by the peer: ");
  core_fixture_settle (&fixture->under_test); /* what is read comes after what is said */
  info = core_fixture_look (&fixture->under_test, fixture->other);
  g_assert_true (info == NULL || g_str_has_prefix (info->last_error, "ended by the peer: "));
}

static void
test_by_us (Fixture *fixture, gconstpointer data)
{
  g_autoptr(AviCall) call = avi_call_new (NULL);

  connect_puppet (fixture);
  avi_core_stop (fixture->under_test.core, call);
  avi_call_wait (call);
  g_assert_cmpuint (count_lines ("inbound connection ended by this node: this device stopped\n"), ==, 1);
}

/* The system takes the connection, and nobody says anything. */
static void
test_by_network (Fixture *fixture, gconstpointer data)
{
  guint16 port;
  int listener = puppet_listen (&port);
  g_autofree char *address = core_fixture_format ("127.0.0.1", port, NULL);
  g_autoptr(AviCall) call = avi_call_new (NULL);

  avi_core_dial (fixture->under_test.core, address, call);
  run_until_said (fixture, "outbound handshake ended by the network: no answer within 1.0 s (dial-timeout) "
                           "in the security negotiation\n");
  close (listener);
}

static void
test_folded (Fixture *fixture, gconstpointer data)
{
  const char *refused = "outbound attempt ended by the peer: Connection refused";
  g_autofree char *address = NULL;
  guint16 port;

  close (puppet_listen (&port));
  address = core_fixture_format ("127.0.0.1", port, NULL);
  for (guint i = 0; i < 5; i++)
    {
      g_autoptr(AviCall) call = avi_call_new (NULL);

      avi_core_dial (fixture->under_test.core, address, call);
      avi_call_wait (call);
    }
  g_assert_cmpuint (count_lines (refused), ==, 1);
  /* What was counted is not lost. */
  core_fixture_clear (&fixture->under_test);
  core_fixture_init (&fixture->under_test);
  g_assert_cmpuint (count_lines (refused), ==, 2);
  g_assert_cmpuint (count_lines ("Connection refused (4 times more in "), ==, 1);
}

int
main (int argc, char *argv[])
{
  int result;

  g_setenv ("G_MESSAGES_DEBUG", "Avi", TRUE);
  g_test_init (&argc, &argv, NULL);
  lines = g_string_new (NULL);
  g_log_set_writer_func (note_log, NULL, NULL);
#define ADD(sentence, function) g_test_add ("/closing/" sentence, Fixture, NULL, set_up, function, tear_down)
  ADD ("a peer that goes is named as who ended the connection", test_by_peer);
  ADD ("a stop is named as this node's", test_by_us);
  ADD ("silence is the network's", test_by_network);
  ADD ("what fails again and again is one line, and a count at the end", test_folded);
  result = g_test_run ();
  g_string_free (lines, TRUE);
  return result;
}
