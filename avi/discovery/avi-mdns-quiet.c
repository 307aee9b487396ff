/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "discovery/avi-mdns-quiet.h"

/* Nobody looks that late, unless the machine slept or the interface was down: what was asked before is void. */
#define TOO_LATE (10 * G_USEC_PER_SEC)

/* When one and then all are asked, from the first time on: packets are lost. */
static const gint64 asking[] = { 0, 1 * G_USEC_PER_SEC, 3 * G_USEC_PER_SEC };

gboolean
avi_mdns_quiet_heard (AviMdnsQuiet *self,
                      gint64        now)
{
  gboolean news = !self->heard || self->quiet;

  self->heard = TRUE;
  self->heard_at = now;
  self->n_asked = 0;
  self->quiet = FALSE;
  return news;
}

AviMdnsList
avi_mdns_quiet_get_list (const AviMdnsQuiet *self,
                         gint64              now)
{
  if (!self->heard || now - self->heard_at < AVI_MDNS_QUIET_TIME)
    return AVI_MDNS_LIST_ALL;
  return self->n_asked <= 1 ? AVI_MDNS_LIST_BUT_ONE : AVI_MDNS_LIST_NONE;
}

gint64
avi_mdns_quiet_get_deadline (const AviMdnsQuiet *self)
{
  if (!self->heard || self->quiet)
    return G_MAXINT64;
  if (self->n_asked == 0)
    return self->heard_at + AVI_MDNS_QUIET_TIME;
  if (self->n_asked < G_N_ELEMENTS (asking))
    return self->asked_at + asking[self->n_asked];
  return self->asked_at + AVI_MDNS_ANSWER_TIME;
}

/* The wait for answers begins with the first question, not before: the machine may have slept. */
AviMdnsQuietAction
avi_mdns_quiet_next (AviMdnsQuiet *self,
                     gint64        now)
{
  if (avi_mdns_quiet_get_deadline (self) > now)
    return AVI_MDNS_QUIET_NOTHING;
  if (self->n_asked > 0 && now - self->asked_at > AVI_MDNS_ANSWER_TIME + TOO_LATE)
    self->n_asked = 0;
  if (self->n_asked == G_N_ELEMENTS (asking))
    {
      self->quiet = TRUE;
      return AVI_MDNS_QUIET_TELL;
    }
  if (self->n_asked++ == 0)
    self->asked_at = now;
  return AVI_MDNS_QUIET_ASK;
}
