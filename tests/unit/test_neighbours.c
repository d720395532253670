/* The neighbour cache: questions, answers, timers, room, and who may not poison it. */
#include "ip_fixture.h"

#include "../../src/ip/neighbours.h"

#define CAPACITY 8
#define LINK     0

static struct hf_neighbours *cache;
static hf_time now;
static const uint8_t mac_a[6] = {2, 0, 0, 0, 0, 0xa}, mac_b[6] = {2, 0, 0, 0, 0, 0xb};

static int set_up(void **state)
{
    (void)state;
    struct hf_arena arena;
    cache = fresh_block(sizeof *cache, &arena);
    hf_neighbours_init(cache, &arena, CAPACITY, (struct hf_key){1, 2});
    now = at_ms(1000);
    return 0;
}

static int sound(void **state)
{
    (void)state;
    const char *broken = hf_neighbours_check(cache);
    if (broken != NULL)
        fail_msg("%s", broken);
    return 0;
}

static struct hf_addr host(unsigned n)
{
    return hf_addr_v4(192, 0, (uint8_t)(n >> 8), (uint8_t)n);
}

static enum hf_neighbour_answer look_up(unsigned n, uint8_t mac[6])
{
    struct hf_addr hop = host(n);
    uint8_t ignored[6];
    return hf_neighbours_lookup(cache, LINK, &hop, now, mac != NULL ? mac : ignored);
}

static bool hear(unsigned n, const uint8_t mac[6], unsigned flags)
{
    struct hf_addr from = host(n);
    return hf_neighbours_heard(cache, LINK, &from, mac, flags, now);
}

static unsigned owed(void)
{
    struct hf_solicitation s;
    unsigned count = 0;
    while (hf_neighbours_owed(cache, &s))
        count++;
    return count;
}

/* 'R' resolved, 'F' failed, '-' nothing new. */
static char news(void)
{
    struct hf_neighbour_news n;
    if (!hf_neighbours_news(cache, &n))
        return '-';
    return n.is_resolved ? 'R' : 'F';
}

/* Lets time pass up to `by`, waking exactly when the cache asks to be woken; returns the solicitations sent. */
static unsigned pass(hf_ns by)
{
    hf_time until = hf_time_add(now, by);
    unsigned sent = owed();
    for (;;) {
        hf_time at = hf_neighbours_deadline(cache);
        if (hf_time_before(until, at))
            break;
        if (hf_time_before(now, at))
            now = at;
        hf_neighbours_advance(cache, now);
        sent += owed();
        if (!hf_time_before(now, hf_neighbours_deadline(cache))) {
            hf_neighbours_advance(cache, now);
            assert_true(hf_time_before(now, hf_neighbours_deadline(cache)));
        }
    }
    now = until;
    return sent;
}

/* Makes host n known at `mac`, confirmed now. */
static void know(unsigned n, const uint8_t mac[6])
{
    assert_int_equal(look_up(n, NULL), HF_NEIGHBOUR_WAITING);
    assert_int_equal(owed(), 1);
    assert_true(hear(n, mac, HF_HEARD_ANSWER));
    assert_int_equal(news(), 'R');
}

static bool is_at(unsigned n, const uint8_t mac[6])
{
    uint8_t found[6];
    return look_up(n, found) == HF_NEIGHBOUR_RESOLVED && memcmp(found, mac, 6) == 0;
}

static void a_question_is_asked_once_and_answered(void **state)
{
    /* The first lookup owes one solicitation, later ones wait with it, and the answer tells and resolves (RFC 4861,
     * 7.2.5). */
    (void)state;
    struct hf_solicitation s;
    struct hf_addr wanted = host(1);
    assert_true(hf_time_is_never(hf_neighbours_deadline(cache)));
    assert_int_equal(look_up(1, NULL), HF_NEIGHBOUR_WAITING);
    assert_int_equal(look_up(1, NULL), HF_NEIGHBOUR_WAITING);
    assert_true(hf_time_reached(now, hf_neighbours_deadline(cache)));
    assert_true(hf_neighbours_owed(cache, &s));
    assert_true(hf_addr_equal(&s.target, &wanted));
    assert_int_equal(s.link, LINK);
    assert_false(s.is_probe);
    assert_false(hf_neighbours_owed(cache, &s));
    assert_int_equal(news(), '-');
    assert_true(hear(1, mac_a, HF_HEARD_ANSWER));
    assert_int_equal(news(), 'R');
    assert_int_equal(news(), '-');
    assert_true(is_at(1, mac_a));
    assert_int_equal(pass(20 * HF_SECOND), 0);
}

static void silence_fails_after_three_questions(void **state)
{
    /* Three solicitations a second apart without an answer: failed, told, and not asked again for three seconds (RFC
     * 4861, 7.2.2; RFC 1122, 2.3.2.1). */
    (void)state;
    assert_int_equal(look_up(1, NULL), HF_NEIGHBOUR_WAITING);
    assert_int_equal(pass(2999 * HF_MS), 3);
    assert_int_equal(news(), '-');
    assert_int_equal(pass(1 * HF_MS), 0);
    assert_int_equal(news(), 'F');
    assert_int_equal(look_up(1, NULL), HF_NEIGHBOUR_NO_REPLY);
    assert_int_equal(pass(2999 * HF_MS), 0);
    assert_int_equal(look_up(1, NULL), HF_NEIGHBOUR_NO_REPLY);
    pass(1 * HF_MS);
    assert_int_equal(look_up(1, NULL), HF_NEIGHBOUR_WAITING);
    assert_int_equal(owed(), 1);
}

static void a_failed_neighbour_that_speaks_may_be_asked_again(void **state)
{
    /* Hearing from a neighbour given up does not resolve it, but the next lookup asks at once. */
    (void)state;
    look_up(1, NULL);
    pass(3 * HF_SECOND);
    assert_false(hear(1, mac_a, HF_HEARD_ANSWER));
    assert_int_equal(look_up(1, NULL), HF_NEIGHBOUR_WAITING);
    assert_true(hear(1, mac_a, HF_HEARD_ANSWER));
    assert_true(is_at(1, mac_a));
}

static void an_idle_neighbour_is_verified_when_used_again(void **state)
{
    /* Thirty seconds old, then used: five more seconds of grace, then a unicast probe, whose answer confirms (RFC
     * 4861, 7.3). */
    (void)state;
    struct hf_solicitation s;
    know(1, mac_a);
    assert_int_equal(pass(100 * HF_SECOND), 0);
    assert_true(is_at(1, mac_a));
    assert_int_equal(pass(4999 * HF_MS), 0);
    now = hf_time_add(now, HF_MS);
    hf_neighbours_advance(cache, now);
    assert_true(hf_neighbours_owed(cache, &s));
    assert_true(s.is_probe);
    assert_memory_equal(s.mac, mac_a, 6);
    assert_true(hear(1, mac_a, HF_HEARD_ANSWER));
    assert_int_equal(pass(29 * HF_SECOND), 0);
    assert_true(is_at(1, mac_a));
}

static void progress_spares_the_probe(void **state)
{
    /* TCP's progress over a neighbour is proof enough that it is there (RFC 4861, 7.3, 7.3.1). */
    (void)state;
    struct hf_addr hop = host(1);
    know(1, mac_a);
    pass(31 * HF_SECOND);
    assert_true(is_at(1, mac_a));
    pass(3 * HF_SECOND);
    hf_neighbours_confirm(cache, LINK, &hop, now);
    assert_int_equal(pass(60 * HF_SECOND), 0);
}

static void progress_resolves_nothing(void **state)
{
    /* A hint about a neighbour that is not known, or does not answer, changes nothing. */
    (void)state;
    struct hf_addr hop = host(1);
    hf_neighbours_confirm(cache, LINK, &hop, now);
    assert_int_equal(cache->pool.used, 0);
    look_up(1, NULL);
    hf_neighbours_confirm(cache, LINK, &hop, now);
    assert_int_equal(look_up(1, NULL), HF_NEIGHBOUR_WAITING);
}

static void a_doubted_neighbour_is_asked_at_once(void **state)
{
    /* TCP's retransmissions go unanswered: the hop is probed without waiting for its time to be over, and stays in
     * use meanwhile (RFC 9293, 3.8.3; MUST-20). One that has just answered, or is not known, is not bothered. */
    (void)state;
    struct hf_addr hop = host(1);
    hf_neighbours_doubt(cache, LINK, &hop, now);
    assert_int_equal(cache->pool.used, 0);
    know(1, mac_a);
    hf_neighbours_doubt(cache, LINK, &hop, now);
    assert_int_equal(pass(3 * HF_SECOND), 0);
    hf_neighbours_doubt(cache, LINK, &hop, now);
    assert_true(is_at(1, mac_a));
    assert_int_equal(pass(3 * HF_SECOND - HF_MS), 3);
    assert_true(is_at(1, mac_a));
    pass(HF_MS);
    assert_int_equal(look_up(1, NULL), HF_NEIGHBOUR_WAITING);
}

static void a_neighbour_that_moved_is_found_again(void **state)
{
    /* Three unanswered probes to the old address, then everybody is asked, and the new address is learned. */
    (void)state;
    know(1, mac_a);
    pass(31 * HF_SECOND);
    assert_true(is_at(1, mac_a));
    assert_int_equal(pass(7 * HF_SECOND), 3); /* 5 s of grace, probes at 5, 6 and 7 */
    assert_true(is_at(1, mac_a));
    pass(1 * HF_SECOND);
    assert_int_equal(look_up(1, NULL), HF_NEIGHBOUR_WAITING);
    assert_true(hear(1, mac_b, HF_HEARD_ANSWER));
    assert_int_equal(news(), 'R');
    assert_true(is_at(1, mac_b));
}

static void nothing_unasked_makes_an_entry(void **state)
{
    /* BUG-48: gratuitous announcements, requests and answers to questions never asked leave the cache empty. */
    (void)state;
    assert_false(hear(1, mac_a, 0));
    assert_false(hear(2, mac_a, HF_HEARD_ANSWER));
    assert_int_equal(cache->pool.used, 0);
}

static void a_claim_does_not_take_a_live_neighbour_over(void **state)
{
    /* BUG-48: who claims a neighbour's address by announcement or forged answer gets nothing while the owner
     * answers. */
    (void)state;
    know(1, mac_a);
    pass(2 * HF_SECOND);
    assert_false(hear(1, mac_b, HF_HEARD_ANSWER));
    assert_true(is_at(1, mac_a));
    struct hf_solicitation s;
    assert_true(hf_neighbours_owed(cache, &s)); /* the claim makes us ask, of the address we know */
    assert_true(s.is_probe);
    assert_memory_equal(s.mac, mac_a, 6);
    assert_false(hear(1, mac_b, HF_HEARD_ANSWER)); /* the thief's answer is none */
    assert_false(hear(1, mac_a, 0));               /* the owner's own question is none either */
    assert_true(hear(1, mac_a, HF_HEARD_ANSWER));
    assert_true(is_at(1, mac_a));
    assert_int_equal(pass(20 * HF_SECOND), 0);
}

static void claims_are_looked_into_once_a_second(void **state)
{
    /* BUG-48: a stream of forged claims against a neighbour makes no stream of probes. */
    (void)state;
    unsigned probes = 0;
    know(1, mac_a);
    for (int ms = 0; ms < 5000; ms += 10) {
        hear(1, mac_b, HF_HEARD_ANSWER);
        unsigned sent = pass(10 * HF_MS);
        if (sent > 0)
            assert_true(hear(1, mac_a, HF_HEARD_ANSWER));
        probes += sent;
    }
    assert_in_range(probes, 1, 5);
    assert_true(is_at(1, mac_a));
}

static void a_true_takeover_is_followed(void **state)
{
    /* When the old address is silent, an announcement leads to the new one within three seconds. */
    (void)state;
    know(1, mac_a);
    pass(2 * HF_SECOND);
    assert_true(is_at(1, mac_a));
    assert_false(hear(1, mac_b, 0));
    assert_int_equal(pass(2999 * HF_MS), 3);
    pass(1 * HF_MS);
    assert_int_equal(look_up(1, NULL), HF_NEIGHBOUR_WAITING);
    assert_true(hear(1, mac_b, HF_HEARD_ANSWER));
    assert_true(is_at(1, mac_b));
}

static void group_and_zero_link_addresses_are_refused(void **state)
{
    /* BUG-48: no neighbour is at a broadcast, multicast or zero link address. */
    (void)state;
    static const uint8_t broadcast[6] = {255, 255, 255, 255, 255, 255}, group[6] = {1, 0, 0x5e, 0, 0, 1},
                         zero[6] = {0};
    look_up(1, NULL);
    assert_false(hear(1, broadcast, HF_HEARD_ANSWER));
    assert_false(hear(1, group, HF_HEARD_ANSWER));
    assert_false(hear(1, zero, HF_HEARD_ANSWER));
    assert_int_equal(look_up(1, NULL), HF_NEIGHBOUR_WAITING);
}

static void a_question_of_theirs_answers_ours_provisionally(void **state)
{
    /* While we ask, the neighbour's own request tells its address, to be verified after five seconds of use. */
    (void)state;
    look_up(1, NULL);
    owed();
    assert_true(hear(1, mac_a, 0));
    assert_int_equal(news(), 'R');
    assert_true(is_at(1, mac_a));
    assert_int_equal(pass(4999 * HF_MS), 0);
    assert_int_equal(pass(1 * HF_MS), 1);
}

static void the_same_address_on_two_links_is_two_neighbours(void **state)
{
    /* An entry belongs to its link. */
    (void)state;
    struct hf_addr hop = host(1);
    uint8_t mac[6];
    know(1, mac_a);
    assert_int_equal(hf_neighbours_lookup(cache, LINK + 1, &hop, now, mac), HF_NEIGHBOUR_WAITING);
    assert_true(hf_neighbours_heard(cache, LINK + 1, &hop, mac_b, HF_HEARD_ANSWER, now));
    assert_true(is_at(1, mac_a));
}

static void the_least_recently_used_gives_way(void **state)
{
    /* A full cache forgets who was not used for the longest time. */
    (void)state;
    for (unsigned n = 1; n <= CAPACITY; n++) {
        know(n, mac_a);
        pass(HF_SECOND);
    }
    pass(20 * HF_SECOND);
    assert_true(is_at(1, mac_a)); /* used again */
    know(100, mac_b);
    assert_true(is_at(1, mac_a));
    assert_true(is_at(3, mac_a));
    assert_int_equal(look_up(2, NULL), HF_NEIGHBOUR_WAITING);
}

static void neighbours_in_use_are_spared(void **state)
{
    /* BUG-48: when every entry is in use a new neighbour finds no room, and nobody in use loses his place. */
    (void)state;
    for (unsigned n = 1; n <= CAPACITY; n++)
        know(n, mac_a);
    pass(9 * HF_SECOND);
    for (unsigned n = 1; n <= CAPACITY; n++)
        assert_true(is_at(n, mac_a));
    assert_int_equal(look_up(100, NULL), HF_NEIGHBOUR_NO_ROOM);
    for (unsigned n = 1; n <= CAPACITY; n++)
        assert_true(is_at(n, mac_a));
    pass(10 * HF_SECOND);
    assert_int_equal(look_up(100, NULL), HF_NEIGHBOUR_WAITING);
}

static void a_flood_of_questions_displaces_nobody(void **state)
{
    /* BUG-48: thousands of next hops that do not exist fill at most half of the cache, and are gone in seconds. */
    (void)state;
    for (unsigned n = 1; n <= CAPACITY / 2; n++)
        know(n, mac_a);
    unsigned sent = 0;
    for (unsigned n = 1000; n < 3000; n++) {
        look_up(n, NULL);
        sent += pass(5 * HF_MS);
        while (news() != '-')
            ;
        for (unsigned known = 1; known <= CAPACITY / 2; known++)
            assert_true(is_at(known, mac_a));
        assert_null(hf_neighbours_check(cache));
    }
    assert_in_range(sent, 1, 10 * (CAPACITY / 2 + 1) + 10);
    pass(3 * HF_SECOND);
    while (news() != '-')
        ;
    assert_int_equal(look_up(50, NULL), HF_NEIGHBOUR_WAITING);
}

static void a_jump_of_the_clock_ends_what_was_due(void **state)
{
    /* BUG-48: a clock that leaps by 50 days fires each timer once, and a question out for that long is asked again.
     */
    (void)state;
    know(1, mac_a);
    look_up(2, NULL);
    owed();
    now = hf_time_add(now, (int64_t)50 * 86400 * HF_SECOND);
    hf_neighbours_advance(cache, now);
    assert_int_equal(owed(), 1);
    assert_int_equal(news(), '-');
    assert_true(hear(2, mac_b, HF_HEARD_ANSWER));
    assert_true(is_at(1, mac_a));
    assert_true(is_at(2, mac_b));
}

static void a_silent_neighbour_nobody_uses_is_forgotten(void **state)
{
    /* A claim against an entry at rest verifies it, and without an answer or a user it goes. */
    (void)state;
    know(1, mac_a);
    pass(60 * HF_SECOND);
    assert_false(hear(1, mac_b, 0));
    assert_int_equal(pass(4 * HF_SECOND), 3);
    assert_int_equal(cache->pool.used, 0);
    assert_true(hf_time_is_never(hf_neighbours_deadline(cache)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_question_is_asked_once_and_answered, set_up, sound),
        cmocka_unit_test_setup_teardown(silence_fails_after_three_questions, set_up, sound),
        cmocka_unit_test_setup_teardown(a_failed_neighbour_that_speaks_may_be_asked_again, set_up, sound),
        cmocka_unit_test_setup_teardown(an_idle_neighbour_is_verified_when_used_again, set_up, sound),
        cmocka_unit_test_setup_teardown(progress_spares_the_probe, set_up, sound),
        cmocka_unit_test_setup_teardown(progress_resolves_nothing, set_up, sound),
        cmocka_unit_test_setup_teardown(a_doubted_neighbour_is_asked_at_once, set_up, sound),
        cmocka_unit_test_setup_teardown(a_neighbour_that_moved_is_found_again, set_up, sound),
        cmocka_unit_test_setup_teardown(nothing_unasked_makes_an_entry, set_up, sound),
        cmocka_unit_test_setup_teardown(a_claim_does_not_take_a_live_neighbour_over, set_up, sound),
        cmocka_unit_test_setup_teardown(claims_are_looked_into_once_a_second, set_up, sound),
        cmocka_unit_test_setup_teardown(a_true_takeover_is_followed, set_up, sound),
        cmocka_unit_test_setup_teardown(group_and_zero_link_addresses_are_refused, set_up, sound),
        cmocka_unit_test_setup_teardown(a_question_of_theirs_answers_ours_provisionally, set_up, sound),
        cmocka_unit_test_setup_teardown(the_same_address_on_two_links_is_two_neighbours, set_up, sound),
        cmocka_unit_test_setup_teardown(the_least_recently_used_gives_way, set_up, sound),
        cmocka_unit_test_setup_teardown(neighbours_in_use_are_spared, set_up, sound),
        cmocka_unit_test_setup_teardown(a_flood_of_questions_displaces_nobody, set_up, sound),
        cmocka_unit_test_setup_teardown(a_jump_of_the_clock_ends_what_was_due, set_up, sound),
        cmocka_unit_test_setup_teardown(a_silent_neighbour_nobody_uses_is_forgotten, set_up, sound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
