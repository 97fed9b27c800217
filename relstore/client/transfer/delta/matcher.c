/* Finds what a new file has in common with an old one, and makes the columns of a patch (docs/formats/patch.md).

   A rebuilt program is the old one with a different address every few bytes: equal blocks are rare and short. Eight
   equal bytes begin a *cover*, a stretch of the new file with the stretch of the old one that it resembles. A cover
   grows to both sides as long as three bytes in five agree (after Percival, Naive differences of executable code, 2003).

   No input is trusted: every index is checked, whatever the bytes are, and even if they change meanwhile, since both
   files may be mapped. The time is bounded as well: what does not gain is given up after PATIENCE bytes. Python calls
   this by ctypes (matcher.py). Not for compressing columns, nor for the bytes of a patch (patch.py). */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define ABI 2
enum { OK = 0, NO_MEMORY = -1, TOO_MANY = -2, WRONG = -3 };

#define WORD 8                    /* bytes that must be equal where a cover begins */
#define WAYS 4                    /* the positions that one bucket of the index holds, the latest ones */
#define AHEAD 32                  /* buckets that are fetched at once */
#define NOWHERE UINT32_MAX
#define MOST_BYTES ((int64_t)1 << 30) /* of one file: a position has 32 bits, and a move a sign as well */
#define SAME 2                    /* what an equal byte scores, and what one that differs costs */
#define OTHER 3
#define DROP 20                   /* a cover ends where its score has fallen so far below its best */
#define PATIENCE 256              /* or has not risen for so many bytes */
#define FAR_BYTES 65536           /* a cover that moves so differently from the one before has to gain more: */
#define FAR_MORE 40
#define FIELD 4
#define MAX_GAP 65535
#define GRAIN_BITS 4
#define MOST_ADDRESS ((int64_t)1 << 31)
#define MOST_REGIONS 32
#define MOST_ANCHORS 8
enum { PLAIN, MOVED, BACK, ANCHORED };

typedef struct { int64_t start, end, move; } cover; /* old position = new position + move */
typedef struct { const uint8_t *old; int64_t size; uint32_t *slots; int bits, log; } table;
typedef struct { int64_t source, shift, number; } origin;
typedef struct { int64_t offset, size, address; } region;
typedef struct { int64_t old, new; } anchor;

/* Where both files are in memory (docs/formats/patch.md); Python fills it in. Without one, positions are addresses. */
typedef struct {
    int64_t old_count, new_count, anchor_count, low, high;
    region old_regions[MOST_REGIONS], new_regions[MOST_REGIONS];
    anchor anchors[MOST_ANCHORS];
} layout;

/* How the bytes of a cover move in memory: old address = new position + lift; new address = old address + shift. */
typedef struct { int64_t lift, shift; } motion;

static uint64_t word(const uint8_t *at) {
    uint64_t value;
    memcpy(&value, at, 8);
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    value = __builtin_bswap64(value);
#endif
    return value;
}

static int32_t field(const uint8_t *at) {
    return (int32_t)((uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24);
}

/* Zero does not hash to zero: a file may be full of zeros, and they shall be no anchors. */
static uint64_t hash(uint64_t value) { return (value ^ 0xC2B2AE3D27D4EB4Full) * 0x9E3779B97F4A7C15ull; }

/* The content selects the positions that are indexed and searched for, one in 2**bits, the same in both files. */
static int is_anchor(uint64_t hashed, int bits) { return hashed >> (64 - bits) == 0; }

static size_t bucket(uint64_t hashed, int log) {
    hashed ^= hashed >> 29;
    return (size_t)((hashed * 0xBF58476D1CE4E5B9ull) >> (64 - log)) * WAYS;
}

static int64_t least_of(int64_t one, int64_t other) { return one < other ? one : other; }

static int is_address(int64_t number) { return number >= 0 && number < MOST_ADDRESS; }

static int are_regions(const region *regions, int64_t count) {
    if (count < 0 || count > MOST_REGIONS) return 0;
    for (int64_t i = 0; i < count; i++)
        if (!is_address(regions[i].offset) || !is_address(regions[i].size) || !is_address(regions[i].address) ||
            regions[i].address > MOST_ADDRESS - regions[i].size) return 0;
    return 1;
}

static int is_layout(const layout *map) {
    if (!are_regions(map->old_regions, map->old_count) || !are_regions(map->new_regions, map->new_count)) return 0;
    if (map->anchor_count < 0 || map->anchor_count > MOST_ANCHORS) return 0;
    for (int64_t i = 0; i < map->anchor_count; i++)
        if (!is_address(map->anchors[i].old) || !is_address(map->anchors[i].new)) return 0;
    return is_address(map->low) && is_address(map->high) && map->low <= map->high;
}

static const region *region_of(const region *regions, int64_t count, int64_t at) {
    for (int64_t i = 0; i < count; i++)
        if (at >= regions[i].offset && at - regions[i].offset < regions[i].size) return &regions[i];
    return NULL;
}

/* What is in no region is not in memory: its position counts. */
static int64_t address_of(const region *regions, int64_t count, int64_t at) {
    const region *in = region_of(regions, count, at);
    return in ? at - in->offset + in->address : at;
}

static motion motion_of(const cover *one, const layout *map) {
    if (!map) return (motion){one->move, -one->move};
    int64_t old = address_of(map->old_regions, map->old_count, one->start + one->move);
    return (motion){old - one->start, address_of(map->new_regions, map->new_count, one->start) - old};
}

/* How far what is at an address moved; 0 with no such address. */
static int is_known(const layout *map, int64_t old_size, const int32_t *moved, int64_t at, uint32_t *shift) {
    int64_t low = map ? map->low : 0, high = map ? map->high : old_size;
    if (at < low || at >= high) return 0;
    *shift = (uint32_t)moved[(at - low) >> GRAIN_BITS];
    return 1;
}

/* The kind of a field whose end has the old address `end`, and that was `before` and is `after`. */
static int kind_of(
    const layout *map, int64_t old_size, const int32_t *moved, int64_t end, int64_t own, uint32_t before, uint32_t after
) {
    int64_t value = (int32_t)before;
    uint32_t shift;
    if (is_known(map, old_size, moved, end + value, &shift) && before + shift - (uint32_t)own == after) return MOVED;
    if (!map) return PLAIN;
    if (is_known(map, old_size, moved, end - FIELD - value, &shift) && before + (uint32_t)own - shift == after) return BACK;
    for (int64_t i = 0; i < map->anchor_count; i++) {
        uint32_t less = (uint32_t)(map->anchors[i].new - map->anchors[i].old);
        if (is_known(map, old_size, moved, map->anchors[i].old + value, &shift) && before + shift - less == after)
            return ANCHORED + (int)i;
    }
    return PLAIN;
}

/* How far the bytes at new_at and old_at agree: up to the best score. */
static int64_t forward(const table *in, const uint8_t *new, int64_t size, int64_t new_at, int64_t old_at, int64_t *best) {
    const uint8_t *one = new + new_at, *other = in->old + old_at;
    int64_t room = least_of(size - new_at, in->size - old_at), at = 0, length = 0, score = 0, most = 0;
    while (at < room) {
        uint64_t differ = at + WORD <= room ? word(one + at) ^ word(other + at) : 1;
        if (!differ) {
            at += WORD, score += SAME * WORD;
            if (score > most) most = score, length = at;
            continue;
        }
        for (int64_t until = least_of(at + WORD, room); at < until;) {
            score += one[at] == other[at] ? SAME : -OTHER;
            at++;
            if (score > most) most = score, length = at;
        }
        if (score < most - DROP || at - length > PATIENCE) break;
    }
    *best = most;
    return length;
}

/* The same to the left, down to the position low of the new file. */
static int64_t backward(const table *in, const uint8_t *new, int64_t low, int64_t new_at, int64_t old_at) {
    int64_t room = least_of(new_at - low, old_at), at = 0, length = 0, score = 0, most = 0;
    while (at < room && score >= most - DROP && at - length <= PATIENCE) {
        at++;
        score += new[new_at - at] == in->old[old_at - at] ? SAME : -OTHER;
        if (score > most) most = score, length = at;
    }
    return length;
}

static void put(uint32_t *slots, uint32_t at) {
    memmove(slots + 1, slots, sizeof *slots * (WAYS - 1));
    slots[0] = at;
}

int matcher_abi(void) { return ABI; }

void matcher_free(table *in) {
    if (in) free(in->slots);
    free(in);
}

/* An index over an old file, which must stay where it is; NULL without memory. bits: 1 to 16. */
table *matcher_index(const uint8_t *old, int64_t size, int bits) {
    if (size < 0 || size > MOST_BYTES || bits < 1 || bits > 16 || (size && !old)) return NULL;
    table *in = malloc(sizeof *in);
    if (!in) return NULL;
    int log = 8;
    while (((int64_t)WAYS << log) < size >> bits) log++;
    *in = (table){old, size, malloc(sizeof(uint32_t) * WAYS << log), bits, log};
    if (!in->slots) {
        free(in);
        return NULL;
    }
    memset(in->slots, 0xFF, sizeof(uint32_t) * WAYS << log);
    uint32_t *waiting[AHEAD] = {0}; /* a bucket is fetched from memory while others are filled */
    uint32_t positions[AHEAD] = {0};
    size_t count = 0;
    for (int64_t at = 0; at + WORD <= size; at++) {
        uint64_t hashed = hash(word(old + at));
        if (!is_anchor(hashed, bits)) continue;
        size_t turn = count++ % AHEAD;
        if (waiting[turn]) put(waiting[turn], positions[turn]);
        waiting[turn] = in->slots + bucket(hashed, log);
        positions[turn] = (uint32_t)at;
        __builtin_prefetch(waiting[turn], 1);
    }
    for (size_t turn = 0; turn < AHEAD; turn++, count++)
        if (waiting[count % AHEAD]) put(waiting[count % AHEAD], positions[count % AHEAD]);
    return in;
}

/* The covers of a part of a new file, its size bytes from low on, in order and without overlaps; their number, or
   TOO_MANY if there are more than most. least: what a cover has to score. */
int64_t matcher_find(
    const table *in, const uint8_t *part, int64_t low, int64_t size, int64_t least, cover *covers, int64_t most
) {
    if (!in || size < 0 || low < 0 || low > MOST_BYTES - size || least < 1 || most < 0) return WRONG;
    int64_t count = 0, move = low, end = 0; /* all positions and moves are those in the part */
    for (int64_t at = 0; at + WORD <= size;) {
        uint64_t here = word(part + at);
        int64_t expected = at + move, best = 0, length = 0, found = 0;
        if (expected >= 0 && expected + WORD <= in->size && word(in->old + expected) == here) {
            length = forward(in, part, size, at, expected, &best);
            found = move;
        } else {
            uint64_t hashed = hash(here);
            if (!is_anchor(hashed, in->bits)) {
                at++;
                continue;
            }
            const uint32_t *slots = in->slots + bucket(hashed, in->log);
            for (int way = 0; way < WAYS && slots[way] != NOWHERE; way++) {
                int64_t old_at = slots[way], score, far = llabs(old_at - expected) > FAR_BYTES ? FAR_MORE : 0;
                if (word(in->old + old_at) != here) continue;
                int64_t reach = forward(in, part, size, at, old_at, &score);
                if (score < least + far) score += backward(in, part, end, at, old_at);
                if (score - far > best) best = score - far, length = reach, found = old_at - at;
            }
        }
        if (best < least) {
            at++;
            continue;
        }
        int64_t start = at - backward(in, part, end, at, at + found);
        end = at = at + length;
        if (count && covers[count - 1].move == found - low && covers[count - 1].end == low + start) {
            covers[count - 1].end = low + end;
        } else {
            if (count == most) return TOO_MANY;
            covers[count++] = (cover){low + start, low + end, found - low};
        }
        move = found;
    }
    return count;
}

static int by_source(const void *one, const void *other) {
    const origin *a = one, *b = other;
    if (a->source != b->source) return a->source < b->source ? -1 : 1;
    return a->number < b->number ? -1 : a->number > b->number;
}

/* How far each grain of the old file moves, in memory: like the last cover that starts at its first byte or before. moved has room
   for a number for each grain between the lowest and the highest address, and one more. */
int matcher_moved(const cover *covers, int64_t count, int64_t size, const layout *map, int32_t *moved) {
    if (count < 0 || size < 0 || size > MOST_BYTES || (map && !is_layout(map))) return WRONG;
    int64_t low = map ? map->low : 0, high = map ? map->high : size, known = 0, next = 0;
    origin *origins = malloc(sizeof *origins * (size_t)(count + 1));
    if (!origins) return NO_MEMORY;
    for (int64_t i = 0; i < count; i++) {
        if (map && !region_of(map->old_regions, map->old_count, covers[i].start + covers[i].move)) continue;
        if (map && !region_of(map->new_regions, map->new_count, covers[i].start)) continue;
        motion how = motion_of(&covers[i], map);
        origins[known++] = (origin){covers[i].start + how.lift, how.shift, i};
    }
    qsort(origins, (size_t)known, sizeof *origins, by_source);
    int32_t move = 0;
    for (int64_t grain = 0; grain <= (high - low) >> GRAIN_BITS; grain++) {
        for (; next < known && origins[next].source <= low + (grain << GRAIN_BITS); next++)
            move = (int32_t)origins[next].shift;
        moved[grain] = move;
    }
    free(origins);
    return OK;
}

/* The columns of the segment of the new file from begin to end, whose bytes are part. extra has room for its bytes; low, high, kinds and values (four
   bytes each) for one number more than a field for each FIELD bytes of it. counts: of extra bytes, fields and values. */
int matcher_columns(
    const uint8_t *old, int64_t old_size, const uint8_t *part, int64_t begin, int64_t end, const cover *covers, int64_t count,
    const layout *map, const int32_t *moved, uint8_t *extra, uint8_t *low, uint8_t *high, uint8_t *kinds, uint8_t *values, int64_t *counts
) {
    if (old_size < 0 || old_size > MOST_BYTES || begin < 0 || begin > end || end > MOST_BYTES || count < 0) return WRONG;
    if (map && !is_layout(map)) return WRONG;
    int64_t size = end - begin, used = 0, fields = 0, plain = 0, first = 0, at = 0;
    uint8_t *both = malloc(2 * (size_t)(size + WORD)); /* mapped bytes may change, so each is read once */
    if (!both) return NO_MEMORY;
    uint8_t *draft = both, *target = both + size + WORD;
    memcpy(target, part, (size_t)size);
    memset(target + size, 0, WORD);
    for (int64_t after = count; first < after;) { /* the first cover that ends behind the segment's begin */
        int64_t middle = first + (after - first) / 2;
        if (covers[middle].end <= begin) first = middle + 1;
        else after = middle;
    }
    for (int64_t i = first; i <= count; i++) { /* extra bytes, then the cover behind them */
        int is_last = i == count || covers[i].start >= end;
        int64_t start = is_last ? size : covers[i].start - begin, stop = is_last ? size : least_of(covers[i].end - begin, size);
        if (start < at) start = at;
        int64_t source = is_last ? 0 : begin + start + covers[i].move;
        if (stop < start || source < 0 || source + (stop - start) > old_size) {
            free(both);
            return WRONG;
        }
        memcpy(draft + at, target + at, (size_t)(start - at));
        memcpy(extra + used, target + at, (size_t)(start - at));
        used += start - at;
        if (!is_last) memcpy(draft + start, old + source, (size_t)(stop - start));
        at = stop;
        if (is_last) break;
    }
    memset(draft + size, 0, WORD);
    int64_t last = 0, in = first, known = -1; /* the end of the field before; the cover that contains the position */
    motion how = {0, 0};
    for (at = 0; at < size;) {
        if (word(draft + at) == word(target + at)) {
            at += WORD;
            continue;
        }
        while (draft[at] == target[at]) at++; /* one of these eight differs, and none does behind the end */
        while (in + 1 < count && covers[in + 1].start <= begin + at) in++;
        if (known != in) how = motion_of(&covers[in], map), known = in;
        int kind = PLAIN;
        uint32_t before = 0, after = 0;
        /* The lowest bytes of an address may be the same, so it may begin up to three bytes earlier. */
        for (int64_t back = 0; !kind && back < (map ? FIELD : 1); back++) {
            int64_t place = at - back;
            if (back && (place < last || begin + place < covers[in].start)) break;
            uint32_t one = (uint32_t)field(draft + place), other = (uint32_t)field(target + place);
            kind = kind_of(map, old_size, moved, begin + place + how.lift + FIELD, how.shift, one, other);
            if (kind || !back) before = one, after = other;
            if (kind) at = place;
        }
        int64_t gap = at - last;
        for (; gap > MAX_GAP; fields++) { /* too long for one: fields between that change nothing */
            int64_t step = least_of(MAX_GAP, gap - FIELD);
            low[fields] = (uint8_t)(step & 0xFF), high[fields] = (uint8_t)(step >> 8), kinds[fields] = PLAIN;
            memset(values + FIELD * plain++, 0, FIELD);
            gap -= step + FIELD;
        }
        low[fields] = (uint8_t)(gap & 0xFF), high[fields] = (uint8_t)(gap >> 8), kinds[fields++] = (uint8_t)kind;
        if (!kind) {
            uint32_t value = after - before;
            for (int i = 0; i < FIELD; i++) values[FIELD * plain + i] = (uint8_t)(value >> 8 * i);
            plain++;
        }
        at = last = at + FIELD;
    }
    free(both);
    counts[0] = used, counts[1] = fields, counts[2] = plain;
    return OK;
}
