/* wire.h - what a server (dragoman serve --socket) and its clients say to each other: frames of a
 * length (u32), a kind (u8) and a body, numbers as this machine has them, since both ends are on
 * it.
 *
 *     server: HELLO version, options            or FAULT
 *     client: HELLO version, languages
 *     server: READY                             or FAULT
 *     client: LINE ... LINE, FINISH             at the same time
 *     server: RESULT ... RESULT, END            or FAULT
 *
 * A client that closes before END has its lines dropped. */
#ifndef DRAGOMAN_CLI_WIRE_H
#define DRAGOMAN_CLI_WIRE_H

#include "base/memory.h"
#include "translate/dragoman.h"

#define WIRE_VERSION 2u
#define WIRE_MAX_TEXT ((size_t)16 << 20) /* of a line, or a prefix */
/* Of a frame's kind and body: what a client sends, and what a server sends. */
#define WIRE_MAX_REQUEST (2 * WIRE_MAX_TEXT + 64)
#define WIRE_MAX_ANSWER ((size_t)512 << 20)

enum wire_kind {
    WIRE_HELLO = 1,
    WIRE_READY,
    WIRE_LINE,
    WIRE_FINISH,
    WIRE_RESULT,
    WIRE_END,
    WIRE_FAULT
};

/* Building: wire_begin(), the body with wire_put_...(), wire_end(). Frames may follow each other in
 * one buffer. Faults: ERROR_MEMORY, ERROR_LIMIT for a frame that is too long. */
bool wire_begin(struct buffer *out, enum wire_kind kind, size_t *start, struct error *err);
bool wire_put_u32(struct buffer *out, uint32_t value, struct error *err);
bool wire_put_text(struct buffer *out, const char *text, size_t n_bytes, struct error *err);
bool wire_end(struct buffer *out, size_t start, struct error *err);

bool wire_append_line(struct buffer *out, const struct dragoman_line *line, struct error *err);
bool wire_append_result(struct buffer *out, const struct dragoman_result *result,
                        struct error *err);
bool wire_append_fault(struct buffer *out, const struct error *fault, struct error *err);
bool wire_append_empty(struct buffer *out, enum wire_kind kind, struct error *err);

/* Sends all of it; false when the other end is gone (errno). */
bool wire_send(int descriptor, const char *bytes, size_t n_bytes);

/* Frames as they arrive. */
struct wire_input {
    int descriptor;
    size_t max_bytes; /* of a frame */
    struct buffer bytes;
    size_t at; /* the next frame in `bytes` */
};

/* A frame's body, being read; valid until the next wire_receive(). */
struct wire_frame {
    enum wire_kind kind;
    const char *at;
    size_t n_left;
};

enum wire_state { WIRE_GOT, WIRE_NOT_YET, WIRE_CLOSED, WIRE_FAILED };

/* The next frame. WIRE_NOT_YET only if not `wait`. */
enum wire_state wire_receive(struct wire_input *input, bool wait, struct wire_frame *frame,
                             struct error *err);

/* What a body holds; false (ERROR_SYSTEM) if it is too short. Texts are not NUL-terminated and lie
 * in the frame. */
bool wire_get_u32(struct wire_frame *frame, uint32_t *value, struct error *err);
bool wire_get_text(struct wire_frame *frame, const char **text, size_t *n_bytes, struct error *err);
bool wire_get_line(struct wire_frame *frame, struct dragoman_line *line, struct error *err);
/* The fault that a FAULT tells, in `fault`; always returns false. */
bool wire_get_fault(struct wire_frame *frame, struct error *fault);

/* What the formats print of a result; ids and source pieces stay behind. For wire_result_free(). */
bool wire_get_result(struct wire_frame *frame, struct dragoman_result **result, struct error *err);
void wire_result_free(struct dragoman_result *result);

#endif
