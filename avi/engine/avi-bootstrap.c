/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "avi-bootstrap.h"

#include "avi-error.h"
#include "avi-swarm.h"

#define BACKOFF_FIRST (1 * (gint64) G_USEC_PER_SEC)
#define BACKOFF_MAX   (5 * 60 * (gint64) G_USEC_PER_SEC)

typedef struct
{
  AviBootstrap *bootstrap;
  AviMultiaddr *address;
  AviDial      *dial;
  AviTimer      timer;
  guint         failures;
  gboolean      done;     /* its peer is known, and is the swarm's from there on */
} Item;

struct _AviBootstrap
{
  AviEngine *engine;
  GPtrArray *items; /* of Item */
};

static void avi_bootstrap_try (AviTimer *timer, gint64 now);

static void
avi_bootstrap_item_free (Item *item)
{
  avi_loop_clear_timer (item->bootstrap->engine->loop, &item->timer);
  g_clear_pointer (&item->dial, avi_dial_cancel);
  avi_multiaddr_unref (item->address);
  g_free (item);
}

static gboolean
avi_bootstrap_is_possible (AviMultiaddr *address)
{
  g_autoptr(AviMultiaddr) bare = avi_multiaddr_without_peer (address);

  return bare != NULL && avi_dial_is_possible (bare);
}

AviBootstrap *
avi_bootstrap_new (AviEngine *engine,
                   GError   **error)
{
  g_autoptr(AviBootstrap) self = g_new0 (AviBootstrap, 1);

  self->engine = engine;
  self->items = g_ptr_array_new_with_free_func ((GDestroyNotify) avi_bootstrap_item_free);
  for (guint i = 0; engine->settings->bootstrap != NULL && engine->settings->bootstrap[i] != NULL; i++)
    {
      g_autoptr(AviMultiaddr) address = avi_multiaddr_parse (engine->settings->bootstrap[i], error);
      Item *item;

      if (address == NULL)
        {
          g_prefix_error (error, "Bootstrap peer “%s”: ", engine->settings->bootstrap[i]);
          return NULL;
        }
      if (!avi_bootstrap_is_possible (address))
        {
          g_set_error (error, AVI_ERROR, AVI_ERROR_INVALID_ARGUMENT, "Bootstrap peer “%s”: not an address over TCP",
                       engine->settings->bootstrap[i]);
          return NULL;
        }
      item = g_new0 (Item, 1);
      item->bootstrap = self;
      item->address = g_steal_pointer (&address);
      g_ptr_array_add (self->items, item);
    }
  return g_steal_pointer (&self);
}

void
avi_bootstrap_free (AviBootstrap *self)
{
  g_ptr_array_unref (self->items);
  g_free (self);
}

static void
avi_bootstrap_hand_over (Item            *item,
                         const AviPeerId *peer)
{
  AviSwarm *swarm = item->bootstrap->engine->swarm;
  g_autoptr(GPtrArray) addresses = g_ptr_array_new_with_free_func ((GDestroyNotify) avi_multiaddr_unref);

  item->done = TRUE;
  g_ptr_array_add (addresses, avi_multiaddr_ref (item->address));
  /* Several items may name one peer. */
  for (guint i = 0; i < item->bootstrap->items->len; i++)
    {
      Item *other = g_ptr_array_index (item->bootstrap->items, i);
      AviPeerId other_peer;

      if (other != item && avi_multiaddr_get_peer (other->address, &other_peer)
          && avi_peer_id_equal (&other_peer, peer))
        {
          g_ptr_array_add (addresses, avi_multiaddr_ref (other->address));
          other->done = TRUE;
        }
    }
  avi_swarm_found (swarm, peer, NULL, addresses, AVI_SOURCE_BOOTSTRAP);
}

static void
avi_bootstrap_tried (gpointer       user_data,
                     AviDial       *dial,
                     AviConnection *connection,
                     const GError  *error)
{
  Item *item = user_data;
  AviEngine *engine = item->bootstrap->engine;
  gint64 delay;

  item->dial = NULL;
  if (connection != NULL)
    {
      avi_bootstrap_hand_over (item, &connection->peer);
      return;
    }
  delay = MIN (BACKOFF_MAX, BACKOFF_FIRST << MIN (item->failures, 16));
  delay += (gint64) avi_random_below (engine->random, (guint32) (delay / 2)) - delay / 4;
  item->failures++;
  avi_loop_set_timer (engine->loop, &item->timer, avi_loop_now (engine->loop) + delay, avi_bootstrap_try);
}

static void
avi_bootstrap_try (AviTimer *timer,
                   gint64    now)
{
  Item *item = AVI_CONTAINER_OF (timer, Item, timer);

  item->dial = avi_swarm_dial_address (item->bootstrap->engine->swarm, item->address, avi_bootstrap_tried, item);
}

void
avi_bootstrap_start (AviBootstrap *self)
{
  for (guint i = 0; i < self->items->len; i++)
    {
      Item *item = g_ptr_array_index (self->items, i);
      AviPeerId peer;

      if (item->done)
        continue;
      if (avi_multiaddr_get_peer (item->address, &peer))
        avi_bootstrap_hand_over (item, &peer);
      else
        avi_bootstrap_try (&item->timer, 0);
    }
}

void
avi_bootstrap_forgive (AviBootstrap *self)
{
  for (guint i = 0; i < self->items->len; i++)
    {
      Item *item = g_ptr_array_index (self->items, i);

      item->failures = 0;
      if (!item->done && item->dial == NULL)
        avi_loop_set_timer (self->engine->loop, &item->timer, avi_loop_now (self->engine->loop), avi_bootstrap_try);
    }
}

gboolean
avi_bootstrap_has_moved (AviBootstrap       *self,
                         const AviMultiaddr *address)
{
  for (guint i = 0; i < self->items->len; i++)
    {
      Item *item = g_ptr_array_index (self->items, i);

      if (!avi_multiaddr_equal (item->address, address))
        continue;
      item->done = FALSE;
      avi_loop_set_timer (self->engine->loop, &item->timer, avi_loop_now (self->engine->loop) + BACKOFF_FIRST,
                          avi_bootstrap_try);
      return TRUE;
    }
  return FALSE;
}
