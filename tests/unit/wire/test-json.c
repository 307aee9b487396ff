/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <json-glib/json-glib.h>

#include "avi-error.h"
#include "wire/avi-json.h"

static void
assert_good (const char *text)
{
  g_autoptr(JsonParser) parser = json_parser_new ();
  g_autoptr(GError) error = NULL;

  avi_json_check (AVI_SPAN_STRING (text), G_MAXSIZE, &error);
  g_assert_no_error (error);
  json_parser_load_from_data (parser, text, -1, &error);
  g_assert_no_error (error);
}

static void
assert_bad (AviSpan text, AviError code, const char *words)
{
  g_autofree guint8 *exact = g_memdup2 (text.data, text.len); /* for the sanitizer */
  g_autoptr(GError) error = NULL;

  g_assert_false (avi_json_check (AVI_SPAN (exact, text.len), G_MAXSIZE, &error));
  g_assert_error (error, AVI_ERROR, (int) code);
  if (strstr (error->message, words) == NULL)
    g_error ("“%s” does not say “%s”", error->message, words);
}

static void
assert_malformed (const char *text, const char *words)
{
  assert_bad (AVI_SPAN_STRING (text), AVI_ERROR_PROTOCOL, words);
}

static void
test_good (void)
{
  static const char *const texts[] = {
    "null", "true", "false", "0", "-0", "1", "-1.5e+3", "2E5", "0.5", "9223372036854775807", "-9223372036854775808",
    "-99999999999999999", "1000000000000000000", "0.12345678901234567890", "1e308", "1e-999",
    "\"\"", "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\"", "\"\\ud83d\\ude00\"", "\"größer\"", "[]", "{}", " [ ] ",
    "\t\r\n{ \"a\" : [ 1 , { } , [ ] ] , \"\" : null } ", "[[[]],{\"a\":{\"b\":[]}}]",
  };

  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    assert_good (texts[i]);
}

static void
test_malformed (void)
{
  assert_malformed ("", "at byte 0");
  assert_malformed ("  ", "at byte 2");
  assert_malformed ("[", "at byte 1");
  assert_malformed ("{", "at byte 1");
  assert_malformed ("]", "at byte 0");
  assert_malformed ("[}", "at byte 1");
  assert_malformed ("{]", "at byte 1");
  assert_malformed ("[1,]", "at byte 3");
  assert_malformed ("{\"a\":1,}", "at byte 7");
  assert_malformed ("[1 2]", "neither a comma nor an end at byte 3");
  assert_malformed ("{\"a\" 1}", "no colon at byte 5");
  assert_malformed ("{\"a\":}", "at byte 5");
  assert_malformed ("{1:2}", "no string at byte 1");
  assert_malformed ("1 2", "more than one value at byte 2");
  assert_malformed ("[]]", "more than one value at byte 2");
  assert_malformed ("tru", "at byte 0");
  assert_malformed ("nan", "at byte 0");
  assert_malformed ("\"a", "a string without end at byte 2");
  assert_malformed ("\"a\nb\"", "a control character in a string at byte 2");
  assert_malformed ("\"\\q\"", "an unknown escape");
  assert_malformed ("\"\\", "an unknown escape");
  assert_malformed ("\"\\u12g4\"", "an escape without four digits");
  assert_malformed ("-", "no value at byte 1");
  assert_malformed ("01", "more than one value at byte 1");
  assert_malformed ("+1", "at byte 0");
  assert_malformed (".5", "at byte 0");
  assert_malformed ("1.", "a number without decimals");
  assert_malformed ("1e", "a number without exponent");
  assert_bad (AVI_SPAN ("\"a\0b\"", 5), AVI_ERROR_PROTOCOL, "no UTF-8 at byte 2");
  assert_bad (AVI_SPAN ("\"\xff\"", 3), AVI_ERROR_PROTOCOL, "no UTF-8 at byte 1");
}

/* What json-glib 1.6 takes, though it is no JSON. */
static void
test_extensions (void)
{
  assert_malformed ("'a'", "at byte 0");
  assert_malformed ("/* \" */ [[[[", "at byte 0");
  assert_malformed ("var x = 3;", "at byte 0");
  assert_malformed ("0x10", "at byte 1");
}

/* What json-glib 1.6 changes without a word. */
static void
test_unfaithful (void)
{
  assert_malformed ("\"a\\u0000b\"", "a NUL character");
  assert_malformed ("\"\\ud800\"", "half a surrogate pair");
  assert_malformed ("\"\\udc00\\ud800\"", "half a surrogate pair");
  assert_malformed ("\"\\ud800\\u0041\"", "half a surrogate pair");
  assert_malformed ("9223372036854775808", "a number out of range");
  assert_malformed ("-9223372036854775809", "a number out of range");
  assert_malformed ("123456789012345678901234567890", "a number out of range");
  assert_malformed ("1e999", "a number out of range");
}

static char *
nest (guint depth, const char *open, const char *close)
{
  GString *text = g_string_new (NULL);

  for (guint i = 0; i < depth; i++)
    g_string_append (text, open);
  g_string_append_c (text, '1');
  for (guint i = 0; i < depth; i++)
    g_string_append (text, close);
  return g_string_free (text, FALSE);
}

static void
test_depth (void)
{
  g_autofree char *arrays = nest (AVI_JSON_MAX_DEPTH, "[", "]");
  g_autofree char *objects = nest (AVI_JSON_MAX_DEPTH, "{\"a\":", "}");
  g_autofree char *deeper = nest (AVI_JSON_MAX_DEPTH + 1, "[", "]");
  g_autofree char *deep = g_strnfill (100000, '[');

  assert_good (arrays);
  assert_good (objects);
  assert_bad (AVI_SPAN_STRING (deeper), AVI_ERROR_LIMIT, "nested deeper than 64 at byte 64");
  assert_bad (AVI_SPAN_STRING (deep), AVI_ERROR_LIMIT, "nested deeper than 64 at byte 64");
}

static void
test_size (void)
{
  g_autoptr(GError) error = NULL;

  g_assert_true (avi_json_check (AVI_SPAN_STRING ("[12]"), 4, NULL));
  g_assert_false (avi_json_check (AVI_SPAN_STRING ("[123]"), 4, &error));
  g_assert_error (error, AVI_ERROR, AVI_ERROR_LIMIT);
}

static void
test_values (void)
{
  GString *text = g_string_new ("[0");

  for (guint i = 2; i < AVI_JSON_MAX_VALUES; i++)
    g_string_append (text, ",0");
  g_string_append_c (text, ']');
  g_assert_true (avi_json_check (AVI_SPAN (text->str, text->len), G_MAXSIZE, NULL));
  text->str[text->len - 1] = ',';
  g_string_append (text, "0]");
  assert_bad (AVI_SPAN (text->str, text->len), AVI_ERROR_LIMIT, "more than 100000 values");
  g_string_free (text, TRUE);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/json/passes what RFC 8259 and json-glib take", test_good);
  g_test_add_func ("/json/names what is malformed and its place", test_malformed);
  g_test_add_func ("/json/refuses what only json-glib takes", test_extensions);
  g_test_add_func ("/json/refuses what json-glib would change", test_unfaithful);
  g_test_add_func ("/json/refuses to nest deeper than 64", test_depth);
  g_test_add_func ("/json/refuses more bytes than allowed", test_size);
  g_test_add_func ("/json/refuses more than 100,000 values", test_values);
  return g_test_run ();
}
