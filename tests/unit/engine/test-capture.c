/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * AVI_PCAP: the file is its owner's, new and bounded; two nodes' conversation can be read in it, by a
 * small reader (pcapng-file.h), which checks every header, and by tshark.
 */
#include "config.h"

#include "engine/avi-capture.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core-fixture.h"
#include "pcapng-file.h"

#define TOPIC "chat"
#define TEXT  "the kettle boils"

#define SECURITY "\x13/multistream/1.0.0\n\x07/noise\n"

static char *folder;

static gboolean
has (GByteArray *bytes, const char *text)
{
  return memmem (bytes->data, bytes->len, text, strlen (text)) != NULL;
}

static char *
new_path (const char *name)
{
  return g_build_filename (folder, name, NULL);
}

/* --- the file --- */

static void
test_new (void)
{
  g_autofree char *path = new_path ("new.pcapng");
  g_autoptr(GError) error = NULL;
  g_autoptr(AviCapture) one = avi_capture_new (path, 1 << 20, &error);
  g_autoptr(AviCapture) two = avi_capture_new (path, 1 << 20, &error);
  GStatBuf status;

  g_assert_no_error (error);
  g_assert_cmpstr (avi_capture_get_path (one), ==, path);
  g_assert_true (g_str_has_suffix (avi_capture_get_path (two), "/new-1.pcapng"));
  g_assert_cmpint (g_stat (path, &status), ==, 0);
  g_assert_cmpuint (status.st_mode & 0777, ==, 0600);
}

static void
test_dot (void)
{
  g_autofree char *path = new_path (".pcap");
  g_autofree char *numbered = new_path (".pcap-1");
  g_autoptr(AviCapture) one = avi_capture_new (path, 1 << 20, NULL);
  g_autoptr(AviCapture) two = avi_capture_new (path, 1 << 20, NULL);

  g_assert_cmpstr (avi_capture_get_path (two), ==, numbered);
}

static guint
count_files (void)
{
  g_autoptr(GDir) files = g_dir_open (folder, 0, NULL);
  guint n = 0;

  while (g_dir_read_name (files) != NULL)
    n++;
  return n;
}

/* Neither into it, nor beside it. */
static void
test_irregular (void)
{
  g_autofree char *directory = new_path ("directory");
  g_autofree char *link = new_path ("link");
  g_autofree char *target = new_path ("target");
  const char *paths[] = { directory, link, "/dev/null" };
  guint n;

  g_assert_cmpint (g_mkdir (directory, 0700), ==, 0);
  g_assert_cmpint (symlink (target, link), ==, 0);
  n = count_files ();
  for (guint i = 0; i < G_N_ELEMENTS (paths); i++)
    {
      g_autoptr(GError) error = NULL;
      g_autofree char *numbered = g_strconcat (paths[i], "-1", NULL);

      g_assert_null (avi_capture_new (paths[i], 1 << 20, &error));
      g_assert_error (error, G_FILE_ERROR, G_FILE_ERROR_FAILED);
      g_assert_nonnull (strstr (error->message, paths[i]));
      g_assert_nonnull (strstr (error->message, "neither a regular file nor a FIFO"));
      g_assert_false (g_file_test (numbered, G_FILE_TEST_EXISTS));
    }
  g_assert_cmpuint (count_files (), ==, n);
}

static void
test_unwritable (void)
{
  g_autofree char *path = new_path ("nowhere/capture.pcapng");
  g_autoptr(GError) error = NULL;

  g_assert_null (avi_capture_new (path, 1 << 20, &error));
  g_assert_error (error, G_FILE_ERROR, G_FILE_ERROR_FAILED);
  g_assert_nonnull (strstr (error->message, path));
  g_assert_nonnull (strstr (error->message, g_strerror (ENOENT)));
}

/* --- what is in it --- */

static void
say (AviCaptureFlow *flow, gboolean said, gsize len)
{
  g_autofree guint8 *bytes = g_malloc (len);
  AviLinkTap tap;

  memset (bytes, said ? 's' : 'h', len);
  avi_link_tap_init (&tap, 2 * len + 1024);
  avi_link_tap_put (&tap, said, AVI_SPAN (bytes, len));
  avi_capture_flow_take (flow, &tap);
  g_assert_cmpuint (tap.records.len, ==, 0);
  avi_link_tap_clear (&tap);
}

static void
test_flow (gconstpointer data)
{
  gboolean ip6 = GPOINTER_TO_INT (data);
  struct sockaddr_in local4 = { .sin_family = AF_INET, .sin_port = htons (4001), .sin_addr = { htonl (0xc0a80107) } };
  struct sockaddr_in remote4 = { .sin_family = AF_INET, .sin_port = htons (50000), .sin_addr = { htonl (0xc0a80108) } };
  struct sockaddr_in6 local6 = { .sin6_family = AF_INET6, .sin6_port = htons (4001) };
  struct sockaddr_in6 remote6 = { .sin6_family = AF_INET6, .sin6_port = htons (50000) };
  g_autofree char *path = new_path (ip6 ? "flow6.pcapng" : "flow4.pcapng");
  g_autoptr(AviCapture) capture = avi_capture_new (path, 1 << 20, NULL);
  g_autoptr(GPtrArray) segments = NULL;
  g_autoptr(GByteArray) said = NULL, heard = NULL;
  AviCaptureFlow *flow;
  PcapngSegment *first, *named, *last;

  inet_pton (AF_INET6, "fe80::7", &local6.sin6_addr);
  inet_pton (AF_INET6, "fe80::8", &remote6.sin6_addr);
  flow = avi_capture_flow_new (capture, ip6 ? (struct sockaddr *) &local6 : (struct sockaddr *) &local4,
                               ip6 ? (struct sockaddr *) &remote6 : (struct sockaddr *) &remote4, FALSE, "US");
  say (flow, FALSE, 5);
  avi_capture_flow_name (flow, "PEER");
  say (flow, TRUE, 200001);
  say (flow, FALSE, 7);
  avi_capture_flow_end (flow, TRUE, "no reason");

  segments = pcapng_file_read (path);
  said = pcapng_file_follow (segments, 4001, 50000, TRUE);
  heard = pcapng_file_follow (segments, 50000, 4001, TRUE);
  g_assert_cmpuint (said->len, ==, 200001);
  g_assert_cmpuint (heard->len, ==, 12);
  g_assert_cmpint (said->data[200000], ==, 's');

  first = g_ptr_array_index (segments, 0);
  named = g_ptr_array_index (segments, 4);
  last = g_ptr_array_index (segments, segments->len - 3);
  g_assert_cmpstr (first->source, ==, ip6 ? "fe80::8" : "192.168.1.8");
  g_assert_cmphex (first->flags, ==, TH_SYN);
  g_assert_cmpstr (first->comments->str, ==, "this node is US");
  g_assert_cmpstr (named->comments->str, ==, "the peer is PEER");
  g_assert_cmphex (last->flags, ==, TH_FIN | TH_ACK);
  g_assert_cmpuint (last->ports[0], ==, 50000);
  g_assert_cmpstr (last->comments->str, ==, "no reason");
}

static void
test_lost (void)
{
  struct sockaddr_in local = { .sin_family = AF_INET, .sin_port = htons (4001) };
  struct sockaddr_in remote = { .sin_family = AF_INET, .sin_port = htons (50000) };
  g_autofree char *path = new_path ("lost.pcapng");
  g_autoptr(AviCapture) capture = avi_capture_new (path, 1 << 20, NULL);
  g_autoptr(GPtrArray) segments = NULL;
  AviCaptureFlow *flow =
      avi_capture_flow_new (capture, (struct sockaddr *) &local, (struct sockaddr *) &remote, TRUE, "US");
  AviLinkTap tap;
  PcapngSegment *end;

  avi_link_tap_init (&tap, 1);
  avi_link_tap_put (&tap, TRUE, AVI_SPAN_STRING ("said"));
  avi_link_tap_put (&tap, FALSE, AVI_SPAN_STRING ("heard"));
  avi_capture_flow_take (flow, &tap);
  avi_link_tap_clear (&tap);
  avi_capture_flow_end (flow, FALSE, "");

  segments = pcapng_file_read (path);
  end = g_ptr_array_index (segments, segments->len - 3);
  g_assert_cmpuint (end->seq, ==, 1 + strlen ("said"));
  g_assert_cmpuint (end->ack, ==, 1 + strlen ("heard"));
}

static _Atomic guint n_messages;
static char *last_message;

static GLogWriterOutput
note_log (GLogLevelFlags level, const GLogField *fields, gsize n_fields, gpointer data)
{
  if (level & G_LOG_LEVEL_DEBUG)
    return G_LOG_WRITER_HANDLED;
  for (gsize i = 0; i < n_fields; i++)
    if (g_str_equal (fields[i].key, "MESSAGE"))
      {
        g_free (last_message);
        last_message = g_strdup (fields[i].value);
      }
  n_messages++;
  return G_LOG_WRITER_HANDLED;
}

static void
test_bounded (void)
{
  struct sockaddr_in local = { .sin_family = AF_INET, .sin_port = htons (4001) };
  struct sockaddr_in remote = { .sin_family = AF_INET, .sin_port = htons (50000) };
  g_autofree char *path = new_path ("bounded.pcapng");
  g_autoptr(AviCapture) capture = avi_capture_new (path, 10000, NULL);
  g_autoptr(GPtrArray) segments = NULL;
  AviCaptureFlow *flow =
      avi_capture_flow_new (capture, (struct sockaddr *) &local, (struct sockaddr *) &remote, TRUE, "US");
  GStatBuf status;

  n_messages = 0;
  for (guint i = 0; i < 20; i++)
    say (flow, TRUE, 1000);
  avi_capture_flow_end (flow, FALSE, "");
  g_assert_cmpuint (n_messages, ==, 1);
  g_assert_nonnull (strstr (last_message, path));
  g_assert_nonnull (strstr (last_message, "its limit of 9.8"));
  g_assert_cmpint (g_stat (path, &status), ==, 0);
  g_assert_cmpint (status.st_size, <=, 10000);
  g_assert_cmpint (status.st_size, >, 8000);
  segments = pcapng_file_read (path);
  g_assert_cmpuint (segments->len, >=, 3 + 8);
}

static AviCaptureFlow *
open_flow (AviCapture *capture)
{
  struct sockaddr_in local = { .sin_family = AF_INET, .sin_port = htons (4001) };
  struct sockaddr_in remote = { .sin_family = AF_INET, .sin_port = htons (50000) };

  return avi_capture_flow_new (capture, (struct sockaddr *) &local, (struct sockaddr *) &remote, TRUE, "US");
}

/* The default of both would end this program. */
static void
assert_no_signal (void)
{
  sigset_t set;

  g_assert_cmpint (pthread_sigmask (SIG_BLOCK, NULL, &set), ==, 0);
  g_assert_false (sigismember (&set, SIGXFSZ));
  g_assert_false (sigismember (&set, SIGPIPE));
  g_assert_cmpint (sigpending (&set), ==, 0);
  g_assert_false (sigismember (&set, SIGXFSZ));
  g_assert_false (sigismember (&set, SIGPIPE));
}

static void
test_limited_process (void)
{
  g_autofree char *path = new_path ("limited.pcapng");
  g_autoptr(AviCapture) capture = avi_capture_new (path, 1 << 20, NULL);
  g_autoptr(GPtrArray) segments = NULL;
  AviCaptureFlow *flow = open_flow (capture);
  struct rlimit before, low;

  n_messages = 0;
  g_assert_cmpint (getrlimit (RLIMIT_FSIZE, &before), ==, 0);
  low = before;
  low.rlim_cur = 4000;
  g_assert_cmpint (setrlimit (RLIMIT_FSIZE, &low), ==, 0);
  for (guint i = 0; i < 10; i++)
    say (flow, TRUE, 1000);
  avi_capture_flow_end (flow, FALSE, "");
  g_assert_cmpint (setrlimit (RLIMIT_FSIZE, &before), ==, 0);

  assert_no_signal ();
  g_assert_cmpuint (n_messages, ==, 1);
  g_assert_nonnull (strstr (last_message, path));
  g_assert_nonnull (strstr (last_message, "RLIMIT_FSIZE"));
  segments = pcapng_file_read (path);
  g_assert_cmpuint (segments->len, >=, 3 + 2);
}

/* --- a FIFO --- */

static int
open_reader (const char *path)
{
  int fd;

  g_assert_cmpint (mkfifo (path, 0600), ==, 0);
  fd = open (path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  g_assert_cmpint (fd, >=, 0);
  return fd;
}

static void
drain (int fd, GByteArray *into)
{
  guint8 bytes[65536];
  ssize_t n;

  while ((n = read (fd, bytes, sizeof bytes)) > 0)
    g_byte_array_append (into, bytes, (guint) n);
}

static void
test_fifo (void)
{
  g_autofree char *path = new_path ("fifo");
  g_autofree char *copy = new_path ("from-fifo.pcapng");
  g_autoptr(GByteArray) read = g_byte_array_new ();
  g_autoptr(GByteArray) said = NULL;
  g_autoptr(GPtrArray) segments = NULL;
  g_autoptr(GError) error = NULL;
  int reader = open_reader (path);
  AviCapture *capture = avi_capture_new (path, 1000, &error);
  AviCaptureFlow *flow;

  n_messages = 0;
  g_assert_no_error (error);
  g_assert_cmpstr (avi_capture_get_path (capture), ==, path);
  flow = open_flow (capture);
  /* Before it is read, more than a FIFO can hold. */
  say (flow, TRUE, 3 * 1000 * 1000);
  for (guint i = 0; i < 8; i++)
    {
      drain (reader, read);
      say (flow, TRUE, 1);
    }
  avi_capture_flow_end (flow, FALSE, "");
  drain (reader, read);
  avi_capture_free (capture);
  close (reader);

  g_assert_cmpuint (n_messages, ==, 0);
  g_assert_true (g_file_set_contents (copy, (const char *) read->data, read->len, NULL));
  segments = pcapng_file_read (copy);
  said = pcapng_file_follow (segments, 4001, 50000, TRUE);
  g_assert_cmpuint (said->len, ==, 3 * 1000 * 1000 + 8);
}

static void
test_unread_fifo (void)
{
  g_autofree char *path = new_path ("unread");
  g_autoptr(GError) error = NULL;

  g_assert_cmpint (mkfifo (path, 0600), ==, 0);
  g_assert_null (avi_capture_new (path, 1 << 20, &error));
  g_assert_error (error, G_FILE_ERROR, G_FILE_ERROR_FAILED);
  g_assert_nonnull (strstr (error->message, path));
  g_assert_nonnull (strstr (error->message, "nobody reads"));
}

static void
test_shared_fifo (void)
{
  g_autofree char *path = new_path ("shared");
  g_autoptr(GError) error = NULL;
  int reader = open_reader (path);
  g_autoptr(AviCapture) one = avi_capture_new (path, 1 << 20, NULL);

  g_assert_nonnull (one);
  g_assert_null (avi_capture_new (path, 1 << 20, &error));
  g_assert_error (error, G_FILE_ERROR, G_FILE_ERROR_FAILED);
  g_assert_nonnull (strstr (error->message, "another capture"));
  close (reader);
}

static void
test_left_fifo (void)
{
  g_autofree char *path = new_path ("left");
  int reader = open_reader (path);
  g_autoptr(AviCapture) capture = avi_capture_new (path, 1 << 20, NULL);
  AviCaptureFlow *flow = open_flow (capture);

  n_messages = 0;
  close (reader);
  say (flow, TRUE, 1000);
  say (flow, TRUE, 1000);
  avi_capture_flow_end (flow, FALSE, "");
  assert_no_signal ();
  g_assert_cmpuint (n_messages, ==, 1);
  g_assert_nonnull (strstr (last_message, "nobody reads from this FIFO any more"));
}

static void
test_slow_fifo (void)
{
  g_autofree char *path = new_path ("slow");
  int reader = open_reader (path);
  g_autoptr(AviCapture) capture = avi_capture_new (path, 1 << 20, NULL);
  AviCaptureFlow *flow = open_flow (capture);

  n_messages = 0;
  for (guint i = 0; i < 7; i++)
    say (flow, TRUE, 1 << 20);
  avi_capture_flow_end (flow, FALSE, "");
  g_assert_cmpuint (n_messages, ==, 1);
  g_assert_nonnull (strstr (last_message, "too slow"));
  close (reader);
}

/* --- two nodes --- */

static gboolean
has_come (AviCore *core)
{
  gboolean come = FALSE;
  AviEvent *event, *next;

  for (event = avi_core_take_events (core); event != NULL; event = next)
    {
      next = event->next;
      come |= event->type == AVI_EVENT_MESSAGE;
      avi_event_free (event);
    }
  return come;
}

static void
call_and_wait (void (*begin) (AviCore *core, const char *text, AviCall *call), AviCore *core, const char *text)
{
  g_autoptr(AviCall) call = avi_call_new (NULL);
  g_autoptr(GError) error = NULL;

  begin (core, text, call);
  avi_call_wait (call);
  avi_call_get_result (call, NULL, NULL, &error);
  g_assert_no_error (error);
}

static void
await_subscriber (AviCore *core, const char *topic, AviCall *call)
{
  avi_core_wait_for_subscribers (core, topic, 1, call);
}

/* One publishes, the other hears, both stop. Returns the listener's port. */
static guint16
converse (void)
{
  CoreFixture listener, dialler;
  g_autofree char *address = NULL;
  g_autoptr(GBytes) text = g_bytes_new_static (TEXT, strlen (TEXT));
  gint64 deadline = g_get_monotonic_time () + 20 * G_USEC_PER_SEC;
  AviInbox *inbox;
  guint16 port;

  core_fixture_init (&listener);
  core_fixture_init (&dialler);
  inbox = avi_core_subscribe (listener.core, TOPIC, 100, 1024 * 1024, NULL);
  core_fixture_start (&listener);
  core_fixture_start (&dialler);
  port = core_fixture_get_port (&listener);
  address = core_fixture_format ("127.0.0.1", port, listener.identity);
  call_and_wait (avi_core_dial, dialler.core, address);
  call_and_wait (await_subscriber, dialler.core, TOPIC);
  g_assert_cmpint (avi_core_publish (dialler.core, TOPIC, text, FALSE, NULL, NULL), ==, 1);
  while (!has_come (listener.core))
    {
      g_assert_cmpint (g_get_monotonic_time (), <, deadline);
      g_usleep (1000);
    }
  avi_core_unsubscribe (listener.core, inbox);
  avi_inbox_unref (inbox);
  core_fixture_clear (&dialler);
  core_fixture_clear (&listener);
  return port;
}

/* Of the first conversation in @segments with @port. */
static guint16
find_dialler (GPtrArray *segments, guint16 port)
{
  for (guint i = 0; i < segments->len; i++)
    {
      PcapngSegment *segment = g_ptr_array_index (segments, i);

      if (segment->ports[1] == port)
        return segment->ports[0];
    }
  g_assert_not_reached ();
}

/* Returns the listener's file; the dialler's has the next name. */
static char *
capture_conversation (const char *name, guint16 *port)
{
  g_autofree char *asked = g_strconcat (folder, "/", name, ".pcapng", NULL);
  g_autofree char *second = g_strconcat (folder, "/", name, "-1.pcapng", NULL);

  n_messages = 0;
  g_setenv (AVI_CAPTURE_VARIABLE, asked, TRUE);
  *port = converse ();
  g_unsetenv (AVI_CAPTURE_VARIABLE);
  g_assert_cmpuint (n_messages, ==, 2);
  g_assert_nonnull (strstr (last_message, second));
  return g_steal_pointer (&asked);
}

static void
test_conversation (void)
{
  guint16 port, dialler;
  g_autofree char *path = capture_conversation ("conversation", &port);
  g_autoptr(GPtrArray) segments = pcapng_file_read (path);
  g_autoptr(GByteArray) said = NULL, heard = NULL;
  GString *comments = g_string_new (NULL);

  dialler = find_dialler (segments, port);
  heard = pcapng_file_follow (segments, dialler, port, TRUE);
  said = pcapng_file_follow (segments, port, dialler, TRUE);
  for (guint i = 0; i < segments->len; i++)
    g_string_append_printf (comments, "%s.", ((PcapngSegment *) g_ptr_array_index (segments, i))->comments->str);

  g_assert_true (has (heard, TEXT));
  g_assert_false (has (said, TEXT));
  /* The negotiation before Noise, then at once what is under it. */
  g_assert_cmpmem (said->data, strlen (SECURITY), SECURITY, strlen (SECURITY));
  g_assert_cmpmem (heard->data, strlen (SECURITY), SECURITY, strlen (SECURITY));
  g_assert_cmpuint (heard->data[strlen (SECURITY)], ==, 0); /* the version of a Yamux frame */
  g_assert_cmpuint (heard->data[strlen (SECURITY) + 1], <=, 3); /* and its type */
  g_assert_cmpuint (said->data[strlen (SECURITY)], ==, 0);
  g_assert_cmpuint (said->data[strlen (SECURITY) + 1], <=, 3);
  g_assert_true (has (heard, "/meshsub/1.1.0"));
  g_assert_nonnull (strstr (comments->str, "this node is 12D3"));
  g_assert_nonnull (strstr (comments->str, "the peer is 12D3"));
  g_string_free (comments, TRUE);
}

static void
test_off (void)
{
  n_messages = 0;
  g_assert_null (avi_capture_get ());
  g_setenv (AVI_CAPTURE_VARIABLE, "", TRUE);
  g_assert_null (avi_capture_get ());
  g_unsetenv (AVI_CAPTURE_VARIABLE);
  g_assert_cmpuint (n_messages, ==, 0);
}

/* Both nodes say so, and speak to each other all the same. */
static void
test_start (void)
{
  g_autofree char *path = new_path ("nowhere/capture.pcapng");

  n_messages = 0;
  g_setenv (AVI_CAPTURE_VARIABLE, path, TRUE);
  converse ();
  g_unsetenv (AVI_CAPTURE_VARIABLE);
  g_assert_cmpuint (n_messages, ==, 2);
  g_assert_nonnull (strstr (last_message, path));
}

/* --- tshark --- */

static char *
run_tshark (const char *path, const char *const *more)
{
  g_autoptr(GStrvBuilder) builder = g_strv_builder_new ();
  g_auto(GStrv) arguments = NULL;
  g_autoptr(GError) error = NULL;
  char *output = NULL;
  int status;

  g_strv_builder_add_many (builder, "tshark", "-n", "-r", path, NULL);
  g_strv_builder_addv (builder, (const char **) more);
  arguments = g_strv_builder_end (builder);
  g_spawn_sync (NULL, arguments, NULL, G_SPAWN_SEARCH_PATH | G_SPAWN_STDERR_TO_DEV_NULL, NULL, NULL, &output, NULL,
                &status, &error);
  g_assert_no_error (error);
  g_spawn_check_wait_status (status, &error);
  g_assert_no_error (error);
  return output;
}

static void
test_tshark (void)
{
  static const char *const follow_stream[] = { "-q", "-z", "follow,tcp,ascii,0", NULL };
  static const char *const complaints[] = { "-o", "ip.check_checksum:TRUE", "-o", "tcp.check_checksum:TRUE", "-Y",
                                            "_ws.expert.severity >= warning || tcp.analysis.flags", NULL };
  static const char *const ends[] = {
    "-Y", "tcp.flags.syn == 1 || tcp.flags.fin == 1", "-T", "fields", "-e", "frame.comment", NULL
  };
  g_autofree char *tool = g_find_program_in_path ("tshark");
  g_autofree char *path = NULL, *stream = NULL, *complaint = NULL, *comments = NULL;
  guint16 port;

  if (tool == NULL)
    {
      g_test_skip ("tshark is not installed");
      return;
    }
  path = capture_conversation ("for-tshark", &port);
  stream = run_tshark (path, follow_stream);
  g_assert_nonnull (strstr (stream, TEXT));
  g_assert_nonnull (strstr (stream, "/multistream/1.0.0"));
  complaint = run_tshark (path, complaints);
  g_assert_cmpstr (complaint, ==, "");
  comments = run_tshark (path, ends);
  g_assert_nonnull (strstr (comments, "this node is 12D3"));
}

static void
remove_files (void)
{
  g_autoptr(GDir) files = g_dir_open (folder, 0, NULL);

  for (const char *name = g_dir_read_name (files); name != NULL; name = g_dir_read_name (files))
    {
      g_autofree char *path = new_path (name);

      g_remove (path);
    }
  g_rmdir (folder);
  g_free (folder);
}

int
main (int argc, char *argv[])
{
  int result;

  g_unsetenv (AVI_CAPTURE_VARIABLE);
  g_test_init (&argc, &argv, NULL);
  g_log_set_writer_func (note_log, NULL, NULL);
  folder = g_dir_make_tmp ("avi-capture-XXXXXX", NULL);
  g_test_add_func ("/capture/the file is new and its owner's alone", test_new);
  g_test_add_func ("/capture/a leading dot is no suffix", test_dot);
  g_test_add_func ("/capture/what is no file is neither written nor given a neighbour", test_irregular);
  g_test_add_func ("/capture/where it cannot be written the error names it", test_unwritable);
  g_test_add_func ("/capture/nothing is written where nobody asked", test_off);
  g_test_add_data_func ("/capture/a conversation over IPv4 reads as TCP", GINT_TO_POINTER (FALSE), test_flow);
  g_test_add_data_func ("/capture/a conversation over IPv6 reads as TCP", GINT_TO_POINTER (TRUE), test_flow);
  g_test_add_func ("/capture/what is missing is a gap", test_lost);
  g_test_add_func ("/capture/at its limit it says so once and stays whole", test_bounded);
  g_test_add_func ("/capture/at the process's limit it says so once, raises no signal and stays whole",
                   test_limited_process);
  g_test_add_func ("/capture/who reads a FIFO late reads all", test_fifo);
  g_test_add_func ("/capture/a FIFO that nobody reads is an error that names it", test_unread_fifo);
  g_test_add_func ("/capture/a FIFO takes one capture at a time", test_shared_fifo);
  g_test_add_func ("/capture/when the reader of a FIFO leaves it says so once and raises no signal", test_left_fifo);
  g_test_add_func ("/capture/a FIFO's reader that is too slow ends it", test_slow_fifo);
  g_test_add_func ("/capture/two nodes' conversation stands in it in clear", test_conversation);
  g_test_add_func ("/capture/nodes start where it cannot be written, and say so", test_start);
  g_test_add_func ("/capture/tshark follows the stream and complains of nothing", test_tshark);
  result = g_test_run ();
  remove_files ();
  g_free (last_message);
  return result;
}
