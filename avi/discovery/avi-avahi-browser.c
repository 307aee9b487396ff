/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "avi-error.h"
#include "discovery/avi-avahi-browser.h"
#include "discovery/avi-dns.h"
#include "discovery/avi-mdns-txt.h"

#define SERVICE       "_p2p._udp.local"
#define ANY_INTERFACE (-1)
#define ANY_PROTOCOL  (-1)
/* AvahiLookupFlags: USE_MULTICAST, for the names of instances are not always below .local */
#define FLAGS         2u

/* What one TXT record says. Two records that say the same on one interface, by IPv4 and by IPv6 or
 * in different words, are two of these. */
typedef struct
{
  guint      ifindex;
  gint32     protocol;
  AviPeerId  peer;
  GPtrArray *addresses;
} AviAvahiRecord;

typedef struct
{
  AviAvahiBrowser *browser;
  char            *name;
  /* PTR records that name it: one per interface and protocol */
  guint            n_pointers;
  /* Browses its TXT records; NULL: the daemon does not take the name */
  AviAvahiObject  *texts;
  GPtrArray       *records; /* of AviAvahiRecord */
} AviAvahiInstance;

/* What was told: the peer on the interface. */
typedef struct
{
  AviPeerId  peer;
  guint      ifindex;
  GPtrArray *addresses;
} AviAvahiTold;

struct _AviAvahiBrowser
{
  AviPeerId        self_id;
  AviAvahiFound    found;
  AviAvahiGone     gone;
  AviAvahiOutcome  outcome;
  gpointer         user_data;

  AviAvahiBus     *bus;
  /* Browses the PTR records; NULL: not browsing */
  AviAvahiObject  *pointers;
  /* A success of it was told. */
  gboolean         works;
  gboolean         over_limit;
  /* name → AviAvahiInstance */
  GHashTable      *instances;
  guint            n_records;
  /* AviAvahiTold, by its peer and interface */
  GHashTable      *told;
};

/* --- The data of records --- */

/* As the daemon escapes labels: dots and backslashes by a backslash, else by three decimals. */
static void
avi_avahi_append_label (GString *name,
                        AviSpan  label)
{
  for (gsize i = 0; i < label.len; i++)
    {
      char c = label.data[i];

      if (g_ascii_isalnum (c) || c == '-' || c == '_')
        g_string_append_c (name, g_ascii_tolower (c));
      else if (c == '.' || c == '\\')
        g_string_append_printf (name, "\\%c", c);
      else
        g_string_append_printf (name, "\\%03u", (guint8) c);
    }
}

char *
avi_avahi_parse_name (AviSpan data)
{
  g_autoptr(GString) name = g_string_new (NULL);

  if (data.len > AVI_DNS_MAX_NAME_LEN)
    return NULL;

  while (data.len > 0 && data.data[0] > 0)
    {
      guint8 len = data.data[0];

      if (len > AVI_DNS_MAX_LABEL_LEN || len >= data.len)
        return NULL;
      if (name->len > 0)
        g_string_append_c (name, '.');
      avi_avahi_append_label (name, AVI_SPAN (data.data + 1, len));
      data = avi_span_skip (data, len + 1);
    }
  /* The root's zero, and nothing after it */
  if (data.len != 1 || name->len == 0)
    return NULL;
  return g_string_free (g_steal_pointer (&name), FALSE);
}

GPtrArray *
avi_avahi_parse_texts (AviSpan    data,
                       guint      ifindex,
                       AviPeerId *peer)
{
  g_autoptr(GPtrArray) addresses = g_ptr_array_new_with_free_func ((GDestroyNotify) avi_multiaddr_unref);
  gsize offset = 0;
  AviSpan string;

  while (addresses->len < AVI_AVAHI_MAX_ADDRESSES && avi_dns_txt_next (data, &offset, &string))
    {
      g_autoptr(AviMultiaddr) address = NULL;
      AviPeerId named;

      if (!avi_mdns_txt_parse (string, ifindex, FALSE, &named, &address) || address == NULL)
        continue;
      if (addresses->len == 0)
        *peer = named;
      if (avi_peer_id_equal (&named, peer)
          && !g_ptr_array_find_with_equal_func (addresses, address, avi_multiaddr_equal, NULL))
        g_ptr_array_add (addresses, g_steal_pointer (&address));
    }
  return addresses->len > 0 ? g_steal_pointer (&addresses) : NULL;
}

/* --- Addresses --- */

static gboolean
avi_avahi_addresses_equal (GPtrArray *a,
                           GPtrArray *b)
{
  if (a->len != b->len)
    return FALSE;
  for (guint i = 0; i < a->len; i++)
    {
      if (!g_ptr_array_find_with_equal_func (b, a->pdata[i], avi_multiaddr_equal, NULL))
        return FALSE;
    }
  return TRUE;
}

static void
avi_avahi_addresses_add (GPtrArray *sum,
                         GPtrArray *addresses)
{
  for (guint i = 0; i < addresses->len && sum->len < AVI_AVAHI_MAX_ADDRESSES; i++)
    {
      if (!g_ptr_array_find_with_equal_func (sum, addresses->pdata[i], avi_multiaddr_equal, NULL))
        g_ptr_array_add (sum, avi_multiaddr_ref (addresses->pdata[i]));
    }
}

static GPtrArray *
avi_avahi_browser_sum (AviAvahiBrowser *self,
                       const AviPeerId *peer,
                       guint            ifindex)
{
  GPtrArray *sum = g_ptr_array_new_with_free_func ((GDestroyNotify) avi_multiaddr_unref);
  GHashTableIter iter;
  AviAvahiInstance *instance;

  g_hash_table_iter_init (&iter, self->instances);
  while (g_hash_table_iter_next (&iter, NULL, (gpointer *) &instance))
    {
      for (guint i = 0; i < instance->records->len; i++)
        {
          const AviAvahiRecord *record = instance->records->pdata[i];

          if (record->ifindex == ifindex && avi_peer_id_equal (&record->peer, peer))
            avi_avahi_addresses_add (sum, record->addresses);
        }
    }
  return sum;
}

static guint
avi_avahi_told_hash (gconstpointer data)
{
  const AviAvahiTold *told = data;

  return avi_peer_id_hash (&told->peer) ^ told->ifindex;
}

static gboolean
avi_avahi_told_equal (gconstpointer a,
                      gconstpointer b)
{
  const AviAvahiTold *one = a, *other = b;

  return one->ifindex == other->ifindex && avi_peer_id_equal (&one->peer, &other->peer);
}

static void
avi_avahi_told_free (AviAvahiTold *told)
{
  g_ptr_array_unref (told->addresses);
  g_free (told);
}

/* The records of @peer on @ifindex have changed: tells what follows from that, if anything does. */
static void
avi_avahi_browser_tell (AviAvahiBrowser *self,
                        const AviPeerId *peer,
                        guint            ifindex)
{
  g_autoptr(GPtrArray) sum = avi_avahi_browser_sum (self, peer, ifindex);
  AviAvahiTold key = { .peer = *peer, .ifindex = ifindex };
  AviAvahiTold *told = g_hash_table_lookup (self->told, &key);

  if (sum->len == 0)
    {
      if (g_hash_table_remove (self->told, &key))
        self->gone (self->user_data, &key.peer, ifindex);
      return;
    }
  if (told != NULL && avi_avahi_addresses_equal (told->addresses, sum))
    return;
  if (told == NULL)
    {
      told = g_memdup2 (&key, sizeof key);
      g_hash_table_add (self->told, told);
    }
  g_clear_pointer (&told->addresses, g_ptr_array_unref);
  told->addresses = g_ptr_array_ref (sum);
  self->found (self->user_data, &key.peer, sum, ifindex);
}

/* --- TXT records --- */

static void
avi_avahi_record_free (AviAvahiRecord *record)
{
  g_ptr_array_unref (record->addresses);
  g_free (record);
}

static void
avi_avahi_instance_add (AviAvahiInstance     *self,
                        const AviAvahiRecord *record)
{
  if (self->browser->n_records >= AVI_AVAHI_MAX_RECORDS)
    {
      g_debug ("A TXT record of %s is not looked at: the limit is %d records", self->name, AVI_AVAHI_MAX_RECORDS);
      return;
    }

  AviAvahiRecord *added = g_memdup2 (record, sizeof *record);

  added->addresses = g_ptr_array_ref (record->addresses);
  g_ptr_array_add (self->records, added);
  self->browser->n_records++;
}

static void
avi_avahi_instance_remove (AviAvahiInstance     *self,
                           const AviAvahiRecord *record)
{
  for (guint i = 0; i < self->records->len; i++)
    {
      const AviAvahiRecord *candidate = self->records->pdata[i];

      if (candidate->ifindex == record->ifindex && candidate->protocol == record->protocol
          && avi_peer_id_equal (&candidate->peer, &record->peer)
          && avi_avahi_addresses_equal (candidate->addresses, record->addresses))
        {
          g_ptr_array_remove_index_fast (self->records, i);
          self->browser->n_records--;
          return;
        }
    }
}

/* Its data as a span, good as long as @parameters, of a signal ItemNew or ItemRemove. */
static gboolean
avi_avahi_parse_item (GVariant *parameters,
                      gint32   *ifindex,
                      gint32   *protocol,
                      AviSpan  *data)
{
  if (!g_variant_is_of_type (parameters, G_VARIANT_TYPE ("(iisqqayu)")))
    return FALSE;

  g_autoptr(GVariant) bytes = g_variant_get_child_value (parameters, 5);

  g_variant_get_child (parameters, 0, "i", ifindex);
  g_variant_get_child (parameters, 1, "i", protocol);
  data->data = (guint8 *) g_variant_get_fixed_array (bytes, &data->len, 1);
  return *ifindex > 0;
}

static void
avi_avahi_instance_on_signal (gpointer    user_data,
                              const char *member,
                              GVariant   *parameters)
{
  AviAvahiInstance *self = user_data;
  AviAvahiBrowser *browser = self->browser;
  AviAvahiRecord record = { 0 };
  gboolean is_new = g_str_equal (member, "ItemNew");
  gint32 ifindex;
  AviSpan data;

  if ((!is_new && !g_str_equal (member, "ItemRemove"))
      || !avi_avahi_parse_item (parameters, &ifindex, &record.protocol, &data))
    return;

  g_autoptr(GPtrArray) addresses = avi_avahi_parse_texts (data, ifindex, &record.peer);

  if (addresses == NULL || avi_peer_id_equal (&record.peer, &browser->self_id))
    return;
  record.ifindex = ifindex;
  record.addresses = addresses;
  if (is_new)
    avi_avahi_instance_add (self, &record);
  else
    avi_avahi_instance_remove (self, &record);
  avi_avahi_browser_tell (browser, &record.peer, record.ifindex);
}

/* A name that the daemon does not take. The others are not touched by that. */
static void
avi_avahi_instance_on_failed (gpointer      user_data,
                              const GError *error)
{
  AviAvahiInstance *self = user_data;

  g_debug ("Avahi does not look for %s: %s", self->name, error->message);
  g_clear_pointer (&self->texts, avi_avahi_object_free);
}

/* --- PTR records --- */

static AviAvahiObject *
avi_avahi_browser_browse (AviAvahiBrowser *self,
                          const char      *name,
                          AviDnsType       type,
                          AviAvahiSignal   signal,
                          AviAvahiFailed   failed,
                          gpointer         user_data)
{
  gboolean prepare = avi_avahi_bus_can_prepare (self->bus);
  AviAvahiObject *object = avi_avahi_object_new (
      self->bus, "RecordBrowser", prepare ? "RecordBrowserPrepare" : "RecordBrowserNew",
      g_variant_new ("(iisqqu)", ANY_INTERFACE, ANY_PROTOCOL, name, AVI_DNS_CLASS_IN, type, FLAGS), signal, failed,
      user_data);

  if (prepare)
    avi_avahi_object_call (object, "Start", NULL);
  return object;
}

static void
avi_avahi_instance_free (AviAvahiInstance *self)
{
  g_clear_pointer (&self->texts, avi_avahi_object_free);
  self->browser->n_records -= self->records->len;
  g_ptr_array_unref (self->records);
  g_free (self->name);
  g_free (self);
}

/* Already stolen from the table: its records count no more. */
static void
avi_avahi_browser_drop (AviAvahiBrowser  *self,
                        AviAvahiInstance *instance)
{
  for (guint i = 0; i < instance->records->len; i++)
    {
      const AviAvahiRecord *record = instance->records->pdata[i];

      avi_avahi_browser_tell (self, &record->peer, record->ifindex);
    }
  avi_avahi_instance_free (instance);
}

static void
avi_avahi_browser_set_over_limit (AviAvahiBrowser *self,
                                  gboolean         over_limit)
{
  g_autoptr(GError) error = NULL;

  if (self->over_limit == over_limit)
    return;
  self->over_limit = over_limit;
  if (over_limit)
    g_set_error (&error, AVI_ERROR, AVI_ERROR_LIMIT, "more than %d instances of %s are announced",
                 AVI_AVAHI_MAX_INSTANCES, SERVICE);
  self->outcome (self->user_data, error);
}

static void
avi_avahi_browser_add_pointer (AviAvahiBrowser *self,
                               const char      *name)
{
  AviAvahiInstance *instance = g_hash_table_lookup (self->instances, name);

  if (instance == NULL)
    {
      if (g_hash_table_size (self->instances) >= AVI_AVAHI_MAX_INSTANCES)
        {
          avi_avahi_browser_set_over_limit (self, TRUE);
          return;
        }
      instance = g_new0 (AviAvahiInstance, 1);
      instance->browser = self;
      instance->name = g_strdup (name);
      instance->records = g_ptr_array_new_with_free_func ((GDestroyNotify) avi_avahi_record_free);
      instance->texts = avi_avahi_browser_browse (self, name, AVI_DNS_TYPE_TXT, avi_avahi_instance_on_signal,
                                                  avi_avahi_instance_on_failed, instance);
      g_hash_table_insert (self->instances, instance->name, instance);
    }
  instance->n_pointers++;
}

static void
avi_avahi_browser_remove_pointer (AviAvahiBrowser *self,
                                  const char      *name)
{
  AviAvahiInstance *instance = g_hash_table_lookup (self->instances, name);

  if (instance == NULL || --instance->n_pointers > 0)
    return;
  g_hash_table_steal (self->instances, name);
  avi_avahi_browser_drop (self, instance);
  avi_avahi_browser_set_over_limit (self, FALSE);
}

static void
avi_avahi_browser_clear (AviAvahiBrowser *self)
{
  GHashTableIter iter;
  AviAvahiInstance *instance;

  g_clear_pointer (&self->pointers, avi_avahi_object_free);
  self->works = FALSE;
  self->over_limit = FALSE;
  g_hash_table_iter_init (&iter, self->instances);
  while (g_hash_table_iter_next (&iter, NULL, (gpointer *) &instance))
    {
      g_hash_table_iter_steal (&iter);
      avi_avahi_browser_drop (self, instance);
    }
}

static void
avi_avahi_browser_on_failed (gpointer      user_data,
                             const GError *error)
{
  AviAvahiBrowser *self = user_data;

  avi_avahi_browser_clear (self);
  self->outcome (self->user_data, error);
}

static void
avi_avahi_browser_on_signal (gpointer    user_data,
                             const char *member,
                             GVariant   *parameters)
{
  AviAvahiBrowser *self = user_data;
  gboolean is_new = g_str_equal (member, "ItemNew");
  gint32 ifindex, protocol;
  AviSpan data;

  if (g_str_equal (member, "Failure"))
    {
      g_autofree char *reason = g_variant_print (parameters, FALSE);
      g_autoptr(GError) error = g_error_new (AVI_ERROR, AVI_ERROR_FAILED, "it cannot browse: %s", reason);

      avi_avahi_browser_on_failed (self, error);
      return;
    }

  if (!self->works)
    {
      self->works = TRUE;
      self->outcome (self->user_data, NULL);
    }
  if ((is_new || g_str_equal (member, "ItemRemove")) && avi_avahi_parse_item (parameters, &ifindex, &protocol, &data))
    {
      g_autofree char *name = avi_avahi_parse_name (data);

      if (name == NULL)
        g_debug ("Avahi tells of a PTR record that is malformed");
      else if (is_new)
        avi_avahi_browser_add_pointer (self, name);
      else
        avi_avahi_browser_remove_pointer (self, name);
    }
}

/* --- Life --- */

AviAvahiBrowser *
avi_avahi_browser_new (const AviPeerId *self_id,
                       AviAvahiFound    found,
                       AviAvahiGone     gone,
                       AviAvahiOutcome  outcome,
                       gpointer         user_data)
{
  AviAvahiBrowser *self = g_new0 (AviAvahiBrowser, 1);

  self->self_id = *self_id;
  self->found = found;
  self->gone = gone;
  self->outcome = outcome;
  self->user_data = user_data;
  self->instances
      = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, (GDestroyNotify) avi_avahi_instance_free);
  self->told = g_hash_table_new_full (avi_avahi_told_hash, avi_avahi_told_equal,
                                      (GDestroyNotify) avi_avahi_told_free, NULL);
  return self;
}

void
avi_avahi_browser_attach (AviAvahiBrowser *self,
                          AviAvahiBus     *bus)
{
  self->bus = bus;
  if (bus == NULL)
    avi_avahi_browser_clear (self);
  else if (self->pointers == NULL)
    self->pointers = avi_avahi_browser_browse (self, SERVICE, AVI_DNS_TYPE_PTR, avi_avahi_browser_on_signal,
                                               avi_avahi_browser_on_failed, self);
}

void
avi_avahi_browser_free (AviAvahiBrowser *self)
{
  g_clear_pointer (&self->pointers, avi_avahi_object_free);
  g_hash_table_unref (self->instances);
  g_hash_table_unref (self->told);
  g_free (self);
}
