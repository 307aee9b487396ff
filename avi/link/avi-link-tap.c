/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "link/avi-link-tap.h"

/* A record's head; its bytes follow. */
typedef struct
{
  gsize    len;
  gboolean said;
} Head;

void
avi_link_tap_init (AviLinkTap *self, gsize limit)
{
  avi_writer_init (&self->records, limit);
  avi_link_tap_reset (self);
}

void
avi_link_tap_clear (AviLinkTap *self)
{
  avi_writer_clear (&self->records);
}

void
avi_link_tap_reset (AviLinkTap *self)
{
  avi_writer_truncate (&self->records, 0);
  self->last = G_MAXSIZE;
  self->lost[FALSE] = self->lost[TRUE] = 0;
}

void
avi_link_tap_put (AviLinkTap *self, gboolean said, AviSpan bytes)
{
  Head head = { .len = bytes.len, .said = said != FALSE };

  if (bytes.len == 0)
    return;
  self->last = G_MAXSIZE;
  if (bytes.len > G_MAXSIZE - sizeof head || sizeof head + bytes.len > avi_writer_get_room (&self->records))
    {
      self->lost[head.said] += bytes.len;
      return;
    }
  self->last = self->records.len;
  avi_writer_put (&self->records, AVI_SPAN (&head, sizeof head));
  avi_writer_put (&self->records, bytes);
}

void
avi_link_tap_take_back (AviLinkTap *self, gsize n)
{
  Head head;

  if (self->last == G_MAXSIZE)
    return;
  memcpy (&head, self->records.data + self->last, sizeof head);
  head.len -= MIN (n, head.len);
  memcpy (self->records.data + self->last, &head, sizeof head);
  avi_writer_truncate (&self->records, self->last + (head.len > 0 ? sizeof head + head.len : 0));
  if (head.len == 0)
    self->last = G_MAXSIZE;
}

gboolean
avi_link_tap_next (const AviLinkTap *self, gsize *offset, AviLinkTapRecord *record)
{
  Head head;

  if (*offset >= self->records.len)
    return FALSE;
  memcpy (&head, self->records.data + *offset, sizeof head);
  record->said = head.said;
  record->bytes = AVI_SPAN (self->records.data + *offset + sizeof head, head.len);
  *offset += sizeof head + head.len;
  return TRUE;
}
