/* rtva_search: the likeliest sentence of a grammar, best first, over one whisper state that has listened.
 *
 * Contract
 * - A node is a sequence of tokens; its score is the sum of the model's own log probabilities (over the whole
 *   vocabulary, not renormalised over what the grammar admits: a masked softmax would hide how badly speech fits)
 *   plus `bonus` for each byte of text read, less from the first open text on, where a loop would earn it again and again. The node
 *   with the best score is extended next (E. W. Dijkstra 1959, here with a bonus in the place of A*'s estimate), so clear
 *   speech costs one decode a token and doubtful speech more, up to `most_evals`. Two nodes with the same text are one:
 *   the better goes on.
 * - A sentence's log probability only falls as it grows, and its distance from the likeliest tokens only grows, so one
 *   beyond the limits is never looked at again: speech of other kinds ends within few decodes.
 * - Results are in `found`, best first. Nothing here holds the GIL.
 */
#ifndef RTVA_SEARCH_H
#define RTVA_SEARCH_H

#include "rtva_decoder.h"
#include "rtva_grammar.h"

enum { RTVA_MOST_FOUND = 16 };
enum { RTVA_SPOKEN = 0, RTVA_SILENT = 1, RTVA_POINT = 2 };

typedef struct rtva_search_limits {
    float bonus, open_bonus; /* nats a byte of text; from where it is nothing but open text on (a wildcard) */
    float slack;      /* nats: go on while an open node is at most this much below the best sentence */
    float width;      /* nats: children this much below the best child are dropped */
    float least_total; /* nats: sentences whose log probability falls below are given up */
    float loss, loss_a_token, most_loss; /* nats: so are those that lie further below the likeliest tokens in the places
                                            of theirs: together `loss` and a little a token, at most `most_loss` */
    int most_evals, most_tokens, most_children;
} rtva_search_limits;

typedef struct {
    int32_t parent, token, dfa, depth;
    float logp, best;  /* of the token, and of the likeliest token in its place */
    float total, score, loss;
    uint64_t text;
    uint8_t silent;
    bool is_end, is_open; /* the sentence is over; some of it was open text and nothing else */
} rtva_node;

typedef struct rtva_search {
    rtva_node *nodes;
    int32_t n_nodes, cap_nodes;
    int32_t *heap, n_heap, cap_heap;
    uint64_t *seen;
    int32_t n_seen, cap_seen;
    int32_t found[RTVA_MOST_FOUND], n_found, evals;
    const uint8_t *silent;                 /* per token: RTVA_SILENT reads as nothing, RTVA_POINT also as a decimal point */
    const int32_t *text_first;             /* per token: its normalised text */
    const uint8_t *text;
} rtva_search;

static void rtva_search_free(rtva_search *s) {
    free(s->nodes), free(s->heap), free(s->seen);
    s->nodes = NULL, s->heap = NULL, s->seen = NULL;
}

static bool rtva_search_push(rtva_search *s, rtva_node node) {
    if (!RTVA_GROW(s, nodes, cap_nodes, s->n_nodes + 1) || !RTVA_GROW(s, heap, cap_heap, s->n_heap + 1)) return false;
    int32_t id = s->n_nodes++, at = s->n_heap++;
    s->nodes[id] = node;
    for (int32_t up; at > 0 && s->nodes[s->heap[up = (at - 1) / 2]].score < node.score; at = up) s->heap[at] = s->heap[up];
    s->heap[at] = id;
    return true;
}

static int32_t rtva_search_pop(rtva_search *s) {
    int32_t top = s->heap[0], last = s->heap[--s->n_heap], at = 0;
    for (int32_t down; (down = 2 * at + 1) < s->n_heap; at = down) {
        if (down + 1 < s->n_heap && s->nodes[s->heap[down + 1]].score > s->nodes[s->heap[down]].score) down++;
        if (s->nodes[s->heap[down]].score <= s->nodes[last].score) break;
        s->heap[at] = s->heap[down];
    }
    s->heap[at] = last;
    return top;
}

/* Whether the node's text was extended before; remembers it otherwise. */
static bool rtva_search_is_seen(rtva_search *s, uint64_t text) {
    for (int32_t i = 0; i < s->n_seen; i++) if (s->seen[i] == text) return true;
    if (RTVA_GROW(s, seen, cap_seen, s->n_seen + 1)) s->seen[s->n_seen++] = text;
    return false;
}

/* FNV-1a over the text read, spaces collapsed as the automaton collapses them. */
static uint64_t rtva_search_text(const rtva_search *s, uint64_t h, int32_t token, int32_t *n_bytes) {
    uint8_t last = (uint8_t)(h >> 56);
    h &= 0x00ffffffffffffffu;
    *n_bytes = 0;
    for (int32_t i = s->text_first[token]; i < s->text_first[token + 1]; i++) {
        if (s->text[i] == ' ' && last == ' ') continue;
        last = s->text[i];
        h = ((h ^ last) * 0x100000001b3u) & 0x00ffffffffffffffu;
        ++*n_bytes;
    }
    return h | (uint64_t)last << 56;
}

static int rtva_search_path(const rtva_search *s, int32_t id, int32_t *path, int n_prompt) {
    int n = n_prompt + s->nodes[id].depth;
    for (int at = n; s->nodes[id].parent >= 0; id = s->nodes[id].parent) path[--at] = s->nodes[id].token;
    return n;
}

static bool rtva_search_is_hopeless(const rtva_search_limits *l, const rtva_node *node) {
    float most = l->loss + l->loss_a_token * (float)node->depth;
    return node->total < l->least_total || node->loss > (most < l->most_loss ? most : l->most_loss);
}

static bool rtva_is_digit(int byte) { return byte >= '0' && byte <= '9'; }

/* A node's child by one token, read as text or, with `silent`, as nothing. A point between digits is never nothing. */
static bool rtva_search_child(rtva_search *s, const rtva_search_limits *l, int32_t id, rtva_mask_entry entry, uint8_t silent,
                              float logp, float best) {
    const rtva_node *from = &s->nodes[id];
    rtva_node child = *from;
    int32_t n_bytes = 0;
    child.parent = id, child.token = entry.token, child.dfa = entry.next, child.depth++;
    child.logp = logp, child.best = best, child.total += logp, child.loss += best - logp;
    child.silent = silent;
    if (rtva_search_is_hopeless(l, &child)) return true;
    if (!silent) {
        if (from->silent == RTVA_POINT && rtva_is_digit((int)(from->text >> 56)) && rtva_is_digit(s->text[s->text_first[entry.token]]))
            return true;
        child.text = rtva_search_text(s, from->text, entry.token, &n_bytes);
    }
    child.is_open |= entry.is_open;
    child.score += logp + (child.is_open ? l->open_bonus : l->bonus) * (float)n_bytes;
    return rtva_search_push(s, child);
}

/* Children of a node: punctuation, the end, and what the mask admits within `width` of its best. */
static bool rtva_search_extend(rtva_search *s, const rtva_search_limits *l, const rtva_decoder *d, rtva_grammar *g,
                               const rtva_vocabulary *v, int32_t id, const float *logits) {
    float top, sum = rtva_log_sum_exp(logits, d->n_vocab, &top), high = -INFINITY;
    const rtva_mask_entry *mask;
    int32_t dfa = s->nodes[id].dfa, n = rtva_grammar_mask(g, v, dfa, &mask), count = 0;
    for (int32_t i = 0; i < n; i++) high = logits[mask[i].token] > high ? logits[mask[i].token] : high;
    float floor = high - l->width;
    do { /* a wildcard admits nearly everything: raise the floor until few enough are left */
        count = 0;
        for (int32_t i = 0; i < n; i++) count += logits[mask[i].token] >= floor;
        floor += count > l->most_children ? 0.5f : 0.0f;
    } while (count > l->most_children && floor < high);
    for (int32_t i = 0; i < n; i++)
        if (logits[mask[i].token] >= floor && !rtva_search_child(s, l, id, mask[i], 0, logits[mask[i].token] - sum, top - sum))
            return false;
    if (g->dfa[dfa].accepts) {
        rtva_node end = s->nodes[id];
        end.parent = id, end.token = d->eot, end.depth++, end.logp = logits[d->eot] - sum, end.best = top - sum;
        end.total += end.logp, end.score += end.logp, end.loss += end.best - end.logp, end.is_end = true;
        if (!rtva_search_is_hopeless(l, &end) && !rtva_search_push(s, end)) return false;
    }
    if (s->nodes[id].silent || s->nodes[id].depth == 0) return true;
    for (int32_t t = 0; t < d->eot; t++)
        if (s->silent[t] && logits[t] >= top - l->width
            && !rtva_search_child(s, l, id, (rtva_mask_entry){t, dfa, 0}, s->silent[t], logits[t] - sum,
                                  top - sum)) return false;
    return true;
}

/* Keeps `found` sorted, one node a text. */
static void rtva_search_found(rtva_search *s, int32_t id) {
    const uint64_t text = s->nodes[id].text & 0x00ffffffffffffffu;
    int32_t at = s->n_found;
    for (int32_t i = 0; i < s->n_found; i++) {
        if ((s->nodes[s->found[i]].text & 0x00ffffffffffffffu) != text) continue;
        if (s->nodes[s->found[i]].score >= s->nodes[id].score) return;
        at = i;
        break;
    }
    if (at == RTVA_MOST_FOUND) {
        if (s->nodes[s->found[--at]].score >= s->nodes[id].score) return;
    } else if (at == s->n_found) s->n_found++;
    for (; at > 0 && s->nodes[s->found[at - 1]].score < s->nodes[id].score; at--) s->found[at] = s->found[at - 1];
    s->found[at] = id;
}

/* Runs the search after `prompt`; `s` keeps every node until it is freed. */
static int rtva_search_run(rtva_search *s, const rtva_search_limits *l, rtva_decoder *d, rtva_grammar *g,
                           const rtva_vocabulary *v, const int32_t *prompt, int n_prompt) {
    int32_t path[RTVA_MOST_PATH];
    rtva_node root = {.parent = -1, .dfa = g->start, .text = (uint64_t)' ' << 56};
    if (n_prompt + l->most_tokens + 1 > RTVA_MOST_PATH) return RTVA_SEARCH_TOO_LONG;
    memcpy(path, prompt, sizeof *prompt * (size_t)n_prompt);
    if (g->start < 0 || !rtva_search_push(s, root)) return RTVA_SEARCH_NO_MEMORY;
    while (s->n_heap && s->evals < l->most_evals) {
        int32_t id = rtva_search_pop(s);
        if (s->n_found && s->nodes[id].score < s->nodes[s->found[0]].score - l->slack) break;
        if (s->nodes[id].is_end) { rtva_search_found(s, id); continue; }
        if (s->nodes[id].depth >= l->most_tokens) continue;
        if (rtva_search_is_seen(s, s->nodes[id].text ^ (s->nodes[id].silent * (uint64_t)0x5bd1e995u))) continue;
        const float *logits = rtva_decoder_at(d, path, rtva_search_path(s, id, path, n_prompt));
        if (!logits) return d->cancelled ? RTVA_SEARCH_CANCELLED : RTVA_SEARCH_DECODE;
        s->evals++;
        if (!rtva_search_extend(s, l, d, g, v, id, logits)) return RTVA_SEARCH_NO_MEMORY;
    }
    return RTVA_SEARCH_OK;
}

#endif
