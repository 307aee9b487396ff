/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "avi-last-port.h"

#include <errno.h>

#include <glib/gstdio.h>

#include "wire/avi-file.h"

#define GROUP "listen"
#define KEY   "port"

static char *
avi_last_port_get_path (const AviPeerId *peer)
{
  g_autofree char *id = avi_peer_id_to_string (peer);
  g_autofree char *name = g_strconcat (id, ".state", NULL);

  return g_build_filename (g_get_user_state_dir (), "avi", name, NULL);
}

guint16
avi_last_port_load (const AviPeerId *peer)
{
  g_autofree char *path = avi_last_port_get_path (peer);
  g_autoptr(GKeyFile) file = g_key_file_new ();
  gint port;

  if (!g_key_file_load_from_file (file, path, G_KEY_FILE_NONE, NULL))
    return 0;
  port = g_key_file_get_integer (file, GROUP, KEY, NULL);
  return port > 0 && port <= G_MAXUINT16 ? (guint16) port : 0;
}

void
avi_last_port_save (const AviPeerId *peer,
                    guint16          port)
{
  g_autofree char *path = avi_last_port_get_path (peer);
  g_autofree char *folder = g_path_get_dirname (path);
  g_autoptr(GKeyFile) file = g_key_file_new ();
  g_autofree char *text = NULL;

  g_key_file_set_integer (file, GROUP, KEY, port);
  text = g_key_file_to_data (file, NULL, NULL);
  if (g_mkdir_with_parents (folder, 0700) < 0 || !avi_file_replace (path, AVI_SPAN_STRING (text)))
    g_debug ("The port is not kept in %s: %s", path, g_strerror (errno));
}
