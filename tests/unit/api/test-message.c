/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <pthread.h>
#include <string.h>

#include "avi-error.h"
#include "avi-message-private.h"

#define AUTHOR "12D3KooWD3eckifWpRn9wQpMG9R9hX3sD158z7EqHWmweQAJU5SA"

static AviMessage *
make_message (const char *topic, gconstpointer data, gsize len)
{
  g_autoptr(GBytes) bytes = g_bytes_new (data, len);

  return avi_message_new (topic, AUTHOR, 42, bytes, G_GINT64_CONSTANT (1767225600123456));
}

static AviMessage *
make_text (const char *text)
{
  return make_message ("chat", text, strlen (text));
}

static void
test_getters (void)
{
  g_autoptr(GBytes) bytes = g_bytes_new_static ("fire", 4);
  g_autoptr(AviMessage) message =
      avi_message_new ("system/alerts", AUTHOR, G_MAXUINT64, bytes, G_GINT64_CONSTANT (1767225600123456));
  g_autoptr(GDateTime) when = avi_message_get_received_at (message);
  g_autofree char *shown = g_date_time_format (when, "%F %T.%f %Z");

  g_assert_cmpstr (avi_message_get_topic (message), ==, "system/alerts");
  g_assert_cmpstr (avi_message_get_from (message), ==, AUTHOR);
  g_assert_cmpuint (avi_message_get_seqno (message), ==, G_MAXUINT64);
  g_assert_true (avi_message_get_data (message) == bytes);
  g_assert_cmpstr (avi_message_get_text (message), ==, "fire");
  g_assert_true (avi_message_get_text (message) == avi_message_get_text (message));
  g_assert_cmpstr (shown, ==, "2026-01-01 00:00:00.123456 UTC");
}

static void
test_unsigned (void)
{
  g_autoptr(GBytes) bytes = g_bytes_new (NULL, 0);
  g_autoptr(AviMessage) message = avi_message_new ("", NULL, 0, bytes, 0);

  g_assert_null (avi_message_get_from (message));
  g_assert_cmpstr (avi_message_get_topic (message), ==, "");
  g_assert_cmpuint (avi_message_get_seqno (message), ==, 0);
  g_assert_cmpstr (avi_message_get_text (message), ==, "");
}

static void
test_not_text (void)
{
  g_autoptr(AviMessage) nul = make_message ("chat", "a\0b", 3);
  g_autoptr(AviMessage) latin1 = make_message ("chat", "gr\xfc\xdf", 4);
  g_autoptr(AviMessage) cut = make_message ("chat", "\xe2\x82", 2);

  g_assert_null (avi_message_get_text (nul));
  g_assert_null (avi_message_get_text (latin1));
  g_assert_null (avi_message_get_text (cut));
}

static void
test_boxed (void)
{
  g_autoptr(AviMessage) message = make_text ("hello");
  GValue value = G_VALUE_INIT;

  g_value_init (&value, AVI_TYPE_MESSAGE);
  g_value_set_boxed (&value, message);
  g_assert_true (g_value_get_boxed (&value) == message);
  g_value_unset (&value);
  g_assert_cmpstr (g_type_name (AVI_TYPE_MESSAGE), ==, "AviMessage");
  g_assert_cmpstr (avi_message_get_text (message), ==, "hello");
}

static gpointer
read_and_unref (gpointer data)
{
  AviMessage *message = data;

  g_assert_cmpstr (avi_message_get_text (message), ==, "the same for all");
  avi_message_unref (message);
  return NULL;
}

static void
test_threads (void)
{
  for (guint round = 0; round < 20; round++)
    {
      g_autoptr(AviMessage) message = make_text ("the same for all");
      pthread_t threads[4];

      for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
        g_assert_cmpint (pthread_create (&threads[i], NULL, read_and_unref, avi_message_ref (message)), ==, 0);
      for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
        pthread_join (threads[i], NULL);
    }
}

static void
test_json (void)
{
  g_autoptr(AviMessage) message = make_text ("{\"name\": \"K\\u00fcche\", \"volume\": 30}");
  g_autoptr(GError) error = NULL;
  g_autoptr(JsonNode) node = avi_message_get_json (message, &error);
  JsonObject *object;

  g_assert_no_error (error);
  object = json_node_get_object (node);
  g_assert_cmpstr (json_object_get_string_member (object, "name"), ==, "Küche");
  g_assert_cmpint (json_object_get_int_member (object, "volume"), ==, 30);
  json_object_set_int_member (object, "volume", 31);
}

static void
assert_no_json (AviMessage *message, AviError code, const char *words)
{
  g_autoptr(GError) error = NULL;

  g_assert_null (avi_message_get_json (message, &error));
  g_assert_error (error, AVI_ERROR, (int) code);
  g_assert_true (g_str_has_prefix (error->message, "Message on topic “chat”: "));
  g_assert_nonnull (strstr (error->message, words));
}

static void
test_not_json (void)
{
  g_autoptr(AviMessage) empty = make_text ("");
  g_autoptr(AviMessage) words = make_text ("{\"a\": fire}");
  g_autoptr(AviMessage) nul = make_message ("chat", "[\"a\0\"]", 6);

  assert_no_json (empty, AVI_ERROR_PROTOCOL, "at byte 0");
  assert_no_json (words, AVI_ERROR_PROTOCOL, "at byte 6");
  assert_no_json (nul, AVI_ERROR_PROTOCOL, "at byte 3");
}

/* json-glib crashes on this. */
static void
test_deep_json (void)
{
  g_autofree char *brackets = g_strnfill (100000, '[');
  g_autoptr(AviMessage) message = make_text (brackets);

  assert_no_json (message, AVI_ERROR_LIMIT, "64");
}

static void
test_large_json (void)
{
  g_autofree char *string = g_strnfill (1024 * 1024 + 1, 'x');
  g_autoptr(AviMessage) over = NULL, at = NULL;
  g_autoptr(GError) error = NULL;
  g_autoptr(JsonNode) node = NULL;

  string[0] = string[1024 * 1024] = '"';
  over = make_text (string);
  assert_no_json (over, AVI_ERROR_LIMIT, "1048577 bytes");

  string[1] = '"';
  at = make_text (string + 1);
  node = avi_message_get_json (at, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (strlen (json_node_get_string (node)), ==, 1024 * 1024 - 2);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/message/tells what was published, by whom and when it came", test_getters);
  g_test_add_func ("/message/has no author where it is not signed", test_unsigned);
  g_test_add_func ("/message/has no text where its data are none", test_not_text);
  g_test_add_func ("/message/travels in a GValue", test_boxed);
  g_test_add_func ("/message/is read from any thread", test_threads);
  g_test_add_func ("/message/is parsed as JSON that is the caller's own", test_json);
  g_test_add_func ("/message/names its topic and the place where it is not JSON", test_not_json);
  g_test_add_func ("/message/refuses JSON that is nested too deep", test_deep_json);
  g_test_add_func ("/message/refuses JSON that is too large", test_large_json);
  return g_test_run ();
}
