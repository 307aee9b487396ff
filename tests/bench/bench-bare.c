/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What nobody can be faster than: the libraries' cryptography and the kernel's loopback alone.
 *
 *   handshake SECONDS   the X25519 and Ed25519 of both ends of a Noise XX handshake, one after the other
 *   seal SECONDS        ChaCha20-Poly1305 over frames of 64 KiB, where they lie
 *   echo SECONDS        64 bytes signed, to another process over TCP, checked, and so back; the median
 */
#include <arpa/inet.h>
#include <glib.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <signal.h>
#include <sodium.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATIENCE 60    /* seconds */
#define FRAME    65519 /* of plaintext in a frame of Noise */
#define BYTES    64    /* of an echo */

static void
result (const char *name, double value)
{
  g_print ("result %s %.3f\n", name, value);
}

static void
ensure (gboolean success, const char *what)
{
  if (!success)
    g_error ("%s failed", what);
}

/* --- handshake --- */

typedef struct
{
  guint8 secret[32], point[32];                                                       /* X25519 */
  guint8 identity[crypto_sign_SECRETKEYBYTES], public_key[crypto_sign_PUBLICKEYBYTES]; /* Ed25519 */
  guint8 signature[crypto_sign_BYTES];
} Keys;

/* The signature over the static key is made once in a node's life, not per handshake. */
static void
make_keys (Keys *keys)
{
  ensure (sodium_init () >= 0, "libsodium");
  randombytes_buf (keys->secret, sizeof keys->secret);
  crypto_scalarmult_base (keys->point, keys->secret);
  crypto_sign_keypair (keys->public_key, keys->identity);
  crypto_sign_detached (keys->signature, NULL, keys->point, sizeof keys->point, keys->identity);
}

/* An ephemeral key, three agreements, one check. */
static void
shake_hands (const Keys *keys)
{
  guint8 secret[32], point[32], shared[32];

  randombytes_buf (secret, sizeof secret);
  crypto_scalarmult_base (point, secret);
  for (int i = 0; i < 3; i++)
    ensure (crypto_scalarmult (shared, secret, keys->point) == 0, "X25519");
  ensure (crypto_sign_verify_detached (keys->signature, keys->point, sizeof keys->point, keys->public_key) == 0,
          "Ed25519");
}

static void
measure_handshakes (gint64 budget)
{
  gint64 started = g_get_monotonic_time ();
  gint64 took = 0;
  guint n = 0;
  Keys keys;

  make_keys (&keys);
  for (; took < budget; n++)
    {
      shake_hands (&keys);
      shake_hands (&keys);
      took = g_get_monotonic_time () - started;
    }
  result ("dial", n * 1e6 / took);
}

/* --- seal --- */

static void
measure_seals (gint64 budget)
{
  EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new ();
  g_autofree guint8 *frame = g_malloc0 (FRAME + 16);
  guint8 key[32] = { 1 }, nonce[12] = { 0 };
  gint64 started, took = 0;
  gsize bytes = 0;
  int n;

  ensure (EVP_CipherInit_ex (context, EVP_chacha20_poly1305 (), NULL, key, nonce, 1), "ChaCha20-Poly1305");
  started = g_get_monotonic_time ();
  for (guint64 counter = 0; took < budget; counter++)
    {
      memcpy (nonce + 4, &counter, sizeof counter);
      ensure (EVP_CipherInit_ex (context, NULL, NULL, NULL, nonce, 1)
                  && EVP_CipherUpdate (context, frame, &n, frame, FRAME)
                  && EVP_CipherFinal_ex (context, frame + FRAME, &n)
                  && EVP_CIPHER_CTX_ctrl (context, EVP_CTRL_AEAD_GET_TAG, 16, frame + FRAME),
              "ChaCha20-Poly1305");
      bytes += FRAME;
      took = g_get_monotonic_time () - started;
    }
  EVP_CIPHER_CTX_free (context);
  result ("seal", bytes * 8 / 1000.0 / took);
}

/* --- echo --- */

typedef struct
{
  guint8 signature[crypto_sign_BYTES];
  guint8 text[BYTES];
} Signed;

/* Both ends have the same key here, which costs the same. */
static gboolean
say (int fd, const Keys *keys, Signed *message)
{
  crypto_sign_detached (message->signature, NULL, message->text, BYTES, keys->identity);
  return send (fd, message, sizeof *message, MSG_NOSIGNAL) == sizeof *message;
}

static gboolean
hear (int fd, const Keys *keys, Signed *message)
{
  return recv (fd, message, sizeof *message, MSG_WAITALL) == sizeof *message
         && crypto_sign_verify_detached (message->signature, message->text, BYTES, keys->public_key) == 0;
}

/* One end of a connection over loopback whose other end answers in a process of its own. */
static int
connect_to_echo (const Keys *keys, pid_t *child)
{
  struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl (INADDR_LOOPBACK) };
  socklen_t len = sizeof address;
  int listener = socket (AF_INET, SOCK_STREAM, 0);
  int fd = socket (AF_INET, SOCK_STREAM, 0);
  int one = 1;

  ensure (bind (listener, (struct sockaddr *) &address, len) == 0 && listen (listener, 1) == 0
          && getsockname (listener, (struct sockaddr *) &address, &len) == 0
          && connect (fd, (struct sockaddr *) &address, len) == 0, "A TCP connection over loopback");
  setsockopt (fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  *child = fork ();
  if (*child == 0)
    {
      int accepted = accept (listener, NULL, NULL);
      Signed message;

      close (fd);
      alarm (PATIENCE);
      setsockopt (accepted, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
      while (hear (accepted, keys, &message) && say (accepted, keys, &message))
        continue;
      _exit (0);
    }
  close (listener);
  return fd;
}

static int
compare_times (gconstpointer a, gconstpointer b)
{
  gint64 one = *(const gint64 *) a;
  gint64 two = *(const gint64 *) b;

  return (one > two) - (one < two);
}

static void
measure_echo (gint64 budget)
{
  g_autoptr(GArray) times = g_array_new (FALSE, FALSE, sizeof (gint64));
  Signed message = { 0 };
  Keys keys;
  pid_t child;
  int fd;

  make_keys (&keys);
  fd = connect_to_echo (&keys, &child);
  for (gint64 sum = 0; sum < budget;)
    {
      gint64 asked = g_get_monotonic_time ();
      gint64 took;

      ensure (say (fd, &keys, &message) && hear (fd, &keys, &message), "The echo");
      took = g_get_monotonic_time () - asked;
      g_array_append_val (times, took);
      sum += took;
    }
  close (fd);
  waitpid (child, NULL, 0);
  g_array_sort (times, compare_times);
  result ("publish-latency", g_array_index (times, gint64, times->len / 2));
}

int
main (int argc, char **argv)
{
  gint64 budget = argc == 3 ? (gint64) (g_ascii_strtod (argv[2], NULL) * 1e6) : 0;

  alarm (PATIENCE);
  if (budget > 0 && g_str_equal (argv[1], "handshake"))
    measure_handshakes (budget);
  else if (budget > 0 && g_str_equal (argv[1], "seal"))
    measure_seals (budget);
  else if (budget > 0 && g_str_equal (argv[1], "echo"))
    measure_echo (budget);
  else
    {
      g_printerr ("bench-bare handshake|seal|echo SECONDS\n");
      return 1;
    }
  return 0;
}
