/* libcurl's multi socket interface over epoll, as its example hiperfifo uses it, but with the
 * timeout of epoll_wait in place of a timerfd, which would cost more system calls.
 *
 * Easy handles are used again: one that is done is removed and added at once for the next request.
 * Takes the arguments that src/job.rs describes. */

#define _GNU_SOURCE
#include "job.h"

#include <curl/curl.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { EVENTS = 1024 };

struct transfer {
    CURL *easy;
    uint64_t received;
};

static CURLM *multi;
static int epoll_fd;
static int64_t deadline_us = -1;
static uint64_t stalled_bytes;

static size_t on_body(char *bytes, size_t size, size_t count, void *user)
{
    struct transfer *transfer = user;
    (void)bytes;
    transfer->received += size * count;
    return size * count;
}

static size_t on_stalled_body(char *bytes, size_t size, size_t count, void *user)
{
    stalled_bytes += size * count;
    return on_body(bytes, size, count, user);
}

/* CURLMOPT_SOCKETFUNCTION: the socket's pointer says whether it is watched already. */
static int on_socket(CURL *easy, curl_socket_t fd, int what, void *user, void *watched)
{
    struct epoll_event event = {0};
    (void)easy;
    (void)user;
    if (what == CURL_POLL_REMOVE) {
        epoll_ctl(epoll_fd, EPOLL_CTL_DEL, fd, NULL);
        return 0;
    }
    event.data.fd = fd;
    event.events = (what & CURL_POLL_IN ? EPOLLIN : 0) | (what & CURL_POLL_OUT ? EPOLLOUT : 0);
    if (epoll_ctl(epoll_fd, watched ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &event))
        fail("epoll_ctl");
    if (!watched)
        curl_multi_assign(multi, fd, &epoll_fd);
    return 0;
}

static int on_timer(CURLM *of, long timeout_ms, void *user)
{
    (void)of;
    (void)user;
    deadline_us = timeout_ms < 0 ? -1 : clock_us(CLOCK_MONOTONIC) + timeout_ms * 1000;
    return 0;
}

/* Waits and hands on what happened. */
static void turn(void)
{
    static struct epoll_event events[EVENTS];
    int running, timeout = -1;
    if (deadline_us >= 0) {
        int64_t left = deadline_us - clock_us(CLOCK_MONOTONIC);
        timeout = left <= 0 ? 0 : (int)((left + 999) / 1000);
    }
    int count = epoll_wait(epoll_fd, events, EVENTS, timeout);
    if (count < 0)
        fail("epoll_wait");
    for (int at = 0; at < count; at++) {
        uint32_t seen = events[at].events;
        int action = (seen & EPOLLIN ? CURL_CSELECT_IN : 0) |
                     (seen & EPOLLOUT ? CURL_CSELECT_OUT : 0) |
                     (seen & (EPOLLERR | EPOLLHUP) ? CURL_CSELECT_ERR : 0);
        curl_multi_socket_action(multi, events[at].data.fd, action, &running);
    }
    if (deadline_us >= 0 && clock_us(CLOCK_MONOTONIC) >= deadline_us) {
        deadline_us = -1;
        curl_multi_socket_action(multi, CURL_SOCKET_TIMEOUT, 0, &running);
    }
}

/* TLS 1.3 as libcurl has it by default, but with one CA that is trusted. */
static void secure(CURL *easy)
{
    curl_easy_setopt(easy, CURLOPT_CAINFO, job.ca);
    curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(easy, CURLOPT_SSL_SESSIONID_CACHE, (long)job.resume);
}

static struct transfer *transfers(size_t count, const char *url, curl_write_callback sink)
{
    struct transfer *all = calloc(count, sizeof *all);
    for (size_t at = 0; at < count; at++) {
        CURL *easy = curl_easy_init();
        if (!all || !easy)
            fail("no memory");
        all[at].easy = easy;
        curl_easy_setopt(easy, CURLOPT_URL, url);
        curl_easy_setopt(easy, CURLOPT_PRIVATE, &all[at]);
        curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, sink);
        curl_easy_setopt(easy, CURLOPT_WRITEDATA, &all[at]);
        curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 1L);
        curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
        curl_easy_setopt(easy, CURLOPT_PROXY, "");
        if (job.ca)
            secure(easy);
        if (job.read > CURL_MAX_WRITE_SIZE)
            curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, (long)job.read);
    }
    return all;
}

static void add(struct transfer *transfer)
{
    transfer->received = 0;
    if (curl_multi_add_handle(multi, transfer->easy) != CURLM_OK)
        fail("curl_multi_add_handle");
}

/* So many requests with these handles; a handle that is done takes the next request. */
static void fetch(struct transfer *all, size_t count, const char *url, uint64_t length,
                  uint64_t requests)
{
    uint64_t added = 0, ended = 0;
    for (size_t at = 0; at < count; at++)
        curl_easy_setopt(all[at].easy, CURLOPT_URL, url);
    for (; added < requests && added < count; added++)
        add(&all[added]);
    while (ended < requests) {
        CURLMsg *message;
        int left;
        turn();
        while ((message = curl_multi_info_read(multi, &left))) {
            struct transfer *transfer;
            CURLcode result = message->data.result;
            curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &transfer);
            if (result != CURLE_OK)
                fail(curl_easy_strerror(result));
            if (transfer->received != length)
                fail("a body of the wrong length");
            curl_multi_remove_handle(multi, transfer->easy);
            ended++;
            if (added < requests) {
                add(transfer);
                added++;
            }
        }
    }
}

static void stall(const char *url)
{
    struct transfer *all = transfers(job.stalled, url, on_stalled_body);
    for (size_t at = 0; at < job.stalled; at++)
        add(&all[at]);
    while (stalled_bytes < job.stalled * job.stall_part) {
        int left;
        turn();
        if (curl_multi_info_read(multi, &left))
            fail("a stalled transfer ended");
    }
}

int main(int count, char **words)
{
    char url[512], warm_url[512], stall_url[512];
    parse(count, words);
    const char *scheme = job.ca ? "https" : "http";
    snprintf(url, sizeof url, "%s://%s%s", scheme, job.address, job.path);
    snprintf(warm_url, sizeof warm_url, "%s://%s%s", scheme, job.address, job.warm_path);
    snprintf(stall_url, sizeof stall_url, "http://%s/", job.stall_address);

    curl_global_init(CURL_GLOBAL_DEFAULT);
    multi = curl_multi_init();
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, on_timer);
    /* Else it keeps four times as many connections as there are transfers at the moment. */
    curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, (long)(job.connections + job.stalled));
    curl_multi_setopt(multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, (long)(job.connections + job.stalled));

    stall(stall_url);
    uint64_t stalled_kib = status_kib("VmRSS:");
    struct transfer *active = transfers(job.connections, warm_url, on_body);
    size_t handles = job.connections;
    if (job.requests) {
        fetch(active, handles, warm_url, job.warm_length, job.connections);
        fetch(active, handles, warm_url, job.warm_length, job.warm_up);
    }

    int64_t wall = clock_us(CLOCK_MONOTONIC), cpu = clock_us(CLOCK_PROCESS_CPUTIME_ID);
    if (job.queued) {
        handles = job.requests;
        active = transfers(handles, url, on_body);
    }
    fetch(active, handles, url, job.length, job.requests);
    report(wall, cpu, stalled_kib);
    return 0;
}
