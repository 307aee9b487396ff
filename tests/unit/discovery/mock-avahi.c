/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "mock-avahi.h"

#define NAME "org.freedesktop.Avahi"

#define SERVER_METHODS                                                                                                 \
 "<method name='GetState'><arg type='i' direction='out'/></method>"                                                    \
 "<method name='EntryGroupNew'><arg type='o' direction='out'/></method>"
#define BROWSER_ARGUMENTS                                                                                              \
 "<arg type='i' direction='in'/><arg type='i' direction='in'/><arg type='s' direction='in'/>"                          \
 "<arg type='q' direction='in'/><arg type='q' direction='in'/><arg type='u' direction='in'/>"                          \
 "<arg type='o' direction='out'/>"
#define SERVICE_ARGUMENTS                                                                                              \
 "<arg type='i' direction='in'/><arg type='i' direction='in'/><arg type='u' direction='in'/>"                          \
 "<arg type='s' direction='in'/><arg type='s' direction='in'/><arg type='s' direction='in'/>"

static const char description[] =
    "<node>"
    "<interface name='" NAME ".Server'>" SERVER_METHODS "<method name='RecordBrowserNew'>" BROWSER_ARGUMENTS
    "</method></interface>"
    "<interface name='" NAME ".Server2'>" SERVER_METHODS "<method name='RecordBrowserPrepare'>" BROWSER_ARGUMENTS
    "</method></interface>"
    "<interface name='" NAME ".EntryGroup'><method name='Free'/><method name='Commit'/>"
    "<method name='AddService'>" SERVICE_ARGUMENTS
    "<arg type='s' direction='in'/><arg type='q' direction='in'/><arg type='aay' direction='in'/></method>"
    "<method name='UpdateServiceTxt'>" SERVICE_ARGUMENTS "<arg type='aay' direction='in'/></method></interface>"
    "<interface name='" NAME ".RecordBrowser'><method name='Free'/><method name='Start'/></interface>"
    "</node>";

static void mock_avahi_register (MockAvahi *self, const char *path, const char *interface);

static void
mock_group_free (MockGroup *group)
{
  g_free (group->path);
  g_free (group->name);
  g_free (group->type);
  g_strfreev (group->texts);
  g_free (group);
}

static void
mock_browser_free (MockBrowser *browser)
{
  g_free (browser->path);
  g_free (browser->name);
  g_free (browser);
}

void
mock_avahi_emit (MockAvahi *self, const char *path, const char *interface, const char *member, GVariant *parameters)
{
  g_autofree char *full = g_strconcat (NAME ".", interface, NULL);

  g_assert_true (g_dbus_connection_emit_signal (self->connection, self->client, path, full, member, parameters, NULL));
}

static void
mock_avahi_make_group (MockAvahi *self, GDBusMethodInvocation *invocation)
{
  MockGroup *group = g_new0 (MockGroup, 1);

  group->path = g_strdup_printf ("/Client1/EntryGroup%u", self->n_objects++);
  g_ptr_array_add (self->groups, group);
  mock_avahi_register (self, group->path, "EntryGroup");
  g_dbus_method_invocation_return_value (invocation, g_variant_new ("(o)", group->path));
}

static void
mock_avahi_make_browser (MockAvahi *self, GVariant *parameters, gboolean started, GDBusMethodInvocation *invocation)
{
  MockBrowser *browser = g_new0 (MockBrowser, 1);
  gint32 ifindex, protocol;
  guint16 class;
  guint32 flags;

  g_variant_get (parameters, "(iisqqu)", &ifindex, &protocol, &browser->name, &class, &browser->type, &flags);
  g_assert_cmpint (ifindex, ==, -1);
  g_assert_cmpint (protocol, ==, -1);
  g_assert_cmpuint (class, ==, 1);
  if (g_strcmp0 (browser->name, self->refuse_name) == 0)
    {
      mock_browser_free (browser);
      g_dbus_method_invocation_return_dbus_error (invocation, NAME ".InvalidDomainNameError", "Not a name");
      return;
    }
  browser->path = g_strdup_printf ("/Client1/RecordBrowser%u", self->n_objects++);
  browser->started = started;
  g_ptr_array_add (self->browsers, browser);
  mock_avahi_register (self, browser->path, "RecordBrowser");
  g_dbus_method_invocation_return_value (invocation, g_variant_new ("(o)", browser->path));
}

static void
mock_avahi_call_server (MockAvahi *self, const char *method, GVariant *parameters, GDBusMethodInvocation *invocation)
{
  if (g_str_equal (method, "GetState"))
    g_dbus_method_invocation_return_value (invocation, g_variant_new ("(i)", self->state));
  else if (g_str_equal (method, "EntryGroupNew"))
    mock_avahi_make_group (self, invocation);
  else
    mock_avahi_make_browser (self, parameters, g_str_equal (method, "RecordBrowserNew"), invocation);
}

static void
mock_group_set_texts (MockGroup *group, GVariant *list)
{
  gsize n = g_variant_n_children (list);

  g_strfreev (group->texts);
  group->texts = g_new0 (char *, n + 1);
  for (gsize i = 0; i < n; i++)
    {
      g_autoptr(GVariant) bytes = g_variant_get_child_value (list, i);
      gsize len;
      const char *data = g_variant_get_fixed_array (bytes, &len, 1);

      group->texts[i] = g_strndup (data, len);
    }
}

static void
mock_avahi_add_service (MockAvahi *self, MockGroup *group, GVariant *parameters, GDBusMethodInvocation *invocation)
{
  g_autoptr(GVariant) texts = g_variant_get_child_value (parameters, 8);

  if (self->refuse != NULL)
    {
      g_dbus_method_invocation_return_dbus_error (invocation, self->refuse, "Not permitted");
      return;
    }
  g_assert_null (group->name);
  g_variant_get_child (parameters, 0, "i", &group->ifindex);
  g_variant_get_child (parameters, 3, "s", &group->name);
  g_variant_get_child (parameters, 4, "s", &group->type);
  g_variant_get_child (parameters, 7, "q", &group->port);
  mock_group_set_texts (group, texts);
  g_dbus_method_invocation_return_value (invocation, NULL);
}

static void
mock_avahi_update_texts (MockGroup *group, GVariant *parameters, GDBusMethodInvocation *invocation)
{
  g_autoptr(GVariant) texts = g_variant_get_child_value (parameters, 6);
  const char *name;

  g_variant_get_child (parameters, 3, "&s", &name);
  g_assert_cmpstr (name, ==, group->name);
  mock_group_set_texts (group, texts);
  group->n_updates++;
  g_dbus_method_invocation_return_value (invocation, NULL);
}

static void
mock_avahi_call_group (MockAvahi             *self,
                       MockGroup             *group,
                       const char            *method,
                       GVariant              *parameters,
                       GDBusMethodInvocation *invocation)
{
  if (g_str_equal (method, "AddService"))
    mock_avahi_add_service (self, group, parameters, invocation);
  else if (g_str_equal (method, "UpdateServiceTxt"))
    mock_avahi_update_texts (group, parameters, invocation);
  else if (g_str_equal (method, "Free"))
    {
      group->freed = TRUE;
      g_dbus_method_invocation_return_value (invocation, NULL);
    }
  else
    {
      gboolean collides = self->collide_once;

      self->collide_once = FALSE;
      group->committed = TRUE;
      g_dbus_method_invocation_return_value (invocation, NULL);
      mock_avahi_emit (self, group->path, "EntryGroup", "StateChanged",
                       g_variant_new ("(is)", collides ? 3 : 2, collides ? NAME ".CollisionError" : NAME ".Success"));
    }
}

static void
mock_avahi_on_call (GDBusConnection       *connection,
                    const char            *sender,
                    const char            *path,
                    const char            *interface,
                    const char            *method,
                    GVariant              *parameters,
                    GDBusMethodInvocation *invocation,
                    gpointer               user_data)
{
  MockAvahi *self = user_data;

  self->n_calls++;
  g_free (self->client);
  self->client = g_strdup (sender);
  if (self->silent)
    {
      g_ptr_array_add (self->kept, invocation);
      return;
    }

  if (g_str_equal (path, "/"))
    {
      mock_avahi_call_server (self, method, parameters, invocation);
      return;
    }
  for (guint i = 0; i < self->groups->len; i++)
    {
      MockGroup *group = self->groups->pdata[i];

      if (g_str_equal (group->path, path))
        {
          mock_avahi_call_group (self, group, method, parameters, invocation);
          return;
        }
    }
  for (guint i = 0; i < self->browsers->len; i++)
    {
      MockBrowser *browser = self->browsers->pdata[i];

      if (!g_str_equal (browser->path, path))
        continue;
      if (g_str_equal (method, "Start"))
        browser->started = TRUE;
      else
        browser->freed = TRUE;
      g_dbus_method_invocation_return_value (invocation, NULL);
      return;
    }
}

static void
mock_avahi_register (MockAvahi *self, const char *path, const char *interface)
{
  static const GDBusInterfaceVTable vtable = { .method_call = mock_avahi_on_call };
  g_autoptr(GDBusNodeInfo) node = g_dbus_node_info_new_for_xml (description, NULL);
  g_autofree char *full = g_strconcat (NAME ".", interface, NULL);
  guint id = g_dbus_connection_register_object (
      self->connection, path, g_dbus_node_info_lookup_interface (node, full), &vtable, self, NULL, NULL);

  g_assert_cmpuint (id, >, 0);
  g_array_append_val (self->registrations, id);
}

MockAvahi *
mock_avahi_new (const char *address)
{
  MockAvahi *self = g_new0 (MockAvahi, 1);
  g_autoptr(GError) error = NULL;

  self->state = 2;
  self->registrations = g_array_new (FALSE, FALSE, sizeof (guint));
  self->groups = g_ptr_array_new_with_free_func ((GDestroyNotify) mock_group_free);
  self->browsers = g_ptr_array_new_with_free_func ((GDestroyNotify) mock_browser_free);
  self->kept = g_ptr_array_new ();
  self->connection = g_dbus_connection_new_for_address_sync (
      address, G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT | G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION, NULL,
      NULL, &error);
  g_assert_no_error (error);
  return self;
}

/* Only now does anybody call. */
void
mock_avahi_run (MockAvahi *self)
{
  mock_avahi_register (self, "/", "Server");
  if (!self->legacy)
    mock_avahi_register (self, "/", "Server2");
  self->owner_id = g_bus_own_name_on_connection (self->connection, NAME, G_BUS_NAME_OWNER_FLAGS_NONE, NULL, NULL,
                                                 NULL, NULL);
}

void
mock_avahi_free (MockAvahi *self)
{
  g_clear_handle_id (&self->owner_id, g_bus_unown_name);
  for (guint i = 0; i < self->registrations->len; i++)
    g_dbus_connection_unregister_object (self->connection, g_array_index (self->registrations, guint, i));
  for (guint i = 0; i < self->kept->len; i++)
    g_object_unref (self->kept->pdata[i]);
  g_dbus_connection_close_sync (self->connection, NULL, NULL);
  g_object_unref (self->connection);
  g_array_unref (self->registrations);
  g_ptr_array_unref (self->groups);
  g_ptr_array_unref (self->browsers);
  g_ptr_array_unref (self->kept);
  g_free (self->client);
  g_free (self);
}

void
mock_avahi_set_state (MockAvahi *self, gint32 state)
{
  self->state = state;
  g_assert_true (g_dbus_connection_emit_signal (self->connection, NULL, "/", NAME ".Server", "StateChanged",
                                                g_variant_new ("(is)", state, NAME ".Success"), NULL));
}

void
mock_avahi_wake (MockAvahi *self)
{
  g_autoptr(GPtrArray) kept = g_steal_pointer (&self->kept);

  self->silent = FALSE;
  self->kept = g_ptr_array_new ();
  for (guint i = 0; i < kept->len; i++)
    {
      GDBusMethodInvocation *invocation = kept->pdata[i];

      mock_avahi_on_call (self->connection, g_dbus_method_invocation_get_sender (invocation),
                          g_dbus_method_invocation_get_object_path (invocation),
                          g_dbus_method_invocation_get_interface_name (invocation),
                          g_dbus_method_invocation_get_method_name (invocation),
                          g_dbus_method_invocation_get_parameters (invocation), invocation, self);
    }
}

MockGroup *
mock_avahi_get_group (MockAvahi *self, gint32 ifindex)
{
  for (guint i = 0; i < self->groups->len; i++)
    {
      MockGroup *group = self->groups->pdata[i];

      if (!group->freed && group->committed && group->ifindex == ifindex)
        return group;
    }
  return NULL;
}

MockBrowser *
mock_avahi_get_browser (MockAvahi *self, const char *name, guint16 type)
{
  for (guint i = 0; i < self->browsers->len; i++)
    {
      MockBrowser *browser = self->browsers->pdata[i];

      if (!browser->freed && browser->started && browser->type == type && g_str_equal (browser->name, name))
        return browser;
    }
  return NULL;
}

guint
mock_avahi_count_groups (MockAvahi *self)
{
  guint n = 0;

  for (guint i = 0; i < self->groups->len; i++)
    n += !((MockGroup *) self->groups->pdata[i])->freed;
  return n;
}

guint
mock_avahi_count_browsers (MockAvahi *self)
{
  guint n = 0;

  for (guint i = 0; i < self->browsers->len; i++)
    n += !((MockBrowser *) self->browsers->pdata[i])->freed;
  return n;
}

void
mock_avahi_item (MockAvahi    *self,
                 MockBrowser  *browser,
                 const char   *member,
                 gint32        ifindex,
                 gint32        protocol,
                 gconstpointer data,
                 gsize         len)
{
  mock_avahi_emit (self, browser->path, "RecordBrowser", member,
                   g_variant_new ("(iisqq@ayu)", ifindex, protocol, browser->name, 1, browser->type,
                                  g_variant_new_fixed_array (G_VARIANT_TYPE_BYTE, data, len, 1), 4));
}
