/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <pthread.h>

#include "avi-error.h"
#include "engine/avi-call-private.h"

static AviPeerInfo *
make_info (void)
{
  AviPeerInfo *info = g_new0 (AviPeerInfo, 1);

  avi_ref_count_init (&info->ref_count);
  info->id = g_strdup ("peer");
  return info;
}

static void
test_answer (void)
{
  int tag;
  g_autoptr(AviCall) call = avi_call_new (&tag);
  g_autoptr(AviPeerInfo) info = make_info ();
  g_autoptr(AviPeerInfo) peer = NULL;
  g_autoptr(GError) error = NULL;
  gint64 number = 0;

  g_assert_true (avi_call_get_tag (call) == &tag);
  g_assert_false (avi_call_is_done (call));
  g_assert_true (avi_call_answer (call, 42, info, NULL));
  g_assert_true (avi_call_is_done (call));
  avi_call_wait (call);
  g_assert_true (avi_call_get_result (call, &number, &peer, &error));
  g_assert_no_error (error);
  g_assert_cmpint (number, ==, 42);
  g_assert_true (peer == info);
}

static void
test_failure (void)
{
  g_autoptr(AviCall) call = avi_call_new (NULL);

  avi_call_answer (call, -1, NULL, g_error_new_literal (AVI_ERROR, AVI_ERROR_TIMEOUT, "too late"));
  for (guint i = 0; i < 2; i++)
    {
      g_autoptr(GError) error = NULL;
      AviPeerInfo *peer = NULL;

      g_assert_false (avi_call_get_result (call, NULL, &peer, &error));
      g_assert_error (error, AVI_ERROR, AVI_ERROR_TIMEOUT);
      g_assert_null (peer);
    }
}

static void
test_once (void)
{
  g_autoptr(AviCall) call = avi_call_new (NULL);
  gint64 number = 0;

  g_assert_true (avi_call_answer (call, 1, NULL, NULL));
  g_assert_false (avi_call_answer (call, 2, NULL, g_error_new_literal (AVI_ERROR, AVI_ERROR_CLOSED, "gone")));
  g_assert_true (avi_call_get_result (call, &number, NULL, NULL));
  g_assert_cmpint (number, ==, 1);
}

static gpointer
answer_in_thread (gpointer data)
{
  AviCall *call = data;

  avi_call_answer (call, 7, NULL, NULL);
  avi_call_unref (call);
  return NULL;
}

static void
test_threads (void)
{
  for (guint i = 0; i < 100; i++)
    {
      g_autoptr(AviCall) call = avi_call_new (NULL);
      gint64 number = 0;
      pthread_t thread;

      g_assert_cmpint (pthread_create (&thread, NULL, answer_in_thread, avi_call_ref (call)), ==, 0);
      avi_call_wait (call);
      g_assert_true (avi_call_get_result (call, &number, NULL, NULL));
      g_assert_cmpint (number, ==, 7);
      pthread_join (thread, NULL);
    }
}

/* It may look at the answer: no lock is held. */
static void
count_answer (AviCall *call, gpointer user_data)
{
  g_assert_true (avi_call_is_done (call));
  (*(guint *) user_data)++;
}

static void
test_notify (void)
{
  guint n = 0;
  g_autoptr(AviCall) call = avi_call_new_notify (count_answer, &n);

  g_assert_null (avi_call_get_tag (call));
  g_assert_cmpuint (n, ==, 0);
  avi_call_answer (call, 0, NULL, NULL);
  avi_call_answer (call, 0, NULL, NULL);
  g_assert_cmpuint (n, ==, 1);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/call/has a number and a peer for an answer", test_answer);
  g_test_add_func ("/call/fails with the error that was given, as often as asked", test_failure);
  g_test_add_func ("/call/is answered once", test_once);
  g_test_add_func ("/call/is waited for in one thread and answered in another", test_threads);
  g_test_add_func ("/call/tells whoever wants to be woken, once", test_notify);
  return g_test_run ();
}
