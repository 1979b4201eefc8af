#include "tests/support/fuzz_targets.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    fuzz_resume(bytes, n_bytes);
    return 0;
}
