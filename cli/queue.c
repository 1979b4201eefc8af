#include "cli/queue.h"

#include <pthread.h>

/* Enough that workers never wait for the reader; a fraction of what the model takes. */
#define MAX_RECORDS 65536
#define MAX_BYTES ((size_t)32 << 20)

struct queue {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct record *first, *last;
    size_t n_records, n_bytes;
    bool is_ended, is_closed;
    struct error err;
};

bool queue_new(struct queue **queue, struct error *err)
{
    struct queue *q = memory_new(1, sizeof *q, err);
    if (q == NULL)
        return false;
    pthread_mutex_init(&q->lock, NULL);
    pthread_cond_init(&q->changed, NULL);
    *queue = q;
    return true;
}

void queue_free(struct queue *queue)
{
    if (queue == NULL)
        return;
    while (queue->first != NULL) {
        struct record *record = queue->first;
        queue->first = record->next;
        record_free(record);
    }
    pthread_cond_destroy(&queue->changed);
    pthread_mutex_destroy(&queue->lock);
    memory_free(queue);
}

static size_t bytes_of(const struct record *record)
{
    return record->line.capacity + record->decoded.capacity;
}

bool queue_push(struct queue *queue, struct record *record)
{
    record->next = NULL;
    size_t n_bytes = bytes_of(record);
    pthread_mutex_lock(&queue->lock);
    while (!queue->is_closed && queue->n_records > 0 &&
           (queue->n_records >= MAX_RECORDS || queue->n_bytes + n_bytes > MAX_BYTES))
        pthread_cond_wait(&queue->changed, &queue->lock);
    bool ok = !queue->is_closed;
    if (ok) {
        if (queue->first == NULL)
            queue->first = record;
        else
            queue->last->next = record;
        queue->last = record;
        queue->n_records++;
        queue->n_bytes += n_bytes;
        pthread_cond_broadcast(&queue->changed);
    }
    pthread_mutex_unlock(&queue->lock);
    if (!ok)
        record_free(record);
    return ok;
}

void queue_end(struct queue *queue, const struct error *err)
{
    pthread_mutex_lock(&queue->lock);
    queue->is_ended = true;
    queue->err = *err;
    pthread_cond_broadcast(&queue->changed);
    pthread_mutex_unlock(&queue->lock);
}

struct record *queue_pop(struct queue *queue)
{
    pthread_mutex_lock(&queue->lock);
    while (queue->first == NULL && !queue->is_ended)
        pthread_cond_wait(&queue->changed, &queue->lock);
    struct record *record = queue->first;
    if (record != NULL) {
        queue->first = record->next;
        queue->n_records--;
        queue->n_bytes -= bytes_of(record);
        pthread_cond_broadcast(&queue->changed);
    }
    pthread_mutex_unlock(&queue->lock);
    return record;
}

bool queue_ready(struct queue *queue)
{
    pthread_mutex_lock(&queue->lock);
    bool ready = queue->first != NULL || queue->is_ended;
    pthread_mutex_unlock(&queue->lock);
    return ready;
}

void queue_close(struct queue *queue)
{
    pthread_mutex_lock(&queue->lock);
    queue->is_closed = true;
    pthread_cond_broadcast(&queue->changed);
    pthread_mutex_unlock(&queue->lock);
}

bool queue_error(struct queue *queue, struct error *err)
{
    pthread_mutex_lock(&queue->lock);
    bool ok = queue->err.code == ERROR_NONE;
    if (!ok)
        *err = queue->err;
    pthread_mutex_unlock(&queue->lock);
    return ok;
}
