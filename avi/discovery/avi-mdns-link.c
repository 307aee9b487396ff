/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "discovery/avi-mdns-link.h"

#define MILLISECOND    G_GINT64_CONSTANT (1000)
#define SECOND         G_GINT64_CONSTANT (1000000)

#define FIRST_INTERVAL (4 * SECOND)   /* after the train */
#define LAST_INTERVAL  (300 * SECOND)
#define RATE           SECOND         /* between two multicasts of a record */
#define RATE_PROBED    (250 * MILLISECOND)

#define ALL_KINDS      (AVI_MDNS_BIT (AVI_MDNS_N_KINDS) - 1)

/* Long before any time that a caller may hand in, but with room to add to. */
#define NEVER          (G_MININT64 / 2)

static const gint64 train[] = { 0, 250 * MILLISECOND, 500 * MILLISECOND, 1 * SECOND, 2 * SECOND };

void
avi_mdns_link_unwant (AviMdnsLink *self,
                      guint        bits)
{
  for (guint kind = 0; kind < AVI_MDNS_N_KINDS; kind++)
    {
      if ((bits & AVI_MDNS_BIT (kind)) != 0)
        self->due[kind] = G_MAXINT64;
    }
}

void
avi_mdns_link_init (AviMdnsLink *self)
{
  *self = (AviMdnsLink) { .queried_at = NEVER };
  for (guint kind = 0; kind < AVI_MDNS_N_KINDS; kind++)
    self->sent_at[kind] = NEVER;
  avi_mdns_link_stop (self);
}

void
avi_mdns_link_start (AviMdnsLink *self,
                     gint64       now)
{
  self->up = TRUE;
  self->bye = FALSE;
  self->started = now;
  self->step = 0;
  self->query_at = G_MAXINT64;
  self->interval = FIRST_INTERVAL;
}

void
avi_mdns_link_stop (AviMdnsLink *self)
{
  self->up = FALSE;
  self->bye = self->query = self->announce = FALSE;
  self->step = G_N_ELEMENTS (train);
  self->query_at = G_MAXINT64;
  avi_mdns_link_unwant (self, ALL_KINDS);
}

void
avi_mdns_link_query (AviMdnsLink *self,
                     gint64       at,
                     gint64       spacing,
                     gboolean     again)
{
  if (!self->up)
    return;
  self->query_at = MIN (self->query_at, MAX (at, self->queried_at + spacing));
  if (again)
    self->interval = FIRST_INTERVAL;
}

/* A quarter more than the interval at most, so that those who started together do not stay together. */
static void
avi_mdns_link_schedule_query (AviMdnsLink *self,
                              gint64       now,
                              AviRandom   *random)
{
  self->query_at = now + self->interval + avi_random_below (random, self->interval / 4);
  self->interval = MIN (self->interval * 2, LAST_INTERVAL);
}

void
avi_mdns_link_overheard (AviMdnsLink *self,
                         gint64       now,
                         AviRandom   *random)
{
  if (self->up && self->step == G_N_ELEMENTS (train))
    avi_mdns_link_schedule_query (self, now, random);
}

void
avi_mdns_link_want (AviMdnsLink *self,
                    guint        bits,
                    gint64       at,
                    gboolean     probe)
{
  for (guint kind = 0; kind < AVI_MDNS_N_KINDS; kind++)
    {
      if ((bits & AVI_MDNS_BIT (kind)) != 0)
        self->due[kind] = MIN (self->due[kind], MAX (at, self->sent_at[kind] + (probe ? RATE_PROBED : RATE)));
    }
}

gboolean
avi_mdns_link_is_fresh (const AviMdnsLink *self,
                        AviMdnsKind        kind,
                        gint64             now)
{
  return now - self->sent_at[kind] <= avi_mdns_kind_get_ttl (kind) * SECOND / 4;
}

static void
avi_mdns_link_mark_sent (AviMdnsLink *self,
                         guint        bits,
                         gint64       now)
{
  for (guint kind = 0; kind < AVI_MDNS_N_KINDS; kind++)
    {
      if ((bits & AVI_MDNS_BIT (kind)) == 0)
        continue;
      self->sent_at[kind] = now;
      self->due[kind] = G_MAXINT64;
    }
}

/* The steps of the train that are due, late ones together, and the query beside it. */
static void
avi_mdns_link_advance (AviMdnsLink *self,
                       gint64       now,
                       AviRandom   *random)
{
  gboolean stepped = FALSE;

  while (self->step < G_N_ELEMENTS (train) && self->started + train[self->step] <= now)
    {
      self->step++;
      stepped = TRUE;
    }
  if (stepped)
    self->announce = TRUE;
  if (!stepped && self->query_at > now)
    return;

  self->query = TRUE;
  self->query_at = G_MAXINT64;
  if (self->step == G_N_ELEMENTS (train))
    avi_mdns_link_schedule_query (self, now, random);
}

static guint
avi_mdns_link_get_due (const AviMdnsLink *self,
                       gint64             now)
{
  guint bits = 0;

  for (guint kind = 0; kind < AVI_MDNS_N_KINDS; kind++)
    {
      if (self->due[kind] <= now)
        bits |= AVI_MDNS_BIT (kind);
    }
  return bits;
}

AviMdnsLinkAction
avi_mdns_link_next (AviMdnsLink *self,
                    gboolean     announces,
                    gint64       now,
                    AviRandom   *random,
                    guint       *bits)
{
  *bits = 0;
  if (self->bye)
    {
      self->bye = FALSE;
      return AVI_MDNS_LINK_BYE;
    }
  if (!self->up)
    return AVI_MDNS_LINK_SILENT;

  avi_mdns_link_advance (self, now, random);
  if (self->query)
    {
      self->query = FALSE;
      self->queried_at = now;
      return AVI_MDNS_LINK_QUERY;
    }
  if (!announces)
    {
      self->announce = FALSE;
      avi_mdns_link_unwant (self, ALL_KINDS);
      return AVI_MDNS_LINK_SILENT;
    }

  *bits = avi_mdns_link_get_due (self, now);
  if (self->announce || (*bits & AVI_MDNS_BIT (AVI_MDNS_PTR)) != 0)
    {
      /* The details go out even where one of them was sent within the second: others take the PTR
       * only together with its TXT. */
      self->announce = FALSE;
      *bits = AVI_MDNS_BIT (AVI_MDNS_PTR) | AVI_MDNS_DETAILS;
      avi_mdns_link_mark_sent (self, *bits, now);
      return AVI_MDNS_LINK_ANNOUNCE;
    }
  if ((*bits & AVI_MDNS_BIT (AVI_MDNS_META)) != 0)
    {
      *bits = AVI_MDNS_BIT (AVI_MDNS_META);
      avi_mdns_link_mark_sent (self, *bits, now);
      return AVI_MDNS_LINK_META;
    }
  avi_mdns_link_mark_sent (self, *bits, now);
  return *bits != 0 ? AVI_MDNS_LINK_ANSWER : AVI_MDNS_LINK_SILENT;
}

gint64
avi_mdns_link_get_deadline (const AviMdnsLink *self)
{
  gint64 deadline = self->query_at;

  if (self->bye || self->query || self->announce)
    return G_MININT64;
  if (self->step < G_N_ELEMENTS (train))
    deadline = MIN (deadline, self->started + train[self->step]);
  for (guint kind = 0; kind < AVI_MDNS_N_KINDS; kind++)
    deadline = MIN (deadline, self->due[kind]);
  return deadline;
}
