/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * AviArrival: a message that came and is not done with: how far it is, and which peers sent it, so that none of them
 * gets it back, and each answers for it where it turns out to be wrong. By value. Used by the router's files only.
 */
#pragma once

#include "avi-gossip-message.h"

G_BEGIN_DECLS

#define AVI_ARRIVAL_MAX_HOLDERS 16

typedef enum
{
  AVI_ARRIVAL_NEW,       /* nobody was told of it */
  AVI_ARRIVAL_DELIVERED, /* what is missing is its signature's check, before it is forwarded */
  AVI_ARRIVAL_KEPT       /* likewise, before it is gossiped about */
} AviArrivalStage;

typedef struct
{
  AviGossipMessage *message;
  AviArrivalStage stage;
  gboolean praised; /* whoever sent it first has been given the merit */
  guint n_holders;
  guint64 holders[AVI_ARRIVAL_MAX_HOLDERS]; /* serials of peers that sent it, the first one first */
} AviArrival;

/* Takes a reference on @message. */
void avi_arrival_init (AviArrival *self, AviGossipMessage *message, guint64 peer);
/* @from is empty afterwards. */
void avi_arrival_move (AviArrival *self, AviArrival *from);
void avi_arrival_clear (AviArrival *self);

/* It came from @peer, too. */
void avi_arrival_hold (AviArrival *self, guint64 peer);
gboolean avi_arrival_is_held_by (const AviArrival *self, guint64 peer);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (AviArrival, avi_arrival_clear)

G_END_DECLS
