/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "avi-call-private.h"

struct _AviCall
{
  AviRefCount ref_count;
  gpointer    tag;
  void      (*answered) (AviCall *self, gpointer user_data);
  gpointer    answered_data;

  AviLock      lock; /* of what follows */
  gboolean     done;
  gint64       number;
  AviPeerInfo *peer;
  GError      *error;
};

AviCall *
avi_call_new (gpointer tag)
{
  AviCall *self = g_new0 (AviCall, 1);

  avi_ref_count_init (&self->ref_count);
  avi_lock_init (&self->lock);
  self->tag = tag;
  return self;
}

AviCall *
avi_call_new_notify (void   (*answered) (AviCall *self, gpointer user_data),
                     gpointer user_data)
{
  AviCall *self = avi_call_new (NULL);

  self->answered = answered;
  self->answered_data = user_data;
  return self;
}

AviCall *
avi_call_ref (AviCall *self)
{
  avi_ref_count_inc (&self->ref_count);
  return self;
}

void
avi_call_unref (AviCall *self)
{
  if (!avi_ref_count_dec (&self->ref_count))
    return;
  avi_lock_clear (&self->lock);
  g_clear_pointer (&self->peer, avi_peer_info_unref);
  g_clear_error (&self->error);
  g_free (self);
}

gpointer
avi_call_get_tag (AviCall *self)
{
  return self->tag;
}

gboolean
avi_call_answer (AviCall     *self,
                 gint64       number,
                 AviPeerInfo *peer,
                 GError      *error)
{
  gboolean first;

  avi_lock (&self->lock);
  first = !self->done;
  if (first)
    {
      self->done = TRUE;
      self->number = number;
      self->peer = peer != NULL ? avi_peer_info_ref (peer) : NULL;
      self->error = g_steal_pointer (&error);
      avi_signal (&self->lock);
    }
  avi_unlock (&self->lock);
  g_clear_error (&error);
  if (first && self->answered != NULL)
    self->answered (self, self->answered_data);
  return first;
}

gboolean
avi_call_is_done (AviCall *self)
{
  gboolean done;

  avi_lock (&self->lock);
  done = self->done;
  avi_unlock (&self->lock);
  return done;
}

gboolean
avi_call_get_result (AviCall      *self,
                     gint64       *number,
                     AviPeerInfo **peer,
                     GError      **error)
{
  gboolean success;

  avi_lock (&self->lock);
  g_assert (self->done);
  success = self->error == NULL;
  if (number != NULL)
    *number = self->number;
  if (peer != NULL)
    *peer = self->peer != NULL ? avi_peer_info_ref (self->peer) : NULL;
  if (!success && error != NULL)
    *error = g_error_copy (self->error);
  avi_unlock (&self->lock);
  return success;
}

void
avi_call_wait (AviCall *self)
{
  avi_call_wait_until (self, G_MAXINT64);
}

void
avi_call_wait_until (AviCall *self, gint64 deadline)
{
  avi_lock (&self->lock);
  while (!self->done && avi_wait (&self->lock, deadline))
    ;
  avi_unlock (&self->lock);
}
