/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the tests of the public types share: devices on the loopback interface, which look for
 * nobody by themselves, and waiting for a condition, with a deadline, on the main context. With
 * AVI_TEST_UNTHREADED in the environment the devices run in that context, too.
 */
#pragma once

#include <avi.h>
#include <glib/gstdio.h>

#define DEADLINE 20 /* seconds; met only where something is wrong */

typedef struct
{
  const char *where;
  guint       ticks; /* of 10 ms */
  guint       source;
} Wait;

static inline gboolean
on_tick (gpointer ticks)
{
  (*(guint *) ticks)++;
  return G_SOURCE_CONTINUE;
}

/* Whether to iterate the context once more; ends the test where that was done for too long. */
static inline gboolean
keep_waiting (Wait    *self,
              gboolean come_true)
{
  if (self->source == 0)
    self->source = g_timeout_add (10, on_tick, &self->ticks);
  if (!come_true && self->ticks < DEADLINE * 100)
    return TRUE;
  g_source_remove (self->source);
  if (!come_true)
    g_error ("%s did not come true", self->where);
  return FALSE;
}

/* Iterates the main context until @condition holds, which may be more than the context tells of. */
/* clang-format off */
#define wait_until(condition)                                                       \
  for (Wait wait_ = { G_STRLOC ": " #condition }; keep_waiting (&wait_, (condition));) \
    g_main_context_iteration (NULL, TRUE)
/* clang-format on */

/* Tells what is there to be told. */
static inline void
settle (void)
{
  while (g_main_context_iteration (NULL, FALSE))
    ;
}

static inline gboolean
is_unthreaded (void)
{
  return g_getenv ("AVI_TEST_UNTHREADED") != NULL;
}

/* For what only an engine's thread can do: go on while the program blocks. */
static inline gboolean
skip_unthreaded (void)
{
  if (is_unthreaded ())
    g_test_skip ("the program blocks, and with it the engine that runs in its context");
  return is_unthreaded ();
}

static inline AviDevice *
new_device (const char *name)
{
  static const char *const loopback[] = { "/ip4/127.0.0.1/tcp/0", NULL };
  AviDevice *device = avi_device_new (name);

  avi_device_set_listen_addresses (device, loopback);
  avi_device_set_enable_mdns (device, FALSE);
  avi_device_set_enable_local (device, FALSE);
  avi_device_set_threaded (device, !is_unthreaded ());
  return device;
}

static inline AviDevice *
start_device (const char *name)
{
  AviDevice *device = new_device (name);
  g_autoptr(GError) error = NULL;

  avi_device_start (device, NULL, &error);
  g_assert_no_error (error);
  return device;
}

static inline void
stop_device (AviDevice *device)
{
  g_autoptr(GError) error = NULL;

  avi_device_stop (device, NULL, &error);
  g_assert_no_error (error);
}

static inline char *
first_address (AviDevice *device)
{
  g_auto(GStrv) addresses = avi_device_dup_addresses (device);

  g_assert_nonnull (addresses[0]);
  return g_strdup (addresses[0]);
}

/* (transfer full): @to, as @from knows it. */
static inline AviPeer *
connect_devices (AviDevice *from,
                 AviDevice *to)
{
  g_autofree char *address = first_address (to);
  g_autoptr(GError) error = NULL;
  AviPeer *peer = avi_device_dial (from, address, NULL, &error);

  g_assert_no_error (error);
  g_assert_nonnull (peer);
  return peer;
}

static inline AviSubscription *
subscribe (AviDevice  *device,
           const char *topic)
{
  g_autoptr(GError) error = NULL;
  AviSubscription *subscription = avi_device_subscribe (device, topic, &error);

  g_assert_no_error (error);
  return subscription;
}

/* Until @n peers of @device subscribe; the context is not iterated. */
static inline void
await_subscribers (AviDevice  *device,
                   const char *topic,
                   guint       n)
{
  g_autoptr(GError) error = NULL;

  avi_device_wait_for_subscribers (device, topic, n, NULL, &error);
  g_assert_no_error (error);
}

static inline void
remove_folder (const char *path)
{
  g_autoptr(GDir) folder = g_dir_open (path, 0, NULL);

  for (const char *name = g_dir_read_name (folder); name != NULL; name = g_dir_read_name (folder))
    {
      g_autofree char *inside = g_build_filename (path, name, NULL);

      if (g_file_test (inside, G_FILE_TEST_IS_DIR))
        remove_folder (inside);
      else
        g_unlink (inside);
    }
  g_rmdir (path);
}

/* Counts emissions of any signal: connect it swapped, to a guint. */
static inline void
count (guint *n)
{
  (*n)++;
}

/* How an asynchronous call ended: pass on_done and one of these. */
typedef struct
{
  GAsyncResult *result; /* NULL until the call has completed */
  GThread      *thread;
} Outcome;

static inline void
on_done (GObject      *source,
         GAsyncResult *result,
         gpointer      user_data)
{
  Outcome *outcome = user_data;

  g_assert_null (outcome->result);
  outcome->result = g_object_ref (result);
  outcome->thread = g_thread_self ();
}

static inline void
outcome_clear (Outcome *outcome)
{
  g_clear_object (&outcome->result);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Outcome, outcome_clear)
