/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What nobody can be faster than: the libraries' cryptography and the kernel's loopback alone.
 *
 *   handshake SECONDS   the X25519 and Ed25519 of both ends of a Noise XX handshake, one after the other
 *   seal SECONDS        ChaCha20-Poly1305 over frames of 64 KiB, where they lie
 *   stream SECONDS      frames of 64 KiB sealed and written to another process over TCP, which reads them
 *   tcp-echo SECONDS    64 bytes to another process over TCP and back; the median
 *   echo SECONDS        the same, signed and checked each way
 *   relay SECONDS       a line of three processes over TCP: 64 bytes signed by the first, checked by the two others
 */
#include <arpa/inet.h>
#include <glib.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <poll.h>
#include <signal.h>
#include <sodium.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PATIENCE 60    /* seconds */
#define FRAME    65519 /* of plaintext in a frame of Noise */
#define BYTES    64    /* of an echo, or of a message that is relayed */
#define BATCH    64    /* messages that a relay passes on together */
#define WINDOW   64    /* batches that may be under way */

static void
result (const char *name, double value)
{
  g_print ("result %s %.3f\n", name, value);
}

/* GLib's microseconds are too coarse for an echo. */
static gint64
now_ns (void)
{
  struct timespec now;

  clock_gettime (CLOCK_MONOTONIC, &now);
  return now.tv_sec * G_GINT64_CONSTANT (1000000000) + now.tv_nsec;
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
  gint64 started = now_ns ();
  gint64 took = 0;
  guint n = 0;
  Keys keys;

  make_keys (&keys);
  for (; took < budget; n++)
    {
      shake_hands (&keys);
      shake_hands (&keys);
      took = now_ns () - started;
    }
  result ("dial", n * 1e9 / took);
}

/* --- seal --- */

typedef struct
{
  EVP_CIPHER_CTX *context;
  guint64         counter;
  guint8          frame[FRAME + 16];
} Sealer;

static void
sealer_init (Sealer *self)
{
  static const guint8 key[32] = { 1 };

  self->context = EVP_CIPHER_CTX_new ();
  ensure (EVP_CipherInit_ex (self->context, EVP_chacha20_poly1305 (), NULL, key, NULL, 1), "ChaCha20-Poly1305");
}

static void
sealer_seal (Sealer *self)
{
  guint8 nonce[12] = { 0 };
  int n;

  memcpy (nonce + 4, &self->counter, sizeof self->counter);
  self->counter++;
  ensure (EVP_CipherInit_ex (self->context, NULL, NULL, NULL, nonce, 1)
              && EVP_CipherUpdate (self->context, self->frame, &n, self->frame, FRAME)
              && EVP_CipherFinal_ex (self->context, self->frame + FRAME, &n)
              && EVP_CIPHER_CTX_ctrl (self->context, EVP_CTRL_AEAD_GET_TAG, 16, self->frame + FRAME),
          "ChaCha20-Poly1305");
}

static void
measure_seals (gint64 budget)
{
  g_autofree Sealer *sealer = g_new0 (Sealer, 1);
  gint64 started, took = 0;

  sealer_init (sealer);
  started = now_ns ();
  while (took < budget)
    {
      sealer_seal (sealer);
      took = now_ns () - started;
    }
  EVP_CIPHER_CTX_free (sealer->context);
  result ("seal", sealer->counter * FRAME * 8.0 / took);
}

/* --- over loopback --- */

typedef void (*Answer) (int fd, gpointer user_data);

/* One end of a connection over loopback whose other end is served in a process of its own. */
static int
connect_to (Answer answer, gpointer user_data, pid_t *child)
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

      close (fd);
      alarm (PATIENCE);
      setsockopt (accepted, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
      answer (accepted, user_data);
      _exit (0);
    }
  close (listener);
  return fd;
}

/* To its end, of which a byte tells. */
static void
drain (int fd, gpointer user_data)
{
  static guint8 buffer[256 * 1024];

  while (recv (fd, buffer, sizeof buffer, 0) > 0)
    ;
  send (fd, buffer, 1, MSG_NOSIGNAL);
}

static void
measure_stream (gint64 budget)
{
  g_autofree Sealer *sealer = g_new0 (Sealer, 1);
  gint64 started, took = 0;
  pid_t child;
  int fd = connect_to (drain, NULL, &child);
  char byte;

  sealer_init (sealer);
  started = now_ns ();
  while (took < budget)
    {
      sealer_seal (sealer);
      for (gsize sent = 0; sent < sizeof sealer->frame;)
        {
          ssize_t n = send (fd, sealer->frame + sent, sizeof sealer->frame - sent, MSG_NOSIGNAL);

          ensure (n > 0, "Sending");
          sent += n;
        }
      took = now_ns () - started;
    }
  shutdown (fd, SHUT_WR);
  ensure (recv (fd, &byte, 1, 0) == 1, "Sending");
  took = now_ns () - started;
  close (fd);
  waitpid (child, NULL, 0);
  EVP_CIPHER_CTX_free (sealer->context);
  result ("stream", sealer->counter * FRAME * 8.0 / took);
}

/* --- echo --- */

typedef struct
{
  guint8 text[BYTES];
  guint8 signature[crypto_sign_BYTES];
} Signed;

/* @keys: NULL: nothing is signed. Both ends have the same here, which costs the same. */
static gboolean
say (int fd, const Keys *keys, Signed *message)
{
  gsize size = keys != NULL ? sizeof *message : BYTES;

  if (keys != NULL)
    crypto_sign_detached (message->signature, NULL, message->text, BYTES, keys->identity);
  return send (fd, message, size, MSG_NOSIGNAL) == (ssize_t) size;
}

static gboolean
hear (int fd, const Keys *keys, Signed *message)
{
  gsize size = keys != NULL ? sizeof *message : BYTES;

  return recv (fd, message, size, MSG_WAITALL) == (ssize_t) size
         && (keys == NULL
             || crypto_sign_verify_detached (message->signature, message->text, BYTES, keys->public_key) == 0);
}

static void
echo (int fd, gpointer keys)
{
  Signed message;

  while (hear (fd, keys, &message) && say (fd, keys, &message))
    continue;
}

static int
compare_times (gconstpointer a, gconstpointer b)
{
  gint64 one = *(const gint64 *) a;
  gint64 two = *(const gint64 *) b;

  return (one > two) - (one < two);
}

static void
measure_echo (gint64 budget, Keys *keys, const char *name)
{
  g_autoptr(GArray) times = g_array_new (FALSE, FALSE, sizeof (gint64));
  Signed message = { 0 };
  pid_t child;
  int fd = connect_to (echo, keys, &child);

  for (gint64 sum = 0; sum < budget;)
    {
      gint64 asked = now_ns ();
      gint64 took;

      ensure (say (fd, keys, &message) && hear (fd, keys, &message), "The echo");
      took = now_ns () - asked;
      g_array_append_val (times, took);
      sum += took;
    }
  close (fd);
  waitpid (child, NULL, 0);
  g_array_sort (times, compare_times);
  result (name, g_array_index (times, gint64, times->len / 2) / 1e3);
}

static void
measure_signed_echo (gint64 budget)
{
  Keys keys;

  make_keys (&keys);
  measure_echo (budget, &keys, "publish-latency");
}

static void
measure_tcp_echo (gint64 budget)
{
  measure_echo (budget, NULL, "echo");
}

/* --- relay --- */

static void
sign_batch (const Keys *keys, Signed batch[BATCH])
{
  for (guint i = 0; i < BATCH; i++)
    crypto_sign_detached (batch[i].signature, NULL, batch[i].text, BYTES, keys->identity);
}

static gboolean
hear_batch (int fd, const Keys *keys, Signed batch[BATCH])
{
  gsize size = BATCH * sizeof *batch;

  if (recv (fd, batch, size, MSG_WAITALL) != (ssize_t) size)
    return FALSE;
  for (guint i = 0; i < BATCH; i++)
    ensure (crypto_sign_verify_detached (batch[i].signature, batch[i].text, BYTES, keys->public_key) == 0,
            "A signature");
  return TRUE;
}

static gboolean
say_batch (int fd, const Signed batch[BATCH])
{
  gsize size = BATCH * sizeof *batch;

  return send (fd, batch, size, MSG_NOSIGNAL) == (ssize_t) size;
}

/* Says a byte for each batch. */
static void
take_batches (int fd, gpointer keys)
{
  Signed batch[BATCH];

  while (hear_batch (fd, keys, batch) && send (fd, "", 1, MSG_NOSIGNAL) == 1)
    continue;
}

/* Batches one way, those bytes the other. */
static void
pass_batches (int fd, gpointer keys)
{
  Signed batch[BATCH];
  guint8 acks[WINDOW];
  pid_t child;
  struct pollfd ends[] = { { fd, POLLIN, 0 }, { connect_to (take_batches, keys, &child), POLLIN, 0 } };

  while (poll (ends, G_N_ELEMENTS (ends), -1) > 0)
    {
      ssize_t n = ends[1].revents != 0 ? recv (ends[1].fd, acks, sizeof acks, 0) : 0;

      if (n > 0 && send (fd, acks, n, MSG_NOSIGNAL) != n)
        break;
      if (ends[0].revents != 0 && !(hear_batch (fd, keys, batch) && say_batch (ends[1].fd, batch)))
        break;
    }
  close (ends[1].fd);
  waitpid (child, NULL, 0);
}

static void
measure_relay (gint64 budget)
{
  Signed batch[BATCH] = { 0 };
  guint8 acks[WINDOW];
  gint64 started, took = 0;
  guint64 n_acked = 0;
  pid_t child;
  Keys keys;
  int fd;

  make_keys (&keys);
  fd = connect_to (pass_batches, &keys, &child);
  started = now_ns ();
  for (guint64 n_sent = 0; took < budget; took = now_ns () - started)
    {
      ssize_t n;

      for (; n_sent < n_acked + WINDOW; n_sent++)
        {
          sign_batch (&keys, batch);
          ensure (say_batch (fd, batch), "Sending");
        }
      n = recv (fd, acks, sizeof acks, 0);
      ensure (n > 0, "The relay");
      n_acked += n;
    }
  close (fd);
  waitpid (child, NULL, 0);
  result ("relay", n_acked * BATCH * 1e9 / took);
}

int
main (int argc, char **argv)
{
  static const struct
  {
    const char *name;
    void      (*measure) (gint64 budget); /* ns */
  } verbs[] = {
    { "handshake", measure_handshakes },
    { "seal", measure_seals },
    { "stream", measure_stream },
    { "tcp-echo", measure_tcp_echo },
    { "echo", measure_signed_echo },
    { "relay", measure_relay },
  };
  gint64 budget = argc == 3 ? (gint64) (g_ascii_strtod (argv[2], NULL) * 1e9) : 0;

  alarm (PATIENCE);
  for (guint i = 0; budget > 0 && i < G_N_ELEMENTS (verbs); i++)
    if (g_str_equal (argv[1], verbs[i].name))
      {
        verbs[i].measure (budget);
        return 0;
      }
  g_printerr ("bench-bare handshake|seal|stream|tcp-echo|echo|relay SECONDS\n");
  return 1;
}
