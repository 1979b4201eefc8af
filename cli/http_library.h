/* http_library.h - libmicrohttpd, looked up when it is wanted: no other command needs it, nor the
 * TLS libraries that come with it. */
#ifndef DRAGOMAN_CLI_HTTP_LIBRARY_H
#define DRAGOMAN_CLI_HTTP_LIBRARY_H

#include "base/error.h"

#include <microhttpd.h>

/* The functions that are used, without their "MHD_". */
struct http_library {
    struct MHD_Daemon *(*start_daemon)(unsigned flags, uint16_t port, MHD_AcceptPolicyCallback apc,
                                       void *apc_cls, MHD_AccessHandlerCallback dh, void *dh_cls,
                                       ...);
    MHD_socket (*quiesce_daemon)(struct MHD_Daemon *daemon);
    const union MHD_ConnectionInfo *(*get_connection_info)(struct MHD_Connection *connection,
                                                           enum MHD_ConnectionInfoType type, ...);
    const char *(*lookup_connection_value)(struct MHD_Connection *connection,
                                           enum MHD_ValueKind kind, const char *key);
    int (*get_connection_values_n)(struct MHD_Connection *connection, enum MHD_ValueKind kind,
                                   MHD_KeyValueIteratorN iterator, void *iterator_cls);
    struct MHD_Response *(*create_response)(size_t size, void *buffer,
                                            MHD_ContentReaderFreeCallback free_buffer);
    enum MHD_Result (*add_response_header)(struct MHD_Response *response, const char *header,
                                           const char *content);
    enum MHD_Result (*queue_response)(struct MHD_Connection *connection, unsigned status,
                                      struct MHD_Response *response);
    void (*destroy_response)(struct MHD_Response *response);
    struct MHD_PostProcessor *(*create_post_processor)(struct MHD_Connection *connection,
                                                       size_t buffer_size,
                                                       MHD_PostDataIterator iterator, void *cls);
    enum MHD_Result (*post_process)(struct MHD_PostProcessor *processor, const char *data,
                                    size_t n_bytes);
    enum MHD_Result (*destroy_post_processor)(struct MHD_PostProcessor *processor);
};

/* ERROR_USAGE if it is not installed. It stays loaded. */
bool http_library_load(struct http_library *library, struct error *err);

#endif
