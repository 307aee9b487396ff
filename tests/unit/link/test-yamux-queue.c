/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "link/avi-yamux-queue.h"

static void
push (AviYamuxQueue *queue, const char *text)
{
  g_autoptr(GBytes) bytes = g_bytes_new (text, strlen (text));

  avi_yamux_queue_push (queue, bytes);
}

/* Into memory of just that size, so that the sanitizer sees a byte too many. */
static void
assert_taken (AviYamuxQueue *queue, const char *text)
{
  gsize n = strlen (text), before = queue->len;
  g_autofree guint8 *out = g_malloc (n);

  avi_yamux_queue_take (queue, out, n);
  g_assert_cmpmem (out, n, text, n);
  g_assert_cmpuint (queue->len, ==, before - n);
}

static void
test_order (void)
{
  AviYamuxQueue queue = { 0 };

  g_assert_cmpuint (queue.len, ==, 0);
  push (&queue, "hello ");
  push (&queue, "world");
  g_assert_cmpuint (queue.len, ==, 11);
  assert_taken (&queue, "hel");
  assert_taken (&queue, "lo wor"); /* across a chunk's end */
  push (&queue, "!");
  assert_taken (&queue, "ld!");
  g_assert_cmpuint (queue.chunks.length, ==, 0);

  /* To a chunk's end and no further: the next begins at its own beginning. */
  push (&queue, "ab");
  push (&queue, "cd");
  assert_taken (&queue, "ab");
  g_assert_cmpuint (queue.chunks.length, ==, 1);
  assert_taken (&queue, "cd");
}

static void
test_every_step (void)
{
  static const char text[] = "the quick brown fox jumps over the lazy dog";

  for (gsize chunk = 1; chunk < 10; chunk++)
    for (gsize step = 1; step < sizeof text; step++)
      {
        AviYamuxQueue queue = { 0 };

        for (gsize at = 0; at < strlen (text); at += chunk)
          {
            g_autofree char *part = g_strndup (text + at, chunk);

            push (&queue, part);
          }
        for (gsize at = 0; at < strlen (text); at += step)
          {
            g_autofree char *part = g_strndup (text + at, step);

            assert_taken (&queue, part);
          }
        g_assert_cmpuint (queue.len, ==, 0);
        g_assert_cmpuint (queue.chunks.length, ==, 0);
      }
}

static void
count_free (gpointer data)
{
  ++*(guint *) data;
}

static void
test_references (void)
{
  static const char text[] = "kept, not copied";
  AviYamuxQueue queue = { 0 };
  guint n_freed = 0;
  guint8 out[sizeof text];
  GBytes *bytes = g_bytes_new_with_free_func (text, strlen (text), count_free, &n_freed);

  avi_yamux_queue_push (&queue, bytes);
  avi_yamux_queue_push (&queue, bytes);
  g_bytes_unref (bytes);
  g_assert_true (g_bytes_get_data (g_queue_peek_head (&queue.chunks), NULL) == text);
  avi_yamux_queue_take (&queue, out, strlen (text));
  g_assert_cmpuint (n_freed, ==, 0);
  avi_yamux_queue_take (&queue, out, strlen (text));
  g_assert_cmpuint (n_freed, ==, 1);
}

static void
test_nothing (void)
{
  AviYamuxQueue queue = { 0 };

  push (&queue, "");
  g_assert_cmpuint (queue.len, ==, 0);
  g_assert_cmpuint (queue.chunks.length, ==, 0);
  avi_yamux_queue_take (&queue, NULL, 0);
  push (&queue, "a");
  push (&queue, "");
  push (&queue, "b");
  assert_taken (&queue, "ab");
}

static void
test_clear (void)
{
  AviYamuxQueue queue = { 0 };
  guint n_freed = 0;

  for (guint i = 0; i < 3; i++)
    {
      g_autoptr(GBytes) bytes = g_bytes_new_with_free_func ("xyz", 3, count_free, &n_freed);

      avi_yamux_queue_push (&queue, bytes);
    }
  assert_taken (&queue, "xyzx");
  avi_yamux_queue_clear (&queue);
  g_assert_cmpuint (n_freed, ==, 3);
  g_assert_cmpuint (queue.len, ==, 0);
  avi_yamux_queue_clear (&queue);

  /* As good as new, the part that was taken forgotten */
  push (&queue, "again");
  assert_taken (&queue, "again");
}

#define ADD(what, func) g_test_add_func ("/yamux-queue/" what, func)

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  ADD ("gives bytes in the order in which they came", test_order);
  ADD ("gives the same however it is filled and emptied", test_every_step);
  ADD ("keeps a reference until the last byte is taken", test_references);
  ADD ("keeps nothing of nothing", test_nothing);
  ADD ("is empty once cleared", test_clear);
  return g_test_run ();
}
