/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * AviAvahiBus: one life of avahi-daemon on the system bus, and the objects that it keeps for us
 * (entry groups, record browsers). AviAvahi makes one whenever the daemon's name gets an owner and
 * frees it when that owner is gone; the publisher and the browser make objects on it. Nothing here
 * blocks; an answer that comes when nobody wants it any more is dropped, and what it made is freed
 * in the daemon. Knows nothing of mDNS records.
 */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

#define AVI_AVAHI_NAME      "org.freedesktop.Avahi"
/* Calls under way; the rest wait their turn. The system bus fails calls beyond 128 per connection. */
#define AVI_AVAHI_MAX_CALLS 32

/* For an answer, and for the bus to take us: 10 s. A test shortens it before it makes anything. */
extern guint avi_avahi_timeout_ms;

/* AvahiServerState, by its number on D-Bus; ASKING is ours: not yet answered. */
typedef enum
{
  AVI_AVAHI_SERVER_ASKING = -1,
  AVI_AVAHI_SERVER_INVALID,
  AVI_AVAHI_SERVER_REGISTERING,
  AVI_AVAHI_SERVER_RUNNING,
  AVI_AVAHI_SERVER_COLLISION,
  AVI_AVAHI_SERVER_FAILURE
} AviAvahiServerState;

typedef struct _AviAvahiBus    AviAvahiBus;
typedef struct _AviAvahiObject AviAvahiObject;

/* The state has changed, or (@error) cannot be had. May free the bus. */
typedef void (*AviAvahiStateChanged) (gpointer user_data, AviAvahiServerState state, const GError *error);
/* A signal of an object. */
typedef void (*AviAvahiSignal)       (gpointer user_data, const char *member, GVariant *parameters);
/* The object cannot be made, or a call on it has failed: told once, nothing comes after it. Either
 * may free the object. */
typedef void (*AviAvahiFailed)       (gpointer user_data, const GError *error);
/* How what a user of objects attempts goes: NULL: it has succeeded. */
typedef void (*AviAvahiOutcome)      (gpointer user_data, const GError *error);

/* @owner: the unique name of the daemon's connection: neither its successor nor anybody else is
 * listened to. */
AviAvahiBus         *avi_avahi_bus_new         (GDBusConnection      *connection,
                                                const char           *owner,
                                                AviAvahiStateChanged  changed,
                                                gpointer              user_data);
AviAvahiServerState  avi_avahi_bus_get_state   (AviAvahiBus *self);
/* TRUE: what a browser finds is not told before `Start` is called on it (Avahi 0.8). */
gboolean             avi_avahi_bus_can_prepare (AviAvahiBus *self);
/* Its objects may live longer: they are silent then. */
void                 avi_avahi_bus_free        (AviAvahiBus *self);

/* @method of the server answers the path of a new object, whose interface @interface is ("EntryGroup").
 * @arguments: floating, or NULL. */
AviAvahiObject *avi_avahi_object_new  (AviAvahiBus    *bus,
                                       const char     *interface,
                                       const char     *method,
                                       GVariant       *arguments,
                                       AviAvahiSignal  signal,
                                       AviAvahiFailed  failed,
                                       gpointer        user_data);
/* Calls are made in this order, once the object is there. @arguments: floating, or NULL. */
void            avi_avahi_object_call (AviAvahiObject *self, const char *method, GVariant *arguments);
/* Frees it in the daemon too. */
void            avi_avahi_object_free (AviAvahiObject *self);

G_END_DECLS
