/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A multiaddr, the input taken as its binary form and as its text: what is taken for one is the same
 * after a trip through the other form, and answers every question about it.
 */
#include "config.h"

#include <stdint.h>

#include "wire/avi-multiaddr.h"

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

static void
check_forms (const AviMultiaddr *address)
{
  g_autofree char *text = avi_multiaddr_to_string (address);
  g_autoptr(AviMultiaddr) from_text = avi_multiaddr_parse (text, NULL);
  g_autoptr(AviMultiaddr) from_bytes = avi_multiaddr_decode (avi_multiaddr_get_bytes (address), NULL);

  g_assert (g_utf8_validate (text, -1, NULL));
  g_assert (from_text != NULL && avi_multiaddr_equal (address, from_text));
  g_assert (from_bytes != NULL && avi_multiaddr_equal (address, from_bytes));
  g_assert (avi_multiaddr_hash (address) == avi_multiaddr_hash (from_text));
}

static void
check_walk (const AviMultiaddr *address)
{
  AviMultiaddrIter iter = { 0 };
  AviSpan bytes = avi_multiaddr_get_bytes (address);
  guint n = 0;

  for (; avi_multiaddr_next (address, &iter); n++)
    g_assert (iter.offset <= bytes.len && iter.value.len <= bytes.len);
  g_assert (iter.offset == bytes.len && n > 0 && n <= AVI_MULTIADDR_MAX_COMPONENTS);
}

static void
check_peer (AviMultiaddr *address)
{
  g_autoptr(AviMultiaddr) without = avi_multiaddr_without_peer (address), with = NULL, again = NULL;
  AviPeerId peer, found;

  if (!avi_multiaddr_get_peer (address, &peer))
    {
      g_assert (without == address);
      return;
    }
  with = avi_multiaddr_with_peer (address, &peer);
  g_assert (with != NULL && avi_multiaddr_equal (with, address));
  if (without == NULL)
    return;
  again = avi_multiaddr_with_peer (without, &peer);
  /* without its last /p2p/, an address may end in another */
  g_assert (avi_multiaddr_equal (again, address) || avi_multiaddr_get_peer (without, &found));
}

static void
check_socket (const AviMultiaddr *address)
{
  struct sockaddr_storage storage;
  socklen_t len;
  g_autofree char *name = NULL;
  guint16 port;
  int family;
  gboolean is_name = avi_multiaddr_get_host (address, &name, &port, &family);

  g_assert (is_name == (name != NULL));
  if (avi_multiaddr_to_sockaddr (address, &storage, &len))
    {
      g_autoptr(AviMultiaddr) from = avi_multiaddr_from_sockaddr ((struct sockaddr *) &storage);
      struct sockaddr_storage back;
      socklen_t back_len;

      g_assert (!is_name && from != NULL && avi_multiaddr_to_sockaddr (from, &back, &back_len));
      g_assert (avi_multiaddr_is_loopback (from) == avi_multiaddr_is_loopback (address));
    }
}

static void
check (AviMultiaddr *address, const GError *error)
{
  g_assert ((address == NULL) == (error != NULL));
  if (address == NULL)
    {
      g_assert (g_utf8_validate (error->message, -1, NULL));
      return;
    }
  check_forms (address);
  check_walk (address);
  check_peer (address);
  check_socket (address);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  g_autofree char *text = g_strndup ((const char *) data, size);
  g_autoptr(GError) bytes_error = NULL, text_error = NULL;
  g_autoptr(AviMultiaddr) from_bytes = avi_multiaddr_decode (AVI_SPAN (data, size), &bytes_error);
  g_autoptr(AviMultiaddr) from_text = avi_multiaddr_parse (text, &text_error);

  check (from_bytes, bytes_error);
  check (from_text, text_error);
  if (from_bytes != NULL)
    g_assert (avi_span_equal (avi_multiaddr_get_bytes (from_bytes), AVI_SPAN (data, size)));
  return 0;
}
