#ifdef HAVE_LIBMICROHTTPD

#include "cli/http_library.h"

#include <dlfcn.h>
#include <string.h>

/* A row for each function: its name, and where its address goes. */
#define ROW(name, member)                                                                          \
    {                                                                                              \
        "MHD_" name, offsetof(struct http_library, member)                                         \
    }

static const struct {
    const char *name;
    size_t at;
} rows[] = {
    ROW("start_daemon", start_daemon),
    ROW("quiesce_daemon", quiesce_daemon),
    ROW("get_connection_info", get_connection_info),
    ROW("lookup_connection_value", lookup_connection_value),
    ROW("get_connection_values_n", get_connection_values_n),
    ROW("create_response_from_buffer_with_free_callback", create_response),
    ROW("add_response_header", add_response_header),
    ROW("queue_response", queue_response),
    ROW("destroy_response", destroy_response),
    ROW("create_post_processor", create_post_processor),
    ROW("post_process", post_process),
    ROW("destroy_post_processor", destroy_post_processor),
};

bool http_library_load(struct http_library *library, struct error *err)
{
    void *handle = dlopen("libmicrohttpd.so.12", RTLD_NOW | RTLD_LOCAL);
    if (handle == NULL)
        return error_set(err, ERROR_USAGE,
                         "--http: libmicrohttpd.so.12 is not installed (on Debian: apt install "
                         "libmicrohttpd12)");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        void *address = dlsym(handle, rows[i].name);
        if (address == NULL)
            return error_set(err, ERROR_USAGE, "--http: libmicrohttpd lacks %s", rows[i].name);
        memcpy((char *)library + rows[i].at, &address, sizeof address);
    }
    return true;
}

#endif
