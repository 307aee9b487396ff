/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Dialling by name: against a name server of the test's own, which the system's resolver is led to in
 * a network and mount namespace.
 */
#include "config.h"

#include <gio/gio.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <unistd.h>

#include "avi-error.h"
#include "core-fixture.h"
#include "netns.h"
#include "puppet.h"

#define N_MANY        1000
#define MAX_ADDRESSES 64 /* of a dial, as avi-dial.c has it */
#define MAX_LOOKUPS   32

typedef struct
{
  CoreFixture       under_test;
  AviKeyPair       *other;
  char             *id;
  int               listener;
  guint16           port;
  Puppet           *puppets[2];
  AviCall          *call;
  GSubprocess      *server;
  GDataInputStream *answers;
} Fixture;

static const char *why_not;

/* --- the name server --- */

static void
expect_ok (Fixture *fixture)
{
  g_autofree char *line = g_data_input_stream_read_line (fixture->answers, NULL, NULL, NULL);

  g_assert_cmpstr (line, ==, "ok");
}

static void add_record (Fixture *fixture, const char *format, ...) G_GNUC_PRINTF (2, 3);

static void
add_record (Fixture *fixture, const char *format, ...)
{
  g_autofree char *record = NULL;
  g_autofree char *line = NULL;
  va_list args;

  va_start (args, format);
  record = g_strdup_vprintf (format, args);
  va_end (args);
  line = g_strconcat (record, "\n", NULL);
  g_assert_true (g_output_stream_write_all (g_subprocess_get_stdin_pipe (fixture->server), line, strlen (line), NULL,
                                            NULL, NULL));
  expect_ok (fixture);
}

static void
start_server (Fixture *fixture)
{
  g_autofree char *program = g_test_build_filename (G_TEST_DIST, "unit", "engine", "name-server.py", NULL);
  g_autoptr(GError) error = NULL;

  fixture->server = g_subprocess_new (G_SUBPROCESS_FLAGS_STDIN_PIPE | G_SUBPROCESS_FLAGS_STDOUT_PIPE, &error, program,
                                      NULL);
  g_assert_no_error (error);
  fixture->answers = g_data_input_stream_new (g_subprocess_get_stdout_pipe (fixture->server));
  expect_ok (fixture);
}

/* --- a node, and a peer that listens --- */

static void
set_up (Fixture *fixture, gconstpointer data)
{
  if (why_not != NULL)
    return;
  core_fixture_init (&fixture->under_test);
  fixture->other = avi_key_pair_generate ();
  fixture->id = avi_peer_id_to_string (avi_key_pair_get_peer_id (fixture->other));
  fixture->listener = puppet_listen (&fixture->port);
  start_server (fixture);
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  if (why_not != NULL)
    return;
  core_fixture_clear (&fixture->under_test);
  g_clear_pointer (&fixture->call, avi_call_unref);
  g_clear_pointer (&fixture->puppets[0], puppet_free);
  g_output_stream_close (g_subprocess_get_stdin_pipe (fixture->server), NULL, NULL);
  g_assert_true (g_subprocess_wait_check (fixture->server, NULL, NULL));
  g_object_unref (fixture->answers);
  g_object_unref (fixture->server);
  close (fixture->listener);
  g_free (fixture->id);
  avi_key_pair_unref (fixture->other);
}

static gboolean
skips (void)
{
  if (why_not != NULL)
    g_test_skip (why_not);
  return why_not != NULL;
}

static void
dial (Fixture *fixture, const char *target)
{
  fixture->call = avi_call_new (NULL);
  avi_core_dial (fixture->under_test.core, target, fixture->call);
}

static gboolean
is_answered (gpointer data)
{
  Fixture *fixture = data;

  return avi_call_is_done (fixture->call);
}

static void
assert_reached (Fixture *fixture)
{
  g_autoptr(GError) error = NULL;

  fixture->puppets[0] = puppet_accept (fixture->other, fixture->listener, 1);
  puppets_run (fixture->puppets, is_answered, fixture);
  avi_call_get_result (fixture->call, NULL, NULL, &error);
  g_assert_no_error (error);
  g_assert_true (core_fixture_is_connected (&fixture->under_test, fixture->other));
}

static void
assert_reaches (Fixture *fixture, const char *target)
{
  core_fixture_start (&fixture->under_test);
  dial (fixture, target);
  assert_reached (fixture);
}

/* (transfer full): what the error says */
static char *
assert_fails (Fixture *fixture, const char *target, AviError code)
{
  g_autoptr(GError) error = NULL;

  core_fixture_start (&fixture->under_test);
  dial (fixture, target);
  avi_call_wait (fixture->call);
  g_assert_false (avi_call_get_result (fixture->call, NULL, NULL, &error));
  g_test_message ("%s", error->message);
  g_assert_error (error, AVI_ERROR, (gint) code);
  return g_strdup (error->message);
}

static void
assert_says (const char *message, const char *format, ...)
{
  g_autofree char *wanted = NULL;
  va_list args;

  va_start (args, format);
  wanted = g_strdup_vprintf (format, args);
  va_end (args);
  if (strstr (message, wanted) == NULL)
    g_error ("“%s” does not say “%s”", message, wanted);
}

/* --- names of hosts --- */

static int
listen_ip6 (guint16 *port)
{
  struct sockaddr_in6 to = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
  socklen_t len = sizeof to;
  int fd = socket (AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);

  g_assert_cmpint (bind (fd, (struct sockaddr *) &to, sizeof to), ==, 0);
  g_assert_cmpint (listen (fd, 16), ==, 0);
  getsockname (fd, (struct sockaddr *) &to, &len);
  *port = g_ntohs (to.sin6_port);
  return fd;
}

static void
test_dns4 (Fixture *fixture, gconstpointer data)
{
  g_autofree char *target = NULL;

  if (skips ())
    return;
  add_record (fixture, "kitchen.test A 127.0.0.1");
  target = g_strdup_printf ("/dns4/kitchen.test/tcp/%u/p2p/%s", fixture->port, fixture->id);
  assert_reaches (fixture, target);
}

static void
test_dns6 (Fixture *fixture, gconstpointer data)
{
  g_autofree char *target = NULL;

  if (skips ())
    return;
  close (fixture->listener);
  fixture->listener = listen_ip6 (&fixture->port);
  add_record (fixture, "kitchen.test A 127.0.0.1");
  add_record (fixture, "kitchen.test AAAA ::1");
  target = g_strdup_printf ("/dns6/kitchen.test/tcp/%u/p2p/%s", fixture->port, fixture->id);
  assert_reaches (fixture, target);
}

/* Nobody listens at the first; without an id, whoever answers is the peer. */
static void
test_dns (Fixture *fixture, gconstpointer data)
{
  g_autofree char *target = NULL;

  if (skips ())
    return;
  add_record (fixture, "kitchen.test AAAA ::1");
  add_record (fixture, "kitchen.test A 127.0.0.1");
  target = g_strdup_printf ("/dns/kitchen.test/tcp/%u", fixture->port);
  assert_reaches (fixture, target);
}

static void
test_unknown (Fixture *fixture, gconstpointer data)
{
  g_autofree char *message = NULL;

  if (skips ())
    return;
  message = assert_fails (fixture, "/dns4/nobody.test/tcp/4001", AVI_ERROR_NOT_FOUND);
  assert_says (message, "/dns4/nobody.test/tcp/4001: Error resolving “nobody.test”");
}

static void
test_silent (Fixture *fixture, gconstpointer data)
{
  const char *target = data;
  g_autofree char *message = NULL;

  if (skips ())
    return;
  add_record (fixture, "silent.test SILENT");
  add_record (fixture, "_dnsaddr.silent.test SILENT");
  fixture->under_test.settings.dial_timeout = 300 * G_TIME_SPAN_MILLISECOND;
  message = assert_fails (fixture, target, AVI_ERROR_TIMEOUT);
  assert_says (message, "%s: ", target);
  assert_says (message, "dial-timeout");
}

static void
test_many (Fixture *fixture, gconstpointer data)
{
  const char *target = data;
  g_autofree char *message = NULL;

  if (skips ())
    return;
  add_record (fixture, "many.test MANY A %d 127.1.{1}.{2}", N_MANY);
  add_record (fixture, "_dnsaddr.many.test MANY TXT %d dnsaddr=/ip4/127.1.{1}.{2}/tcp/1", N_MANY);
  message = assert_fails (fixture, target, AVI_ERROR_REFUSED);
  /* The name itself is one of them. */
  assert_says (message, "%d more addresses", N_MANY - (MAX_ADDRESSES - 1));
  g_assert_cmpuint (core_fixture_count (&fixture->under_test, "dials-failed"), ==, MAX_ADDRESSES - 1);
}

static void
test_mismatch (Fixture *fixture, gconstpointer data)
{
  g_autoptr(AviKeyPair) expected = avi_key_pair_generate ();
  g_autofree char *id = avi_peer_id_to_string (avi_key_pair_get_peer_id (expected));
  g_autofree char *target = NULL;
  g_autoptr(GError) error = NULL;

  if (skips ())
    return;
  add_record (fixture, "kitchen.test A 127.0.0.1");
  add_record (fixture, "_dnsaddr.kitchen.test TXT dnsaddr=/dns4/kitchen.test/tcp/%u/p2p/%s", fixture->port, id);
  /* The id is part of what is dialled, or known by the name server only. */
  target = GPOINTER_TO_INT (data) ? g_strdup_printf ("/dns4/kitchen.test/tcp/%u/p2p/%s", fixture->port, id)
                                  : g_strdup ("/dnsaddr/kitchen.test");
  core_fixture_start (&fixture->under_test);
  dial (fixture, target);
  fixture->puppets[0] = puppet_accept (fixture->other, fixture->listener, 1);
  puppets_run (fixture->puppets, is_answered, fixture);
  g_assert_false (avi_call_get_result (fixture->call, NULL, NULL, &error));
  g_assert_error (error, AVI_ERROR, AVI_ERROR_SECURITY);
  assert_says (error->message, "/ip4/127.0.0.1/tcp/%u", fixture->port);
  assert_says (error->message, "%s", fixture->id);
  g_assert_false (core_fixture_is_connected (&fixture->under_test, fixture->other));
}

/* --- dnsaddr --- */

/* The right one is in a record of two strings, among others' and such as cannot be dialled. */
static void
test_dnsaddr (Fixture *fixture, gconstpointer data)
{
  g_autoptr(AviKeyPair) stranger = avi_key_pair_generate ();
  g_autofree char *id = avi_peer_id_to_string (avi_key_pair_get_peer_id (stranger));
  g_autofree char *target = NULL;

  if (skips ())
    return;
  add_record (fixture, "_dnsaddr.home.test TXT v=spf1");
  add_record (fixture, "_dnsaddr.home.test TXT dnsaddr=/ip4/127.0.0.1/udp/%u/quic-v1/p2p/%s", fixture->port,
              fixture->id);
  add_record (fixture, "_dnsaddr.home.test TXT dnsaddr=/ip4/127.0.0.1/tcp/1/p2p/%s", id);
  add_record (fixture, "_dnsaddr.home.test TXT dnsaddr=/ip4/127.0.0.1/tcp/%u/p2p/%.10s|%s", fixture->port, fixture->id,
              fixture->id + 10);
  target = g_strdup_printf ("/dnsaddr/home.test/p2p/%s", fixture->id);
  assert_reaches (fixture, target);
  g_assert_cmpuint (core_fixture_count (&fixture->under_test, "dials-failed"), ==, 0);
}

static void
test_nested (Fixture *fixture, gconstpointer data)
{
  g_autofree char *target = g_strdup_printf ("/dnsaddr/home.test%s%s", data != NULL ? "/p2p/" : "",
                                             data != NULL ? fixture->id : "");

  if (skips ())
    return;
  add_record (fixture, "_dnsaddr.home.test TXT dnsaddr=/dnsaddr/floor.home.test/p2p/%s", fixture->id);
  add_record (fixture, "_dnsaddr.floor.home.test TXT dnsaddr=/dns4/kitchen.test/tcp/%u/p2p/%s", fixture->port,
              fixture->id);
  add_record (fixture, "kitchen.test A 127.0.0.1");
  assert_reaches (fixture, target);
}

static void
test_others_only (Fixture *fixture, gconstpointer data)
{
  g_autoptr(AviKeyPair) stranger = avi_key_pair_generate ();
  g_autofree char *id = avi_peer_id_to_string (avi_key_pair_get_peer_id (stranger));
  g_autofree char *target = NULL;
  g_autofree char *message = NULL;

  if (skips ())
    return;
  add_record (fixture, "_dnsaddr.home.test TXT dnsaddr=/ip4/127.0.0.1/tcp/%u/p2p/%s", fixture->port, id);
  add_record (fixture, "_dnsaddr.home.test TXT dnsaddr=/ip4/127.0.0.1/tcp/%u", fixture->port);
  add_record (fixture, "_dnsaddr.home.test TXT dnsaddr=/ip4/127.0.0.1/tcp/%u/p2p/%s/p2p-circuit", fixture->port,
              fixture->id);
  target = g_strdup_printf ("/dnsaddr/home.test/p2p/%s", fixture->id);
  message = assert_fails (fixture, target, AVI_ERROR_NOT_FOUND);
  assert_says (message, "/dnsaddr/home.test: its TXT records hold no address of this peer");
  g_assert_null (strstr (message, "/ip4/"));
}

static void
test_garbage (Fixture *fixture, gconstpointer data)
{
  const char *target = data;
  g_autofree char *message = NULL;

  if (skips ())
    return;
  add_record (fixture, "garbage.test GARBAGE");
  add_record (fixture, "_dnsaddr.garbage.test GARBAGE");
  add_record (fixture, "_dnsaddr.nonsense.test TXT dnsaddr=");
  add_record (fixture, "_dnsaddr.nonsense.test TXT |||");
  add_record (fixture, "_dnsaddr.nonsense.test TXT dnsaddr=/ip4/300.1.1.1/tcp/99999|dnsaddr=//|dnsaddr=/p2p/x");
  add_record (fixture, "_dnsaddr.nonsense.test TXT dnsaddr=/unix/tmp/socket");
  add_record (fixture, "_dnsaddr.nonsense.test TXT \xff\xfe\x01");
  message = assert_fails (fixture, target, AVI_ERROR_NOT_FOUND);
  assert_says (message, "%s: ", target);
}

static void
test_loop (Fixture *fixture, gconstpointer data)
{
  g_autofree char *message = NULL;

  if (skips ())
    return;
  add_record (fixture, "_dnsaddr.a.test TXT dnsaddr=/dnsaddr/b.test");
  add_record (fixture, "_dnsaddr.b.test TXT dnsaddr=/dnsaddr/a.test");
  add_record (fixture, "_dnsaddr.b.test TXT dnsaddr=/dnsaddr/b.test");
  message = assert_fails (fixture, "/dnsaddr/a.test", AVI_ERROR_NOT_FOUND);
  assert_says (message, "/dnsaddr/b.test: it leads to nothing that was not known already");
}

static void
test_chain (Fixture *fixture, gconstpointer data)
{
  g_autofree char *message = NULL;

  if (skips ())
    return;
  for (guint i = 0; i < 2 * MAX_LOOKUPS; i++)
    add_record (fixture, "_dnsaddr.n%u.test TXT dnsaddr=/dnsaddr/n%u.test", i, i + 1);
  message = assert_fails (fixture, "/dnsaddr/n0.test", AVI_ERROR_LIMIT);
  assert_says (message, "/dnsaddr/n%d.test: not looked up: a dial asks for %d names at most", MAX_LOOKUPS,
               MAX_LOOKUPS);
}

static void
test_causes (Fixture *fixture, gconstpointer data)
{
  g_autofree char *message = NULL;

  if (skips ())
    return;
  add_record (fixture, "_dnsaddr.a.test TXT dnsaddr=/dnsaddr/silent.test");
  add_record (fixture, "_dnsaddr.a.test TXT dnsaddr=/ip4/127.0.0.1/tcp/1");
  add_record (fixture, "_dnsaddr.a.test TXT dnsaddr=/dns4/nobody.test/tcp/1");
  add_record (fixture, "_dnsaddr.silent.test SILENT");
  fixture->under_test.settings.dial_timeout = 300 * G_TIME_SPAN_MILLISECOND;
  message = assert_fails (fixture, "/dnsaddr/a.test", AVI_ERROR_TIMEOUT);
  assert_says (message, "/dnsaddr/silent.test: the name was not looked up in time (dial-timeout)");
  assert_says (message, "/ip4/127.0.0.1/tcp/1: ");
  assert_says (message, "/dns4/nobody.test/tcp/1: Error resolving “nobody.test”");
}

/* Each of them would be in time alone. */
static void
test_slow_chain (Fixture *fixture, gconstpointer data)
{
  g_autofree char *message = NULL;

  if (skips ())
    return;
  for (guint i = 0; i < 4; i++)
    {
      add_record (fixture, "_dnsaddr.n%u.test TXT dnsaddr=/dnsaddr/n%u.test", i, i + 1);
      add_record (fixture, "_dnsaddr.n%u.test SLOW 400", i);
    }
  add_record (fixture, "_dnsaddr.n4.test TXT dnsaddr=/ip4/127.0.0.1/tcp/%u", fixture->port);
  fixture->under_test.settings.dial_timeout = G_USEC_PER_SEC;
  message = assert_fails (fixture, "/dnsaddr/n0.test", AVI_ERROR_TIMEOUT);
  assert_says (message, "the name was not looked up in time (dial-timeout)");
}

static void
test_beside_silent (Fixture *fixture, gconstpointer data)
{
  if (skips ())
    return;
  add_record (fixture, "_dnsaddr.a.test TXT dnsaddr=/dnsaddr/silent.test");
  add_record (fixture, "_dnsaddr.a.test TXT dnsaddr=/dns4/silent.test/tcp/%u", fixture->port);
  add_record (fixture, "_dnsaddr.a.test TXT dnsaddr=/ip4/127.0.0.1/tcp/%u", fixture->port);
  add_record (fixture, "_dnsaddr.silent.test SILENT");
  add_record (fixture, "silent.test SILENT");
  assert_reaches (fixture, "/dnsaddr/a.test");
}

static void
test_stop (Fixture *fixture, gconstpointer data)
{
  if (skips ())
    return;
  add_record (fixture, "_dnsaddr.silent.test SILENT");
  core_fixture_start (&fixture->under_test);
  dial (fixture, "/dnsaddr/silent.test");
  /* The engine has taken the dial once it counts it. */
  while (core_fixture_count (&fixture->under_test, "dials") == 0)
    puppets_step (fixture->puppets);
}

/* --- where names are looked up --- */

static gboolean
put_over (const char *folder, const char *name, const char *text)
{
  g_autofree char *path = g_build_filename (folder, name, NULL);
  g_autofree char *target = g_build_filename ("/etc", name, NULL);

  return g_file_set_contents (path, text, -1, NULL) && mount (path, target, NULL, MS_BIND, NULL) == 0;
}

static void
enter_namespaces (const char *folder)
{
  g_autofree char *python = g_find_program_in_path ("python3");

  if (python == NULL)
    why_not = "there is no “python3” command";
  else if (netns_enter (&why_not)
           && (unshare (CLONE_NEWNS) != 0 || mount (NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0
               || !put_over (folder, "nsswitch.conf", "hosts: dns\n")
               || !put_over (folder, "resolv.conf", "nameserver 127.0.0.1\nsearch .\noptions timeout:30 attempts:1\n")))
    why_not = "the system's resolver cannot be led elsewhere: mount namespaces cannot be made here";
  if (why_not != NULL)
    return;
  netns_ip ("link set lo up");
  /* The resolver gives addresses of such families only as the host has beside those of `lo`. */
  netns_ip ("link add v0 type veth peer name v1");
  netns_ip ("link set v1 up");
  netns_ip ("link set v0 up");
  netns_ip ("addr add 10.1.0.1/24 dev v0");
  netns_ip ("addr add fd00::1/64 dev v0 nodad");
}

#define ADD(path, func, data) g_test_add (path, Fixture, data, set_up, func, tear_down)

int
main (int argc, char **argv)
{
  g_autofree char *folder = g_dir_make_tmp ("avi-names-XXXXXX", NULL);
  const char *remove[] = { "rm", "-r", folder, NULL };
  int result;

  g_setenv ("XDG_RUNTIME_DIR", folder, TRUE);
  enter_namespaces (folder);
  g_test_init (&argc, &argv, NULL);
  ADD ("/names/dns4 leads to the IPv4 address", test_dns4, NULL);
  ADD ("/names/dns6 leads to the IPv6 address", test_dns6, NULL);
  ADD ("/names/dns leads to either", test_dns, NULL);
  ADD ("/names/dnsaddr leads to the dialled peer's address, of several", test_dnsaddr, NULL);
  ADD ("/names/dnsaddr leads by names to an address", test_nested, NULL);
  ADD ("/names/dnsaddr leads by names to a peer's address", test_nested, "with its id");
  ADD ("/names/dnsaddr without an address of the dialled peer leads nowhere", test_others_only, NULL);
  ADD ("/names/a name that does not exist is an error that names it", test_unknown, NULL);
  ADD ("/names/a name server that is silent is waited for as long as dial-timeout", test_silent,
       "/dns4/silent.test/tcp/1");
  ADD ("/names/a name server that is silent about dnsaddr is waited for as long as dial-timeout", test_silent,
       "/dnsaddr/silent.test");
  ADD ("/names/the error lists each address and name with its cause", test_causes, NULL);
  ADD ("/names/a name and all the names behind it have one dial-timeout between them", test_slow_chain, NULL);
  ADD ("/names/a silent name holds up nobody", test_beside_silent, NULL);
  ADD ("/names/of a thousand addresses of a name some are tried, and the others counted", test_many,
       "/dns4/many.test/tcp/1");
  ADD ("/names/of a thousand addresses of a dnsaddr some are tried, and the others counted", test_many,
       "/dnsaddr/many.test");
  ADD ("/names/another peer than the one dialled is refused", test_mismatch, GINT_TO_POINTER (TRUE));
  ADD ("/names/another peer than the one in dnsaddr is refused", test_mismatch, GINT_TO_POINTER (FALSE));
  ADD ("/names/TXT records of nonsense lead nowhere", test_garbage, "/dnsaddr/nonsense.test");
  ADD ("/names/an answer of garbage for dnsaddr leads nowhere", test_garbage, "/dnsaddr/garbage.test");
  ADD ("/names/an answer of garbage leads nowhere", test_garbage, "/dns4/garbage.test/tcp/1");
  ADD ("/names/a loop of dnsaddr comes to an end", test_loop, NULL);
  ADD ("/names/a chain of dnsaddr is followed so far only", test_chain, NULL);
  ADD ("/names/a stop does not wait for a name server", test_stop, NULL);
  result = g_test_run ();
  g_spawn_sync (NULL, (char **) remove, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, NULL, NULL, NULL);
  return result;
}
