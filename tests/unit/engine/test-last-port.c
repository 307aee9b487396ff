/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The port that is kept for next time: what is saved is read again, and whatever else stands in the
 * file is no port.
 */
#include "config.h"

#include "engine/avi-last-port.h"

#include <glib/gstdio.h>

#include "crypto/avi-key.h"

static char *folder;

static char *
get_path (const AviPeerId *peer)
{
  g_autofree char *id = avi_peer_id_to_string (peer);
  g_autofree char *name = g_strconcat (id, ".state", NULL);

  return g_build_filename (folder, "avi", name, NULL);
}

static void
test_kept (void)
{
  g_autoptr(AviKeyPair) one = avi_key_pair_generate ();
  g_autoptr(AviKeyPair) other = avi_key_pair_generate ();
  const AviPeerId *peer = avi_key_pair_get_peer_id (one);

  g_assert_cmpuint (avi_last_port_load (peer), ==, 0);
  avi_last_port_save (peer, 4001);
  g_assert_cmpuint (avi_last_port_load (peer), ==, 4001);
  g_assert_cmpuint (avi_last_port_load (avi_key_pair_get_peer_id (other)), ==, 0);
  avi_last_port_save (peer, 1);
  g_assert_cmpuint (avi_last_port_load (peer), ==, 1);
  avi_last_port_save (peer, G_MAXUINT16);
  g_assert_cmpuint (avi_last_port_load (peer), ==, G_MAXUINT16);
}

static void
test_private (void)
{
  g_autoptr(AviKeyPair) pair = avi_key_pair_generate ();
  const AviPeerId *peer = avi_key_pair_get_peer_id (pair);
  g_autofree char *path = get_path (peer);
  g_autofree char *parent = g_path_get_dirname (path);
  GStatBuf status;

  avi_last_port_save (peer, 4001);
  g_assert_cmpint (g_stat (path, &status), ==, 0);
  g_assert_cmpuint (status.st_mode & 0777, ==, 0600);
  g_assert_cmpint (g_stat (parent, &status), ==, 0);
  g_assert_cmpuint (status.st_mode & 0777, ==, 0700);
}

static void
test_bad_file (void)
{
  static const char *const bad[] = {
    "",
    "\n",
    "port=4001\n",
    "[listen]\n",
    "[listen]\nport=\n",
    "[listen]\nport=0\n",
    "[listen]\nport=-1\n",
    "[listen]\nport=65536\n",
    "[listen]\nport=69537\n", /* 4001, with a bit above */
    "[listen]\nport=4294971297\n",
    "[listen]\nport=99999999999999999999\n",
    "[listen]\nport=4001x\n",
    "[listen]\nport=0x1000\n",
    "[listen]\nport=front door\n",
    "[listen]\nport=\xff\xfe\n",
    "[other]\nport=4001\n",
    "[listen\nport=4001\n",
    "\x7f\x45\x4c\x46\x02\x01\x01",
  };
  g_autoptr(AviKeyPair) pair = avi_key_pair_generate ();
  const AviPeerId *peer = avi_key_pair_get_peer_id (pair);
  g_autofree char *path = get_path (peer);

  /* Makes the folder. */
  avi_last_port_save (peer, 4001);
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autofree char *shown = g_strescape (bad[i], NULL);

      g_test_message ("%s", shown);
      g_assert_true (g_file_set_contents (path, bad[i], -1, NULL));
      g_assert_cmpuint (avi_last_port_load (peer), ==, 0);
    }
  avi_last_port_save (peer, 4002);
  g_assert_cmpuint (avi_last_port_load (peer), ==, 4002);
}

/* Also for root, whom no permission stops: a folder where the file should be. */
static void
test_nowhere (void)
{
  g_autoptr(AviKeyPair) pair = avi_key_pair_generate ();
  const AviPeerId *peer = avi_key_pair_get_peer_id (pair);
  g_autofree char *path = get_path (peer);

  g_assert_cmpint (g_mkdir_with_parents (path, 0700), ==, 0);
  avi_last_port_save (peer, 4001);
  g_assert_cmpuint (avi_last_port_load (peer), ==, 0);
}

int
main (int argc, char **argv)
{
  const char *remove[] = { "rm", "-r", NULL, NULL };
  int result;

  folder = g_dir_make_tmp ("avi-last-port-XXXXXX", NULL);
  remove[2] = folder;
  g_setenv ("XDG_STATE_HOME", folder, TRUE);
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/last-port/what is saved is read again, for that peer alone", test_kept);
  g_test_add_func ("/last-port/its file and folder are the user's alone", test_private);
  g_test_add_func ("/last-port/a file that holds no port is none, and is written over", test_bad_file);
  g_test_add_func ("/last-port/where it cannot be kept nothing fails", test_nowhere);
  result = g_test_run ();
  g_spawn_sync (NULL, (char **) remove, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, NULL, NULL, NULL);
  g_free (folder);
  return result;
}
