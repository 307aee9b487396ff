/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "avi-error.h"
#include "identify.pb-c.h"
#include "pubsub.pb-c.h"
#include "wire/avi-protobuf.h"

#define BYTES(text) ((ProtobufCBinaryData) { sizeof text - 1, (guint8 *) text })

static void
test_round_trip (void)
{
  Avi__Wire__Identify sent = AVI__WIRE__IDENTIFY__INIT;
  Avi__Wire__Identify *received;
  ProtobufCBinaryData names[] = { BYTES ("/ipfs/id/1.0.0"), BYTES ("a\0b") };
  g_autoptr(AviArena) arena = avi_arena_new (4096);
  g_autoptr(GBytes) packed = NULL;
  g_autoptr(GError) error = NULL;

  sent.has_agent_version = TRUE;
  sent.agent_version = BYTES ("kitchen");
  sent.n_protocols = G_N_ELEMENTS (names);
  sent.protocols = names;
  packed = avi_protobuf_pack (&sent.base);

  received =
      avi_protobuf_unpack (&avi__wire__identify__descriptor, avi_span_from_bytes (packed), arena, "Identify", &error);
  g_assert_no_error (error);
  g_assert_cmpmem (received->agent_version.data, received->agent_version.len, "kitchen", 7);
  g_assert_cmpuint (received->n_protocols, ==, 2);
  g_assert_cmpmem (received->protocols[1].data, received->protocols[1].len, "a\0b", 3);
  g_assert_false (received->has_boot_id);
}

static void
test_delimited (void)
{
  Avi__Wire__Identify message = AVI__WIRE__IDENTIFY__INIT;
  guint8 agent[200] = { 0 };
  g_autoptr(GBytes) bare = NULL, delimited = NULL;
  AviSpan span;

  message.has_agent_version = TRUE;
  message.agent_version = (ProtobufCBinaryData) { sizeof agent, agent };
  bare = avi_protobuf_pack (&message.base);
  delimited = avi_protobuf_pack_delimited (&message.base);

  span = avi_span_from_bytes (delimited);
  g_assert_cmpuint (span.len, ==, g_bytes_get_size (bare) + 2);
  g_assert_cmpuint ((span.data[0] & 0x7f) | span.data[1] << 7, ==, g_bytes_get_size (bare));
  g_assert_true (avi_span_equal (avi_span_skip (span, 2), avi_span_from_bytes (bare)));
}

static void
test_malformed (void)
{
  static const char *const inputs[] = { "\x2a\x05\x61\x62", "\x2a", "\x0b",
                                        "\x2a\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01" };

  for (guint i = 0; i < G_N_ELEMENTS (inputs); i++)
    {
      g_autoptr(AviArena) arena = avi_arena_new (4096);
      g_autoptr(GError) error = NULL;

      g_assert_null (avi_protobuf_unpack (&avi__wire__identify__descriptor, AVI_SPAN_STRING (inputs[i]),
                                          arena, "Identify of 12D3", &error));
      g_assert_error (error, AVI_ERROR, AVI_ERROR_PROTOCOL);
      g_assert_true (g_str_has_prefix (error->message, "Identify of 12D3: "));
    }
}

/* 1 MiB of empty submessages would take 28 MiB. */
static void
test_budget (void)
{
  const gsize len = 1024 * 1024, budget = 2 * 1024 * 1024;
  g_autofree guint8 *bomb = g_malloc (len);
  g_autoptr(AviArena) arena = avi_arena_new (budget);
  g_autoptr(GError) error = NULL;

  for (gsize i = 0; i < len; i += 2)
    {
      bomb[i] = 0x12; /* publish, of no bytes */
      bomb[i + 1] = 0x00;
    }
  g_assert_null (avi_protobuf_unpack (&avi__wire__rpc__descriptor, AVI_SPAN (bomb, len), arena, "RPC", &error));
  g_assert_error (error, AVI_ERROR, AVI_ERROR_LIMIT);
  g_assert_nonnull (strstr (error->message, "2097152"));
}

static void
test_budget_is_kept (void)
{
  Avi__Wire__Identify message = AVI__WIRE__IDENTIFY__INIT;
  g_autoptr(GBytes) packed = NULL;
  gboolean enough = FALSE;

  message.has_agent_version = TRUE;
  message.agent_version = BYTES ("some thirty bytes of agent name");
  packed = avi_protobuf_pack (&message.base);

  for (gsize budget = 0; budget <= 1024; budget++)
    {
      g_autoptr(AviArena) arena = avi_arena_new (budget);
      g_autoptr(GError) error = NULL;
      gpointer unpacked = avi_protobuf_unpack (&avi__wire__identify__descriptor, avi_span_from_bytes (packed),
                                               arena, "Identify", &error);

      g_assert_true (unpacked != NULL || g_error_matches (error, AVI_ERROR, AVI_ERROR_LIMIT));
      g_assert_true (unpacked != NULL || !enough);
      enough = unpacked != NULL;
    }
  g_assert_true (enough);
}

static void
assert_text (AviSpan field, gsize max, const char *expected)
{
  ProtobufCBinaryData data = { field.len, field.data };
  g_autofree char *text = avi_protobuf_dup_text (&data, max);

  g_assert_cmpstr (text, ==, expected);
}

static void
test_text (void)
{
  assert_text (AVI_SPAN_STRING ("Küche"), 6, "Küche");
  assert_text (AVI_SPAN_STRING ("Küche"), 5, NULL);
  assert_text (AVI_SPAN_EMPTY, 5, "");
  assert_text (AVI_SPAN ("a\0b", 3), 5, NULL);
  assert_text (AVI_SPAN_STRING ("\xff"), 5, NULL);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/protobuf/brings back what was packed, NUL bytes included", test_round_trip);
  g_test_add_func ("/protobuf/puts the length in front", test_delimited);
  g_test_add_func ("/protobuf/names what is malformed", test_malformed);
  g_test_add_func ("/protobuf/stops a message that would blow up", test_budget);
  g_test_add_func ("/protobuf/fails cleanly whatever the budget", test_budget_is_kept);
  g_test_add_func ("/protobuf/takes only text that is text", test_text);
  return g_test_run ();
}
