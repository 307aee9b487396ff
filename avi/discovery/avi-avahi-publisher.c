/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "avi-error.h"
#include "crypto/avi-random.h"
#include "discovery/avi-avahi-publisher.h"
#include "discovery/avi-mdns-txt.h"

#define SERVICE_TYPE "_p2p._udp"
/* specs/discovery/mdns.md: a random, lower-case alphanumeric string of at least 32 characters. */
#define NAME_LEN     32
/* AvahiPublishFlags: NO_COOKIE, the TXT record holds our strings and no other. */
#define FLAGS        32u
#define ANY_PROTOCOL (-1)

/* AvahiEntryGroupState */
enum
{
  GROUP_ESTABLISHED = 2,
  GROUP_COLLISION,
  GROUP_FAILURE
};

typedef struct
{
  AviAvahiPublisher *publisher;
  guint              ifindex;
  /* Of its own: one name on two interfaces of one network would look like a conflict. */
  char               name[NAME_LEN + 1];
  guint16            port;
  GVariant          *strings; /* aay, of the TXT record */
  /* NULL: not published */
  AviAvahiObject    *group;
} AviAvahiService;

struct _AviAvahiPublisher
{
  AviPeerId        self_id;
  AviAvahiOutcome  outcome;
  gpointer         user_data;
  AviAvahiBus     *bus;
  /* ifindex → AviAvahiService */
  GHashTable      *services;
};

static void
avi_avahi_service_choose_name (AviAvahiService *self)
{
  static const char characters[] = "abcdefghijklmnopqrstuvwxyz0123456789";

  for (guint i = 0; i < NAME_LEN; i++)
    self->name[i] = characters[avi_random_below (avi_random_system (), sizeof characters - 1)];
}

static void
avi_avahi_service_withdraw (AviAvahiService *self)
{
  g_clear_pointer (&self->group, avi_avahi_object_free);
}

static void
avi_avahi_service_free (AviAvahiService *self)
{
  avi_avahi_service_withdraw (self);
  g_clear_pointer (&self->strings, g_variant_unref);
  g_free (self);
}

static void
avi_avahi_service_on_failed (gpointer      user_data,
                             const GError *error)
{
  AviAvahiService *self = user_data;
  g_autofree char *remote = g_dbus_error_get_remote_error (error);

  avi_avahi_service_withdraw (self);
  if (g_strcmp0 (remote, AVI_AVAHI_NAME ".CollisionError") == 0)
    avi_avahi_service_choose_name (self);
  self->publisher->outcome (self->publisher->user_data, error);
}

static void
avi_avahi_service_on_signal (gpointer    user_data,
                             const char *member,
                             GVariant   *parameters)
{
  AviAvahiService *self = user_data;
  g_autoptr(GError) error = NULL;
  const char *reason;
  gint32 state;

  if (!g_str_equal (member, "StateChanged") || !g_variant_is_of_type (parameters, G_VARIANT_TYPE ("(is)")))
    return;

  g_variant_get (parameters, "(i&s)", &state, &reason);
  if (state == GROUP_ESTABLISHED)
    self->publisher->outcome (self->publisher->user_data, NULL);
  else if (state == GROUP_COLLISION || state == GROUP_FAILURE)
    {
      if (state == GROUP_COLLISION)
        avi_avahi_service_choose_name (self);
      avi_avahi_service_withdraw (self);
      g_set_error (&error, AVI_ERROR, AVI_ERROR_REJECTED, "%s", reason);
      self->publisher->outcome (self->publisher->user_data, error);
    }
}

static void
avi_avahi_service_publish (AviAvahiService *self)
{
  AviAvahiBus *bus = self->publisher->bus;

  if (bus == NULL || self->group != NULL)
    return;
  self->group = avi_avahi_object_new (bus, "EntryGroup", "EntryGroupNew", NULL, avi_avahi_service_on_signal,
                                      avi_avahi_service_on_failed, self);
  avi_avahi_object_call (self->group, "AddService",
                         g_variant_new ("(iiussssq@aay)", (gint32) self->ifindex, ANY_PROTOCOL, FLAGS, self->name,
                                        SERVICE_TYPE, "", "", self->port, self->strings));
  avi_avahi_object_call (self->group, "Commit", NULL);
}

/* The TXT record is replaced in place; all else takes a new group, which costs a goodbye. */
static void
avi_avahi_service_change (AviAvahiService *self,
                          GVariant        *strings,
                          guint16          port)
{
  gboolean same_port = self->port == port;
  gboolean same_strings = self->strings != NULL && g_variant_equal (self->strings, strings);

  if (same_port && same_strings)
    return;

  g_clear_pointer (&self->strings, g_variant_unref);
  self->strings = g_variant_ref (strings);
  self->port = port;
  if (self->group != NULL && same_port)
    avi_avahi_object_call (self->group, "UpdateServiceTxt",
                           g_variant_new ("(iiusss@aay)", (gint32) self->ifindex, ANY_PROTOCOL, FLAGS, self->name,
                                          SERVICE_TYPE, "", strings));
  else
    {
      avi_avahi_service_withdraw (self);
      avi_avahi_service_publish (self);
    }
}

/* ay, or NULL where @address is no use on a LAN. */
static GVariant *
avi_avahi_publisher_format_address (const AviMultiaddr *address,
                                    const char         *peer)
{
  AviMdnsEndpoint endpoint;

  if (avi_multiaddr_is_loopback (address) || !avi_mdns_endpoint_init (&endpoint, address))
    return NULL;

  g_autoptr(GByteArray) string = g_byte_array_new ();

  avi_mdns_txt_append (string, &endpoint, peer);
  /* Avahi adds the length itself. */
  return g_variant_new_fixed_array (G_VARIANT_TYPE_BYTE, string->data + 1, string->len - 1, 1);
}

/* aay, or NULL where no address can be announced. */
static GVariant *
avi_avahi_publisher_format (AviAvahiPublisher *self,
                            GPtrArray         *addresses)
{
  g_autofree char *peer = avi_peer_id_to_string (&self->self_id);
  GVariantBuilder builder;
  guint n = 0;

  g_variant_builder_init (&builder, G_VARIANT_TYPE ("aay"));
  for (guint i = 0; i < addresses->len && n < AVI_AVAHI_MAX_PUBLISHED; i++)
    {
      GVariant *string = avi_avahi_publisher_format_address (addresses->pdata[i], peer);

      if (string == NULL)
        continue;
      g_variant_builder_add_value (&builder, string);
      n++;
    }
  if (n > 0)
    return g_variant_ref_sink (g_variant_builder_end (&builder));

  g_variant_builder_clear (&builder);
  return NULL;
}

AviAvahiPublisher *
avi_avahi_publisher_new (const AviPeerId *self_id,
                         AviAvahiOutcome  outcome,
                         gpointer         user_data)
{
  AviAvahiPublisher *self = g_new0 (AviAvahiPublisher, 1);

  self->self_id = *self_id;
  self->outcome = outcome;
  self->user_data = user_data;
  self->services = g_hash_table_new_full (NULL, NULL, NULL, (GDestroyNotify) avi_avahi_service_free);
  return self;
}

void
avi_avahi_publisher_attach (AviAvahiPublisher *self,
                            AviAvahiBus       *bus)
{
  GHashTableIter iter;
  AviAvahiService *service;

  self->bus = bus;
  g_hash_table_iter_init (&iter, self->services);
  while (g_hash_table_iter_next (&iter, NULL, (gpointer *) &service))
    {
      if (bus == NULL)
        avi_avahi_service_withdraw (service);
      else
        avi_avahi_service_publish (service);
    }
}

void
avi_avahi_publisher_set (AviAvahiPublisher *self,
                         guint              ifindex,
                         GPtrArray         *addresses,
                         guint16            port)
{
  g_autoptr(GVariant) strings = port != 0 ? avi_avahi_publisher_format (self, addresses) : NULL;
  AviAvahiService *service = g_hash_table_lookup (self->services, GUINT_TO_POINTER (ifindex));

  if (strings == NULL)
    {
      avi_avahi_publisher_remove (self, ifindex);
      return;
    }
  if (service == NULL)
    {
      if (g_hash_table_size (self->services) >= AVI_AVAHI_MAX_INTERFACES)
        {
          g_debug ("Not announced through Avahi on interface %u: the limit is %d interfaces", ifindex,
                   AVI_AVAHI_MAX_INTERFACES);
          return;
        }
      service = g_new0 (AviAvahiService, 1);
      service->publisher = self;
      service->ifindex = ifindex;
      avi_avahi_service_choose_name (service);
      g_hash_table_insert (self->services, GUINT_TO_POINTER (ifindex), service);
    }
  avi_avahi_service_change (service, strings, port);
}

void
avi_avahi_publisher_remove (AviAvahiPublisher *self,
                            guint              ifindex)
{
  g_hash_table_remove (self->services, GUINT_TO_POINTER (ifindex));
}

void
avi_avahi_publisher_free (AviAvahiPublisher *self)
{
  g_hash_table_unref (self->services);
  g_free (self);
}
