/*
 * Scripts as text. Held true: whatever the text, it is read without harm, and what cannot be read says in which of its
 * lines; a script's stock form is a script again, with as many events.
 */
#include "../pkt/script.h"
#include "fuzz.h"

#define TEXT_MOST 4096

static unsigned count_lines(const char *text, size_t len)
{
    unsigned lines = 1;
    for (size_t i = 0; i < len; i++)
        lines += text[i] == '\n';
    return lines;
}

static void read_stock(const struct pkt_script *script)
{
    struct pkt_script again;
    char *stock = pkt_script_stock(script);
    require(stock != NULL);
    require(pkt_parse(&again, "stock", stock, strlen(stock)));
    require(again.count == script->count);
    pkt_script_close(&again);
    free(stock);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {data, size};
    struct pkt_script script;
    size_t len;
    char *text = (char *)in_exact(&in, TEXT_MOST, &len);
    bool is_read = pkt_parse(&script, "script", text, len);
    require(is_read == (script.error_line == 0));
    require(script.error_line <= count_lines(text, len));
    bool is_plain = is_read && script.given == NULL && memchr(text, 0, len) == NULL;
    if (is_plain)
        read_stock(&script);
    pkt_script_close(&script);
    free(text);
    return 0;
}
