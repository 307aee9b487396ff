/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "avi-error.h"
#include "link/avi-multistream.h"
#include "wire/avi-varint.h"

/* As the specification shows them (specs/connections, "multistream-select"). */
#define HEADER "\x13/multistream/1.0.0\n"
#define NA     "\x03na\n"
#define NOISE  "\x07/noise\n"
#define YAMUX  "\x0d/yamux/1.0.0\n"
#define TLS    "\x0b/tls/1.0.0\n"

static const char *const noise_only[] = { "/noise", NULL };
static const char *const yamux_only[] = { "/yamux/1.0.0", NULL };
static const char *const both[] = { "/noise", "/yamux/1.0.0", NULL };

static void
take_events (AviMultistream *machine, GString *log)
{
  AviMultistreamEvent event;

  while (avi_multistream_next (machine, &event))
    switch (event.type)
      {
      case AVI_MULTISTREAM_EVENT_AGREED:
        g_string_append_printf (log, "[agreed %s]", event.protocol);
        break;
      case AVI_MULTISTREAM_EVENT_ANSWERED:
        g_string_append_printf (log, "[answered %s]", event.protocol);
        break;
      case AVI_MULTISTREAM_EVENT_DATA:
        g_string_append_len (log, (const char *) event.data.data, event.data.len);
        break;
      default:
        g_assert_not_reached ();
      }
}

static gboolean
hear (AviMultistream *machine, const char *text, GString *log, GError **error)
{
  gboolean good = avi_multistream_receive (machine, AVI_SPAN_STRING (text), 0, error);

  take_events (machine, log);
  return good;
}

/* What the machine wants to say, with at most @room bytes at a time. */
static char *
say (AviMultistream *machine, gsize room)
{
  AviWriter writer;
  GString *said = g_string_new (NULL);

  avi_writer_init (&writer, room);
  while (avi_multistream_transmit (machine, &writer, 0))
    {
      g_string_append_len (said, (const char *) writer.data, writer.len);
      avi_writer_truncate (&writer, 0);
    }
  avi_writer_clear (&writer);
  return g_string_free (said, FALSE);
}

static void
assert_says (AviMultistream *machine, const char *expected)
{
  g_autofree char *said = say (machine, 4096);

  g_assert_cmpstr (said, ==, expected);
}

static void
assert_refuses (AviMultistream *machine, const char *heard, AviError code, const char *pattern)
{
  g_autoptr(GString) log = g_string_new (NULL);
  g_autoptr(GError) error = NULL;
  g_autoptr(GError) later = NULL;

  g_assert_false (hear (machine, heard, log, &error));
  g_assert_error (error, AVI_ERROR, (int) code);
  if (!g_pattern_match_simple (pattern, error->message))
    g_error ("“%s” does not match “%s”", error->message, pattern);

  /* For good. */
  g_assert_false (avi_multistream_is_done (machine));
  g_assert_false (hear (machine, HEADER, log, &later));
  g_assert_error (later, AVI_ERROR, AVI_ERROR_CLOSED);
}

static void
assert_listener_refuses (const char *heard, AviError code, const char *pattern)
{
  g_autoptr(AviMultistream) listener = avi_multistream_new_listener (both);

  assert_refuses (listener, heard, code, pattern);
  assert_says (listener, g_str_has_prefix (heard, HEADER) ? HEADER : "");
}

static void
test_dialer_says_header_and_offer (void)
{
  g_autoptr(AviMultistream) dialer = avi_multistream_new_dialer (noise_only, FALSE);
  g_autoptr(GString) log = g_string_new (NULL);

  assert_says (dialer, HEADER NOISE);
  assert_says (dialer, "");
  take_events (dialer, log);
  g_assert_cmpstr (log->str, ==, "");
  g_assert_cmpint (avi_multistream_deadline (dialer), ==, G_MAXINT64);
}

static void
test_listener_waits_for_header (void)
{
  g_autoptr(AviMultistream) listener = avi_multistream_new_listener (both);
  g_autoptr(GString) log = g_string_new (NULL);

  assert_says (listener, "");
  g_assert_true (hear (listener, HEADER, log, NULL));
  assert_says (listener, HEADER);
  g_assert_true (hear (listener, YAMUX, log, NULL));
  assert_says (listener, YAMUX);
  g_assert_cmpstr (log->str, ==, "[agreed /yamux/1.0.0]");
  g_assert_true (avi_multistream_is_done (listener));
}

typedef AviMultistream *(*Make) (void);

static AviMultistream *
make_listener (void)
{
  return avi_multistream_new_listener (yamux_only);
}

static AviMultistream *
make_dialer (void)
{
  return avi_multistream_new_dialer (both, FALSE);
}

static AviMultistream *
make_optimist (void)
{
  return avi_multistream_new_dialer (yamux_only, TRUE);
}

/* Whatever the pieces in which @heard arrives, @events come out and @said is answered. */
static void
assert_same_however_cut (Make make, const char *heard, const char *events, const char *said)
{
  gsize len = strlen (heard);

  for (gsize first = 0; first <= len; first++)
    for (gsize step = 1; step <= len; step += step < 3 ? 1 : len)
      {
        g_autoptr(AviMultistream) machine = make ();
        g_autoptr(GString) log = g_string_new (NULL);
        g_autofree char *question = say (machine, 4096);
        g_autoptr(GString) answers = g_string_new (question);

        /* A first piece of @first bytes, the others of @step. */
        for (gsize at = 0, n = first; at < len || n == 0; at += n, n = MIN (step, len - at))
          {
            g_autofree char *piece = g_strndup (heard + at, n);
            g_autofree char *answer = NULL;

            g_assert_true (hear (machine, piece, log, NULL));
            answer = say (machine, 4096);
            g_string_append (answers, answer);
            if (at + n >= len)
              break;
          }
        g_assert_cmpstr (log->str, ==, events);
        g_assert_cmpstr (answers->str, ==, said);
        g_assert_true (avi_multistream_is_done (machine));
      }
}

static void
test_cut_anywhere (void)
{
  assert_same_however_cut (make_listener, HEADER NOISE TLS YAMUX "to the muxer", "[agreed /yamux/1.0.0]to the muxer",
                           HEADER NA NA YAMUX);
  assert_same_however_cut (make_dialer, HEADER NOISE "to the muxer", "[agreed /noise]to the muxer", HEADER NOISE);
  assert_same_however_cut (make_optimist, HEADER YAMUX "to the muxer",
                           "[agreed /yamux/1.0.0][answered /yamux/1.0.0]to the muxer", HEADER YAMUX);
}

static void
test_data_is_a_view (void)
{
  g_autoptr(AviMultistream) listener = avi_multistream_new_listener (both);
  g_autoptr(GString) log = g_string_new (NULL);
  char rest[] = "/noise\n\1\2\3";
  char later[] = "later";
  AviMultistreamEvent event;

  g_assert_true (hear (listener, HEADER "\x07", log, NULL));
  g_assert_true (avi_multistream_receive (listener, AVI_SPAN_STRING (rest), 0, NULL));
  g_assert_true (avi_multistream_next (listener, &event));
  g_assert_cmpint (event.type, ==, AVI_MULTISTREAM_EVENT_AGREED);
  g_assert_true (event.protocol == both[0]);
  g_assert_true (avi_multistream_next (listener, &event));
  g_assert_cmpint (event.type, ==, AVI_MULTISTREAM_EVENT_DATA);
  g_assert_true (event.data.data == (guint8 *) rest + 7);
  g_assert_cmpuint (event.data.len, ==, 3);
  g_assert_false (avi_multistream_next (listener, &event));

  g_assert_true (avi_multistream_receive (listener, AVI_SPAN_STRING (later), 0, NULL));
  g_assert_true (avi_multistream_next (listener, &event));
  g_assert_true (event.data.data == (guint8 *) later);
}

static void
test_optimist_agrees_at_once (void)
{
  g_autoptr(AviMultistream) dialer = avi_multistream_new_dialer (noise_only, TRUE);
  g_autoptr(GString) log = g_string_new (NULL);

  take_events (dialer, log);
  g_assert_cmpstr (log->str, ==, "[agreed /noise]");
  assert_says (dialer, HEADER NOISE);
  g_assert_false (avi_multistream_is_done (dialer));
  g_assert_true (hear (dialer, HEADER NOISE, log, NULL));
  g_assert_cmpstr (log->str, ==, "[agreed /noise][answered /noise]");
  g_assert_true (avi_multistream_is_done (dialer));
}

static void
test_refused_offers (void)
{
  g_autoptr(AviMultistream) optimist = avi_multistream_new_dialer (noise_only, TRUE);
  g_autoptr(AviMultistream) dialer = avi_multistream_new_dialer (both, FALSE);
  g_autoptr(GString) log = g_string_new (NULL);

  assert_says (optimist, HEADER NOISE);
  assert_refuses (optimist, HEADER NA, AVI_ERROR_REJECTED, "*: /noise");

  assert_says (dialer, HEADER NOISE);
  g_assert_true (hear (dialer, HEADER NA, log, NULL));
  assert_says (dialer, YAMUX);
  assert_refuses (dialer, NA, AVI_ERROR_REJECTED, "*: /noise, /yamux/1.0.0");
  assert_says (dialer, "");
  g_assert_cmpstr (log->str, ==, "");
}

static void
test_wrong_answers (void)
{
  g_autoptr(AviMultistream) other = avi_multistream_new_dialer (noise_only, TRUE);
  g_autoptr(AviMultistream) header = avi_multistream_new_dialer (noise_only, FALSE);
  g_autoptr(AviMultistream) none = avi_multistream_new_dialer (noise_only, FALSE);
  g_autoptr(AviMultistream) early = avi_multistream_new_dialer (both, FALSE);

  assert_says (other, HEADER NOISE);
  assert_says (header, HEADER NOISE);
  assert_says (none, HEADER NOISE);
  assert_says (early, HEADER NOISE);
  assert_refuses (other, HEADER YAMUX, AVI_ERROR_PROTOCOL, "*/noise*“/yamux/1.0.0”");
  assert_refuses (header, HEADER HEADER, AVI_ERROR_PROTOCOL, "*/noise*“/multistream/1.0.0”");
  assert_refuses (early, HEADER NA NA, AVI_ERROR_PROTOCOL, "*before it was offered*/yamux/1.0.0");
  assert_refuses (none, NOISE, AVI_ERROR_PROTOCOL, "*began with “*/noise*”");
}

static void
test_ls_is_refused (void)
{
  g_autoptr(AviMultistream) listener = avi_multistream_new_listener (both);
  g_autoptr(GString) log = g_string_new (NULL);

  g_assert_true (hear (listener, HEADER "\x03ls\n", log, NULL));
  assert_says (listener, HEADER NA);
  g_assert_true (hear (listener, NOISE, log, NULL));
  assert_says (listener, NOISE);
  g_assert_cmpstr (log->str, ==, "[agreed /noise]");
}

static void
test_malformed (void)
{
  assert_listener_refuses (NOISE, AVI_ERROR_PROTOCOL, "*began with “*/noise*”");
  assert_listener_refuses ("\x13/multistream/2.0.0\n", AVI_ERROR_PROTOCOL, "*began with*2.0.0*");
  assert_listener_refuses (HEADER HEADER, AVI_ERROR_PROTOCOL, "*twice*");
  assert_listener_refuses ("\x12/multistream/1.0.0\n", AVI_ERROR_PROTOCOL, "*began with*");
  assert_listener_refuses (HEADER "\x06/noise\n", AVI_ERROR_PROTOCOL, "*6 bytes*newline*“/noise”");
  assert_listener_refuses (HEADER "\x86\x80\x80\x80\x80\x80\x80\x80\x80\x80", AVI_ERROR_PROTOCOL,
                           "*longer than 9 bytes*");
}

static void
test_empty_message (void)
{
  g_autoptr(AviMultistream) listener = avi_multistream_new_listener (both);
  g_autoptr(GString) log = g_string_new (NULL);
  g_autoptr(GError) error = NULL;

  g_assert_true (hear (listener, HEADER, log, NULL));
  g_assert_false (avi_multistream_receive (listener, AVI_SPAN ("", 1), 0, &error));
  g_assert_error (error, AVI_ERROR, AVI_ERROR_PROTOCOL);
  g_assert_nonnull (strstr (error->message, "0 bytes"));
}

static void
test_foreign_protocols (void)
{
  assert_listener_refuses ("GET / HTTP/1.1\r\n", AVI_ERROR_PROTOCOL, "*began with “GET / HTTP/1.1*”");
  assert_listener_refuses ("\x16\x03\x01\x02\x01\x01\xfc\x03\x03", AVI_ERROR_PROTOCOL, "*began with*");
  assert_listener_refuses ("\xff", AVI_ERROR_PROTOCOL, "*began with*");
  assert_listener_refuses ("SSH-2.0-OpenSSH_9.2\r\n", AVI_ERROR_PROTOCOL, "*began with “SSH-2.0*”");
}

static void
test_name_limit (void)
{
  g_autoptr(AviMultistream) listener = avi_multistream_new_listener (both);
  g_autoptr(GString) log = g_string_new (NULL);
  g_autofree char *longest = g_strnfill (AVI_MULTISTREAM_MAX_PROTOCOL_LEN, 'x');
  g_autofree char *message = g_strdup_printf ("\x80\x02%s\n", longest);
  g_autofree char *too_long = g_strdup_printf ("\x81\x02%sx\n", longest);

  g_assert_true (hear (listener, HEADER, log, NULL));
  g_assert_true (hear (listener, message, log, NULL));
  assert_says (listener, HEADER NA);
  assert_refuses (listener, too_long, AVI_ERROR_LIMIT, "*257 bytes*256*");
}

static void
test_longest_name_agrees (void)
{
  g_autofree char *longest = g_strnfill (AVI_MULTISTREAM_MAX_PROTOCOL_LEN, 'x');
  g_autofree char *message = g_strdup_printf (HEADER "\x80\x02%s\n", longest);
  const char *const protocols[] = { longest, NULL };
  g_autoptr(AviMultistream) dialer = avi_multistream_new_dialer (protocols, FALSE);
  g_autoptr(GString) log = g_string_new (NULL);

  assert_says (dialer, message);
  g_assert_true (hear (dialer, message, log, NULL));
  g_assert_true (avi_multistream_is_done (dialer));
}

static void
test_proposal_limit (void)
{
  g_autoptr(AviMultistream) listener = avi_multistream_new_listener (both);
  g_autoptr(GString) log = g_string_new (NULL);
  g_autofree char *said = NULL;

  g_assert_true (hear (listener, HEADER, log, NULL));
  for (int i = 0; i < AVI_MULTISTREAM_MAX_PROPOSALS; i++)
    g_assert_true (hear (listener, TLS, log, NULL));
  said = say (listener, 4096);
  g_assert_cmpuint (strlen (said), ==, strlen (HEADER) + AVI_MULTISTREAM_MAX_PROPOSALS * strlen (NA));
  assert_refuses (listener, TLS, AVI_ERROR_LIMIT, "*32 protocols*");
}

static void
test_refusal_before_a_failure (void)
{
  g_autoptr(AviMultistream) listener = avi_multistream_new_listener (noise_only);
  g_autoptr(GString) log = g_string_new (NULL);
  g_autoptr(GError) error = NULL;

  /* An optimist whose offer is not known here: what follows it is no proposal. */
  g_assert_false (hear (listener, HEADER YAMUX "\x04" "data", log, &error));
  g_assert_error (error, AVI_ERROR, AVI_ERROR_PROTOCOL);
  assert_says (listener, HEADER NA);
  assert_says (listener, "");
  g_assert_cmpstr (log->str, ==, "");
}

static void
test_little_room (void)
{
  g_autoptr(AviMultistream) listener = avi_multistream_new_listener (noise_only);
  g_autoptr(GString) log = g_string_new (NULL);
  g_autofree char *nothing = NULL;
  g_autofree char *all = NULL;

  g_assert_true (hear (listener, HEADER TLS YAMUX NOISE "data", log, NULL));
  nothing = say (listener, strlen (HEADER) - 1);
  g_assert_cmpstr (nothing, ==, "");
  g_assert_false (avi_multistream_is_done (listener));
  all = say (listener, strlen (HEADER));
  g_assert_cmpstr (all, ==, HEADER NA NA NOISE);
  g_assert_true (avi_multistream_is_done (listener));
}

static void
test_two_machines (void)
{
  g_autoptr(AviMultistream) dialer = avi_multistream_new_dialer (both, FALSE);
  g_autoptr(AviMultistream) listener = avi_multistream_new_listener (yamux_only);
  g_autoptr(GString) dialer_log = g_string_new (NULL);
  g_autoptr(GString) listener_log = g_string_new (NULL);
  int round;

  for (round = 0; !avi_multistream_is_done (dialer) && round < 10; round++)
    {
      g_autofree char *there = say (dialer, 4096);
      g_autofree char *back = NULL;

      g_assert_true (hear (listener, there, listener_log, NULL));
      back = say (listener, 4096);
      g_assert_true (hear (dialer, back, dialer_log, NULL));
    }
  g_assert_cmpint (round, ==, 2);
  g_assert_true (avi_multistream_is_done (listener));
  g_assert_cmpstr (dialer_log->str, ==, "[agreed /yamux/1.0.0]");
  g_assert_cmpstr (listener_log->str, ==, "[agreed /yamux/1.0.0]");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/multistream/a dialler says header and offer together", test_dialer_says_header_and_offer);
  g_test_add_func ("/multistream/a listener is silent until it has heard the header", test_listener_waits_for_header);
  g_test_add_func ("/multistream/bytes may be cut anywhere", test_cut_anywhere);
  g_test_add_func ("/multistream/what follows is handed over without a copy", test_data_is_a_view);
  g_test_add_func ("/multistream/an optimist agrees at once and checks the answer", test_optimist_agrees_at_once);
  g_test_add_func ("/multistream/refused offers are tried in turn and then named", test_refused_offers);
  g_test_add_func ("/multistream/an answer to another question is an error", test_wrong_answers);
  g_test_add_func ("/multistream/ls is refused politely", test_ls_is_refused);
  g_test_add_func ("/multistream/malformed messages are errors that show them", test_malformed);
  g_test_add_func ("/multistream/a message without a byte is an error", test_empty_message);
  g_test_add_func ("/multistream/HTTP, TLS, SSH and garbage are refused at their first bytes", test_foreign_protocols);
  g_test_add_func ("/multistream/a name longer than 255 bytes is an error", test_name_limit);
  g_test_add_func ("/multistream/a name of 255 bytes is offered and agreed", test_longest_name_agrees);
  g_test_add_func ("/multistream/a listener gives up after 32 proposals", test_proposal_limit);
  g_test_add_func ("/multistream/an optimist is told of the refusal before its data fail",
                   test_refusal_before_a_failure);
  g_test_add_func ("/multistream/messages wait whole until there is room", test_little_room);
  g_test_add_func ("/multistream/two machines agree on what both speak", test_two_machines);
  return g_test_run ();
}
