/* A fuzz target for matcher.c: for any two files, the columns of the patch give the new one. The patch is applied here
   as docs/formats/patch.md describes it, apart from matcher.c. With libFuzzer (clang -fsanitize=fuzzer,address), or with
   main() below (-DSTANDALONE), which reads each file that it is given, or makes inputs by itself from a seed.

   An input is: two bytes of options, two bytes that say where the old file ends, the old file, the new file. */

#include "../../relstore/client/transfer/delta/matcher.c"

#include <stdio.h>

static void insist(int holds, const char *what) {
    if (!holds) {
        fprintf(stderr, "not so: %s\n", what);
        abort();
    }
}

/* A copy of exactly this size, so that the sanitizer sees any access beyond it. */
static uint8_t *copy(const uint8_t *data, int64_t size) {
    uint8_t *one = malloc((size_t)size);
    insist(one || !size, "memory");
    if (size) memcpy(one, data, (size_t)size);
    return one;
}

/* Where a position is in memory, and whether it is in a region. */
static int64_t where(const region *regions, int64_t count, int64_t at, int *known) {
    *known = 0;
    for (int64_t i = 0; i < count && !*known; i++)
        if (regions[i].offset <= at && at < regions[i].offset + regions[i].size)
            *known = 1, at = at - regions[i].offset + regions[i].address;
    return at;
}

/* What must have become of an address of the old file, by all covers. */
static int64_t shift_of(const layout *map, const cover *covers, int64_t count, int64_t address) {
    int64_t best = INT64_MIN, shift = 0, grain = map->low + ((address - map->low) >> GRAIN_BITS << GRAIN_BITS);
    for (int64_t i = 0; i < count; i++) {
        int one, other;
        int64_t from = where(map->old_regions, map->old_count, covers[i].start + covers[i].move, &one);
        int64_t to = where(map->new_regions, map->new_count, covers[i].start, &other);
        if (one && other && from <= grain && from >= best) best = from, shift = to - from;
    }
    return shift;
}

static uint32_t follow(
    const layout *map, const cover *covers, int64_t count, const cover *in, int64_t at, int kind, uint32_t before
) {
    int64_t value = (int32_t)before, end = 0, own = 0, target;
    int known;
    if (kind < ANCHORED) {
        insist(in != NULL, "a moved field is in a cover");
        int64_t from = where(map->old_regions, map->old_count, in->start + in->move, &known);
        own = where(map->new_regions, map->new_count, in->start, &known) - from;
        end = from + at - in->start + FIELD;
    }
    target = kind == MOVED ? end + value : kind == BACK ? end - FIELD - value : map->anchors[kind - ANCHORED].old + value;
    insist(kind < ANCHORED + map->anchor_count && target >= map->low && target < map->high, "the address of a moved field");
    uint32_t shift = (uint32_t)shift_of(map, covers, count, target);
    if (kind == MOVED) return before + shift - (uint32_t)own;
    if (kind == BACK) return before + (uint32_t)own - shift;
    return before + shift - (uint32_t)(map->anchors[kind - ANCHORED].new - map->anchors[kind - ANCHORED].old);
}

/* Some layout, made of one byte; none for 0. */
static const layout *invented_layout(layout *map, uint8_t byte, int64_t old_size, int64_t size) {
    if (!byte) return NULL;
    *map = (layout){byte & 3, byte >> 2 & 3, byte >> 4 & 3, byte & 32 ? 4096 : 0, old_size + 9000, {{0}}, {{0}}, {{0}}};
    if (map->high < map->low) map->high = map->low;
    for (int64_t i = 0; i < 3; i++) {
        map->old_regions[i] = (region){i * old_size / 3, old_size / 3, i * old_size / 3 + i * 64 * (byte >> 5)};
        map->new_regions[i] = (region){i * size / 3, size / 3, i * size / 3 + i * 16 * (byte >> 6)};
        map->anchors[i] = (anchor){i * 100, i * 133};
    }
    return map;
}

static void apply(
    const uint8_t *old, int64_t old_size, const uint8_t *new, int64_t begin, int64_t end, const cover *covers, int64_t count,
    const layout *map, const int32_t *moved, const uint8_t *extra, const uint8_t *low, const uint8_t *high, const uint8_t *kinds,
    const uint8_t *values, const int64_t *counts
) {
    int64_t size = end - begin, used = 0, plain = 0;
    uint8_t *made = calloc((size_t)size + FIELD, 1);
    const cover **of = calloc((size_t)size + 1, sizeof *of);
    insist(made && of, "memory");
    for (int64_t i = 0; i < count; i++)
        for (int64_t at = covers[i].start; at < covers[i].end; at++)
            if (at >= begin && at < end) made[at - begin] = old[at + covers[i].move], of[at - begin] = &covers[i];
    for (int64_t at = 0; at < size; at++)
        if (!of[at]) insist(used < counts[0], "extra bytes"), made[at] = extra[used++];
    insist(used == counts[0], "all extra bytes are used");
    int64_t at = 0;
    for (int64_t i = 0; i < counts[1]; i++) {
        at += low[i] | high[i] << 8;
        insist(at < size, "a field begins in its segment");
        int32_t value = field(made + at);
        uint32_t result = (uint32_t)value;
        if (kinds[i] && map) {
            result = follow(map, covers, count, of[at], begin + at, kinds[i], result);
        } else if (kinds[i]) {
            insist(of[at] != NULL, "a moved field is in a cover");
            int64_t address = begin + at + of[at]->move + FIELD + value;
            insist(address >= 0 && address < old_size, "the address of a moved field");
            result += (uint32_t)moved[address >> GRAIN_BITS] + (uint32_t)of[at]->move;
        } else {
            insist(plain < counts[2], "values");
            result += (uint32_t)field(values + FIELD * plain++);
        }
        for (int byte = 0; byte < FIELD; byte++) made[at + byte] = (uint8_t)(result >> 8 * byte);
        at += FIELD;
    }
    insist(plain == counts[2], "all values are used");
    insist(!memcmp(made, new + begin, (size_t)size), "the content");
    free(made);
    free(of);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length) {
    if (length < 4) return 0;
    int bits = 1 + (data[0] & 7), many = data[0] >> 3 & 1;
    int64_t rest = (int64_t)length - 4, old_size = (data[2] | data[3] << 8) % (rest + 1), size = rest - old_size;
    uint8_t *old = copy(data + 4, old_size), *new = copy(data + 4 + old_size, size);
    layout space;
    const layout *map = invented_layout(&space, data[1], old_size, size);
    int64_t reach = map ? map->high - map->low : old_size;
    int64_t most = many ? 2 : size / WORD + 1, step = 1 + (data[0] >> 4) * 97;
    cover *covers = malloc(sizeof *covers * (size_t)most);
    int32_t *moved = malloc(sizeof *moved * (size_t)((reach >> GRAIN_BITS) + 1));
    table *in = matcher_index(old, old_size, bits);
    insist(covers && moved && in, "memory");
    int64_t count = matcher_find(in, new, 0, size, many ? 1 : 16, covers, most);
    matcher_free(in);
    insist(count >= 0 || (many && count == TOO_MANY), "find");
    if (count < 0) count = most;
    for (int64_t i = 0, at = 0; i < count; at = covers[i++].end) {
        insist(covers[i].start >= at && covers[i].end > covers[i].start && covers[i].end <= size, "covers are in order");
        insist(covers[i].start + covers[i].move >= 0 && covers[i].end + covers[i].move <= old_size, "covers are inside");
    }
    insist(matcher_moved(covers, count, old_size, map, moved) == OK, "moved");
    for (int64_t begin = 0; begin < size; begin += step * 64) {
        int64_t end = least_of(begin + step * 64, size), room = (end - begin + FIELD - 1) / FIELD + 1, counts[3];
        uint8_t *extra = malloc((size_t)(end - begin)), *numbers = malloc((size_t)room * (3 + FIELD));
        insist(extra && numbers, "memory");
        uint8_t *low = numbers, *high = low + room, *kinds = high + room, *values = kinds + room;
        int code = matcher_columns(
            old, old_size, new + begin, begin, end, covers, count, map, moved, extra, low, high, kinds, values, counts
        );
        insist(code == OK, "columns");
        insist(counts[1] < room && counts[2] <= counts[1], "no more fields than there is room for");
        apply(old, old_size, new, begin, end, covers, count, map, moved, extra, low, high, kinds, values, counts);
        free(extra);
        free(numbers);
    }
    free(covers);
    free(moved);
    free(old);
    free(new);
    return 0;
}

#ifdef STANDALONE
static uint64_t state;

static uint32_t chance(uint32_t below) { /* xorshift64* */
    state ^= state >> 12, state ^= state << 25, state ^= state >> 27;
    return (uint32_t)((state * 0x2545F4914F6CDD1Dull) >> 33) % below;
}

/* An old file of some kind, and a new one that is made of its parts, with changes. */
static size_t invent(uint8_t *data, size_t most) {
    uint32_t old_size = chance(2) ? chance(64) : chance((uint32_t)most / 3), kind = chance(6), period = 1 + chance(40);
    data[0] = (uint8_t)chance(256), data[1] = chance(2) ? (uint8_t)chance(256) : 0;
    data[2] = (uint8_t)old_size, data[3] = (uint8_t)(old_size >> 8);
    uint8_t *old = data + 4, *end = data + most, *at = old + old_size;
    for (uint32_t i = 0; i < old_size; i++) {
        int of_period = i >= period && kind < 5;
        old[i] = kind == 0 ? 0 : kind == 1 && of_period ? old[i - period] : (uint8_t)chance(kind == 2 ? 2 : 256);
        if (kind == 3 && of_period && chance(8)) old[i] = old[i - period];
        if (kind == 4 && i % 16 < 8) old[i] = (uint8_t)(i / 256);
    }
    while (at < end && chance(30)) {
        uint32_t from = old_size ? chance(old_size) : 0, length = chance(2) ? chance(40) : chance(4000);
        if (length > old_size - from) length = old_size - from;
        if (length > end - at) length = (uint32_t)(end - at);
        memcpy(at, old + from, length);
        for (uint32_t i = chance(60) + 1; i < length; i += 1 + chance(60)) at[i] += (uint8_t)chance(4);
        at += length;
        for (uint32_t i = chance(20); i && at < end; i--) *at++ = (uint8_t)chance(256);
    }
    return (size_t)(at - data);
}

int main(int count, char **words) {
    static uint8_t data[65536];
    if (count == 3 && !strcmp(words[1], "-runs")) {
        long runs = atol(words[2]);
        for (long run = 0; run < runs; run++) {
            state = 0x9E3779B97F4A7C15ull * (uint64_t)(run + 1);
            size_t most = run % 20 ? 3000 : sizeof data;
            LLVMFuzzerTestOneInput(data, invent(data, most));
        }
        printf("%ld inputs\n", runs);
        return 0;
    }
    for (int i = 1; i < count; i++) {
        FILE *file = fopen(words[i], "rb");
        insist(file != NULL, words[i]);
        LLVMFuzzerTestOneInput(data, fread(data, 1, sizeof data, file));
        fclose(file);
    }
    return 0;
}
#endif
