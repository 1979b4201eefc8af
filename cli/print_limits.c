/* dragoman --limits: what is refused, or cut, for being too large, whatever file or text asks for
 * it. */
#include "cli/commands.h"
#include "cli/exit.h"
#include "cli/message.h"

#include "base/json_scan.h"
#include "cli/options.h"
#include "model/beam.h"
#include "model/config_family.h"
#include "model/pickle.h"
#include "model/tensors.h"
#include "tokenizer/family.h"
#include "tokenizer/pieces.h"
#include "tokenizer/spm_gate.h"
#include "translate/scheduler.h"

static const struct {
    const char *what;
    uint64_t value;
    bool is_bytes;
} limits[] = {
    {"line (--max-line sets it, up to 1G)", (uint64_t)16 << 20, true},
    {"characters of a sentence, cut beyond", TRANSLATOR_MAX_CHARACTERS, false},
    {"tokens of a sentence, cut beyond", TRANSLATOR_MAX_SOURCE, false},
    {"beams, and n-best", SEARCH_MAX_BEAMS, false},
    {"terms forced into a sentence", SEARCH_MAX_REQUIRED, false},
    {"models of a chain", SCHEDULER_MAX_STAGES, false},
    {"config.json", CONFIG_MAX_BYTES, true},
    {"nesting of JSON", JSON_SCAN_MAX_DEPTH, false},
    {"layers of an encoder or decoder", CONFIG_MAX_LAYERS, false},
    {"width of a layer", CONFIG_MAX_WIDTH, false},
    {"heads of an attention", CONFIG_MAX_HEADS, false},
    {"words of a vocabulary", PIECES_MAX, false},
    {"word of a vocabulary", PIECE_MAX_BYTES, true},
    {"all words of a vocabulary", PIECES_TEXT_MAX_BYTES, true},
    {"vocabulary file", VOCABULARY_MAX_BYTES, true},
    {"SentencePiece file", SPM_MAX_BYTES, true},
    {"shards of a checkpoint", TENSORS_MAX_FILES, false},
    {"tensors of a checkpoint", TENSORS_MAX_COUNT, false},
    {"name of a tensor", TENSOR_MAX_NAME, true},
    {"dimensions of a tensor", TENSOR_MAX_RANK, false},
    {"length of a dimension", TENSOR_MAX_DIMENSION, false},
    {"header of a tensor file", TENSORS_MAX_HEADER, true},
    {"operations of a pickle", PICKLE_MAX_OPCODES, false},
};

static bool append_bytes(struct buffer *out, uint64_t n_bytes, struct error *err)
{
    static const char units[] = "KMG";
    int unit = -1;
    while (unit < 2 && n_bytes >= 1024 && n_bytes % 1024 == 0) {
        n_bytes /= 1024;
        unit++;
    }
    return buffer_printf(out, err, "%llu%.*s", (unsigned long long)n_bytes, unit >= 0,
                         unit >= 0 ? units + unit : "");
}

int print_limits(void)
{
    struct error err = {0};
    struct buffer out = {0};
    bool ok = true;
    for (size_t i = 0; ok && i < sizeof limits / sizeof limits[0]; i++)
        ok = buffer_printf(&out, &err, "%-38s", limits[i].what) &&
             (limits[i].is_bytes
                  ? append_bytes(&out, limits[i].value, &err)
                  : buffer_printf(&out, &err, "%llu", (unsigned long long)limits[i].value)) &&
             buffer_append_byte(&out, '\n', &err);
    ok = ok && print_text(out.bytes, out.n_bytes, &err);
    buffer_free(&out);
    return ok ? EXIT_DONE : (int)message_fail(&err, true);
}
