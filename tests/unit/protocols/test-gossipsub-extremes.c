/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Each number of pub/sub at either end of its range: the router does whatever it then does, and its tables agree.
 */
#include "config.h"

#include "gossipsub-fixture.h"

#define LARGE 3000

static void
set_up (Gossip *g, const AviGossipsubParams *params)
{
  gossip_set_up_with (g, (AviGossipsubConfig) { .params = params });
  avi_gossipsub_subscribe (g->router, "chat", g->now);
  for (guint i = 1; i <= 6; i++)
    {
      gossip_add_speaking (g, i, i == 6 ? AVI_FLOODSUB_PROTOCOL : AVI_GOSSIPSUB_PROTOCOL_1_2);
      gossip_say_subscribe (g, i, "chat", TRUE);
    }
}

/* Of every kind, what is right and what is too much. */
static void
say_everything (Gossip *g)
{
  g_autofree char *large = g_strnfill (LARGE, 'x');
  g_autoptr(GBytes) known = gossip_plain_id (99, 1);
  g_autoptr(GBytes) unknown = gossip_plain_id (99, 77);
  ProtobufCBinaryData ids[] = { gossip_binary (known), gossip_binary (unknown) };

  for (guint i = 1; i <= 6; i++)
    {
      gossip_say_graft (g, i, "chat");
      gossip_say_message (g, i, 99, "chat", "small");
      gossip_say_message (g, i, 99, "chat", large);
      gossip_say_ihave (g, i, "chat", ids, G_N_ELEMENTS (ids));
      gossip_say_iwant (g, i, ids, G_N_ELEMENTS (ids));
      gossip_say_idontwant (g, i, ids, G_N_ELEMENTS (ids));
      gossip_wait (g, SECOND / 3);
      gossip_say_prune (g, i, "chat", i);
    }
}

/* FALSE: it does not go together with the others as they are. */
static gboolean
play (const char *name, double value)
{
  AviGossipsubParams params;
  Gossip g = { 0 };
  gboolean good;

  avi_gossipsub_params_init (&params);
  good = avi_gossipsub_params_set (&params, NULL, name, value, NULL) && avi_gossipsub_params_check (&params, NULL);
  if (good)
    {
      set_up (&g, &params);
      say_everything (&g);
      for (guint i = 0; i < 3; i++)
        {
          g_autoptr(GBytes) data = g_bytes_new ("ours", 4);

          avi_gossipsub_publish (g.router, i == 0 ? "news" : "chat", data, g.now, NULL);
          gossip_wait (&g, 2 * SECOND);
        }
      gossip_tear_down (&g, NULL);
    }
  avi_gossipsub_params_clear (&params);
  return good;
}

static void
test_ends (void)
{
  const char *name;
  gboolean unused;
  guint n_played = 0, n = 0;

  for (; (name = avi_gossipsub_params_get_name (n, &unused, &unused)) != NULL; n++)
    {
      double least, most;

      g_test_message ("%s", name);
      avi_gossipsub_params_get_range (n, &least, &most);
      n_played += play (name, least) + play (name, most);
    }
  g_assert_cmpuint (n_played, >, n); /* most go with the others as they are */
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/gossipsub-extremes/each number may be at either end of its range", test_ends);
  return g_test_run ();
}
