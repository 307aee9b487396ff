/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

typedef struct
{
  AviDevice       *publisher;
  AviDevice       *subscriber;
  AviSubscription *subscription;
  GString         *told;    /* what the subscriber's program hears, each with a space */
  GString         *asked;   /* what its validator was asked about */
  AviVerdict       verdict; /* what that answers */
  GPtrArray       *kept;    /* of AviMessage: those it was asked about */
} Fixture;

static void
on_message (gpointer source, AviMessage *message, GString *told)
{
  g_string_append_printf (told, "%s ", avi_message_get_text (message));
}

static AviVerdict
on_validate (AviDevice *device, AviMessage *message, gpointer user_data)
{
  Fixture *fixture = user_data;

  g_assert_true (device == fixture->subscriber);
  g_string_append_printf (fixture->asked, "%s ", avi_message_get_text (message));
  g_ptr_array_add (fixture->kept, avi_message_ref (message));
  return fixture->verdict;
}

static void
set_up (Fixture *fixture, gconstpointer data)
{
  fixture->publisher = start_device ("publisher");
  fixture->subscriber = start_device ("subscriber");
  fixture->subscription = subscribe (fixture->subscriber, "x");
  fixture->told = g_string_new (NULL);
  fixture->asked = g_string_new (NULL);
  fixture->verdict = AVI_VERDICT_ACCEPT;
  fixture->kept = g_ptr_array_new_with_free_func ((GDestroyNotify) avi_message_unref);
  g_signal_connect (fixture->subscription, "message", G_CALLBACK (on_message), fixture->told);
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  g_object_unref (fixture->subscription);
  stop_device (fixture->publisher);
  stop_device (fixture->subscriber);
  g_object_unref (fixture->publisher);
  g_object_unref (fixture->subscriber);
  settle ();
  g_string_free (fixture->told, TRUE);
  g_string_free (fixture->asked, TRUE);
  g_ptr_array_unref (fixture->kept);
}

static void
meet (Fixture *fixture)
{
  g_autoptr(AviPeer) peer = connect_devices (fixture->publisher, fixture->subscriber);

  await_subscribers (fixture->publisher, "x", 1);
}

static void
publish (Fixture *fixture, const char *text)
{
  g_autoptr(GError) error = NULL;

  avi_device_publish_text (fixture->publisher, "x", text, &error);
  g_assert_no_error (error);
}

static void
set_validator (Fixture *fixture, GDestroyNotify destroy)
{
  g_autoptr(GError) error = NULL;

  g_assert_true (avi_device_set_validator (fixture->subscriber, "x", on_validate, fixture, destroy, &error));
  g_assert_no_error (error);
}

static guint64
count_of (AviDevice *device, const char *what)
{
  g_autoptr(GVariant) statistics = avi_device_get_statistics (device);
  guint64 n = 0;

  g_assert_true (g_variant_lookup (statistics, what, "t", &n));
  return n;
}

static guint64
dropped_on (AviDevice *device, AviDropReason reason)
{
  g_autoptr(AviTopicStatistics) statistics = avi_device_get_topic_statistics (device, "x");

  return avi_topic_statistics_get_dropped (statistics, reason);
}

static void
test_accept (Fixture *fixture, gconstpointer data)
{
  set_validator (fixture, NULL);
  meet (fixture);
  publish (fixture, "one");
  publish (fixture, "two");
  wait_until (g_str_has_suffix (fixture->told->str, "two "));
  g_assert_cmpstr (fixture->asked->str, ==, "one two ");
  g_assert_cmpstr (fixture->told->str, ==, "one two ");
}

static void
test_refuse (Fixture *fixture, gconstpointer data)
{
  set_validator (fixture, NULL);
  meet (fixture);
  fixture->verdict = AVI_VERDICT_REJECT;
  publish (fixture, "rejected");
  wait_until (count_of (fixture->subscriber, "messages-rejected") == 1);
  fixture->verdict = AVI_VERDICT_IGNORE;
  publish (fixture, "ignored");
  wait_until (count_of (fixture->subscriber, "messages-ignored") == 1);
  fixture->verdict = AVI_VERDICT_ACCEPT;
  publish (fixture, "accepted");
  wait_until (fixture->told->len > 0);
  g_assert_cmpstr (fixture->told->str, ==, "accepted ");
}

/* In another order, and each once. */
static void
test_later (Fixture *fixture, gconstpointer data)
{
  set_validator (fixture, NULL);
  meet (fixture);
  fixture->verdict = AVI_VERDICT_LATER;
  publish (fixture, "one");
  publish (fixture, "two");
  publish (fixture, "three");
  wait_until (fixture->kept->len == 3);
  avi_device_answer_message (fixture->subscriber, fixture->kept->pdata[2], AVI_VERDICT_LATER); /* none yet */
  avi_device_answer_message (fixture->subscriber, fixture->kept->pdata[2], AVI_VERDICT_ACCEPT);
  avi_device_answer_message (fixture->subscriber, fixture->kept->pdata[1], AVI_VERDICT_REJECT);
  avi_device_answer_message (fixture->subscriber, fixture->kept->pdata[1], AVI_VERDICT_ACCEPT); /* the first counts */
  avi_device_answer_message (fixture->subscriber, fixture->kept->pdata[0], AVI_VERDICT_ACCEPT);
  wait_until (g_str_has_suffix (fixture->told->str, "one "));
  g_assert_cmpstr (fixture->told->str, ==, "three one ");
  wait_until (count_of (fixture->subscriber, "messages-rejected") == 1);
}

static gpointer
answer_there (gpointer data)
{
  Fixture *fixture = data;

  avi_device_answer_message (fixture->subscriber, fixture->kept->pdata[0], AVI_VERDICT_ACCEPT);
  return NULL;
}

static void
test_thread (Fixture *fixture, gconstpointer data)
{
  if (is_unthreaded ())
    {
      g_test_skip ("a device without a thread is called from where its context is");
      return;
    }
  set_validator (fixture, NULL);
  meet (fixture);
  fixture->verdict = AVI_VERDICT_LATER;
  publish (fixture, "one");
  wait_until (fixture->kept->len == 1);
  g_thread_join (g_thread_new ("validator", answer_there, fixture));
  wait_until (fixture->told->len > 0);
}

static void
on_destroy (gpointer data)
{
  ((Fixture *) data)->verdict = AVI_VERDICT_LATER;
}

/* Removed, it is asked no more, and its data are let go. */
static void
test_remove (Fixture *fixture, gconstpointer data)
{
  set_validator (fixture, on_destroy);
  meet (fixture);
  publish (fixture, "one");
  wait_until (fixture->told->len > 0);
  g_assert_cmpint (fixture->verdict, ==, AVI_VERDICT_ACCEPT);
  g_assert_true (avi_device_set_validator (fixture->subscriber, "x", NULL, NULL, NULL, NULL));
  g_assert_cmpint (fixture->verdict, ==, AVI_VERDICT_LATER);
  publish (fixture, "two");
  wait_until (g_str_has_suffix (fixture->told->str, "two "));
  g_assert_cmpstr (fixture->asked->str, ==, "one ");
}

static AviVerdict
remove_itself (AviDevice *device, AviMessage *message, gpointer user_data)
{
  g_assert_true (avi_device_set_validator (device, "x", NULL, NULL, NULL, NULL));
  g_assert_cmpint (((Fixture *) user_data)->verdict, ==, AVI_VERDICT_ACCEPT); /* not let go under its feet */
  return AVI_VERDICT_ACCEPT;
}

static void
test_remove_itself (Fixture *fixture, gconstpointer data)
{
  g_assert_true (avi_device_set_validator (fixture->subscriber, "x", remove_itself, fixture, on_destroy, NULL));
  meet (fixture);
  publish (fixture, "one");
  wait_until (fixture->told->len > 0);
  g_assert_cmpint (fixture->verdict, ==, AVI_VERDICT_LATER);
}

/* A verdict on a message of the last run reaches none of this one. */
static void
test_restart (Fixture *fixture, gconstpointer data)
{
  g_autoptr(GError) error = NULL;

  set_validator (fixture, NULL);
  meet (fixture);
  fixture->verdict = AVI_VERDICT_LATER;
  publish (fixture, "before");
  wait_until (fixture->kept->len == 1);
  stop_device (fixture->subscriber);
  avi_device_start (fixture->subscriber, NULL, &error);
  g_assert_no_error (error);
  meet (fixture);
  publish (fixture, "after");
  wait_until (fixture->kept->len == 2);
  avi_device_answer_message (fixture->subscriber, fixture->kept->pdata[0], AVI_VERDICT_REJECT);
  avi_device_answer_message (fixture->subscriber, fixture->kept->pdata[1], AVI_VERDICT_ACCEPT);
  wait_until (fixture->told->len > 0);
  g_assert_cmpstr (fixture->told->str, ==, "after ");
  g_assert_cmpuint (count_of (fixture->subscriber, "messages-rejected"), ==, 0);
}

#define ROOM 512 /* of 1,024 places half are for one who sends */

/* A program that looks at nothing keeps what it may keep, and no more. */
static void
test_busy (Fixture *fixture, gconstpointer data)
{
  if (skip_unthreaded ())
    return;
  set_validator (fixture, NULL);
  meet (fixture);
  for (guint i = 0; i < 1100; i++)
    {
      g_autofree char *text = g_strdup_printf ("%u", i);

      publish (fixture, text);
    }
  while (count_of (fixture->subscriber, "messages-unjudged") + ROOM < 1100)
    g_usleep (1000);
  g_assert_cmpuint (fixture->asked->len, ==, 0);
  wait_until (fixture->kept->len == ROOM);
}

static void
assert_refuses_topics (AviDevice *device, gboolean validator)
{
  static const char *const topics[] = { "", "\xff" };

  for (guint i = 0; i < G_N_ELEMENTS (topics); i++)
    {
      g_autoptr(GError) error = NULL;

      if (validator)
        g_assert_false (avi_device_set_validator (device, topics[i], on_validate, NULL, NULL, &error));
      else
        g_assert_false (avi_device_set_topic_policy (device, topics[i], AVI_TOPIC_POLICY_UNSIGNED, &error));
      g_assert_error (error, AVI_ERROR, AVI_ERROR_INVALID_ARGUMENT);
    }
}

static void
test_limits (Fixture *fixture, gconstpointer data)
{
  g_autoptr(GError) error = NULL;

  assert_refuses_topics (fixture->subscriber, TRUE);
  assert_refuses_topics (fixture->subscriber, FALSE);
  for (guint i = 0; i < 1024; i++)
    {
      g_autofree char *topic = g_strdup_printf ("%u", i);

      g_assert_true (avi_device_set_topic_policy (fixture->subscriber, topic, AVI_TOPIC_POLICY_UNSIGNED, NULL));
    }
  g_assert_true (avi_device_set_validator (fixture->subscriber, "0", on_validate, fixture, NULL, NULL));
  g_assert_false (avi_device_set_validator (fixture->subscriber, "x", on_validate, fixture, on_destroy, &error));
  g_assert_error (error, AVI_ERROR, AVI_ERROR_LIMIT);
  g_assert_nonnull (strstr (error->message, "1024 topics"));
  g_assert_cmpint (fixture->verdict, ==, AVI_VERDICT_LATER); /* its data were let go */
  g_assert_true (avi_device_set_topic_policy (fixture->subscriber, "1", AVI_TOPIC_POLICY_SIGNED, NULL));
  g_assert_true (avi_device_set_validator (fixture->subscriber, "x", on_validate, fixture, NULL, NULL));
}

/* --- policies --- */

static void
on_unsigned (gpointer source, AviMessage *message, gpointer data)
{
  g_assert_null (avi_message_get_from (message));
  g_assert_cmpuint (avi_message_get_seqno (message), ==, 0);
}

static void
set_no_sign (AviDevice *device)
{
  g_autoptr(GError) error = NULL;

  g_assert_cmpint (avi_device_get_topic_policy (device, "x"), ==, AVI_TOPIC_POLICY_SIGNED);
  avi_device_set_topic_policy (device, "x", AVI_TOPIC_POLICY_UNSIGNED, &error);
  g_assert_no_error (error);
  g_assert_cmpint (avi_device_get_topic_policy (device, "x"), ==, AVI_TOPIC_POLICY_UNSIGNED);
}

typedef struct
{
  gboolean done;
  GError  *error;
} Ended;

static void
on_published (GObject *device, GAsyncResult *result, gpointer data)
{
  Ended *ended = data;

  avi_device_publish_finish (AVI_DEVICE (device), result, &ended->error);
  ended->done = TRUE;
}

static void
test_no_sign (Fixture *fixture, gconstpointer data)
{
  g_autoptr(GBytes) again = g_bytes_new ("on", 2);
  Ended ended = { FALSE, NULL };

  set_no_sign (fixture->publisher);
  set_no_sign (fixture->subscriber);
  g_signal_connect (fixture->subscription, "message", G_CALLBACK (on_unsigned), NULL);
  meet (fixture);
  publish (fixture, "on");
  publish (fixture, "off");
  wait_until (g_str_has_suffix (fixture->told->str, "off "));

  avi_device_publish_async (fixture->publisher, "x", again, AVI_PUBLISH_NONE, NULL, on_published, &ended);
  wait_until (ended.done);
  g_assert_error (ended.error, AVI_ERROR, AVI_ERROR_ALREADY_EXISTS);
  g_clear_error (&ended.error);
  for (guint i = 0; i < 4; i++) /* nobody is told of these, but they are counted */
    publish (fixture, "on");
  publish (fixture, "last");
  wait_until (g_str_has_suffix (fixture->told->str, "last "));
  g_assert_cmpuint (dropped_on (fixture->publisher, AVI_DROP_REASON_DUPLICATE), ==, 5);
  g_assert_cmpstr (fixture->told->str, ==, "on off last ");
}

static void
test_local (Fixture *fixture, gconstpointer data)
{
  g_autoptr(GBytes) text = g_bytes_new ("on", 2);

  set_no_sign (fixture->subscriber);
  g_signal_connect (fixture->subscription, "message", G_CALLBACK (on_unsigned), NULL);
  g_assert_cmpint (avi_device_publish_full (fixture->subscriber, "x", text, AVI_PUBLISH_LOCAL, NULL), ==, 0);
  wait_until (fixture->told->len > 0);
}

/* Those who are not configured alike hear nothing of each other, and that is counted. */
static void
test_unlike (Fixture *fixture, gconstpointer data)
{
  set_no_sign (fixture->publisher);
  meet (fixture);
  publish (fixture, "unsigned");
  wait_until (count_of (fixture->subscriber, "messages-invalid") == 1);
  g_assert_true (avi_device_set_topic_policy (fixture->publisher, "x", AVI_TOPIC_POLICY_SIGNED, NULL));
  publish (fixture, "signed");
  wait_until (fixture->told->len > 0);
  g_assert_cmpstr (fixture->told->str, ==, "signed ");
  g_assert_cmpuint (dropped_on (fixture->subscriber, AVI_DROP_REASON_INVALID), ==, 1);
}

#define ADD(path, test) g_test_add ("/device-topics/" path, Fixture, NULL, set_up, test, tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("a validator is asked about each message before it is heard", test_accept);
  ADD ("what a validator refuses is not heard, and counted", test_refuse);
  ADD ("a verdict may come later, once", test_later);
  ADD ("a verdict may come from another thread", test_thread);
  ADD ("a validator that is removed is asked no more, and its data are let go", test_remove);
  ADD ("a validator may remove itself", test_remove_itself);
  ADD ("a validator outlives stop and start, a verdict does not", test_restart);
  ADD ("what a busy program's validator was not asked about is bounded and counted", test_busy);
  ADD ("topics that are none are refused, and too many", test_limits);
  ADD ("messages of a topic without signatures have no author, and are one where they are alike", test_no_sign);
  ADD ("our own have none either", test_local);
  ADD ("those configured otherwise hear nothing of it", test_unlike);
  return g_test_run ();
}
