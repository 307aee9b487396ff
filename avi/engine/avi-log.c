/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "avi-log.h"

#include <string.h>

#define INTERVAL_FIRST ((gint64) 60 * G_USEC_PER_SEC)
#define INTERVAL_MAX   (60 * INTERVAL_FIRST)

/* Something that was said. */
typedef struct
{
  char  *text;
  char  *remote; /* where it happened last */
  guint  n;      /* times since it was told last */
  gint64 told;
  gint64 interval; /* from there until the count is told */
} Note;

typedef struct
{
  char  *name;
  char  *peer;
  GQueue notes; /* the one that happened last at the tail */
  GList  in_order;
} Subject;

struct _AviLog
{
  GHashTable *subjects; /* name → Subject */
  GQueue      order;    /* of them, the one said of last at the tail */
  GQueue      lines;    /* of AviLogLine, to be written */
};

/* --- lines --- */

void
avi_log_line_free (AviLogLine *line)
{
  g_free (line->peer);
  g_free (line->remote);
  g_free (line->text);
  g_free (line);
}

/* Takes @text. */
static void
avi_log_write (AviLog     *self,
               const char *peer,
               const char *remote,
               char       *text)
{
  AviLogLine *line = g_new (AviLogLine, 1);

  *line = (AviLogLine) { g_strdup (peer), g_strdup (remote), text };
  g_queue_push_tail (&self->lines, line);
}

AviLogLine *
avi_log_next (AviLog *self)
{
  return g_queue_pop_head (&self->lines);
}

/* --- what is remembered --- */

static void
avi_log_note_free (gpointer data)
{
  Note *note = data;

  g_free (note->text);
  g_free (note->remote);
  g_free (note);
}

static void
avi_log_tell_count (AviLog  *self,
                    Subject *subject,
                    Note    *note,
                    gint64   now)
{
  gint64 seconds = (now - note->told) / G_USEC_PER_SEC;
  g_autofree char *times = note->n == 1 ? g_strdup ("once") : g_strdup_printf ("%u times", note->n);
  g_autofree char *span = seconds < 120 ? g_strdup_printf ("%d s", (int) seconds)
                                        : g_strdup_printf ("%d min", (int) (seconds / 60));

  avi_log_write (self, subject->peer, note->remote, g_strdup_printf ("%s (%s more in %s)", note->text, times, span));
  note->n = 0;
  note->told = now;
  note->interval = MIN (2 * note->interval, INTERVAL_MAX);
}

static void
avi_log_tell_counts (AviLog  *self,
                     Subject *subject,
                     gint64   now)
{
  for (GList *link = subject->notes.head; link != NULL; link = link->next)
    if (((Note *) link->data)->n > 0)
      avi_log_tell_count (self, subject, link->data, now);
}

static void
avi_log_forget (AviLog  *self,
                Subject *subject)
{
  g_queue_unlink (&self->order, &subject->in_order);
  g_hash_table_remove (self->subjects, subject->name);
}

static void
avi_log_subject_free (gpointer data)
{
  Subject *subject = data;

  g_queue_clear_full (&subject->notes, avi_log_note_free);
  g_free (subject->name);
  g_free (subject->peer);
  g_free (subject);
}

static char *
avi_log_name_subject (const char *peer,
                      const char *remote)
{
  const char *port = remote != NULL ? strstr (remote, "/tcp/") : NULL;

  if (peer != NULL)
    return g_strdup (peer);
  if (port != NULL)
    return g_strndup (remote, (gsize) (port - remote));
  return g_strdup (remote != NULL ? remote : "");
}

/* Of which something is said now. */
static Subject *
avi_log_find_subject (AviLog     *self,
                      const char *peer,
                      const char *remote,
                      gint64      now)
{
  g_autofree char *name = avi_log_name_subject (peer, remote);
  Subject *subject = g_hash_table_lookup (self->subjects, name);

  if (subject != NULL)
    {
      g_queue_unlink (&self->order, &subject->in_order);
      g_queue_push_tail_link (&self->order, &subject->in_order);
      return subject;
    }
  if (self->order.length >= AVI_LOG_MAX_SUBJECTS)
    {
      avi_log_tell_counts (self, g_queue_peek_head (&self->order), now);
      avi_log_forget (self, g_queue_peek_head (&self->order));
    }
  subject = g_new0 (Subject, 1);
  subject->name = g_steal_pointer (&name);
  subject->peer = g_strdup (peer);
  subject->in_order.data = subject;
  g_queue_push_tail_link (&self->order, &subject->in_order);
  g_hash_table_insert (self->subjects, subject->name, subject);
  return subject;
}

static GList *
avi_log_find_note (Subject    *subject,
                   const char *text)
{
  for (GList *link = subject->notes.head; link != NULL; link = link->next)
    if (g_str_equal (((Note *) link->data)->text, text))
      return link;
  return NULL;
}

/* Nothing was heard of it for longer than its counts are apart: when it happens again it is news. */
static gboolean
avi_log_is_over (const Note *note,
                 gint64      now)
{
  return note->n == 0 && now - note->told > INTERVAL_MAX;
}

/* --- what happens --- */

static void
avi_log_remember (AviLog     *self,
                  Subject    *subject,
                  const char *remote,
                  const char *text,
                  gint64      now)
{
  Note *note = g_new0 (Note, 1);

  avi_log_tell_counts (self, subject, now);
  if (subject->notes.length >= AVI_LOG_MAX_NOTES)
    avi_log_note_free (g_queue_pop_head (&subject->notes));
  note->text = g_strdup (text);
  note->remote = g_strdup (remote);
  note->told = now;
  note->interval = INTERVAL_FIRST;
  g_queue_push_tail (&subject->notes, note);
  avi_log_write (self, subject->peer, remote, g_strdup (text));
}

void
avi_log_note (AviLog     *self,
              const char *peer,
              const char *remote,
              const char *text,
              gint64      now)
{
  Subject *subject = avi_log_find_subject (self, peer, remote, now);
  GList *link = avi_log_find_note (subject, text);
  Note *note;

  if (link != NULL && avi_log_is_over (link->data, now))
    {
      avi_log_note_free (link->data);
      g_queue_delete_link (&subject->notes, link);
      link = NULL;
    }
  if (link == NULL)
    {
      avi_log_remember (self, subject, remote, text, now);
      return;
    }
  g_queue_unlink (&subject->notes, link);
  g_queue_push_tail_link (&subject->notes, link);
  note = link->data;
  note->n++;
  g_free (note->remote);
  note->remote = g_strdup (remote);
  if (now - note->told >= note->interval)
    avi_log_tell_count (self, subject, note, now);
}

void
avi_log_state (AviLog     *self,
               const char *peer,
               const char *remote,
               const char *text,
               gint64      now)
{
  Subject *subject = avi_log_find_subject (self, peer, remote, now);

  avi_log_tell_counts (self, subject, now);
  avi_log_write (self, peer, remote, g_strdup (text));
  avi_log_forget (self, subject);
}

void
avi_log_tick (AviLog *self,
              gint64  now)
{
  for (GList *link = self->order.head; link != NULL; link = link->next)
    {
      Subject *subject = link->data;

      for (GList *note_link = subject->notes.head; note_link != NULL; note_link = note_link->next)
        {
          Note *note = note_link->data;

          if (note->n > 0 && now - note->told >= note->interval)
            avi_log_tell_count (self, subject, note, now);
        }
    }
}

void
avi_log_flush (AviLog *self,
               gint64  now)
{
  while (self->order.length > 0)
    {
      avi_log_tell_counts (self, g_queue_peek_head (&self->order), now);
      avi_log_forget (self, g_queue_peek_head (&self->order));
    }
}

gint64
avi_log_deadline (AviLog *self)
{
  gint64 deadline = G_MAXINT64;

  for (GList *link = self->order.head; link != NULL; link = link->next)
    for (GList *note_link = ((Subject *) link->data)->notes.head; note_link != NULL; note_link = note_link->next)
      {
        const Note *note = note_link->data;

        if (note->n > 0)
          deadline = MIN (deadline, note->told + note->interval);
      }
  return deadline;
}

/* --- life --- */

AviLog *
avi_log_new (void)
{
  AviLog *self = g_new0 (AviLog, 1);

  self->subjects = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, avi_log_subject_free);
  return self;
}

void
avi_log_free (AviLog *self)
{
  g_hash_table_unref (self->subjects);
  g_queue_clear_full (&self->lines, (GDestroyNotify) avi_log_line_free);
  g_free (self);
}
