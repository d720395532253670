/* src/base/random.c: SipHash and the generator made of it. */
#include "ip_fixture.h"

#include "../../src/base/base.h"
#include "../../src/base/random.h"

static const struct hf_key key = {0x0706050403020100u, 0x0f0e0d0c0b0a0908u};

static void siphash_is_siphash(void **state)
{
    /* With key 00..0f, the messages 00..(n-1) hash to what the authors of SipHash-2-4 published. */
    (void)state;
    static const struct {
        size_t len;
        uint64_t hash;
    } published[] = {
        {0, 0x726fdb47dd0e0e31u}, {1, 0x74f839c593dc67fdu},  {2, 0x0d6c8009d9a94f5au},
        {3, 0x85676696d7fb7e2du}, {4, 0xcf2794e0277187b7u},  {7, 0xab0200f58b01d137u},
        {8, 0x93f5f5799a932462u}, {15, 0xa129ca6149be45e5u}, {63, 0x958a324ceb064572u},
    };
    uint8_t message[64];
    for (size_t i = 0; i < sizeof message; i++)
        message[i] = (uint8_t)i;
    for (size_t i = 0; i < HF_COUNT_OF(published); i++)
        assert_true(hf_siphash(&key, message, published[i].len) == published[i].hash);
}

static void every_input_bit_counts(void **state)
{
    /* Each bit of the key and of the message changes the hash, in both variants. */
    (void)state;
    uint8_t message[21] = {0};
    uint64_t plain = hf_siphash(&key, message, sizeof message), fast = hf_siphash13(&key, message, sizeof message);
    assert_true(plain != fast);
    for (unsigned bit = 0; bit < 8 * sizeof message; bit++) {
        message[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_true(hf_siphash(&key, message, sizeof message) != plain);
        assert_true(hf_siphash13(&key, message, sizeof message) != fast);
        message[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    for (unsigned bit = 0; bit < 64; bit++) {
        struct hf_key other = {key.k0 ^ (uint64_t)1 << bit, key.k1};
        assert_true(hf_siphash(&other, message, sizeof message) != plain);
        other = (struct hf_key){key.k0, key.k1 ^ (uint64_t)1 << bit};
        assert_true(hf_siphash13(&other, message, sizeof message) != fast);
    }
}

static void same_seed_same_numbers(void **state)
{
    /* The generator repeats itself exactly from the same seed, and not from another. */
    (void)state;
    struct hf_random a, b, c;
    hf_random_init(&a, (const uint8_t *)"sixteen byte key");
    hf_random_init(&b, (const uint8_t *)"sixteen byte key");
    hf_random_init(&c, (const uint8_t *)"sixteen byte kez");
    unsigned same = 0;
    for (int i = 0; i < 100; i++) {
        uint64_t x = hf_random_next(&a);
        assert_true(x == hf_random_next(&b));
        same += x == hf_random_next(&c);
    }
    assert_int_equal(same, 0);
}

static void mixing_changes_the_future(void **state)
{
    /* New randomness changes what comes, and does not undo itself when mixed in twice. */
    (void)state;
    struct hf_random a, b;
    hf_random_init(&a, (const uint8_t *)"sixteen byte key");
    b = a;
    hf_random_mix(&b, (const uint8_t *)"another 16 bytes");
    assert_true(hf_random_next(&a) != hf_random_next(&b));
    hf_random_mix(&b, (const uint8_t *)"another 16 bytes");
    assert_true(hf_random_next(&a) != hf_random_next(&b));
}

static void below_is_below_and_even(void **state)
{
    /* Drawn numbers stay below the limit, and every one of them comes up about as often. */
    (void)state;
    struct hf_random random;
    unsigned count[7] = {0};
    hf_random_init(&random, (const uint8_t *)"sixteen byte key");
    for (int i = 0; i < 7000; i++)
        count[hf_random_below(&random, 7)]++; /* out of bounds is for the sanitizer to see */
    for (int i = 0; i < 7; i++)
        assert_in_range(count[i], 850, 1150);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(hf_random_below(&random, 1), 0);
        assert_true(hf_random_below(&random, 0x80000001u) <= 0x80000000u);
    }
}

static void keys_differ(void **state)
{
    /* Keys drawn one after the other have nothing in common. */
    (void)state;
    struct hf_random random;
    hf_random_init(&random, (const uint8_t[16]){0});
    struct hf_key a = hf_random_key(&random), b = hf_random_key(&random);
    assert_true(a.k0 != a.k1 && a.k0 != b.k0 && a.k1 != b.k1 && a.k0 != b.k1 && a.k1 != b.k0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(siphash_is_siphash),      cmocka_unit_test(every_input_bit_counts),
        cmocka_unit_test(same_seed_same_numbers),  cmocka_unit_test(mixing_changes_the_future),
        cmocka_unit_test(below_is_below_and_even), cmocka_unit_test(keys_differ),
    };
    return cmocka_run_group_tests_name("random", tests, NULL, NULL);
}
