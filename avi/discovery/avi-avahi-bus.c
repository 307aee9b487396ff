/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "discovery/avi-avahi-bus.h"

guint avi_avahi_timeout_ms = 10000;

struct _AviAvahiBus
{
  /* One of AviAvahi, one of each object, one while the state is asked for. */
  grefcount             ref_count;
  GDBusConnection      *connection;
  char                 *owner;
  AviAvahiStateChanged  changed;
  gpointer              user_data;

  guint                 subscription;
  AviAvahiServerState   state;
  /* The daemon is older than 0.8: its server has the first interface only. */
  gboolean              legacy;
  gboolean              closed;

  /* path → AviAvahiObject, of those that are there */
  GHashTable           *objects;
  GQueue                queue; /* of AviAvahiCall, not sent yet */
  guint                 n_calls; /* sent, not answered */
};

/* Of an object, or the one that makes it. */
typedef struct
{
  AviAvahiObject     *object;
  const char         *method;
  GVariant           *arguments;
  GAsyncReadyCallback callback;
} AviAvahiCall;

struct _AviAvahiObject
{
  /* One of the maker, one of each call that is queued or under way. */
  grefcount       ref_count;
  AviAvahiBus    *bus;
  char           *interface;
  char           *path; /* NULL until the daemon has made it */
  GQueue          calls; /* of AviAvahiCall, that wait for it */
  AviAvahiSignal  signal;
  AviAvahiFailed  failed;
  gpointer        user_data;
  /* Freed by its maker, or failed: nothing is told any more. */
  gboolean        over;
};

static AviAvahiBus *
avi_avahi_bus_ref (AviAvahiBus *self)
{
  g_ref_count_inc (&self->ref_count);
  return self;
}

static void
avi_avahi_bus_unref (AviAvahiBus *self)
{
  if (!g_ref_count_dec (&self->ref_count))
    return;
  g_hash_table_unref (self->objects);
  g_object_unref (self->connection);
  g_free (self->owner);
  g_free (self);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (AviAvahiBus, avi_avahi_bus_unref)

static AviAvahiObject *
avi_avahi_object_ref (AviAvahiObject *self)
{
  g_ref_count_inc (&self->ref_count);
  return self;
}

static void
avi_avahi_object_unref (AviAvahiObject *self)
{
  if (!g_ref_count_dec (&self->ref_count))
    return;
  avi_avahi_bus_unref (self->bus);
  g_free (self->interface);
  g_free (self->path);
  g_free (self);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (AviAvahiObject, avi_avahi_object_unref)

static AviAvahiCall *
avi_avahi_call_new (AviAvahiObject     *object,
                    const char         *method,
                    GVariant           *arguments,
                    GAsyncReadyCallback callback)
{
  AviAvahiCall *self = g_new0 (AviAvahiCall, 1);

  self->object = avi_avahi_object_ref (object);
  self->method = method;
  self->arguments = arguments != NULL ? g_variant_ref_sink (arguments) : NULL;
  self->callback = callback;
  return self;
}

static void
avi_avahi_call_free (AviAvahiCall *self)
{
  g_clear_pointer (&self->arguments, g_variant_unref);
  avi_avahi_object_unref (self->object);
  g_free (self);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (AviAvahiCall, avi_avahi_call_free)

static const char *
avi_avahi_bus_server_interface (AviAvahiBus *self)
{
  return self->legacy ? AVI_AVAHI_NAME ".Server" : AVI_AVAHI_NAME ".Server2";
}

/* The owner is asked, never the name: a call to the name would start the daemon. */
static void
avi_avahi_bus_call (AviAvahiBus        *self,
                    const char         *path,
                    const char         *interface,
                    const char         *method,
                    GVariant           *arguments,
                    const GVariantType *reply,
                    GAsyncReadyCallback callback,
                    gpointer            user_data)
{
  g_dbus_connection_call (self->connection, self->owner, path, interface, method, arguments, reply,
                          G_DBUS_CALL_FLAGS_NO_AUTO_START, (int) avi_avahi_timeout_ms, NULL, callback, user_data);
}

/* --- The server --- */

static void
avi_avahi_bus_set_state (AviAvahiBus        *self,
                         AviAvahiServerState state)
{
  if (self->state == state)
    return;
  self->state = state;
  self->changed (self->user_data, state, NULL);
}

static void avi_avahi_bus_ask_state (AviAvahiBus *self);

static void
avi_avahi_bus_on_state (GObject      *source,
                        GAsyncResult *result,
                        gpointer      user_data)
{
  g_autoptr(AviAvahiBus) self = user_data;
  g_autoptr(GError) error = NULL;
  g_autoptr(GVariant) reply = g_dbus_connection_call_finish (G_DBUS_CONNECTION (source), result, &error);

  if (self->closed)
    return;

  if (reply != NULL)
    {
      gint32 state;

      g_variant_get (reply, "(i)", &state);
      avi_avahi_bus_set_state (self, (AviAvahiServerState) state);
    }
  else if (!self->legacy && (g_error_matches (error, G_DBUS_ERROR, G_DBUS_ERROR_UNKNOWN_METHOD) ||
                             g_error_matches (error, G_DBUS_ERROR, G_DBUS_ERROR_UNKNOWN_INTERFACE)))
    {
      self->legacy = TRUE;
      avi_avahi_bus_ask_state (self);
    }
  else
    self->changed (self->user_data, self->state, error);
}

static void
avi_avahi_bus_ask_state (AviAvahiBus *self)
{
  avi_avahi_bus_call (self, "/", avi_avahi_bus_server_interface (self), "GetState", NULL, G_VARIANT_TYPE ("(i)"),
                      avi_avahi_bus_on_state, avi_avahi_bus_ref (self));
}

static void
avi_avahi_bus_on_signal (GDBusConnection *connection,
                         const char      *sender,
                         const char      *path,
                         const char      *interface,
                         const char      *member,
                         GVariant        *parameters,
                         gpointer         user_data)
{
  g_autoptr(AviAvahiBus) self = avi_avahi_bus_ref (user_data);
  AviAvahiObject *object = g_hash_table_lookup (self->objects, path);

  if (object != NULL)
    {
      g_autofree char *expected = g_strconcat (AVI_AVAHI_NAME ".", object->interface, NULL);
      g_autoptr(AviAvahiObject) kept = avi_avahi_object_ref (object);

      if (!kept->over && g_str_equal (interface, expected))
        kept->signal (kept->user_data, member, parameters);
    }
  else if (g_str_equal (path, "/") && g_str_equal (interface, AVI_AVAHI_NAME ".Server") &&
           g_str_equal (member, "StateChanged") && g_variant_is_of_type (parameters, G_VARIANT_TYPE ("(is)")))
    {
      gint32 state;

      g_variant_get (parameters, "(i&s)", &state, NULL);
      avi_avahi_bus_set_state (self, (AviAvahiServerState) state);
    }
}

AviAvahiBus *
avi_avahi_bus_new (GDBusConnection      *connection,
                   const char           *owner,
                   AviAvahiStateChanged  changed,
                   gpointer              user_data)
{
  AviAvahiBus *self = g_new0 (AviAvahiBus, 1);

  g_ref_count_init (&self->ref_count);
  self->connection = g_object_ref (connection);
  self->owner = g_strdup (owner);
  self->changed = changed;
  self->user_data = user_data;
  self->state = AVI_AVAHI_SERVER_ASKING;
  self->objects = g_hash_table_new (g_str_hash, g_str_equal);
  g_queue_init (&self->queue);

  /* All its signals by one rule, and before the first call: none is missed. */
  self->subscription = g_dbus_connection_signal_subscribe (
      connection, owner, NULL, NULL, NULL, NULL, G_DBUS_SIGNAL_FLAGS_NONE, avi_avahi_bus_on_signal, self, NULL);
  avi_avahi_bus_ask_state (self);
  return self;
}

AviAvahiServerState
avi_avahi_bus_get_state (AviAvahiBus *self)
{
  return self->state;
}

gboolean
avi_avahi_bus_can_prepare (AviAvahiBus *self)
{
  return !self->legacy;
}

void
avi_avahi_bus_free (AviAvahiBus *self)
{
  self->closed = TRUE;
  g_dbus_connection_signal_unsubscribe (self->connection, self->subscription);
  g_queue_clear_full (&self->queue, (GDestroyNotify) avi_avahi_call_free);
  avi_avahi_bus_unref (self);
}

/* --- Calls of objects --- */

/* Sends what waits, as far as the limit allows. A call of an object that nobody wants any more is
 * not made: there is nothing of it in the daemon yet, or its Free is on the way. */
static void
avi_avahi_bus_pump (AviAvahiBus *self)
{
  while (!self->closed && self->n_calls < AVI_AVAHI_MAX_CALLS && !g_queue_is_empty (&self->queue))
    {
      g_autoptr(AviAvahiCall) call = g_queue_pop_head (&self->queue);
      AviAvahiObject *object = call->object;
      g_autofree char *interface = g_strconcat (AVI_AVAHI_NAME ".", object->interface, NULL);

      if (object->over)
        continue;
      self->n_calls++;
      if (object->path != NULL)
        avi_avahi_bus_call (self, object->path, interface, call->method, call->arguments, NULL, call->callback,
                            avi_avahi_object_ref (object));
      else
        avi_avahi_bus_call (self, "/", avi_avahi_bus_server_interface (self), call->method, call->arguments,
                            G_VARIANT_TYPE ("(o)"), call->callback, avi_avahi_object_ref (object));
    }
}

/* The reply to a call of @self, or NULL after it has failed and that was told. */
static GVariant *
avi_avahi_object_finish (AviAvahiObject *self,
                         GObject        *source,
                         GAsyncResult   *result)
{
  g_autoptr(GError) error = NULL;
  GVariant *reply = g_dbus_connection_call_finish (G_DBUS_CONNECTION (source), result, &error);

  self->bus->n_calls--;
  if (reply == NULL && !self->over && !self->bus->closed)
    {
      self->over = TRUE;
      self->failed (self->user_data, error);
    }
  return reply;
}

static void
avi_avahi_object_on_answer (GObject      *source,
                            GAsyncResult *result,
                            gpointer      user_data)
{
  g_autoptr(AviAvahiObject) self = user_data;
  g_autoptr(GVariant) reply G_GNUC_UNUSED = avi_avahi_object_finish (self, source, result);

  avi_avahi_bus_pump (self->bus);
}

/* Nobody waits for the answer. */
static void
avi_avahi_object_free_remote (AviAvahiObject *self)
{
  g_autofree char *interface = g_strconcat (AVI_AVAHI_NAME ".", self->interface, NULL);

  if (self->path != NULL && !self->bus->closed)
    avi_avahi_bus_call (self->bus, self->path, interface, "Free", NULL, NULL, NULL, NULL);
}

static void
avi_avahi_object_on_made (GObject      *source,
                          GAsyncResult *result,
                          gpointer      user_data)
{
  g_autoptr(AviAvahiObject) self = user_data;
  g_autoptr(GVariant) reply = avi_avahi_object_finish (self, source, result);

  if (reply != NULL)
    {
      g_variant_get (reply, "(o)", &self->path);
      if (self->over)
        avi_avahi_object_free_remote (self);
      else if (!self->bus->closed)
        {
          g_hash_table_insert (self->bus->objects, self->path, self);
          while (!g_queue_is_empty (&self->calls))
            g_queue_push_tail (&self->bus->queue, g_queue_pop_head (&self->calls));
        }
    }
  avi_avahi_bus_pump (self->bus);
}

/* --- Objects --- */

AviAvahiObject *
avi_avahi_object_new (AviAvahiBus    *bus,
                      const char     *interface,
                      const char     *method,
                      GVariant       *arguments,
                      AviAvahiSignal  signal,
                      AviAvahiFailed  failed,
                      gpointer        user_data)
{
  AviAvahiObject *self = g_new0 (AviAvahiObject, 1);

  g_ref_count_init (&self->ref_count);
  self->bus = avi_avahi_bus_ref (bus);
  self->interface = g_strdup (interface);
  self->signal = signal;
  self->failed = failed;
  self->user_data = user_data;
  g_queue_init (&self->calls);
  g_queue_push_tail (&bus->queue, avi_avahi_call_new (self, method, arguments, avi_avahi_object_on_made));
  avi_avahi_bus_pump (bus);
  return self;
}

void
avi_avahi_object_call (AviAvahiObject *self,
                       const char     *method,
                       GVariant       *arguments)
{
  AviAvahiCall *call = avi_avahi_call_new (self, method, arguments, avi_avahi_object_on_answer);

  g_queue_push_tail (self->path != NULL ? &self->bus->queue : &self->calls, call);
  avi_avahi_bus_pump (self->bus);
}

void
avi_avahi_object_free (AviAvahiObject *self)
{
  self->over = TRUE;
  g_queue_clear_full (&self->calls, (GDestroyNotify) avi_avahi_call_free);
  if (self->path != NULL)
    g_hash_table_remove (self->bus->objects, self->path);
  avi_avahi_object_free_remote (self);
  avi_avahi_object_unref (self);
}
