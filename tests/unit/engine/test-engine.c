/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * An engine's start, stop and discovery, on loopback and in a network namespace of the program's own,
 * with node files in a runtime directory of its own.
 */
#include "config.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "avi-error.h"
#include "clock.h"
#include "core-fixture.h"
#include "discovery/avi-local.h"
#include "discovery/avi-mdns.h"
#include "netns.h"
#include "puppet.h"

typedef struct
{
  CoreFixture under_test;
  AviKeyPair *other;
  Puppet     *puppets[2];
  GString    *story; /* in order: connected, disconnected, forgotten, "!" identity conflict, answered, stopped */
  const char *wanted;
} Fixture;

static const char *why_no_netns;

static void
set_up (Fixture *fixture, gconstpointer data)
{
  core_fixture_init (&fixture->under_test);
  fixture->other = avi_key_pair_generate ();
  fixture->story = g_string_new (NULL);
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  core_fixture_clear (&fixture->under_test);
  g_clear_pointer (&fixture->puppets[0], puppet_free);
  avi_key_pair_unref (fixture->other);
  g_string_free (fixture->story, TRUE);
}

static gboolean
story_is_told (gpointer data)
{
  static const char letters[] = {
    [AVI_EVENT_CALL] = 'a',
    [AVI_EVENT_STOPPED] = 's',
    [AVI_EVENT_PEER_CONNECTED] = 'c',
    [AVI_EVENT_PEER_DISCONNECTED] = 'd',
    [AVI_EVENT_PEER_FORGOTTEN] = 'f',
    [AVI_EVENT_IDENTITY_CONFLICT] = '!',
    [AVI_EVENT_MESSAGE] = '\0',
  };
  Fixture *fixture = data;
  AviEvent *event, *next;

  for (event = avi_core_take_events (fixture->under_test.core); event != NULL; event = next)
    {
      next = event->next;
      if (letters[event->type] != '\0')
        g_string_append_c (fixture->story, letters[event->type]);
      avi_event_free (event);
    }
  return g_str_equal (fixture->story->str, fixture->wanted);
}

static void
run_until_story (Fixture *fixture, const char *story)
{
  fixture->wanted = story;
  puppets_run (fixture->puppets, story_is_told, fixture);
}

static gboolean
has_wanted_status (gpointer data)
{
  Fixture *fixture = data;
  g_autofree char *status = avi_core_dup_status (fixture->under_test.core);

  return strstr (status, fixture->wanted) != NULL;
}

/* --- start --- */

#define ENOUGH 48 /* descriptors, for all that an engine opens when it starts */

/* Whatever the number of descriptors that are left, the process lives, and is told what is missing. */
static void
test_few_descriptors (Fixture *fixture, gconstpointer data)
{
  struct rlimit before, few;
  guint n_refused = 0;
  int first;

  /* As there is where there is a device. */
  g_main_context_default ();
  first = dup (STDIN_FILENO);
  close (first);
  g_assert_cmpint (getrlimit (RLIMIT_NOFILE, &before), ==, 0);
  few = before;
  fixture->under_test.settings.local = TRUE;
  for (guint left = 0; left <= ENOUGH; left++)
    {
      g_autoptr(GError) error = NULL;

      few.rlim_cur = (rlim_t) first + left;
      g_assert_cmpint (setrlimit (RLIMIT_NOFILE, &few), ==, 0);
      if (!core_fixture_try_start (&fixture->under_test, &error))
        {
          g_assert_error (error, AVI_ERROR, AVI_ERROR_LIMIT);
          g_assert_cmpint (avi_core_get_state (fixture->under_test.core), ==, AVI_CORE_STOPPED);
          n_refused++;
        }
      else
        core_fixture_stop (&fixture->under_test);
      g_test_message ("%u left: %s", left, error != NULL ? error->message : "started");
    }
  g_assert_cmpint (setrlimit (RLIMIT_NOFILE, &before), ==, 0);
  g_assert_cmpuint (n_refused, >, 0);
  g_assert_cmpuint (n_refused, <, ENOUGH);
}

static char *
get_address (Fixture *fixture)
{
  g_auto(GStrv) addresses = avi_core_dup_addresses (fixture->under_test.core);

  g_assert_nonnull (addresses[0]);
  return g_strdup (addresses[0]);
}

static void
test_port_is_kept (Fixture *fixture, gconstpointer data)
{
  g_autofree char *first = NULL;
  g_autofree char *second = NULL;
  g_autofree char *third = NULL;

  fixture->under_test.settings.identity_file = "some-file";
  core_fixture_start (&fixture->under_test);
  first = get_address (fixture);
  core_fixture_stop (&fixture->under_test);
  core_fixture_start (&fixture->under_test);
  second = get_address (fixture);
  g_assert_cmpstr (first, ==, second);
  core_fixture_stop (&fixture->under_test);
  /* An identity that is not saved promises nothing: any port. */
  fixture->under_test.settings.identity_file = NULL;
  core_fixture_start (&fixture->under_test);
  third = get_address (fixture);
  g_assert_cmpstr (first, !=, third);
}

/* What is held once is not lost: neither to another program, nor to a node that was started twice. */
static void
test_port_is_taken (Fixture *fixture, gconstpointer data)
{
  struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = g_htonl (INADDR_LOOPBACK) };
  int program = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  int one = 1;
  guint16 port;
  CoreFixture twin;

  fixture->under_test.settings.identity_file = "some-file";
  core_fixture_start (&fixture->under_test);
  port = core_fixture_get_port (&fixture->under_test);

  core_fixture_init (&twin);
  avi_key_pair_unref (twin.identity);
  twin.identity = avi_key_pair_ref (fixture->under_test.identity);
  twin.settings.identity = twin.identity;
  twin.settings.identity_file = "some-file";
  core_fixture_start (&twin);
  g_assert_cmpuint (core_fixture_get_port (&twin), !=, port);
  core_fixture_stop (&twin);
  core_fixture_stop (&fixture->under_test);

  setsockopt (program, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  at.sin_port = g_htons (port);
  g_assert_cmpint (bind (program, (struct sockaddr *) &at, sizeof at), ==, 0);
  g_assert_cmpint (listen (program, 1), ==, 0);
  core_fixture_start (&twin);
  g_assert_cmpuint (core_fixture_get_port (&twin), !=, port);
  core_fixture_stop (&twin);
  close (program);

  core_fixture_start (&twin);
  g_assert_cmpuint (core_fixture_get_port (&twin), ==, port);
  core_fixture_clear (&twin);
}

/* --- stop --- */

/* Calls in flight end first, then the peers go, then the device has stopped. */
static void
test_order_of_stop (Fixture *fixture, gconstpointer data)
{
  g_autoptr(AviCall) waits = avi_call_new (fixture);
  g_autoptr(AviCall) stops = avi_call_new (NULL);
  g_autoptr(GError) error = NULL;

  core_fixture_start (&fixture->under_test);
  fixture->puppets[0] = puppet_dial (fixture->other, core_fixture_get_port (&fixture->under_test), 1);
  run_until_story (fixture, "c");
  avi_core_wait_for_subscribers (fixture->under_test.core, "nobody", 1, waits);
  avi_core_stop (fixture->under_test.core, stops);
  run_until_story (fixture, "cadfs");
  g_assert_false (avi_call_get_result (waits, NULL, NULL, &error));
  g_assert_error (error, AVI_ERROR, AVI_ERROR_CLOSED);
  g_assert_true (puppet_was_told_to_go (fixture->puppets[0]));
}

/* A leak, where one is left behind. */
static void
test_stop_in_handshake (Fixture *fixture, gconstpointer data)
{
  struct sockaddr_in to = { .sin_family = AF_INET, .sin_addr.s_addr = g_htonl (INADDR_LOOPBACK) };
  g_autoptr(AviCall) call = avi_call_new (NULL);
  int fd = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  struct pollfd wait = { .fd = fd, .events = POLLIN };
  char byte;

  core_fixture_start (&fixture->under_test);
  to.sin_port = g_htons (core_fixture_get_port (&fixture->under_test));
  g_assert_cmpint (connect (fd, (struct sockaddr *) &to, sizeof to), ==, 0);
  g_assert_cmpint (send (fd, "\x13/multistream/1.0.0\n", 20, MSG_NOSIGNAL), ==, 20);
  /* It was accepted: here is its answer. */
  g_assert_cmpint (poll (&wait, 1, 10000), ==, 1);
  avi_core_stop (fixture->under_test.core, call);
  avi_call_wait (call);
  g_assert_cmpint (poll (&wait, 1, 10000), ==, 1);
  while (recv (fd, &byte, 1, MSG_DONTWAIT) > 0)
    ;
  g_assert_cmpint (recv (fd, &byte, 1, MSG_DONTWAIT), ==, 0);
  close (fd);
}

/* --- discovery --- */

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

/* As a change of the network would. */
static void
let_it_publish_again (Fixture *fixture)
{
  clock_sleep (G_TIME_SPAN_HOUR);
  core_fixture_settle (&fixture->under_test);
}

/* Another process has our key, and says so in a node file; it may even be one that is not reached. Then
 * it ends, and what stood in the way is gone. */
static void
test_own_node_file (Fixture *fixture, gconstpointer data)
{
  const AviPeerId *id = avi_key_pair_get_peer_id (fixture->under_test.identity);
  AviLocal *rival = avi_local_new (NULL, id, ignore_found, ignore_gone, ignore_trouble, NULL, NULL);
  g_autoptr(GPtrArray) nowhere = g_ptr_array_new ();
  guint8 boot_id[AVI_LOCAL_BOOT_ID_LEN] = { 1 };
  g_autofree char *id_text = avi_peer_id_to_string (id);
  g_autofree char *problem = g_strdup_printf ("%s.node", id_text);
  g_autofree char *status = NULL;

  g_assert_true (avi_local_publish (rival, "rival", boot_id, nowhere, NULL));
  fixture->under_test.settings.local = TRUE;
  core_fixture_start (&fixture->under_test);
  run_until_story (fixture, "!");
  g_assert_cmpuint (core_fixture_count (&fixture->under_test, "identity-conflicts"), ==, 1);
  fixture->wanted = problem;
  puppets_run (fixture->puppets, has_wanted_status, fixture);

  /* It is told once, for as long as it lasts. */
  let_it_publish_again (fixture);
  g_assert_cmpuint (core_fixture_count (&fixture->under_test, "identity-conflicts"), ==, 1);
  g_assert_true (has_wanted_status (fixture));

  avi_local_free (rival);
  let_it_publish_again (fixture);
  status = avi_core_dup_status (fixture->under_test.core);
  g_assert_cmpstr (status, ==, "mDNS is switched off");
}

/* The folder of the node files goes while the engine runs, and cannot be made anew for a while. */
static void
test_lost_folder (Fixture *fixture, gconstpointer data)
{
  g_autofree char *folder = g_build_filename (g_get_user_runtime_dir (), "avi", NULL);
  g_autofree char *blocker = g_build_filename (g_get_user_runtime_dir (), "blocker", NULL);
  g_autofree char *id = avi_peer_id_to_string (avi_key_pair_get_peer_id (fixture->under_test.identity));
  g_autofree char *file = g_strdup_printf ("%s/%s.node", folder, id);

  fixture->under_test.settings.local = TRUE;
  core_fixture_start (&fixture->under_test);
  g_assert_true (g_file_set_contents (blocker, "", 0, NULL));
  /* At once, for the engine would be faster. */
  g_assert_cmpint (renameat2 (AT_FDCWD, blocker, AT_FDCWD, folder, RENAME_EXCHANGE), ==, 0);
  avi_core_discover (fixture->under_test.core);
  fixture->wanted = "/avi: is not a directory";
  puppets_run (fixture->puppets, has_wanted_status, fixture);

  g_assert_cmpint (g_unlink (folder), ==, 0);
  avi_core_discover (fixture->under_test.core);
  core_fixture_settle (&fixture->under_test);
  g_assert_false (has_wanted_status (fixture));
  g_assert_true (g_file_test (file, G_FILE_TEST_EXISTS));
}

static gboolean
has_counted_invalid (gpointer data)
{
  Fixture *fixture = data;

  return core_fixture_count (&fixture->under_test, "mdns-packets-invalid") == 2;
}

static void
send_mdns (int fd, const void *bytes, gsize len)
{
  struct sockaddr_in group = { .sin_family = AF_INET, .sin_port = htons (AVI_MDNS_PORT) };

  inet_pton (AF_INET, AVI_MDNS_GROUP_IP4, &group.sin_addr);
  g_assert_cmpint (sendto (fd, bytes, len, 0, (struct sockaddr *) &group, sizeof group), ==, (gssize) len);
}

static void
test_invalid_mdns (Fixture *fixture, gconstpointer data)
{
  static const guint8 torn[] = { 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 63, 'x' };          /* a name that goes on */
  static const guint8 empty[] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 };                  /* nothing is asked */
  static const guint8 loops[] = { 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0xc0, 12, 0, 1, 0, 1 }; /* a name like itself */
  struct in_addr from;
  int fd;

  if (why_no_netns != NULL)
    {
      g_test_skip (why_no_netns);
      return;
    }
  netns_ip ("link add v0 type veth peer name v1");
  netns_ip ("link set v1 up");
  netns_ip ("link set v0 up");
  netns_ip ("addr add 10.1.0.1/24 dev v0");
  fixture->under_test.settings.mdns = TRUE;
  core_fixture_start (&fixture->under_test);
  fixture->wanted = "mDNS on v0";
  puppets_run (fixture->puppets, has_wanted_status, fixture);

  fd = socket (AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  inet_pton (AF_INET, "10.1.0.1", &from);
  g_assert_cmpint (setsockopt (fd, IPPROTO_IP, IP_MULTICAST_IF, &from, sizeof from), ==, 0);
  send_mdns (fd, torn, sizeof torn);
  send_mdns (fd, empty, sizeof empty);
  send_mdns (fd, loops, sizeof loops);
  puppets_run (fixture->puppets, has_counted_invalid, fixture);
  close (fd);
  core_fixture_stop (&fixture->under_test);
  netns_ip ("link del v0");
}

#define ADD(path, func) g_test_add (path, Fixture, NULL, set_up, func, tear_down)

int
main (int argc, char **argv)
{
  g_autofree char *folder = g_dir_make_tmp ("avi-engine-XXXXXX", NULL);
  const char *remove[] = { "rm", "-r", folder, NULL };
  int result;

  g_setenv ("XDG_RUNTIME_DIR", folder, TRUE);
  g_setenv ("XDG_STATE_HOME", folder, TRUE);
  /* The daemon that may run here belongs to another network. */
  g_setenv ("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nonexistent", TRUE);
  netns_enter (&why_no_netns);
  if (why_no_netns == NULL)
    netns_ip ("link set lo up");
  clock_init ();
  g_test_init (&argc, &argv, NULL);
  /* First of all, for GLib keeps descriptors for later. */
  ADD ("/engine/a start with too few descriptors says so, however few", test_few_descriptors);
  ADD ("/engine/a saved identity listens on the port it had last", test_port_is_kept);
  ADD ("/engine/a port that is taken for once is not forgotten", test_port_is_taken);
  ADD ("/engine/stop ends calls in flight, then tells of the peers, then of itself", test_order_of_stop);
  ADD ("/engine/stop closes connections in the midst of their handshake", test_stop_in_handshake);
  ADD ("/engine/a node file with our key is an identity conflict, and a problem while it lasts", test_own_node_file);
  ADD ("/engine/that node files have no folder is in discovery-status, and no longer than that", test_lost_folder);
  ADD ("/engine/mDNS packets that are not understood are counted", test_invalid_mdns);
  result = g_test_run ();
  g_spawn_sync (NULL, (char **) remove, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, NULL, NULL, NULL);
  return result;
}
