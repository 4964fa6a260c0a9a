/* The floor over TLS: a client that makes the calls of a transfer over OpenSSL and nothing else.
 *
 * The same as src/bin/client-null.rs: edge-triggered epoll, a request that never changes, and of the
 * response only Content-Length is looked at. It checks the server's certificate, and says and hears
 * close_notify. Takes the arguments that src/job.rs describes; nothing stalls over TLS. */

#define _GNU_SOURCE
#include "job.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { EVENTS = 1024, REQUEST = 512 };

/* Between two requests a slot takes no events: what comes then is at most a ticket. */
enum state { IDLE, TO_SEND, SENT };

struct slot {
    SSL *ssl;
    SSL_SESSION *session;
    int fd;
    enum state state;
    /* Of the body, once the head has come. */
    int64_t length;
    uint64_t received;
};

static SSL_CTX *context;
static struct slot *slots;
static int epoll_fd;
static char *buffer;
static char host[64];
static struct sockaddr_in address;

/* The latest ticket of a slot, for its next connection. */
static int on_session(SSL *ssl, SSL_SESSION *session)
{
    struct slot *slot = SSL_get_app_data(ssl);
    SSL_SESSION_free(slot->session);
    slot->session = session;
    return 1;
}

static void prepare(void)
{
    char *port = strrchr(job.address, ':');
    if (!port || (size_t)(port - job.address) >= sizeof host)
        fail("no address");
    memcpy(host, job.address, port - job.address);
    address.sin_family = AF_INET;
    address.sin_port = htons(atoi(port + 1));
    if (inet_pton(AF_INET, host, &address.sin_addr) != 1)
        fail("no address");
    context = SSL_CTX_new(TLS_client_method());
    if (!context || SSL_CTX_load_verify_file(context, job.ca) != 1)
        fail("the CA can't be read");
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    /* Else each record takes two system calls. */
    SSL_CTX_set_read_ahead(context, 1);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    if (job.resume) {
        SSL_CTX_set_session_cache_mode(context,
                                       SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
        SSL_CTX_sess_set_new_cb(context, on_session);
    }
    slots = calloc(job.connections, sizeof *slots);
    buffer = malloc(job.read);
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (!slots || !buffer || epoll_fd < 0)
        fail("no memory");
}

static void open_slot(struct slot *slot)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = slot};
    slot->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    slot->ssl = SSL_new(context);
    slot->state = TO_SEND;
    if (slot->fd < 0 || !slot->ssl)
        fail("no socket");
    if (connect(slot->fd, (struct sockaddr *)&address, sizeof address) && errno != EINPROGRESS)
        fail("connect");
    if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, slot->fd, &event))
        fail("epoll_ctl");
    SSL_set_fd(slot->ssl, slot->fd);
    SSL_set_app_data(slot->ssl, slot);
    if (!X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(slot->ssl), host))
        fail("no host");
    if (slot->session)
        SSL_set_session(slot->ssl, slot->session);
    SSL_set_connect_state(slot->ssl);
}

/* Says close_notify; without it OpenSSL would not use the session again. */
static void close_slot(struct slot *slot)
{
    SSL_shutdown(slot->ssl);
    SSL_free(slot->ssl);
    close(slot->fd);
    slot->ssl = NULL;
}

/* Is it only that it has to wait? Anything else ends the run. */
static void must_wait(struct slot *slot, int result)
{
    int error = SSL_get_error(slot->ssl, result);
    if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE)
        return;
    ERR_print_errors_fp(stderr);
    fail("TLS, or the response was cut");
}

/* The handshake goes on by itself; a request is taken whole or not at all. */
static void send_request(struct slot *slot, const char *request)
{
    int length = (int)strlen(request);
    slot->state = TO_SEND;
    int count = SSL_write(slot->ssl, request, length);
    if (count <= 0) {
        must_wait(slot, count);
        return;
    }
    if (count != length)
        fail("a request was not taken whole");
    slot->state = SENT;
    slot->length = -1;
    slot->received = 0;
}

/* How long the head is; it comes in one record. */
static size_t read_head(struct slot *slot, size_t count)
{
    static const char name[] = "\r\nContent-Length: ";
    char *end = memmem(buffer, count, "\r\n\r\n", 4);
    char *value = end ? memmem(buffer, end - buffer, name, sizeof name - 1) : NULL;
    if (!value)
        fail("no head");
    slot->length = strtoll(value + sizeof name - 1, NULL, 10);
    return end + 4 - buffer;
}

/* Reads until the response is complete, or there is nothing more. */
static int receive(struct slot *slot)
{
    for (;;) {
        int count = SSL_read(slot->ssl, buffer, (int)job.read);
        if (count <= 0) {
            must_wait(slot, count);
            return 0;
        }
        slot->received += count;
        if (slot->length < 0)
            slot->received -= read_head(slot, count);
        if (slot->received >= (uint64_t)slot->length)
            return 1;
    }
}

static void start(struct slot *slot, const char *request)
{
    if (slot->ssl)
        send_request(slot, request);
    else
        open_slot(slot);
}

/* Does what can be done; is the response complete? */
static int step(struct slot *slot, const char *request)
{
    if (slot->state == TO_SEND)
        send_request(slot, request);
    if (slot->state != SENT || !receive(slot))
        return 0;
    slot->state = IDLE;
    return 1;
}

/* So many requests, one at a time on each connection. */
static void fetch(const char *path, uint64_t length, uint64_t requests)
{
    char request[REQUEST];
    struct epoll_event events[EVENTS];
    uint64_t started = 0, ended = 0;
    snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: %s\r\n\r\n", path, host);
    for (size_t at = 0; at < job.connections && started < requests; at++, started++)
        start(&slots[at], request);
    while (ended < requests) {
        int count = epoll_wait(epoll_fd, events, EVENTS, -1);
        if (count < 0)
            fail("epoll_wait");
        for (int at = 0; at < count; at++) {
            struct slot *slot = events[at].data.ptr;
            if (!step(slot, request))
                continue;
            if (slot->received != length)
                fail("a body of the wrong length");
            ended++;
            if (job.fresh)
                close_slot(slot);
            if (started < requests) {
                start(slot, request);
                started++;
            }
        }
    }
}

int main(int count, char **words)
{
    parse(count, words);
    if (!job.ca || job.stalled || job.queued)
        fail("this client needs a CA, and knows neither stalled nor queued transfers");
    prepare();
    uint64_t stalled_kib = status_kib("VmRSS:");
    fetch(job.warm_path, job.warm_length, job.connections);
    fetch(job.warm_path, job.warm_length, job.warm_up);
    int64_t wall = clock_us(CLOCK_MONOTONIC), cpu = clock_us(CLOCK_PROCESS_CPUTIME_ID);
    fetch(job.path, job.length, job.requests);
    report(wall, cpu, stalled_kib);
    return 0;
}
