/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "avi-message-private.h"
#include "crypto/avi-key.h"
#include "engine/avi-event-queue.h"

static AviPeerInfo *
make_info (guint seed)
{
  AviPeerInfo *info = g_new0 (AviPeerInfo, 1);

  avi_ref_count_init (&info->ref_count);
  info->peer.len = 3;
  info->peer.bytes[1] = (guint8) (seed >> 8);
  info->peer.bytes[2] = (guint8) seed;
  info->id = g_strdup_printf ("peer-%u", seed);
  info->name = g_strdup (info->id);
  return info;
}

static void
push_peer (AviEventQueue *queue,
           AviEventType   type,
           guint          seed)
{
  g_autoptr(AviPeerInfo) info = make_info (seed);

  avi_event_queue_push (queue, avi_event_new_for_peer (type, info));
}

/* The types in the order in which they come, "c" for connected and so on. */
static char *
take_as_text (AviEventQueue *queue)
{
  static const char letters[] = "!+-sasTcdxfIm";
  GString *text = g_string_new (NULL);
  AviEvent *next;

  for (AviEvent *event = avi_event_queue_take (queue); event != NULL; event = next)
    {
      next = event->next;
      switch (event->type)
        {
        case AVI_EVENT_PEER_DISCOVERED:
          g_string_append_c (text, 'k');
          break;
        case AVI_EVENT_PEER_CONNECTED:
          g_string_append_c (text, 'c');
          break;
        case AVI_EVENT_PEER_DISCONNECTED:
          g_string_append_c (text, 'd');
          break;
        case AVI_EVENT_PEER_CHANGED:
          g_string_append_c (text, 'x');
          break;
        case AVI_EVENT_PEER_FORGOTTEN:
          g_string_append_c (text, 'f');
          break;
        case AVI_EVENT_MESSAGE:
          g_string_append (text, avi_message_get_text (event->message));
          break;
        default:
          g_string_append_c (text, letters[event->type]);
          break;
        }
      avi_event_free (event);
    }
  return g_string_free (text, FALSE);
}

static void
assert_taken (AviEventQueue *queue,
              const char    *expected)
{
  g_autofree char *text = take_as_text (queue);

  g_assert_cmpstr (text, ==, expected);
}

static void
test_order (void)
{
  AviEventQueue *queue = avi_event_queue_new ();

  push_peer (queue, AVI_EVENT_PEER_DISCOVERED, 1);
  push_peer (queue, AVI_EVENT_PEER_CONNECTED, 1);
  push_peer (queue, AVI_EVENT_PEER_CHANGED, 1);
  push_peer (queue, AVI_EVENT_PEER_CONNECTED, 2);
  assert_taken (queue, "kcxc");
  assert_taken (queue, "");
  avi_event_queue_unref (queue);
}

static void
test_changes_collapse (void)
{
  AviEventQueue *queue = avi_event_queue_new ();

  for (guint i = 0; i < 10000; i++)
    push_peer (queue, AVI_EVENT_PEER_CHANGED, (guint8) (i % 3));
  assert_taken (queue, "xxx");
  avi_event_queue_unref (queue);
}

static void
test_flapping (void)
{
  AviEventQueue *queue = avi_event_queue_new ();

  /* A disconnect followed by a connect stays visible as both. */
  push_peer (queue, AVI_EVENT_PEER_DISCONNECTED, 1);
  push_peer (queue, AVI_EVENT_PEER_CONNECTED, 1);
  assert_taken (queue, "dc");
  /* And a peer that flaps while nobody looks takes no more than that. */
  for (guint i = 0; i < 1000; i++)
    {
      push_peer (queue, AVI_EVENT_PEER_DISCONNECTED, 1);
      push_peer (queue, AVI_EVENT_PEER_CONNECTED, 1);
    }
  assert_taken (queue, "dc");
  for (guint i = 0; i < 1001; i++)
    push_peer (queue, i % 2 == 0 ? AVI_EVENT_PEER_CONNECTED : AVI_EVENT_PEER_DISCONNECTED, 1);
  assert_taken (queue, "c");
  avi_event_queue_unref (queue);
}

static void
push_text (AviEventQueue *queue,
           AviInbox      *inbox,
           const char    *text)
{
  g_autoptr(GBytes) data = g_bytes_new (text, strlen (text));
  g_autoptr(AviMessage) message = avi_message_new ("topic", NULL, 0, data, 0);

  avi_event_queue_push (queue, avi_event_new_message (inbox, message));
}

/* 5,000 that come and go while the program is busy, and one that it knows. */
static void
test_strangers (void)
{
  AviEventQueue *queue = avi_event_queue_new ();
  g_autofree char *text = NULL;

  push_peer (queue, AVI_EVENT_PEER_DISCOVERED, 0);
  assert_taken (queue, "k");
  for (guint i = 1; i <= 5000; i++)
    {
      push_peer (queue, AVI_EVENT_PEER_DISCOVERED, i);
      push_peer (queue, AVI_EVENT_PEER_CONNECTED, i);
      push_peer (queue, AVI_EVENT_PEER_CHANGED, i);
      push_peer (queue, AVI_EVENT_PEER_DISCONNECTED, i);
      push_peer (queue, AVI_EVENT_PEER_FORGOTTEN, i);
    }
  push_peer (queue, AVI_EVENT_PEER_FORGOTTEN, 0);
  text = take_as_text (queue);
  g_assert_cmpuint (strlen (text), ==, 5 * 1024 + 1);
  g_assert_true (g_str_has_prefix (text, "kcxdf"));
  g_assert_true (g_str_has_suffix (text, "kcxdff"));
  avi_event_queue_unref (queue);
}

static void
test_inbox_count (void)
{
  AviEventQueue *queue = avi_event_queue_new ();
  AviInbox *inbox = avi_inbox_new (queue, "topic", 3, 1000);
  AviInbox *other = avi_inbox_new (queue, "topic", 3, 1000);

  push_text (queue, other, "o");
  for (guint i = 0; i < 10; i++)
    push_text (queue, inbox, (char[]){ (char) ('0' + i), '\0' });
  g_assert_cmpuint (avi_inbox_get_dropped (inbox), ==, 7);
  g_assert_cmpuint (avi_inbox_get_dropped (other), ==, 0);
  assert_taken (queue, "o789");
  push_text (queue, inbox, "a");
  assert_taken (queue, "a");
  avi_inbox_unref (inbox);
  avi_inbox_unref (other);
  avi_event_queue_unref (queue);
}

static void
test_inbox_bytes (void)
{
  AviEventQueue *queue = avi_event_queue_new ();
  AviInbox *inbox = avi_inbox_new (queue, "topic", 1000, 10);

  push_text (queue, inbox, "12345");
  push_text (queue, inbox, "67890");
  push_text (queue, inbox, "abc");
  g_assert_cmpuint (avi_inbox_get_dropped (inbox), ==, 1);
  avi_inbox_set_limits (inbox, 1000, 3);
  g_assert_cmpuint (avi_inbox_get_dropped (inbox), ==, 2);
  assert_taken (queue, "abc");
  avi_inbox_unref (inbox);
  avi_event_queue_unref (queue);
}

static void
test_inbox_closed (void)
{
  AviEventQueue *queue = avi_event_queue_new ();
  AviInbox *inbox = avi_inbox_new (queue, "topic", 10, 100);

  push_text (queue, inbox, "1");
  push_peer (queue, AVI_EVENT_PEER_CONNECTED, 1);
  push_text (queue, inbox, "2");
  avi_inbox_close (inbox);
  push_text (queue, inbox, "3");
  g_assert_cmpuint (avi_inbox_get_dropped (inbox), ==, 0);
  assert_taken (queue, "c");
  avi_inbox_unref (inbox);
  avi_event_queue_unref (queue);
}

static void
count_wake (gpointer user_data)
{
  (*(guint *) user_data)++;
}

static void
test_wakes (void)
{
  AviEventQueue *queue = avi_event_queue_new ();
  guint n = 0;

  avi_event_queue_set_wake (queue, count_wake, &n);
  for (guint i = 0; i < 1000; i++)
    push_peer (queue, AVI_EVENT_PEER_CHANGED, (guint8) i);
  g_assert_cmpuint (n, ==, 1);
  g_free (take_as_text (queue));
  push_peer (queue, AVI_EVENT_PEER_CHANGED, 1);
  g_assert_cmpuint (n, ==, 2);
  avi_event_queue_set_wake (queue, NULL, NULL);
  g_free (take_as_text (queue));
  push_peer (queue, AVI_EVENT_PEER_CHANGED, 1);
  g_assert_cmpuint (n, ==, 2);
  avi_event_queue_unref (queue);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/event-queue/tells what happened first first", test_order);
  g_test_add_func ("/event-queue/changes of a peer collapse to the newest", test_changes_collapse);
  g_test_add_func ("/event-queue/a reconnect shows as both, flapping as no more", test_flapping);
  g_test_add_func ("/event-queue/strangers without end leave a bounded number", test_strangers);
  g_test_add_func ("/event-queue/messages over the count go, oldest first, and are counted", test_inbox_count);
  g_test_add_func ("/event-queue/messages over the bytes go, oldest first, and are counted", test_inbox_bytes);
  g_test_add_func ("/event-queue/a closed inbox holds nothing", test_inbox_closed);
  g_test_add_func ("/event-queue/a thousand events are one wake-up", test_wakes);
  return g_test_run ();
}
