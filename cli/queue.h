/* queue.h - the lines on their way: the reading thread appends records, the writing thread takes
 * them in the same order. Bounded, so that memory stays flat however long the input is.
 *
 *     reader: record = ...; queue_push(queue, record);  ...  queue_end(queue, &err);
 *     writer: while ((record = queue_pop(queue)) != NULL) ... record_free(record);
 *             queue_error(queue, &err)                        why it ended
 */
#ifndef DRAGOMAN_CLI_QUEUE_H
#define DRAGOMAN_CLI_QUEUE_H

#include "cli/format.h"

struct queue;

bool queue_new(struct queue **queue, struct error *err);

/* Frees the queue with what is left in it; no other thread may use it any more. */
void queue_free(struct queue *queue);

/* Appends a record, which is the queue's from then on; waits while there is no room. False when the
 * writer has given up (queue_close()); the record is freed then. */
bool queue_push(struct queue *queue, struct record *record);

/* No more records; `err` (copied, may be empty) says whether all input was read. */
void queue_end(struct queue *queue, const struct error *err);

/* The next record, for record_free(); waits for it. NULL at the end. */
struct record *queue_pop(struct queue *queue);

/* True if queue_pop() would answer at once. */
bool queue_ready(struct queue *queue);

/* The writer gives up: queue_push() fails from now on. */
void queue_close(struct queue *queue);

/* After the end: the reader's fault, if there was one. False if so. */
bool queue_error(struct queue *queue, struct error *err);

#endif
