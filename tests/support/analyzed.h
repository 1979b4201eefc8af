/* analyzed.h - comes before nearly every source that `make analyze` gives to a compiler (-include):
 * they see one file at a time, and would follow paths on which error_set() is true. */
#ifndef DRAGOMAN_TESTS_SUPPORT_ANALYZED_H
#define DRAGOMAN_TESTS_SUPPORT_ANALYZED_H

#include "model/tensors_build.h"

#define error_set(...) (error_set(__VA_ARGS__), false)
#define error_set_errno(...) (error_set_errno(__VA_ARGS__), false)
#define source_fault(...) (source_fault(__VA_ARGS__), false)
#define tensor_fault(...) (tensor_fault(__VA_ARGS__), false)

#endif
