#include "translate/sentence_cache.h"

#include <pthread.h>
#include <sqlite3.h>
#include <string.h>

/* Results in one transaction: a commit costs an fsync, so not each; not too many to lose either. */
#define GROUP_SIZE 500

/* "drgm": tells our files from other SQLite databases. */
#define APPLICATION_ID "1685219181"

struct sentence_cache {
    pthread_mutex_t mutex;
    sqlite3 *database;
    sqlite3_stmt *find, *insert;
    unsigned char fingerprint[SENTENCE_CACHE_FINGERPRINT_BYTES];
    unsigned n_pending; /* inserted since the transaction began */
    char path[256];
};

static bool fault(struct sentence_cache *cache, enum error_code code, struct error *err)
{
    int number = sqlite3_extended_errcode(cache->database);
    if ((number & 0xff) == SQLITE_BUSY)
        return error_set(err, code, "%s: in use by another process", cache->path);
    if (number == SQLITE_NOTADB)
        return error_set(err, code, "%s: not a dragoman cache", cache->path);
    return error_set(err, code, "%s: %s", cache->path, sqlite3_errmsg(cache->database));
}

static bool run(struct sentence_cache *cache, const char *statement, enum error_code code,
                struct error *err)
{
    return sqlite3_exec(cache->database, statement, NULL, NULL, NULL) == SQLITE_OK ||
           fault(cache, code, err);
}

/* The one number that a PRAGMA answers; -1 on failure. */
static int pragma_number(struct sentence_cache *cache, const char *statement)
{
    sqlite3_stmt *prepared;
    int number = -1;
    if (sqlite3_prepare_v2(cache->database, statement, -1, &prepared, NULL) == SQLITE_OK &&
        sqlite3_step(prepared) == SQLITE_ROW)
        number = sqlite3_column_int(prepared, 0);
    sqlite3_finalize(prepared);
    return number;
}

/* A database with tables that are not ours must not be written to. */
static bool check_owner(struct sentence_cache *cache, struct error *err)
{
    int tables = pragma_number(cache, "SELECT count(*) FROM sqlite_schema");
    if (tables < 0)
        return fault(cache, ERROR_USAGE, err);
    char id[16];
    sqlite3_snprintf(sizeof id, id, "%d", pragma_number(cache, "PRAGMA application_id"));
    if (tables > 0 && strcmp(id, APPLICATION_ID) != 0)
        return error_set(err, ERROR_USAGE, "%s: a database, but not a dragoman cache", cache->path);
    return true;
}

static bool prepare(struct sentence_cache *cache, struct error *err)
{
    /* Exclusive mode with a log keeps both files open from here on; the log stays at close, since
     * a sandboxed process may not unlink it. */
    int persist = 1;
    sqlite3_file_control(cache->database, NULL, SQLITE_FCNTL_PERSIST_WAL, &persist);
    if (!run(cache, "PRAGMA locking_mode = EXCLUSIVE", ERROR_USAGE, err) ||
        !check_owner(cache, err) ||
        !run(cache, "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;", ERROR_USAGE, err) ||
        !run(cache, "PRAGMA temp_store = MEMORY", ERROR_USAGE, err) ||
        !run(cache, "BEGIN IMMEDIATE; PRAGMA application_id = " APPLICATION_ID ";", ERROR_USAGE,
             err) ||
        !run(cache,
             "CREATE TABLE IF NOT EXISTS sentences (settings BLOB NOT NULL, source BLOB NOT NULL,"
             " result BLOB NOT NULL, PRIMARY KEY (settings, source)) WITHOUT ROWID; COMMIT; BEGIN",
             ERROR_USAGE, err))
        return false;
    return (sqlite3_prepare_v3(cache->database,
                               "SELECT result FROM sentences WHERE settings = ?1 AND source = ?2",
                               -1, SQLITE_PREPARE_PERSISTENT, &cache->find, NULL) == SQLITE_OK &&
            sqlite3_prepare_v3(cache->database,
                               "INSERT OR IGNORE INTO sentences VALUES (?1, ?2, ?3)", -1,
                               SQLITE_PREPARE_PERSISTENT, &cache->insert, NULL) == SQLITE_OK) ||
           fault(cache, ERROR_USAGE, err);
}

bool sentence_cache_open(struct sentence_cache **out, const char *path,
                         const unsigned char fingerprint[SENTENCE_CACHE_FINGERPRINT_BYTES],
                         struct error *err)
{
    struct sentence_cache *cache = memory_new(1, sizeof *cache, err);
    if (cache == NULL)
        return false;
    pthread_mutex_init(&cache->mutex, NULL);
    memcpy(cache->fingerprint, fingerprint, sizeof cache->fingerprint);
    sqlite3_snprintf(sizeof cache->path, cache->path, "%s", path);
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
    bool ok = sqlite3_open_v2(path, &cache->database, flags, NULL) == SQLITE_OK;
    if (!ok)
        fault(cache, ERROR_USAGE, err);
    if (!ok || !prepare(cache, err)) {
        sentence_cache_close(cache, NULL);
        return false;
    }
    *out = cache;
    return true;
}

static bool bind_key(struct sentence_cache *cache, sqlite3_stmt *statement, const char *source,
                     size_t n_bytes)
{
    return sqlite3_bind_blob64(statement, 1, cache->fingerprint, sizeof cache->fingerprint,
                               SQLITE_STATIC) == SQLITE_OK &&
           sqlite3_bind_blob64(statement, 2, source, n_bytes, SQLITE_STATIC) == SQLITE_OK;
}

bool sentence_cache_get(struct sentence_cache *cache, const char *source, size_t n_bytes,
                        struct buffer *value, bool *found, struct error *err)
{
    buffer_clear(value);
    *found = false;
    pthread_mutex_lock(&cache->mutex);
    bool ok = bind_key(cache, cache->find, source, n_bytes);
    int status = ok ? sqlite3_step(cache->find) : SQLITE_ERROR;
    if (status == SQLITE_ROW) {
        *found = true;
        ok = buffer_append(value, sqlite3_column_blob(cache->find, 0),
                           (size_t)sqlite3_column_bytes(cache->find, 0), err);
    } else if (status != SQLITE_DONE) {
        ok = fault(cache, ERROR_SYSTEM, err);
    }
    sqlite3_reset(cache->find);
    sqlite3_clear_bindings(cache->find);
    pthread_mutex_unlock(&cache->mutex);
    return ok;
}

bool sentence_cache_put(struct sentence_cache *cache, const char *source, size_t n_bytes,
                        const char *value, size_t n_value_bytes, struct error *err)
{
    pthread_mutex_lock(&cache->mutex);
    bool ok =
        bind_key(cache, cache->insert, source, n_bytes) &&
        sqlite3_bind_blob64(cache->insert, 3, value, n_value_bytes, SQLITE_STATIC) == SQLITE_OK &&
        sqlite3_step(cache->insert) == SQLITE_DONE;
    if (!ok)
        fault(cache, ERROR_SYSTEM, err);
    sqlite3_reset(cache->insert);
    sqlite3_clear_bindings(cache->insert);
    if (ok && ++cache->n_pending >= GROUP_SIZE) {
        cache->n_pending = 0;
        ok = run(cache, "COMMIT; BEGIN", ERROR_SYSTEM, err);
    }
    pthread_mutex_unlock(&cache->mutex);
    return ok;
}

bool sentence_cache_close(struct sentence_cache *cache, struct error *err)
{
    if (cache == NULL)
        return true;
    bool ok = cache->insert == NULL || run(cache, "COMMIT", ERROR_SYSTEM, err);
    sqlite3_finalize(cache->find);
    sqlite3_finalize(cache->insert);
    sqlite3_close(cache->database);
    pthread_mutex_destroy(&cache->mutex);
    memory_free(cache);
    return ok;
}
