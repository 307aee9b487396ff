/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "avi-error.h"
#include "discovery/avi-local-file.h"

#define PEER "12D3KooWD3eckifWpRn9wQpMG9R9hX3sD158z7EqHWmweQAJU5SA"
#define BOOT "000102030405060708090a0b0c0d0e0f"
#define HEAD "[node]\npeer-id=" PEER "\nname=kitchen\nboot-id=" BOOT "\n"

static gboolean
parse (AviLocalFile *out, const char *text, GError **error)
{
  return avi_local_file_parse (out, AVI_SPAN_STRING (text), error);
}

static void
assert_fails (const char *text, int code, const char *mention)
{
  g_autoptr(GError) error = NULL;
  AviLocalFile file;

  g_assert_false (parse (&file, text, &error));
  g_assert_error (error, AVI_ERROR, code);
  g_assert_nonnull (strstr (error->message, mention));
}

static void
assert_takes (const char *text, gboolean expected)
{
  g_autoptr(AviMultiaddr) address = avi_multiaddr_parse (text, NULL);

  g_assert_nonnull (address);
  g_assert_cmpint (avi_local_file_takes (address), ==, expected);
}

static void
assert_address (AviLocalFile *file, guint i, const char *expected)
{
  g_autofree char *text = avi_multiaddr_to_string (file->addresses->pdata[i]);

  g_assert_cmpstr (text, ==, expected);
}

static void
test_round_trip (void)
{
  static const char *const names[]
      = { "kitchen", "", " two words ", "a;b=c#d\\n", "line\nbreak\ttab", "Küche 🍳", "[node]" };

  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      AviLocalFile file = { .name = (char *) names[i] }, again;
      g_autoptr(GError) error = NULL;

      g_assert_true (avi_peer_id_parse (PEER, &file.peer, NULL));
      for (guint j = 0; j < sizeof file.boot_id; j++)
        file.boot_id[j] = 0xf0 + j;
      file.addresses = g_ptr_array_new_with_free_func ((GDestroyNotify) avi_multiaddr_unref);
      g_ptr_array_add (file.addresses, avi_multiaddr_parse ("/ip4/127.0.0.1/tcp/4001", NULL));
      g_ptr_array_add (file.addresses, avi_multiaddr_parse ("/ip6/::1/tcp/65535", NULL));

      g_autoptr(GBytes) text = avi_local_file_format (&file, &error);

      g_assert_no_error (error);
      g_assert_true (avi_local_file_parse (&again, avi_span_from_bytes (text), &error));
      g_assert_no_error (error);
      g_assert_true (avi_local_file_equal (&file, &again));
      g_ptr_array_unref (file.addresses);
      avi_local_file_clear (&again);
    }
}

static void
test_loopback_only (void)
{
  assert_takes ("/ip4/127.0.0.1/tcp/1", TRUE);
  assert_takes ("/ip4/127.255.255.254/tcp/1", TRUE);
  assert_takes ("/ip6/::1/tcp/1", TRUE);
  assert_takes ("/ip4/127.0.0.1/tcp/1/p2p/" PEER, TRUE);
  assert_takes ("/ip4/128.0.0.1/tcp/1", FALSE);
  assert_takes ("/ip4/0.0.0.0/tcp/1", FALSE);
  assert_takes ("/ip4/127.0.0.1/tcp/0", FALSE);
  assert_takes ("/ip4/127.0.0.1/udp/1", FALSE);
  assert_takes ("/ip6/::ffff:127.0.0.1/tcp/1", FALSE);
  assert_takes ("/ip6/fe80::1/tcp/1", FALSE);
  assert_takes ("/dns4/localhost/tcp/1", FALSE);
  assert_takes ("/ip4/127.0.0.1/tcp/1/ws", FALSE);
}

static void
test_leaves_out (void)
{
  AviLocalFile file;
  g_autoptr(GError) error = NULL;

  g_assert_true (parse (&file,
                        HEAD "addresses=/ip4/192.168.1.7/tcp/1;/ip4/127.0.0.1/tcp/2/p2p/" PEER
                             ";garbage;;/ip4/127.0.0.1/udp/3/quic-v1;/ip6/::1/tcp/4\nnewer-key=1\n[newer]\n",
                        &error));
  g_assert_no_error (error);
  g_assert_cmpuint (file.addresses->len, ==, 2);
  assert_address (&file, 0, "/ip4/127.0.0.1/tcp/2");
  assert_address (&file, 1, "/ip6/::1/tcp/4");
  avi_local_file_clear (&file);
}

static void
test_no_addresses (void)
{
  AviLocalFile file;

  g_assert_true (parse (&file, HEAD "addresses=\n", NULL));
  g_assert_cmpuint (file.addresses->len, ==, 0);
  avi_local_file_clear (&file);
}

static void
test_limits (void)
{
  g_autoptr(GString) text = g_string_new (HEAD "addresses=");
  AviLocalFile file;

  for (guint i = 1; i <= AVI_LOCAL_FILE_MAX_ADDRESSES; i++)
    g_string_append_printf (text, "/ip4/127.0.0.1/tcp/%u;", i);
  g_assert_true (parse (&file, text->str, NULL));
  g_assert_cmpuint (file.addresses->len, ==, AVI_LOCAL_FILE_MAX_ADDRESSES);

  /* The writer keeps to the limit too. */
  g_ptr_array_add (file.addresses, avi_multiaddr_parse ("/ip4/127.0.0.1/tcp/99", NULL));
  g_autoptr(GBytes) written = avi_local_file_format (&file, NULL);
  avi_local_file_clear (&file);
  g_assert_true (avi_local_file_parse (&file, avi_span_from_bytes (written), NULL));
  g_assert_cmpuint (file.addresses->len, ==, AVI_LOCAL_FILE_MAX_ADDRESSES);
  avi_local_file_clear (&file);

  g_string_append (text, "/ip4/127.0.0.1/tcp/99;");
  assert_fails (text->str, AVI_ERROR_LIMIT, "16");

  g_string_append_c (text, '\n');
  while (text->len <= AVI_LOCAL_FILE_MAX_LEN)
    g_string_append (text, "# filler\n");
  assert_fails (text->str, AVI_ERROR_LIMIT, "16384");
}

static void
test_malformed (void)
{
  assert_fails ("", AVI_ERROR_PROTOCOL, "empty");
  assert_fails ("no key file", AVI_ERROR_PROTOCOL, "Not a key file");
  assert_fails ("[other]\npeer-id=x\n", AVI_ERROR_PROTOCOL, "peer-id");
  assert_fails ("[node]\nname=x\n", AVI_ERROR_PROTOCOL, "peer-id");
  assert_fails ("[node]\npeer-id=" PEER "\nboot-id=" BOOT "\naddresses=\n", AVI_ERROR_PROTOCOL, "name");
  assert_fails ("[node]\npeer-id=" PEER "\nname=\xff\nboot-id=" BOOT "\naddresses=\n", AVI_ERROR_PROTOCOL, "name");
  assert_fails ("[node]\npeer-id=" PEER "\nname=x\naddresses=\n", AVI_ERROR_PROTOCOL, "boot-id");
  assert_fails ("[node]\npeer-id=" PEER "\nname=x\nboot-id=0011\naddresses=\n", AVI_ERROR_PROTOCOL, "32");
  assert_fails ("[node]\npeer-id=" PEER "\nname=x\nboot-id=g00102030405060708090a0b0c0d0e0f\naddresses=\n",
                AVI_ERROR_PROTOCOL, "boot-id");
  assert_fails (HEAD, AVI_ERROR_PROTOCOL, "addresses");

  g_autoptr(GError) error = NULL;
  AviLocalFile file;

  g_assert_false (parse (&file, "[node]\npeer-id=nonsense\n", &error));
  g_assert_nonnull (strstr (error->message, "peer-id"));
}

static void
test_bad_names (void)
{
  AviLocalFile file = { .name = (char *) "\xc3" };
  g_autoptr(GError) error = NULL;
  g_autofree char *name = g_strnfill (AVI_LOCAL_FILE_MAX_LEN, 'x');

  g_assert_true (avi_peer_id_parse (PEER, &file.peer, NULL));
  file.addresses = g_ptr_array_new ();
  g_assert_null (avi_local_file_format (&file, &error));
  g_assert_error (error, AVI_ERROR, AVI_ERROR_INVALID_ARGUMENT);
  g_clear_error (&error);
  file.name = name;
  g_assert_null (avi_local_file_format (&file, &error));
  g_assert_error (error, AVI_ERROR, AVI_ERROR_LIMIT);
  g_ptr_array_unref (file.addresses);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/local-file/reads back what it writes, whatever the name", test_round_trip);
  g_test_add_func ("/local-file/takes TCP on loopback and nothing else", test_loopback_only);
  g_test_add_func ("/local-file/leaves out addresses that are foreign, unknown or malformed", test_leaves_out);
  g_test_add_func ("/local-file/a node may have no address", test_no_addresses);
  g_test_add_func ("/local-file/stops at 16 addresses and 16 KiB", test_limits);
  g_test_add_func ("/local-file/says which key is missing or malformed", test_malformed);
  g_test_add_func ("/local-file/refuses to write a name that is not UTF-8 or too long", test_bad_names);
  return g_test_run ();
}
