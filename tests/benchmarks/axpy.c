/* The recurrence of wafersim/wafer/weight_streaming.py, plainly: the yardstick of its benchmark. */
#include <stdint.h>
#include <stdlib.h>

static int64_t larger(int64_t a, int64_t b) { return a > b ? a : b; }

int64_t run(int64_t outputs, int64_t rows, int64_t columns, int64_t weights, int64_t axpy, int64_t link, int64_t hop, int64_t queue)
{
    int64_t *ends = calloc(rows * columns, 8), *reduced = calloc(2 * rows * columns, 8);
    int64_t *taken = calloc(columns * queue, 8), *sent = calloc(columns, 8), *sequence = calloc(columns, 8), makespan = 0;
    for (int64_t j = 0; j < outputs; j++) {
        int64_t *freed = reduced + (j % 2) * rows * columns, *other = reduced + ((j + 1) % 2) * rows * columns;
        for (int64_t c = 0; c < columns; c++) {
            int64_t *end = ends + c * rows, *accumulator = freed + c * rows;
            for (int64_t i = 0; i < weights; i++) {
                int64_t *slot = taken + c * queue + sequence[c] % queue;
                int64_t leave = larger(sent[c], *slot), slowest = 0;
                sent[c] = leave + 1;
                sequence[c]++;
                for (int64_t r = 0; r < rows; r++) {
                    int64_t start = larger(larger(leave + hop * r, end[r]), accumulator[r]);
                    end[r] = start + axpy;
                    slowest = larger(slowest, start - hop * r);
                }
                *slot = slowest;
            }
        }
        for (int64_t c = 0; c < columns; c++)
            for (int64_t r = 0; r < rows; r++) {
                int64_t begin = larger(ends[c * rows + r], other[c * rows + r]);
                if (c > 0)
                    begin = larger(begin, freed[(c - 1) * rows + r] - link + hop);
                freed[c * rows + r] = begin + link;
                makespan = larger(makespan, begin + link);
            }
    }
    free(ends); free(reduced); free(taken); free(sent); free(sequence);
    return makespan;
}
