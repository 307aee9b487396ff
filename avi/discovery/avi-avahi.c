/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "discovery/avi-avahi.h"
#include "discovery/avi-avahi-browser.h"
#include "discovery/avi-avahi-bus.h"
#include "discovery/avi-avahi-publisher.h"

/* Between attempts, doubled each time. Where there is no system bus at all it costs no more than a
 * connect() then and now. */
#define RETRY_FIRST_MS 1000
#define RETRY_MAX_MS   256000

/* What stands in the way, the most fundamental first: that one is told. */
typedef enum
{
  PROBLEM_BUS,
  PROBLEM_DAEMON,
  PROBLEM_PUBLISH,
  PROBLEM_BROWSE,
  N_PROBLEMS
} AviAvahiProblem;

struct _AviAvahi
{
  AviAvahiFound      found;
  AviAvahiGone       gone;
  AviAvahiChanged    changed;
  gpointer           user_data;

  /* While connecting; cancelled by the timer, which runs then as deadline. */
  GCancellable      *connecting;
  GDBusConnection   *connection;
  guint              watch;
  AviAvahiBus       *bus; /* NULL: the daemon does not run */
  AviAvahiPublisher *publisher;
  AviAvahiBrowser   *browser;

  GSource           *timer;
  guint              attempts;

  char              *problems[N_PROBLEMS];
  /* What was told last. */
  gboolean           told;
  gboolean           told_running;
  char              *told_problem;
};

static void avi_avahi_connect (AviAvahi *self);
static void avi_avahi_watch (AviAvahi *self);

/* --- What is told --- */

static void
avi_avahi_tell (AviAvahi *self)
{
  gboolean running = self->bus != NULL;
  const char *problem = NULL;

  for (guint i = 0; i < N_PROBLEMS && problem == NULL; i++)
    problem = self->problems[i];
  if (self->told && self->told_running == running && g_strcmp0 (self->told_problem, problem) == 0)
    return;

  self->told = TRUE;
  self->told_running = running;
  g_free (self->told_problem);
  self->told_problem = g_strdup (problem);
  self->changed (self->user_data, running, self->told_problem);
}

/* @what: NULL: there is no such problem any more. */
static void
avi_avahi_set_problem (AviAvahi       *self,
                       AviAvahiProblem problem,
                       const char     *what,
                       const GError   *error)
{
  g_free (self->problems[problem]);
  self->problems[problem] = error != NULL ? g_strdup_printf ("%s: %s", what, error->message) : g_strdup (what);
}

static void
avi_avahi_on_found (gpointer         user_data,
                    const AviPeerId *peer,
                    GPtrArray       *addresses,
                    guint            ifindex)
{
  AviAvahi *self = user_data;

  self->found (self->user_data, peer, addresses, ifindex);
}

static void
avi_avahi_on_gone (gpointer         user_data,
                   const AviPeerId *peer,
                   guint            ifindex)
{
  AviAvahi *self = user_data;

  self->gone (self->user_data, peer, ifindex);
}

/* --- When to try again --- */

static void
avi_avahi_stop_timer (AviAvahi *self)
{
  if (self->timer != NULL)
    g_source_destroy (self->timer);
  g_clear_pointer (&self->timer, g_source_unref);
}

static gboolean
avi_avahi_on_timer (gpointer user_data)
{
  AviAvahi *self = user_data;

  avi_avahi_stop_timer (self);
  if (self->connecting != NULL)
    {
      g_cancellable_cancel (self->connecting);
      g_clear_object (&self->connecting);
      avi_avahi_set_problem (self, PROBLEM_BUS, "The system bus does not answer", NULL);
      avi_avahi_tell (self);
    }

  if (self->connection == NULL)
    avi_avahi_connect (self);
  else if (self->bus == NULL)
    avi_avahi_watch (self);
  else if (avi_avahi_bus_get_state (self->bus) == AVI_AVAHI_SERVER_RUNNING)
    {
      avi_avahi_publisher_attach (self->publisher, self->bus);
      avi_avahi_browser_attach (self->browser, self->bus);
    }
  return G_SOURCE_REMOVE;
}

static void
avi_avahi_start_timer (AviAvahi *self,
                       guint     ms)
{
  avi_avahi_stop_timer (self);
  self->timer = g_timeout_source_new (ms);
  g_source_set_static_name (self->timer, "[Avi] Avahi");
  g_source_set_callback (self->timer, avi_avahi_on_timer, self, NULL);
  g_source_attach (self->timer, g_main_context_get_thread_default ());
}

static void
avi_avahi_retry (AviAvahi *self)
{
  if (self->timer != NULL)
    return;
  avi_avahi_start_timer (self, MIN (RETRY_FIRST_MS << MIN (self->attempts, 16), RETRY_MAX_MS));
  self->attempts++;
}

/* --- The daemon --- */

static void
avi_avahi_drop_bus (AviAvahi *self)
{
  /* First, so that what is dropped now is not freed there too. */
  g_clear_pointer (&self->bus, avi_avahi_bus_free);
  avi_avahi_publisher_attach (self->publisher, NULL);
  avi_avahi_browser_attach (self->browser, NULL);
  for (guint i = PROBLEM_DAEMON; i < N_PROBLEMS; i++)
    g_clear_pointer (&self->problems[i], g_free);
}

static void
avi_avahi_on_published (gpointer      user_data,
                        const GError *error)
{
  AviAvahi *self = user_data;

  avi_avahi_set_problem (self, PROBLEM_PUBLISH, error != NULL ? "avahi-daemon does not publish" : NULL, error);
  avi_avahi_tell (self);
  if (error != NULL)
    avi_avahi_retry (self);
}

static void
avi_avahi_on_browsed (gpointer      user_data,
                      const GError *error)
{
  AviAvahi *self = user_data;

  avi_avahi_set_problem (self, PROBLEM_BROWSE, error != NULL ? "avahi-daemon does not browse" : NULL, error);
  avi_avahi_tell (self);
  if (error != NULL)
    avi_avahi_retry (self);
}

static const char *
avi_avahi_describe (AviAvahiServerState state)
{
  switch (state)
    {
    case AVI_AVAHI_SERVER_RUNNING:
      return NULL;
    case AVI_AVAHI_SERVER_INVALID:
    case AVI_AVAHI_SERVER_REGISTERING:
    case AVI_AVAHI_SERVER_ASKING:
      return "avahi-daemon is registering its host name";
    case AVI_AVAHI_SERVER_COLLISION:
      return "avahi-daemon found its host name taken";
    case AVI_AVAHI_SERVER_FAILURE:
    default:
      return "avahi-daemon has failed";
    }
}

static void
avi_avahi_on_state (gpointer            user_data,
                    AviAvahiServerState state,
                    const GError       *error)
{
  AviAvahi *self = user_data;

  if (error != NULL)
    {
      avi_avahi_drop_bus (self);
      avi_avahi_set_problem (self, PROBLEM_DAEMON, "avahi-daemon does not answer", error);
      avi_avahi_retry (self);
    }
  else
    {
      /* Services point to the host's name: they are made anew when that is settled. */
      avi_avahi_publisher_attach (self->publisher, state == AVI_AVAHI_SERVER_RUNNING ? self->bus : NULL);
      if (state == AVI_AVAHI_SERVER_RUNNING)
        {
          avi_avahi_browser_attach (self->browser, self->bus);
          self->attempts = 0;
        }
      avi_avahi_set_problem (self, PROBLEM_DAEMON, avi_avahi_describe (state), NULL);
    }
  avi_avahi_tell (self);
}

static void
avi_avahi_on_appeared (GDBusConnection *connection,
                       const char      *name,
                       const char      *owner,
                       gpointer         user_data)
{
  AviAvahi *self = user_data;

  avi_avahi_drop_bus (self);
  avi_avahi_stop_timer (self);
  self->bus = avi_avahi_bus_new (connection, owner, avi_avahi_on_state, self);
}

static void
avi_avahi_on_vanished (GDBusConnection *connection,
                       const char      *name,
                       gpointer         user_data)
{
  AviAvahi *self = user_data;

  avi_avahi_drop_bus (self);
  avi_avahi_stop_timer (self);
  avi_avahi_set_problem (self, PROBLEM_DAEMON, "avahi-daemon is not running", NULL);
  avi_avahi_tell (self);
}

static void
avi_avahi_watch (AviAvahi *self)
{
  g_clear_handle_id (&self->watch, g_bus_unwatch_name);
  self->watch = g_bus_watch_name_on_connection (self->connection, AVI_AVAHI_NAME, G_BUS_NAME_WATCHER_FLAGS_NONE,
                                                avi_avahi_on_appeared, avi_avahi_on_vanished, self, NULL);
}

/* --- The bus --- */

static void
avi_avahi_drop_connection (AviAvahi *self)
{
  if (self->connection == NULL)
    return;
  g_clear_handle_id (&self->watch, g_bus_unwatch_name);
  g_signal_handlers_disconnect_by_data (self->connection, self);
  g_dbus_connection_close (self->connection, NULL, NULL, NULL);
  g_clear_object (&self->connection);
}

static void
avi_avahi_no_bus (AviAvahi     *self,
                  const GError *error)
{
  avi_avahi_set_problem (self, PROBLEM_BUS, "No system bus", error);
  avi_avahi_retry (self);
  avi_avahi_tell (self);
}

static void
avi_avahi_on_closed (GDBusConnection *connection,
                     gboolean         remote_vanished,
                     const GError    *error,
                     AviAvahi        *self)
{
  avi_avahi_drop_connection (self);
  avi_avahi_drop_bus (self);
  avi_avahi_stop_timer (self);
  avi_avahi_no_bus (self, error);
}

static void
avi_avahi_on_connected (GObject      *source,
                        GAsyncResult *result,
                        gpointer      user_data)
{
  AviAvahi *self = user_data;
  g_autoptr(GError) error = NULL;
  g_autoptr(GDBusConnection) connection = g_dbus_connection_new_for_address_finish (result, &error);

  /* @self may be gone: it was cancelled by its end, or by the timer, which has seen to the rest. */
  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    return;

  g_clear_object (&self->connecting);
  avi_avahi_stop_timer (self);
  if (connection == NULL)
    {
      avi_avahi_no_bus (self, error);
      return;
    }
  avi_avahi_set_problem (self, PROBLEM_BUS, NULL, NULL);
  self->connection = g_steal_pointer (&connection);
  g_signal_connect (self->connection, "closed", G_CALLBACK (avi_avahi_on_closed), self);
  avi_avahi_watch (self);
}

static void
avi_avahi_connect (AviAvahi *self)
{
  g_autoptr(GError) error = NULL;
  g_autofree char *address = g_dbus_address_get_for_bus_sync (G_BUS_TYPE_SYSTEM, NULL, &error);

  if (address == NULL)
    {
      avi_avahi_no_bus (self, error);
      return;
    }
  self->connecting = g_cancellable_new ();
  avi_avahi_start_timer (self, avi_avahi_timeout_ms);
  g_dbus_connection_new_for_address (
      address, G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT | G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION, NULL,
      self->connecting, avi_avahi_on_connected, self);
}

/* --- Life --- */

AviAvahi *
avi_avahi_new (const AviPeerId *self_id,
               AviAvahiFound    found,
               AviAvahiGone     gone,
               AviAvahiChanged  changed,
               gpointer         user_data)
{
  AviAvahi *self = g_new0 (AviAvahi, 1);

  self->found = found;
  self->gone = gone;
  self->changed = changed;
  self->user_data = user_data;
  self->publisher = avi_avahi_publisher_new (self_id, avi_avahi_on_published, self);
  self->browser = avi_avahi_browser_new (self_id, avi_avahi_on_found, avi_avahi_on_gone, avi_avahi_on_browsed, self);
  /* From the context: nothing is told before the maker has us. */
  avi_avahi_start_timer (self, 0);
  return self;
}

void
avi_avahi_set_interface (AviAvahi  *self,
                         guint      ifindex,
                         GPtrArray *addresses,
                         guint16    port)
{
  avi_avahi_publisher_set (self->publisher, ifindex, addresses, port);
}

void
avi_avahi_remove_interface (AviAvahi *self,
                            guint     ifindex)
{
  avi_avahi_publisher_remove (self->publisher, ifindex);
}

void
avi_avahi_free (AviAvahi *self)
{
  avi_avahi_stop_timer (self);
  if (self->connecting != NULL)
    g_cancellable_cancel (self->connecting);
  g_clear_object (&self->connecting);

  /* Should a Free be lost, the end of the connection does the same. */
  avi_avahi_publisher_free (self->publisher);
  avi_avahi_browser_free (self->browser);
  g_clear_pointer (&self->bus, avi_avahi_bus_free);
  avi_avahi_drop_connection (self);

  for (guint i = 0; i < N_PROBLEMS; i++)
    g_free (self->problems[i]);
  g_free (self->told_problem);
  g_free (self);
}
