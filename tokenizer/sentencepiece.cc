#include "tokenizer/sentencepiece.h"

#include <exception>
#include <iostream>
#include <mutex>
#include <new>
#include <sentencepiece_processor.h>
#include <streambuf>

struct sentencepiece_model {
    sentencepiece::SentencePieceProcessor processor;
    uint32_t n_pieces;
};

namespace
{

/* Swallows what the library logs to std::cerr while it loads. Encoding logs nothing. */
class silence : public std::streambuf
{
  public:
    silence() : lock(mutex), saved(std::cerr.rdbuf(this))
    {
    }
    ~silence() override
    {
        std::cerr.rdbuf(saved);
    }

  protected:
    int overflow(int c) override
    {
        return traits_type::not_eof(c);
    }

  private:
    static std::mutex mutex; /* two loads at once must not restore each other's buffer */
    std::lock_guard<std::mutex> lock;
    std::streambuf *saved;
};

std::mutex silence::mutex;

/* The library does not survive running out of memory: protobuf's destructors crash on what a
 * std::bad_alloc left half made. So as much as it will need is asked for first, and given back. */
const size_t load_bytes_a_piece = 512; /* measured: 400, for its sorted pieces and two indices */
const size_t load_bytes_besides = 256 << 10;
const size_t encode_bytes_a_byte = 256; /* measured: 250, for its lattice and pieces */
const size_t encode_bytes_besides = 64 << 10;

const size_t chunk_bytes = 60 << 10; /* small enough to come from where the library's does */

bool memory_suffices(size_t n_bytes, struct error *err)
{
    void *chunks = nullptr;
    bool ok = true;
    for (size_t taken = 0; ok && taken < n_bytes; taken += chunk_bytes) {
        void **chunk = static_cast<void **>(memory_new_raw(chunk_bytes, 1, err));
        ok = chunk != nullptr;
        if (ok) {
            *chunk = chunks;
            chunks = chunk;
        }
    }
    while (chunks != nullptr) {
        void *next = *static_cast<void **>(chunks);
        memory_free(chunks);
        chunks = next;
    }
    return ok;
}

/* For use in a catch block: puts the exception in flight into words. */
bool caught(struct error *err, const char *what)
{
    try {
        throw;
    } catch (const std::bad_alloc &) {
        return error_set(err, ERROR_MEMORY, "out of memory (%s)", what);
    } catch (const std::exception &exception) {
        return error_set(err, ERROR_MODEL, "%s: SentencePiece failed: %s", what, exception.what());
    } catch (...) {
        return error_set(err, ERROR_MODEL, "%s: SentencePiece failed", what);
    }
}

} // namespace

bool sentencepiece_open(struct sentencepiece_model **out, const char *file, const void *bytes,
                        size_t n_bytes, uint32_t n_pieces, struct error *err)
{
    struct sentencepiece_model *opened = nullptr;
    if (!memory_suffices(n_pieces * load_bytes_a_piece + 2 * n_bytes + load_bytes_besides, err))
        return false;
    try {
        silence quiet;
        opened = new sentencepiece_model;
        opened->n_pieces = n_pieces;
        auto status = opened->processor.LoadFromSerializedProto(
            absl::string_view(static_cast<const char *>(bytes), n_bytes));
        if (!status.ok())
            error_set(err, ERROR_MODEL, "%s: refused by SentencePiece: %s", file, status.message());
        else if (opened->processor.GetPieceSize() != static_cast<int>(n_pieces))
            error_set(err, ERROR_MODEL, "%s: SentencePiece finds %d pieces instead of %u", file,
                      opened->processor.GetPieceSize(), n_pieces);
        else {
            *out = opened;
            return true;
        }
    } catch (...) {
        caught(err, file);
    }
    delete opened;
    return false;
}

void sentencepiece_close(struct sentencepiece_model *model)
{
    delete model;
}

bool sentencepiece_encode(const struct sentencepiece_model *model, const char *text, size_t n_bytes,
                          sentencepiece_take *take, void *context, struct error *err)
{
    static const char what[] = "tokenizing";
    if (!memory_suffices(n_bytes * encode_bytes_a_byte + encode_bytes_besides, err))
        return false;
    try {
        sentencepiece::ImmutableSentencePieceText result;
        auto status =
            model->processor.Encode(absl::string_view(text, n_bytes), result.mutable_proto());
        if (!status.ok())
            return error_set(err, ERROR_MODEL, "%s: SentencePiece failed: %s", what,
                             status.message());
        for (size_t i = 0; i < result.pieces_size(); i++) {
            const auto piece = result.pieces(static_cast<int>(i));
            if (piece.id() >= model->n_pieces)
                return error_set(err, ERROR_MODEL, "%s: SentencePiece gave id %u of %u", what,
                                 piece.id(), model->n_pieces);
            const auto &name = piece.piece();
            if (!take(context, piece.id(), name.data(), name.size(), err))
                return false;
        }
        return true;
    } catch (...) {
        return caught(err, what);
    }
}

void sentencepiece_on_no_memory(void (*end)(void))
{
    std::set_new_handler(end);
}
