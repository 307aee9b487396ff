/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Multicast sockets of one interface each, in a network namespace of the program's own.
 */
#include "config.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <unistd.h>

#include "avi-error.h"
#include "clock.h"
#include "discovery/avi-mdns.h"
#include "engine/avi-lan-socket.h"
#include "netns.h"

#define RATE 1000 /* packets a second */

typedef struct
{
  AviLanSocket *socket;
  guint packets;
  struct sockaddr_storage from;
} Heard;

typedef struct
{
  GMainContext *context;
  AviLoop *loop;
  struct sockaddr_storage group;
  Heard v0, w0;
} Fixture;

static void
woken (gpointer user_data)
{
}

static void
socket_ready (gpointer user_data, AviLanSocket *socket)
{
  Heard *heard = user_data;
  guint8 bytes[100];
  struct sockaddr_storage from;
  AviSpan packet;

  while (avi_lan_socket_receive (socket, AVI_SPAN (bytes, sizeof bytes), &packet, &from))
    {
      heard->packets++;
      heard->from = from;
    }
}

static AviLanSocket *
open_on (Fixture *fixture, const char *interface, Heard *heard, GError **error)
{
  heard->socket = avi_lan_socket_new (fixture->loop, if_nametoindex (interface), AF_INET, socket_ready, heard, error);
  return heard->socket;
}

static void
set_up (Fixture *fixture, gconstpointer data)
{
  struct sockaddr_in *group = (struct sockaddr_in *) &fixture->group;

  for (const char *name = "vw"; *name != '\0'; name++)
    {
      netns_ip ("link add %c0 type veth peer name %c1", *name, *name);
      netns_ip ("link set %c0 up", *name);
      netns_ip ("link set %c1 up", *name);
      netns_ip ("addr add 10.%d.0.1/24 dev %c0", *name == 'v' ? 1 : 7, *name);
    }
  group->sin_family = AF_INET;
  group->sin_port = htons (AVI_MDNS_PORT);
  inet_pton (AF_INET, AVI_MDNS_GROUP_IP4, &group->sin_addr);
  fixture->context = g_main_context_new ();
  fixture->loop = avi_loop_new (fixture->context, woken, NULL);
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  g_clear_pointer (&fixture->v0.socket, avi_lan_socket_free);
  g_clear_pointer (&fixture->w0.socket, avi_lan_socket_free);
  avi_loop_free (fixture->loop);
  g_main_context_unref (fixture->context);
  netns_ip ("link del v0");
  netns_ip ("link del w0");
}

static void
send_to_group (Fixture *fixture, Heard *from, gsize len)
{
  guint8 bytes[200] = { 0 };

  g_assert_true (avi_lan_socket_send (from->socket, &fixture->group, AVI_SPAN (bytes, len)));
}

/* Until all that was sent is read that will be. */
static void
iterate (Fixture *fixture)
{
  for (guint i = 0; i < 3; i++)
    {
      avi_loop_wake (fixture->loop);
      while (g_main_context_iteration (fixture->context, FALSE))
        continue;
    }
}

static guint32
get_source (const Heard *heard)
{
  return ntohl (((const struct sockaddr_in *) &heard->from)->sin_addr.s_addr);
}

/* What is too long is passed over. */
static void
test_interface (Fixture *fixture, gconstpointer data)
{
  g_assert_nonnull (open_on (fixture, "v0", &fixture->v0, NULL));
  g_assert_nonnull (open_on (fixture, "w0", &fixture->w0, NULL));
  g_assert_cmpuint (avi_lan_socket_get_ifindex (fixture->w0.socket), ==, if_nametoindex ("w0"));
  send_to_group (fixture, &fixture->w0, 200);
  send_to_group (fixture, &fixture->w0, 2);
  send_to_group (fixture, &fixture->v0, 2);
  for (guint i = 0; i < 10000 && (fixture->v0.packets == 0 || fixture->w0.packets == 0); i++)
    {
      iterate (fixture);
      g_usleep (1000);
    }
  g_assert_cmpuint (fixture->v0.packets, ==, 1);
  g_assert_cmpuint (fixture->w0.packets, ==, 1);
  g_assert_cmphex (get_source (&fixture->v0), ==, 0x0a010001);
  g_assert_cmphex (get_source (&fixture->w0), ==, 0x0a070001);
}

static void
flood (Fixture *fixture, guint n)
{
  for (guint i = 0; i < n; i++)
    {
      send_to_group (fixture, &fixture->v0, 2);
      iterate (fixture);
    }
}

/* What lies at the kernel meanwhile is as much as it holds, a hundred at least. */
static void
test_rate (Fixture *fixture, gconstpointer data)
{
  clock_stop ();
  g_assert_nonnull (open_on (fixture, "v0", &fixture->v0, NULL));
  flood (fixture, 3 * RATE);
  g_assert_cmpuint (fixture->v0.packets, >=, RATE);
  g_assert_cmpuint (fixture->v0.packets, <=, RATE + 1);
  clock_advance (G_USEC_PER_SEC / 10);
  iterate (fixture);
  g_assert_cmpuint (fixture->v0.packets, >, RATE + 1);
  flood (fixture, RATE);
  g_assert_cmpuint (fixture->v0.packets, >=, RATE + RATE / 10);
  g_assert_cmpuint (fixture->v0.packets, <=, RATE + RATE / 10 + 1);
  clock_go_on ();
}

static void
test_taken (Fixture *fixture, gconstpointer data)
{
  struct sockaddr_in all = { .sin_family = AF_INET, .sin_port = htons (AVI_MDNS_PORT) };
  int fd = socket (AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  g_autoptr(GError) error = NULL;

  g_assert_cmpint (bind (fd, (struct sockaddr *) &all, sizeof all), ==, 0);
  g_assert_null (open_on (fixture, "v0", &fixture->v0, &error));
  g_assert_error (error, AVI_ERROR, AVI_ERROR_ALREADY_EXISTS);
  g_assert_nonnull (strstr (error->message, "v0"));
  close (fd);
  g_assert_nonnull (open_on (fixture, "v0", &fixture->v0, NULL));
}

#define ADD(path, func) g_test_add (path, Fixture, NULL, set_up, func, tear_down)

int
main (int argc, char **argv)
{
  const char *why = NULL;
  gboolean entered = netns_enter (&why);

  g_test_init (&argc, &argv, NULL);
  if (!entered)
    {
      g_print ("1..0 # SKIP %s\n", why);
      return 0;
    }
  netns_ip ("link set lo up");
  ADD ("/lan-socket/sends from its interface's address, and hears that interface only", test_interface);
  ADD ("/lan-socket/a flood is read at the rate allowed, a second's worth at once", test_rate);
  ADD ("/lan-socket/a port that another program has for itself is an error of its own", test_taken);
  return g_test_run ();
}
