/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The data of records as Avahi passes it on, which is what somebody on the LAN sent: a name keeps
 * to the form that Avahi takes, and addresses to the limit and to one peer.
 */
#include "config.h"

#include <stdint.h>

#include "discovery/avi-avahi-browser.h"
#include "discovery/avi-dns.h"

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

static void
check_name (AviSpan data)
{
  g_autofree char *name = avi_avahi_parse_name (data);

  if (name == NULL)
    return;
  g_assert_cmpuint (data.len, <=, AVI_DNS_MAX_NAME_LEN);
  g_assert_cmpuint (strlen (name), >=, 1);
  g_assert_cmpuint (strlen (name), <=, 4 * AVI_DNS_MAX_NAME_LEN);
  for (const char *c = name; *c != '\0'; c++)
    g_assert_true (g_ascii_isgraph (*c) && !g_ascii_isupper (*c));
}

static void
check_texts (AviSpan data)
{
  AviPeerId peer = { 0 };
  g_autoptr(GPtrArray) addresses = avi_avahi_parse_texts (data, 7, &peer);

  if (addresses == NULL)
    return;
  g_assert_cmpuint (peer.len, >, 0);
  g_assert_cmpuint (addresses->len, >, 0);
  g_assert_cmpuint (addresses->len, <=, AVI_AVAHI_MAX_ADDRESSES);
  for (guint i = 0; i < addresses->len; i++)
    {
      struct sockaddr_storage storage;
      socklen_t len;
      AviPeerId none;

      g_assert_false (avi_multiaddr_is_loopback (addresses->pdata[i]));
      g_assert_false (avi_multiaddr_get_peer (addresses->pdata[i], &none));
      g_assert_true (avi_multiaddr_to_sockaddr (addresses->pdata[i], &storage, &len));
    }
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  check_name (AVI_SPAN (data, size));
  check_texts (AVI_SPAN (data, size));
  return 0;
}
