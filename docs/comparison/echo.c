// Sends each line that a client says to all clients; README.md has the rules.

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { LINE_BYTES_MAX = 64 * 1024, UNSENT_BYTES_MAX = 1024 * 1024, EVENTS_MAX = 256 };

struct client {
    int fd;
    bool is_broken;
    // The beginning of a line.
    char *unfinished;
    size_t unfinished_bytes;
    char *unsent;
    size_t unsent_bytes;
};

static int poll_fd;
static struct client **clients;
static size_t client_count, client_room;

static void *must(void *memory) {
    if (!memory) {
        perror("memory");
        exit(1);
    }
    return memory;
}

static void keep(char **where, size_t *length, const char *bytes, size_t count) {
    *where = must(realloc(*where, count + 1));
    memmove(*where, bytes, count);
    *length = count;
}

static void watch(struct client *client, uint32_t events, int operation) {
    struct epoll_event event = { .events = events, .data.ptr = client };
    if (epoll_ctl(poll_fd, operation, client->fd, &event) < 0)
        client->is_broken = true;
}

// Writes; returns how many bytes were taken.
static size_t put(struct client *client, const char *bytes, size_t count) {
    ssize_t taken = send(client->fd, bytes, count, MSG_NOSIGNAL);
    if (taken < 0 && errno != EAGAIN && errno != EINTR)
        client->is_broken = true;
    return taken < 0 ? 0 : (size_t)taken;
}

static void say(struct client *client, const char *bytes, size_t count) {
    if (client->is_broken)
        return;
    if (client->unsent_bytes == 0) {
        size_t taken = put(client, bytes, count);
        if (taken == count)
            return;
        keep(&client->unsent, &client->unsent_bytes, bytes + taken, count - taken);
        watch(client, EPOLLIN | EPOLLOUT, EPOLL_CTL_MOD);
    } else {
        client->unsent = must(realloc(client->unsent, client->unsent_bytes + count));
        memcpy(client->unsent + client->unsent_bytes, bytes, count);
        client->unsent_bytes += count;
    }
    if (client->unsent_bytes > UNSENT_BYTES_MAX)
        client->is_broken = true;
}

static void flush(struct client *client) {
    size_t taken = put(client, client->unsent, client->unsent_bytes);
    client->unsent_bytes -= taken;
    memmove(client->unsent, client->unsent + taken, client->unsent_bytes);
    if (client->unsent_bytes == 0)
        watch(client, EPOLLIN, EPOLL_CTL_MOD);
}

static void hear(struct client *client) {
    static char buffer[LINE_BYTES_MAX];
    size_t have = client->unfinished_bytes;
    if (have > 0)
        memcpy(buffer, client->unfinished, have);
    ssize_t count = recv(client->fd, buffer + have, sizeof buffer - have, 0);
    if (count <= 0) {
        client->is_broken = count == 0 || (errno != EAGAIN && errno != EINTR);
        return;
    }
    have += (size_t)count;
    char *newline = memrchr(buffer, '\n', have);
    size_t whole = newline ? (size_t)(newline + 1 - buffer) : 0;
    if (whole == 0 && have == sizeof buffer) {
        client->is_broken = true;
        return;
    }
    keep(&client->unfinished, &client->unfinished_bytes, buffer + whole, have - whole);
    for (size_t at = 0; whole > 0 && at < client_count; at++)
        say(clients[at], buffer, whole);
}

static void welcome(int listener) {
    int fd;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
        struct client *client = must(calloc(1, sizeof *client));
        client->fd = fd;
        watch(client, EPOLLIN, EPOLL_CTL_ADD);
        if (client_count == client_room) {
            client_room = client_room ? 2 * client_room : 64;
            clients = must(realloc(clients, client_room * sizeof *clients));
        }
        clients[client_count++] = client;
    }
}

// Not before all events are handled: they hold pointers to clients.
static void forget_broken(void) {
    for (size_t at = 0; at < client_count;) {
        struct client *client = clients[at];
        if (!client->is_broken) {
            at++;
            continue;
        }
        close(client->fd);
        free(client->unfinished);
        free(client->unsent);
        free(client);
        clients[at] = clients[--client_count];
    }
}

int main(int count, char **arguments) {
    struct sockaddr_in address = { .sin_family = AF_INET };
    address.sin_port = htons(count > 1 ? (uint16_t)atoi(arguments[1]) : 9000);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &(int){ 1 }, sizeof(int));
    if (bind(listener, (struct sockaddr *)&address, sizeof address) < 0 || listen(listener, 1024) < 0) {
        perror("listen");
        return 1;
    }
    poll_fd = epoll_create1(0);
    struct epoll_event event = { .events = EPOLLIN, .data.ptr = NULL };
    epoll_ctl(poll_fd, EPOLL_CTL_ADD, listener, &event);
    for (;;) {
        struct epoll_event events[EVENTS_MAX];
        int ready = epoll_wait(poll_fd, events, EVENTS_MAX, -1);
        for (int at = 0; at < ready; at++) {
            struct client *client = events[at].data.ptr;
            if (!client) {
                welcome(listener);
                continue;
            }
            if (events[at].events & EPOLLOUT && !client->is_broken)
                flush(client);
            if (events[at].events & ~EPOLLOUT && !client->is_broken)
                hear(client);
        }
        forget_broken();
    }
}
