/* The alignment against its definition, on random graphs in buffers without a byte to spare:  align_stress GRAPHS [SEED]
 *
 * Each problem is worked out cell by cell as rtva_align.h defines it, and by rtva_align_run at a random limit. Exits 1 if
 * the two costs differ, if the way that is traced does not add up, or if the bound hides a way that scores enough.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>

#include "rtva_align.h"
#include "stress.h"

enum { NODES = 60, HEARD = 14, PHONES = 5, PREDS = 3, JUMPS = 4 };

static float price(void) /* sixteenths add up without rounding */
{
    return (float)below(24) / 16;
}

typedef struct problem {
    rtva_align_graph graph;
    rtva_align_costs costs;
    uint8_t phone[NODES], heard[HEARD];
    float weight[NODES], substitute[PHONES * PHONES], drop[PHONES], extra[HEARD + 1 + 2 * RTVA_ALIGN_LANES];
    int32_t first[NODES + 1], pred[NODES * PREDS], n, n_jumps;
    rtva_align_jump jumps[JUMPS];
} problem;

static int by_end(const void *a, const void *b)
{
    return ((const rtva_align_jump *)a)->to_node - ((const rtva_align_jump *)b)->to_node;
}

static void make(problem *p)
{
    const int32_t nodes = 2 + below(NODES - 1);
    *p = (problem){.n = below(HEARD + 1)};
    for (int32_t v = 0; v < nodes; v++) {
        p->phone[v] = (uint8_t)(v ? below(PHONES) : 0);
        p->weight[v] = price();
        p->first[v + 1] = p->first[v];
        for (int32_t i = v ? 1 + below(4) / 3 * below(PREDS) : 0; i > 0; i--)
            p->pred[p->first[v + 1]++] = below(3) ? v - 1 : below(v);
    }
    for (int32_t i = 0; i < PHONES * PHONES; i++)
        p->substitute[i] = price();
    for (int32_t i = 1; i < PHONES; i++)
        p->drop[i] = price();
    for (int32_t c = 0; c < p->n; c++) {
        p->heard[c] = (uint8_t)(1 + below(PHONES - 1));
        p->extra[c + 1] = price();
    }
    for (; p->n && p->n_jumps < below(JUMPS + 1); p->n_jumps++) {
        const int32_t from = below(nodes - 1), column = below(p->n);
        p->jumps[p->n_jumps] = (rtva_align_jump){from, column, from + 1 + below(nodes - 1 - from),
                                                 column + 1 + below(p->n - column), price()};
    }
    qsort(p->jumps, (size_t)p->n_jumps, sizeof *p->jumps, by_end);
    p->graph = (rtva_align_graph){nodes, p->phone, p->weight, p->first, p->pred};
    p->costs = (rtva_align_costs){PHONES, p->substitute, p->drop};
}

static float plainly(const problem *p)
{
    float cells[HEARD + 1][NODES];
    for (int32_t c = 0; c <= p->n; c++)
        for (int32_t v = 0; v < p->graph.n_nodes; v++) {
            float best = v || c ? INFINITY : 0.0f;
            if (c)
                best = fminf(best, cells[c - 1][v] + p->extra[c]);
            for (int32_t i = p->first[v]; i < p->first[v + 1]; i++) {
                const int32_t u = p->pred[i];
                best = fminf(best, cells[c][u] + p->weight[v] * p->drop[p->phone[v]]);
                if (c && p->phone[v])
                    best = fminf(best, cells[c - 1][u] +
                                           p->weight[v] * p->substitute[p->heard[c - 1] * PHONES + p->phone[v]]);
            }
            for (int32_t i = 0; i < p->n_jumps; i++)
                if (p->jumps[i].to_node == v && p->jumps[i].to_column == c)
                    best = fminf(best, cells[p->jumps[i].from_column][p->jumps[i].from_node] + p->jumps[i].cost);
            cells[c][v] = best;
        }
    return cells[p->n][p->graph.n_nodes - 1];
}

static void *room(size_t count, size_t size) /* filled, so that nothing relies on zeros */
{
    void *found = malloc(count * size);
    CHECK(found);
    return memset(found, 0x5a, count * size);
}

static int try(const problem *p)
{
    const int32_t n = p->n, nodes = p->graph.n_nodes, columns = rtva_align_columns(n);
    float *cells = room((size_t)rtva_align_room(n, nodes), sizeof *cells);
    float *sounds = room((size_t)columns * PHONES, sizeof *sounds);
    float *none = calloc((size_t)columns, sizeof *none), *credit = calloc((size_t)columns, sizeof *credit);
    float *more = calloc((size_t)columns, sizeof *more);
    double *before = room((size_t)n + 1, sizeof *before);
    rtva_align_band *bands = room((size_t)nodes, sizeof *bands);
    rtva_align_step *steps = room((size_t)(n + nodes + 1), sizeof *steps);
    const float expected = plainly(p), limit = (float)below(160) / 16;
    const rtva_align_terms exact = {limit, 0, none, p->extra, p->extra};
    rtva_align_sound(&p->costs, p->heard, n, sounds);
    const float found = rtva_align_run(&p->graph, &p->costs, &exact, sounds, n, p->jumps, p->n_jumps, cells, bands);
    CHECK(found == (expected <= limit ? expected : INFINITY));
    if (isfinite(found)) {
        const int32_t length = rtva_align_trace(&p->graph, &p->costs, p->heard, p->extra, n, p->jumps, p->n_jumps, cells,
                                                bands, steps, n + nodes + 1);
        double size = 0, heard = 0;
        CHECK(length > 0 && steps[0].cost == found && steps[length - 1].node == 0 && steps[length - 1].column == 0);
        for (int32_t i = 0; i < length; i++) {
            const int how = steps[i].how & 3, v = steps[i].node;
            const rtva_align_jump *jump = how == RTVA_ALIGN_JUMP ? &p->jumps[steps[i].how >> 2] : NULL;
            CHECK(!jump || (jump->to_node == v && jump->to_column == steps[i].column));
            size += how == RTVA_ALIGN_PASS || how == RTVA_ALIGN_MATCH ? p->weight[v] * p->drop[p->phone[v]] : 0;
            for (int32_t c = jump ? jump->from_column + 1 : 1; jump && c <= jump->to_column; c++)
                heard -= p->extra[c];
        }
        for (int32_t c = 1; c <= n; c++)
            heard += p->extra[c];
        const float least = (float)(1 - found / fmax(size, heard)) - 1e-4f;
        if (least > 0) { /* the bound lets it through; a jump costs the credit of what it takes */
            rtva_align_jump dear[JUMPS];
            const rtva_align_terms bound =
                rtva_align_credit(&p->costs, p->heard, p->extra, n, least, 1.5f, credit, more, before);
            for (int32_t i = 0; i < p->n_jumps; i++) {
                dear[i] = p->jumps[i];
                dear[i].cost += (float)(before[dear[i].to_column] - before[dear[i].from_column]);
            }
            CHECK(isfinite(rtva_align_run(&p->graph, &p->costs, &bound, sounds, n, dear, p->n_jumps, cells, bands)));
        }
    }
    free(cells), free(sounds), free(none), free(credit), free(more), free(before), free(bands), free(steps);
    return isfinite(found);
}

int main(int argc, char **argv)
{
    long graphs = argc > 1 ? atol(argv[1]) : 10000, ways = 0;
    state = (argc > 2 ? strtoull(argv[2], NULL, 10) : 1) * 2 + 1;
    for (long i = 0; i < graphs; i++) {
        problem p;
        make(&p);
        ways += try(&p);
    }
    printf("align    %ld graphs, %ld ways within the limit\n", graphs, ways);
    return 0;
}
