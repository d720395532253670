/*
 * No operating system: two engines in static memory, a clock that is a variable, a wire that is a loop. Only printf
 * is borrowed, to show both ends of one connection's life; sixty seconds of TIME-WAIT pass in no time.
 */
#include <handfast/handfast.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ENGINE_BYTES (512 * 1024)

struct end {
    struct hf_engine *e;
    hf_link link;
    hf_conn conn;
};

static _Alignas(64) uint8_t client_memory[ENGINE_BYTES], server_memory[ENGINE_BYTES];
static struct end client, server;
static hf_time now;

static int must(int64_t result)
{
    if (result < 0) {
        printf("%s: %s\n", hf_error_name((int)result), hf_error_text((int)result));
        exit(1);
    }
    return (int)result;
}

static struct end make_end(uint8_t *memory, uint8_t number)
{
    struct end end = {0};
    struct hf_config config;
    struct hf_addr addr = hf_addr_v4(192, 0, 2, number);
    hf_config_defaults(&config);
    config.max_connections = config.max_half_open = config.max_time_wait = 4;
    config.max_blocks = 32; /* of 4 KiB */
    config.max_sent = 64;
    config.max_fragments = 1;
    config.max_replies = config.max_neighbours = config.max_paths = 8;
    config.seed[0] = number; /* on a real network: 16 bytes that nobody can guess */
    end.e = hf_engine_create(memory, ENGINE_BYTES, &config, now);
    must(end.e ? HF_OK : HF_ERR_LIMIT);
    must(hf_link_add(end.e, &(struct hf_link_config){.kind = HF_LINK_IP, .mtu = 1500}, &end.link));
    must(hf_address_add(end.e, end.link, &addr, 24));
    return end;
}

/* What one end sends is what the other one receives. False when there was nothing. */
static bool carry(struct end *from, struct end *to)
{
    static uint8_t bytes[HF_FRAME_MIN_CAP];
    struct hf_frame frame = {.data = bytes, .cap = sizeof bytes};
    if (!hf_output(from->e, now, &frame))
        return false;
    frame.link = to->link;
    hf_input(to->e, now, &frame);
    return true;
}

static void settle(void)
{
    while (carry(&client, &server) || carry(&server, &client))
        continue;
}

static enum hf_state state_of(const struct end *end)
{
    struct hf_tcp_info info;
    must(hf_tcp_status(end->e, end->conn, &info));
    return info.state;
}

static void show(const char *what)
{
    printf("%7.3f s  %-41s %-12s %s\n", (double)now.ns / 1e9, what, hf_state_text(state_of(&client)),
           hf_state_text(state_of(&server)));
}

static void say(struct end *from, struct end *to, const char *text)
{
    char heard[64];
    must(hf_tcp_send(from->e, from->conn, text, strlen(text), 0));
    settle();
    int len = must(hf_tcp_receive(to->e, to->conn, heard, sizeof heard));
    printf("%11s%s reads \"%.*s\"\n", "", to == &server ? "the server" : "the client", len, heard);
}

int main(void)
{
    client = make_end(client_memory, 1);
    server = make_end(server_memory, 2);
    struct hf_endpoint here = {.port = 7}, there = {.addr = hf_addr_v4(192, 0, 2, 2), .port = 7};

    must(hf_tcp_listen(server.e, &here, NULL, &server.conn));
    must(hf_tcp_connect(client.e, NULL, &there, NULL, &client.conn));
    show("the client calls connect");
    settle();
    must(hf_tcp_accept(server.e, server.conn, &server.conn));
    show("after the three-way handshake");

    say(&client, &server, "Are you there?");
    must(hf_tcp_shutdown(client.e, client.conn));
    show("the client has no more to say");
    settle();
    show("its FIN is acknowledged: a half-close");
    say(&server, &client, "Yes, and still talking.");
    must(hf_tcp_close(server.e, server.conn));
    show("the server closes as well");
    settle();
    show("the four-way close is done");

    while (state_of(&client) == HF_TIME_WAIT) {
        now = hf_deadline(client.e);
        hf_advance(client.e, now);
    }
    show("twice the maximum segment lifetime later");
    return 0;
}
