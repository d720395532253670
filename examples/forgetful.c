/*
 * A small HTTP server that forgets to close: not a user of Handfast, but something to find with
 *
 *     handfast run --stacks --publish 8080 -- example_forgetful 8080
 *
 * One file is there; for any other it says 404, and returns.
 */
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void answer(int client, const char *status, const char *body)
{
    char text[512];
    int len = snprintf(text, sizeof text, "HTTP/1.1 %s\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n%s",
                       status, strlen(body), body);
    if (write(client, text, (size_t)len) != len)
        perror("write");
}

static void serve(int client)
{
    char request[1024];
    ssize_t len = read(client, request, sizeof request - 1);
    request[len > 0 ? len : 0] = '\0';
    if (strncmp(request, "GET / ", 6) != 0) {
        answer(client, "404 Not Found", "There is no such file.\n");
        return;
    }
    answer(client, "200 OK", "Hello.\n");
    close(client);
}

int main(int argc, char **argv)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(argc > 1 ? argv[1] : "8080"))};
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(listener, (struct sockaddr *)&at, sizeof at) < 0 || listen(listener, 16) < 0) {
        perror("cannot listen");
        return 1;
    }
    for (;;) {
        int client = accept(listener, NULL, NULL);
        if (client >= 0)
            serve(client);
    }
}
