/* The inner loop of `engine.scorers.prebound`, which says in NumPy what is computed here: masks -> exit leaves -> sums.

   Nothing here knows Python objects but arrays. Every array's length is checked against the others' before it is read,
   and an exit leaf against the leaves there are, so that no model and no value can make this read beyond an array. The
   array of sums shares no memory with the others. Sums are of float32, tree after tree: build without -ffast-math, or the
   bits are others. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <math.h>
#include <stdint.h>
#include <string.h>

/* The arguments of `leaf_sums`, in order, and the bytes of one entry of each. */
enum { EDGES, FIRSTS, MASKS, LEAVES, BEFORE, BOUND, ONCE_PLACES, ONCE, PLACES, COLUMNS, SUMS, ARRAYS };
static const Py_ssize_t ENTRY_BYTES[ARRAYS] = {4, 8, 4, 4, 8, 4, 8, 4, 8, 4, 8};

/* So many rows are summed side by side: the sum of one waits for its last addition, those of others do not. */
enum { BLOCK = 8 };

typedef struct {
    Py_buffer views[ARRAYS];
    Py_ssize_t length[ARRAYS];
} Arguments;

/* For each row how many of these rising edges are below its value; NaN has the interval behind the last. Each step of
   the search is taken for all rows, since one row's next step waits for its last. */
static void intervals(const float *edges, int64_t count, const float *values, Py_ssize_t rows, int64_t *found)
{
    int64_t from[BLOCK] = {0};
    for (int64_t left = count, half = left / 2; left > 1; left -= half, half = left / 2)
        for (Py_ssize_t row = 0; row < rows; row++)
            from[row] += edges[from[row] + half - 1] < values[row] ? half : 0;
    for (Py_ssize_t row = 0; row < rows; row++)
        found[row] = values[row] != values[row] ? count : from[row] + (edges[from[row]] < values[row]);
}

/* For each row the masks, one per tree, of the interval that an input's value lies in. */
static void masks_of(const Arguments *given, int64_t input, const float *values, Py_ssize_t rows, const uint32_t **found)
{
    const int64_t *firsts = given->views[FIRSTS].buf;
    const uint32_t *masks = given->views[MASKS].buf;
    const float *edges = given->views[EDGES].buf;
    int64_t first = firsts[input], interval[BLOCK];
    intervals(edges + first, firsts[input + 1] - first, values, rows, interval);
    for (Py_ssize_t row = 0; row < rows; row++)
        found[row] = masks + (first + input + interval[row]) * given->length[BEFORE];
}

static void and_with(uint32_t *left, const uint32_t *masks, Py_ssize_t trees)
{
    for (Py_ssize_t tree = 0; tree < trees; tree++)
        left[tree] &= masks[tree];
}

static void and_with_both(uint32_t *left, const uint32_t *masks, const uint32_t *others, Py_ssize_t trees)
{
    for (Py_ssize_t tree = 0; tree < trees; tree++)
        left[tree] &= masks[tree] & others[tree];
}

/* What the inputs that are the same for all rows leave of each tree. */
static void bind_once(const Arguments *given, uint32_t *left)
{
    const int64_t *places = given->views[ONCE_PLACES].buf;
    const float *values = given->views[ONCE].buf;
    const uint32_t *masks;
    memset(left, 0xFF, given->length[BEFORE] * sizeof *left);
    for (Py_ssize_t at = 0; at < given->length[ONCE]; at++) {
        masks_of(given, places[at], values + at, 1, &masks);
        and_with(left, masks, given->length[BEFORE]);
    }
}

/* What all inputs leave of each tree for some rows. */
static void bind_rows(const Arguments *given, Py_ssize_t start, Py_ssize_t rows, const uint32_t *once, uint32_t *left)
{
    const int64_t *places = given->views[PLACES].buf;
    const float *columns = given->views[COLUMNS].buf;
    const uint32_t *bound = given->views[BOUND].buf, *masks[BLOCK], *others[BLOCK];
    Py_ssize_t all = given->length[SUMS], trees = given->length[BEFORE], inputs = given->length[PLACES], at = 0;
    for (Py_ssize_t row = 0; row < rows; row++)
        for (Py_ssize_t tree = 0; tree < trees; tree++)
            left[row * trees + tree] = bound[(start + row) * trees + tree] & once[tree];
    for (; at + 1 < inputs; at += 2) {
        masks_of(given, places[at], columns + at * all + start, rows, masks);
        masks_of(given, places[at + 1], columns + (at + 1) * all + start, rows, others);
        for (Py_ssize_t row = 0; row < rows; row++)
            and_with_both(left + row * trees, masks[row], others[row], trees);
    }
    if (at < inputs) {
        masks_of(given, places[at], columns + at * all + start, rows, masks);
        for (Py_ssize_t row = 0; row < rows; row++)
            and_with(left + row * trees, masks[row], trees);
    }
}

/* The sums of a block's exit leaves. Returns 0 where masks leave a tree no leaf, or none that there is. */
static int sum_block(const Arguments *given, const uint32_t *left, float *sums)
{
    const float *leaves = given->views[LEAVES].buf;
    const int64_t *before = given->views[BEFORE].buf;
    Py_ssize_t trees = given->length[BEFORE], count = given->length[LEAVES];
    float sum[BLOCK] = {0};
    for (Py_ssize_t tree = 0; tree < trees; tree++) {
        if (before[tree] < -1 || before[tree] >= count - 1)
            return 0;
        const float *own = leaves + before[tree] + 1;
        Py_ssize_t behind = count - 1 - before[tree];
        uint32_t known = behind < 32 ? ((uint32_t)1 << behind) - 1 : 0xFFFFFFFF;
        for (int row = 0; row < BLOCK; row++) {
            uint32_t mask = left[row * trees + tree] & known;
            if (!mask)
                return 0;
            sum[row] += own[__builtin_ctz(mask)];
        }
    }
    memcpy(sums, sum, sizeof sum);
    return 1;
}

/* All sums. Returns 0 as `sum_block` does. */
static int sum_rows(const Arguments *given, uint32_t *room)
{
    double *sums = given->views[SUMS].buf;
    Py_ssize_t rows = given->length[SUMS], trees = given->length[BEFORE];
    uint32_t *once = room + BLOCK * trees;
    float sum[BLOCK];
    bind_once(given, once);
    for (Py_ssize_t start = 0; start < rows; start += BLOCK) {
        Py_ssize_t count = rows - start < BLOCK ? rows - start : BLOCK;
        bind_rows(given, start, count, once, room);
        for (Py_ssize_t row = count; row < BLOCK; row++)
            memcpy(room + row * trees, room, trees * sizeof *room);
        if (!sum_block(given, room, sum))
            return 0;
        for (Py_ssize_t row = 0; row < count; row++)
            sums[start + row] = sum[row];
    }
    return 1;
}

static int are_inputs(const Arguments *given, int places)
{
    const int64_t *inputs = given->views[places].buf;
    for (Py_ssize_t at = 0; at < given->length[places]; at++)
        if (inputs[at] < 0 || inputs[at] >= given->length[FIRSTS] - 1)
            return 0;
    return 1;
}

/* Whether every input has at least one edge of its own, and no more than there are. */
static int are_firsts(const Arguments *given)
{
    const int64_t *firsts = given->views[FIRSTS].buf;
    Py_ssize_t count = given->length[FIRSTS];
    if (count < 1 || firsts[0] != 0 || firsts[count - 1] != given->length[EDGES])
        return 0;
    for (Py_ssize_t input = 1; input < count; input++)
        if (firsts[input] <= firsts[input - 1])
            return 0;
    return 1;
}

/* Whether the arrays belong together. */
static int fit(const Arguments *given)
{
    const Py_ssize_t *length = given->length;
    return are_firsts(given) && are_inputs(given, ONCE_PLACES) && are_inputs(given, PLACES)
        && length[MASKS] == (length[EDGES] + length[FIRSTS] - 1) * length[BEFORE]
        && length[BOUND] == length[SUMS] * length[BEFORE]
        && length[ONCE] == length[ONCE_PLACES]
        && length[COLUMNS] == length[PLACES] * length[SUMS];
}

static int are_finite(const Arguments *given)
{
    const double *sums = given->views[SUMS].buf;
    for (Py_ssize_t row = 0; row < given->length[SUMS]; row++)
        if (!isfinite(sums[row]))
            return 0;
    return 1;
}

/* Sums into the last argument, and whether all sums are finite; or sets an exception. */
static int run(const Arguments *given)
{
    uint32_t *room = NULL;
    if (!fit(given)) {
        PyErr_SetString(PyExc_ValueError, "the arrays do not belong together");
        return 0;
    }
    room = PyMem_New(uint32_t, (BLOCK + 1) * given->length[BEFORE]);
    if (room == NULL)
        PyErr_NoMemory();
    else if (!sum_rows(given, room))
        PyErr_SetString(PyExc_IndexError, "masks leave a tree no leaf");
    PyMem_Free(room);
    return !PyErr_Occurred() && are_finite(given);
}

static PyObject *leaf_sums(PyObject *Py_UNUSED(module), PyObject *const *arguments, Py_ssize_t count)
{
    Arguments given;
    int taken = 0, is_finite = 0;
    if (count != ARRAYS) {
        PyErr_Format(PyExc_TypeError, "leaf_sums takes %d arrays, not %zd", ARRAYS, count);
        return NULL;
    }
    while (taken < ARRAYS) {
        int flags = taken == SUMS ? PyBUF_WRITABLE : PyBUF_SIMPLE;
        if (PyObject_GetBuffer(arguments[taken], &given.views[taken], flags) < 0)
            break;
        given.length[taken] = given.views[taken].len / ENTRY_BYTES[taken];
        taken++;
    }
    if (taken == ARRAYS)
        is_finite = run(&given);
    while (taken > 0)
        PyBuffer_Release(&given.views[--taken]);
    if (PyErr_Occurred())
        return NULL;
    return PyBool_FromLong(is_finite);
}

static PyMethodDef FUNCTIONS[] = {
    {"leaf_sums", (PyCFunction)(void (*)(void))leaf_sums, METH_FASTCALL, "Writes each row's sum; whether all are finite."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef MODULE = {
    PyModuleDef_HEAD_INIT, "engine.scorers.kernel", "Exit leaves by masks, summed.", 0, FUNCTIONS, NULL, NULL, NULL, NULL,
};

PyMODINIT_FUNC PyInit_kernel(void)
{
    return PyModuleDef_Init(&MODULE);
}
