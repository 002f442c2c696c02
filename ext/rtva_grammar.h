/* rtva_grammar: sentence templates as an automaton over normalised bytes, and the vocabulary as a trie over the same.
 *
 * Contract
 * - The automaton is nondeterministic, in compressed rows; edges of a state stand in order of preference. A symbol is
 *   a byte, RTVA_ANY (any byte but space and point) or RTVA_EPSILON. State 0 is the start, `final` the end. Spaces collapse: after a
 *   space (and at both ends) an edge that wants a space costs none, so templates may hold as many as they like.
 * - It is made deterministic lazily: the sets that the speech really reaches are interned, with their moves and their
 *   token masks. Caches are dropped by rtva_grammar_trim(), between utterances only; ids are valid until then.
 * - A mask lists every vocabulary token whose text can be read from a state and where it leads: token by text, so any
 *   tokenisation of a sentence is found. It costs one walk of the trie, once for each state.
 * - One caller at a time. The arrays are borrowed: the owner keeps them alive. int returns: 0 good, negative RTVA_GRAMMAR_*.
 */
#ifndef RTVA_GRAMMAR_H
#define RTVA_GRAMMAR_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { RTVA_ANY = 256, RTVA_EPSILON = 257 };
enum { RTVA_GRAMMAR_OK = 0, RTVA_GRAMMAR_NO_MEMORY = -1 };
enum { RTVA_DEAD = -1, RTVA_UNKNOWN = -2 };

typedef struct { int32_t token, next, is_open; } rtva_mask_entry; /* is_open: only open text reads its last letter */

typedef struct rtva_vocabulary { /* trie over normalised token texts, children in one block, tokens of a node in one run */
    int32_t n_nodes;
    const int32_t *child, *n_children; /* first child's index and how many */
    const uint8_t *byte;               /* that leads into a node */
    const int32_t *token_first;        /* (n_nodes + 1) into tokens */
    const int32_t *tokens;
} rtva_vocabulary;

typedef struct {
    int32_t set, n_set;      /* into sets */
    int32_t moves;           /* into moves, n_classes wide */
    int32_t mask, n_mask;    /* into masks; mask < 0: not made yet */
    bool after_space, accepts;
    bool has_open;           /* some of it reads any letter */
} rtva_dfa_state;

typedef struct rtva_grammar {
    int32_t n_states, final;
    const int32_t *first, *target; /* rows (n_states + 1), edges */
    const uint16_t *symbol;
    bool *open;        /* per state: whether it reads any letter */
    uint8_t class_of[256];
    int32_t n_classes; /* class 0: bytes that only RTVA_ANY reads */
    int32_t n_dfa, cap_dfa, start;
    rtva_dfa_state *dfa;
    int32_t *sets, n_sets, cap_sets;
    int32_t *moves, n_moves, cap_moves;
    rtva_mask_entry *masks;
    int32_t n_masks, cap_masks;
    int32_t *table, cap_table; /* open addressing: set -> dfa id + 1 */
    uint32_t *stamp, now;
    int32_t *stack, *scratch;
    int32_t n_scratch;
    bool failed; /* out of memory: everything reads as dead */
} rtva_grammar;

static bool rtva_grow(void **items, int32_t *cap, int32_t need, size_t size) {
    if (need <= *cap) return true;
    int32_t to = *cap ? *cap : 64;
    while (to < need) to = to > INT32_MAX / 2 ? INT32_MAX : to * 2;
    void *grown = realloc(*items, (size_t)to * size);
    if (!grown) return false;
    *items = grown;
    *cap = to;
    return true;
}
#define RTVA_GROW(g, items, cap, need) rtva_grow((void **)&(g)->items, &(g)->cap, (need), sizeof *(g)->items)

static void rtva_grammar_free(rtva_grammar *g) {
    if (!g) return;
    free(g->dfa), free(g->sets), free(g->moves), free(g->masks), free(g->table), free(g->stamp), free(g->stack);
    free(g->scratch), free(g->open), free(g);
}

/* Adds a state and what it reaches without reading; states that neither read nor end are not kept. */
static void rtva_grammar_close(rtva_grammar *g, int32_t state, bool spaces_are_free) {
    int32_t depth = 0;
    if (g->stamp[state] == g->now) return;
    g->stamp[state] = g->now;
    g->stack[depth++] = state;
    while (depth) {
        int32_t at = g->stack[--depth];
        bool is_kept = at == g->final;
        for (int32_t e = g->first[at]; e < g->first[at + 1]; e++) {
            uint16_t symbol = g->symbol[e];
            bool is_free = symbol == RTVA_EPSILON || (spaces_are_free && symbol == ' ');
            is_kept |= !is_free;
            if (!is_free || g->stamp[g->target[e]] == g->now) continue;
            g->stamp[g->target[e]] = g->now;
            g->stack[depth++] = g->target[e];
        }
        if (is_kept) g->scratch[g->n_scratch++] = at;
    }
}

static void rtva_grammar_begin_set(rtva_grammar *g) {
    g->n_scratch = 0;
    if (++g->now == 0) {
        memset(g->stamp, 0, sizeof *g->stamp * (size_t)g->n_states);
        g->now = 1;
    }
}

static int rtva_compare_ints(const void *a, const void *b) {
    int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    return (x > y) - (x < y);
}

static uint32_t rtva_hash_set(const int32_t *set, int32_t n, bool after_space) {
    uint32_t h = after_space ? 0x9e3779b9u : 0x85ebca6bu;
    for (int32_t i = 0; i < n; i++) h = (h ^ (uint32_t)set[i]) * 0x01000193u, h ^= h >> 15;
    return h;
}

static bool rtva_grammar_rehash(rtva_grammar *g) {
    int32_t cap = g->cap_table ? g->cap_table * 2 : 1024;
    int32_t *table = calloc((size_t)cap, sizeof *table);
    if (!table) return false;
    for (int32_t id = 0; id < g->n_dfa; id++) {
        const rtva_dfa_state *s = &g->dfa[id];
        uint32_t at = rtva_hash_set(g->sets + s->set, s->n_set, s->after_space) & (uint32_t)(cap - 1);
        while (table[at]) at = (at + 1) & (uint32_t)(cap - 1);
        table[at] = id + 1;
    }
    free(g->table);
    g->table = table;
    g->cap_table = cap;
    return true;
}

/* Whether the end can be reached without reading anything but spaces. */
static bool rtva_grammar_set_accepts(rtva_grammar *g, const int32_t *set, int32_t n) {
    rtva_grammar_begin_set(g);
    for (int32_t i = 0; i < n; i++) rtva_grammar_close(g, set[i], true);
    return g->stamp[g->final] == g->now;
}

/* The id of the set in scratch, new or known; RTVA_DEAD when it is empty or memory ran out. */
static int32_t rtva_grammar_intern(rtva_grammar *g, bool after_space) {
    int32_t n = g->n_scratch;
    if (n == 0 || g->failed) return RTVA_DEAD;
    qsort(g->scratch, (size_t)n, sizeof *g->scratch, rtva_compare_ints);
    if (g->n_dfa * 2 >= g->cap_table && !rtva_grammar_rehash(g)) return g->failed = true, RTVA_DEAD;
    uint32_t at = rtva_hash_set(g->scratch, n, after_space) & (uint32_t)(g->cap_table - 1);
    for (; g->table[at]; at = (at + 1) & (uint32_t)(g->cap_table - 1)) {
        const rtva_dfa_state *s = &g->dfa[g->table[at] - 1];
        if (s->n_set == n && s->after_space == after_space && !memcmp(g->sets + s->set, g->scratch, (size_t)n * 4))
            return g->table[at] - 1;
    }
    if (!RTVA_GROW(g, dfa, cap_dfa, g->n_dfa + 1) || !RTVA_GROW(g, sets, cap_sets, g->n_sets + n)
        || !RTVA_GROW(g, moves, cap_moves, g->n_moves + g->n_classes)) return g->failed = true, RTVA_DEAD;
    rtva_dfa_state s = {g->n_sets, n, g->n_moves, -1, 0, after_space, false, false};
    for (int32_t i = 0; i < n; i++) s.has_open |= g->open[g->scratch[i]];
    memcpy(g->sets + g->n_sets, g->scratch, (size_t)n * 4);
    g->n_sets += n;
    for (int32_t c = 0; c < g->n_classes; c++) g->moves[g->n_moves++] = RTVA_UNKNOWN;
    s.accepts = rtva_grammar_set_accepts(g, g->sets + s.set, n);
    g->dfa[g->n_dfa] = s;
    g->table[at] = g->n_dfa + 1;
    return g->n_dfa++;
}

static bool rtva_grammar_reads(uint16_t symbol, uint8_t byte) {
    return symbol == byte || (symbol == RTVA_ANY && byte != ' ' && byte != '.');
}

/* Where a byte leads from a state, RTVA_DEAD if nowhere. */
static int32_t rtva_grammar_step(rtva_grammar *g, int32_t id, uint8_t byte) {
    if (id < 0 || (byte == ' ' && g->dfa[id].after_space)) return id;
    int32_t class = g->class_of[byte], known = g->moves[g->dfa[id].moves + class];
    if (known != RTVA_UNKNOWN) return known;
    bool is_space = byte == ' ';
    rtva_grammar_begin_set(g);
    for (int32_t i = 0; i < g->dfa[id].n_set; i++) {
        int32_t state = g->sets[g->dfa[id].set + i];
        for (int32_t e = g->first[state]; e < g->first[state + 1]; e++)
            if (rtva_grammar_reads(g->symbol[e], byte))
                rtva_grammar_close(g, g->target[e], is_space);
    }
    int32_t next = rtva_grammar_intern(g, is_space);
    if (!g->failed) g->moves[g->dfa[id].moves + class] = next;
    return next;
}

static int32_t rtva_grammar_read(rtva_grammar *g, int32_t id, const uint8_t *text, int32_t n) {
    for (int32_t i = 0; i < n && id >= 0; i++) id = rtva_grammar_step(g, id, text[i]);
    return id;
}

/* Forgets every interned set and mask; ids from before are void. */
static void rtva_grammar_clear(rtva_grammar *g) {
    g->n_dfa = g->n_sets = g->n_moves = g->n_masks = 0;
    if (g->cap_table) memset(g->table, 0, sizeof *g->table * (size_t)g->cap_table);
    g->failed = false;
    rtva_grammar_begin_set(g);
    rtva_grammar_close(g, 0, true);
    g->start = rtva_grammar_intern(g, true);
}

static size_t rtva_grammar_cache_bytes(const rtva_grammar *g) {
    return sizeof *g->dfa * (size_t)g->n_dfa + 4 * ((size_t)g->n_sets + (size_t)g->n_moves + (size_t)g->cap_table)
        + sizeof *g->masks * (size_t)g->n_masks;
}

static void rtva_grammar_trim(rtva_grammar *g, size_t most_bytes) {
    if (g->failed || rtva_grammar_cache_bytes(g) > most_bytes) rtva_grammar_clear(g);
}

static void rtva_grammar_mark_open(rtva_grammar *g) {
    for (int32_t state = 0; state < g->n_states; state++)
        for (int32_t e = g->first[state]; e < g->first[state + 1]; e++) g->open[state] |= g->symbol[e] == RTVA_ANY;
}

static rtva_grammar *rtva_grammar_new(int32_t n_states, int32_t final, const int32_t *first, const int32_t *target,
                                      const uint16_t *symbol) {
    rtva_grammar *g = calloc(1, sizeof *g);
    if (!g) return NULL;
    g->n_states = n_states, g->final = final, g->first = first, g->target = target, g->symbol = symbol;
    g->n_classes = 1;
    for (int32_t e = 0; e < first[n_states]; e++)
        if (symbol[e] < 256 && !g->class_of[symbol[e]]) g->class_of[symbol[e]] = (uint8_t)g->n_classes++;
    if (!g->class_of[' ']) g->class_of[' '] = (uint8_t)g->n_classes++;
    g->stamp = calloc((size_t)n_states, sizeof *g->stamp);
    g->stack = malloc(sizeof *g->stack * (size_t)n_states);
    g->scratch = malloc(sizeof *g->scratch * (size_t)n_states);
    g->open = calloc((size_t)n_states, sizeof *g->open);
    if (!g->stamp || !g->stack || !g->scratch || !g->open) return rtva_grammar_free(g), NULL;
    rtva_grammar_mark_open(g);
    rtva_grammar_clear(g);
    if (g->failed) return rtva_grammar_free(g), NULL;
    return g;
}

/* Whether the templates spell `byte` out after a set: 0 when only open text reads it. */
static bool rtva_grammar_spells(const rtva_grammar *g, int32_t id, uint8_t byte) {
    const rtva_dfa_state *s = &g->dfa[id];
    if (!s->has_open) return true;
    for (int32_t i = 0; i < s->n_set; i++) {
        int32_t state = g->sets[s->set + i];
        for (int32_t e = g->first[state]; !g->open[state] && e < g->first[state + 1]; e++)
            if (g->symbol[e] == byte) return true;
    }
    return false;
}

static void rtva_grammar_walk(rtva_grammar *g, const rtva_vocabulary *v, int32_t node, int32_t before, int32_t id) {
    bool is_open = v->token_first[node] < v->token_first[node + 1] && !rtva_grammar_spells(g, before, v->byte[node]);
    for (int32_t t = v->token_first[node]; t < v->token_first[node + 1]; t++) {
        if (!RTVA_GROW(g, masks, cap_masks, g->n_masks + 1)) { g->failed = true; return; }
        g->masks[g->n_masks++] = (rtva_mask_entry){v->tokens[t], id, is_open};
    }
    for (int32_t c = v->child[node]; c < v->child[node] + v->n_children[node]; c++) {
        int32_t next = rtva_grammar_step(g, id, v->byte[c]);
        if (next >= 0) rtva_grammar_walk(g, v, c, id, next);
    }
}

/* Tokens that can follow and where they lead. The pointer is valid until the next call that makes a mask. */
static int32_t rtva_grammar_mask(rtva_grammar *g, const rtva_vocabulary *v, int32_t id, const rtva_mask_entry **mask) {
    if (g->dfa[id].mask < 0) {
        int32_t from = g->n_masks;
        for (int32_t c = v->child[0]; c < v->child[0] + v->n_children[0]; c++) {
            int32_t next = rtva_grammar_step(g, id, v->byte[c]);
            if (next >= 0) rtva_grammar_walk(g, v, c, id, next);
        }
        g->dfa[id].mask = from;
        g->dfa[id].n_mask = g->n_masks - from;
    }
    *mask = g->masks + g->dfa[id].mask;
    return g->dfa[id].n_mask;
}

typedef struct { int32_t state, before, at; } rtva_step; /* one state of a reading, the step before it, bytes read so far */

typedef struct { rtva_step *items; int32_t n, cap; rtva_step *pending; int32_t cap_pending; } rtva_trail;

/* Appends what a state reaches without reading, in order of preference. */
static bool rtva_trail_close(rtva_grammar *g, rtva_trail *t, int32_t state, int32_t before, int32_t at, bool free_space) {
    int32_t depth = 0;
    if (!RTVA_GROW(t, pending, cap_pending, 1)) return false;
    t->pending[depth++] = (rtva_step){state, before, at};
    while (depth) {
        rtva_step step = t->pending[--depth];
        if (g->stamp[step.state] == g->now) continue;
        g->stamp[step.state] = g->now;
        if (!RTVA_GROW(t, items, cap, t->n + 1)) return false;
        int32_t here = t->n;
        t->items[t->n++] = step;
        for (int32_t e = g->first[step.state + 1] - 1; e >= g->first[step.state]; e--) {
            if (g->symbol[e] != RTVA_EPSILON && !(free_space && g->symbol[e] == ' ')) continue;
            if (!RTVA_GROW(t, pending, cap_pending, depth + 1)) return false;
            t->pending[depth++] = (rtva_step){g->target[e], here, at};
        }
    }
    return true;
}

/* The preferred reading of a whole text: the number of states it runs through, written to `states` and `ats` (freed
 * by the caller), 0 when the text is not a sentence, negative without memory. Spaces of the text are single. */
static int32_t rtva_grammar_parse(rtva_grammar *g, const uint8_t *text, int32_t n, int32_t **states, int32_t **ats) {
    rtva_trail t = {0};
    int32_t from = 0, count = 0, result = RTVA_GRAMMAR_NO_MEMORY;
    rtva_grammar_begin_set(g);
    if (!rtva_trail_close(g, &t, 0, -1, 0, true)) goto done;
    for (int32_t i = 0; i < n; i++) {
        int32_t to = t.n;
        bool is_space = text[i] == ' ';
        rtva_grammar_begin_set(g);
        for (int32_t k = from; k < to; k++) {
            int32_t state = t.items[k].state;
            for (int32_t e = g->first[state]; e < g->first[state + 1]; e++)
                if (rtva_grammar_reads(g->symbol[e], text[i])
                    && !rtva_trail_close(g, &t, g->target[e], k, i + 1, is_space || i + 1 == n)) goto done;
        }
        from = to;
    }
    result = 0;
    for (int32_t k = from; k < t.n && !result; k++) {
        if (t.items[k].state != g->final) continue;
        for (int32_t s = k; s >= 0; s = t.items[s].before) count++;
        *states = malloc(sizeof **states * (size_t)count);
        *ats = malloc(sizeof **ats * (size_t)count);
        result = *states && *ats ? count : RTVA_GRAMMAR_NO_MEMORY;
        for (int32_t s = k; result > 0 && s >= 0; s = t.items[s].before)
            (*states)[--count] = t.items[s].state, (*ats)[count] = t.items[s].at;
    }
done:
    free(t.items), free(t.pending);
    return result;
}

#endif
