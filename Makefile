# dragoman: make, make test, make bench, make install. Objects go under $(BUILD).
#
# Every .c file in the source directories belongs to the library (cli/ to the program); a file that needs
# an instruction set gets its flags by name below, and nothing else is built for more than the baseline.

BUILD   ?= build
CC      ?= cc
CXX     ?= c++
PREFIX  ?= /usr/local
LIBDIR  ?= $(PREFIX)/lib
VERSION := 0.1.0

PACKAGES := sentencepiece libcjson icu-uc icu-i18n zlib libmd libpcre2-8 sqlite3
OPTIONAL := libcurl libmicrohttpd

SANITIZE ?=
OPTIMIZE ?= -O2 -g
WARNINGS := -Wall -Wextra -Wshadow -Wformat=2 -Wvla -Wconversion -Wno-sign-conversion
ifdef WERROR
WARNINGS += -Werror
endif

HARDEN := -fstack-protector-strong -fno-delete-null-pointer-checks -fno-strict-overflow -fPIC
ifeq ($(SANITIZE),)
HARDEN += -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3 -D_GLIBCXX_ASSERTIONS -fstack-clash-protection
ifneq ($(findstring x86_64,$(shell $(CC) -dumpmachine)),)
HARDEN += -fcf-protection=full
endif
ifneq ($(findstring aarch64,$(shell $(CC) -dumpmachine)),)
HARDEN += -mbranch-protection=standard
endif
# Where the compiler has it (clang 14 has not); not in kernels, which are all arrays and no pointers.
AUTO_INIT := $(shell $(CC) -ftrivial-auto-var-init=zero -x c -c /dev/null -o /dev/null 2>/dev/null && echo -ftrivial-auto-var-init=zero)
else
HARDEN += -fsanitize=$(SANITIZE) -fno-sanitize-recover=all -fno-omit-frame-pointer
# Comparisons that become a load or two would be checked by nobody.
HARDEN += -fno-builtin-memcmp -fno-builtin-bcmp -fno-builtin-strcmp -fno-builtin-strncmp
LDFLAGS += -fsanitize=$(SANITIZE)
endif

COMMON  := -I. $(OPTIMIZE) $(WARNINGS) $(HARDEN) -pthread -MMD -MP \
           -DDRAGOMAN_VERSION='"$(VERSION)"' \
           -DDRAGOMAN_DATA_DIRECTORY='"$(PREFIX)/share/dragoman"' \
           -DSENTENCEPIECE_VERSION='"$(shell pkg-config --modversion sentencepiece)"' \
           $(shell pkg-config --cflags $(PACKAGES))
HAVE    := $(foreach p,$(OPTIONAL),$(shell pkg-config --exists $(p) && echo $(p)))
COMMON  += $(foreach p,$(HAVE),-DHAVE_$(shell echo $(p) | tr a-z A-Z | tr -c 'A-Z0-9\n' _))
# Behind what the caller asks for: no flag may change what is computed.
EXACT   := -fno-fast-math -ffp-contract=off
CFLAGS_ALL   := -std=c11 -D_GNU_SOURCE $(COMMON) $(CFLAGS) $(EXACT)
CXXFLAGS_ALL := -std=c++17 $(COMMON) $(CXXFLAGS) $(EXACT)
LIBS    := $(shell pkg-config --libs $(PACKAGES)) -lstdc++ -lm -ldl
LDFLAGS += -pie -Wl,-z,relro,-z,now,-z,noexecstack -Wl,--as-needed -pthread

MACHINE := $(shell $(CC) -dumpmachine)
LIB_DIRS := base tokenizer model kernels translate
ifneq ($(findstring x86_64,$(MACHINE)),)
LIB_DIRS += kernels/x86
endif
ifneq ($(findstring aarch64,$(MACHINE)),)
LIB_DIRS += kernels/arm
endif

LIB_C   := $(foreach d,$(LIB_DIRS),$(wildcard $(d)/*.c))
LIB_CC  := $(foreach d,$(LIB_DIRS),$(wildcard $(d)/*.cc))
CLI_C   := $(wildcard cli/*.c)
LIB_O   := $(LIB_C:%.c=$(BUILD)/%.o) $(LIB_CC:%.cc=$(BUILD)/%.o)
CLI_O   := $(CLI_C:%.c=$(BUILD)/%.o)
TEST_C  := $(wildcard tests/*/test_*.c)
TESTS   := $(TEST_C:%.c=$(BUILD)/%)

all: $(BUILD)/dragoman

lib: $(BUILD)/libdragoman.a $(BUILD)/libdragoman.so $(BUILD)/dragoman.pc

$(BUILD)/libdragoman.a: $(LIB_O)
	@rm -f $@
	$(AR) rcs $@ $^

$(BUILD)/dragoman: $(CLI_O) $(BUILD)/libdragoman.a
	$(CC) $(LDFLAGS) -o $@ $^ $(LIBS)

# The program without its main(), for tests.
$(BUILD)/libdragoman-cli.a: $(filter-out %/main.o,$(CLI_O))
	@rm -f $@
	$(AR) rcs $@ $^

# The shared library exports dragoman_* only; its soname changes when the header breaks old callers.
$(BUILD)/libdragoman.so: $(LIB_O) translate/dragoman.map
	$(CC) $(filter-out -pie,$(LDFLAGS)) -shared -Wl,-soname,libdragoman.so.0 \
	    -Wl,--version-script=translate/dragoman.map -o $@ $(LIB_O) $(LIBS)

$(BUILD)/dragoman.pc: dragoman.pc.in Makefile
	@mkdir -p $(@D)
	sed 's|@PREFIX@|$(PREFIX)|; s|@LIBDIR@|$(LIBDIR)|; s|@VERSION@|$(VERSION)|; s|@LIBS@|$(LIBS)|' $< > $@

# One line for each instruction set; these files are entered only after kernels/cpu.c has asked CPU and OS.
$(BUILD)/kernels/x86/avx2.o:    ISA := -mavx2 -mfma -mf16c
$(BUILD)/kernels/x86/avx512.o:  ISA := -mavx2 -mfma -mf16c -mavx512f -mavx512bw -mavx512dq -mavx512vl
$(BUILD)/kernels/x86/avxvnni.o: ISA := -mavx2 -mfma -mf16c -mavxvnni
$(BUILD)/kernels/x86/vnni.o:    ISA := -mavx2 -mfma -mf16c -mavx512f -mavx512bw -mavx512dq -mavx512vl -mavx512vnni
$(BUILD)/kernels/x86/amx.o:     ISA := -mavx2 -mfma -mf16c -mavx512f -mavx512bw -mavx512dq -mavx512vl -mamx-tile -mamx-int8
$(BUILD)/kernels/arm/neon.o:    ISA := -march=armv8.2-a+dotprod

$(BUILD)/kernels/%.o: AUTO_INIT :=

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) $(AUTO_INIT) $(ISA) -c -o $@ $<

$(BUILD)/%.o: %.cc
	@mkdir -p $(@D)
	$(CXX) $(CXXFLAGS_ALL) $(AUTO_INIT) -c -o $@ $<

# A test program for each tests/*/test_*.c; what they share is tests/support/*.c.
SUPPORT_O := $(patsubst %.c,$(BUILD)/%.o,$(wildcard tests/support/*.c))
$(BUILD)/tests/%: $(BUILD)/tests/%.o $(SUPPORT_O) $(BUILD)/libdragoman-cli.a $(BUILD)/libdragoman.a
	$(CC) $(LDFLAGS) -o $@ $^ $(LIBS) $(shell pkg-config --libs check)

# Units this machine may lack, compiled over emulations of their instructions (tests/kernels/soft).
# Guard pages watch over them; sanitizers of so much inlining would take minutes to compile, and the
# emulations themselves inlined, a minute.
ifneq ($(findstring x86_64,$(MACHINE)),)
SOFT    := avx512 avxvnni vnni amx
SOFT_O  := $(SOFT:%=$(BUILD)/tests/kernels/soft/%.o)
$(BUILD)/tests/kernels/test_soft: $(SOFT_O)
$(SOFT_O): $(BUILD)/tests/kernels/soft/%.o: kernels/x86/%.c
	@mkdir -p $(@D)
	$(CC) -Itests/kernels/soft $(CFLAGS_ALL) $(foreach u,$(SOFT),-D$(u)_fill=soft_$(u)_fill) -mavx2 -mfma -mf16c -fno-sanitize=all -fno-inline -c -o $@ $<
else
TESTS   := $(filter-out %/test_soft,$(TESTS))
endif

# Damaged model files by the hundred thousand (tests/malformed/malformed.c).
MALFORMED_O := $(patsubst %.c,$(BUILD)/%.o,$(wildcard tests/malformed/*.c))
$(BUILD)/tests/malformed/malformed: $(MALFORMED_O)

tests: $(TESTS) $(BUILD)/tests/malformed/malformed

test: all lib tests
	BUILD=$(BUILD) tests/run.sh

# Everything once more with every access and every shift checked.
test-sanitized:
	$(MAKE) SANITIZE=address,undefined OPTIMIZE='-O1 -g' BUILD=$(BUILD)-sanitized all tests
	BUILD=$(BUILD)-sanitized tests/run.sh

# What has threads once more with every access checked for races. One report fails the test.
TSAN_TESTS ?= base/test_team cli/test_queue translate/test_dragoman cli/same_runs \
    cli/many_lines cli/serve
test-tsan:
	$(MAKE) SANITIZE=thread OPTIMIZE='-O1 -g' BUILD=$(BUILD)-tsan all \
	    $(patsubst %,$(BUILD)-tsan/tests/%,$(filter-out cli/%,$(TSAN_TESTS)) cli/test_queue)
	BUILD=$(BUILD)-tsan JOBS=1 TEST_SECONDS=1200 TSAN_OPTIONS=report_thread_leaks=0 \
	    tests/run.sh $(TSAN_TESTS)

# What static analysers find (tests/analyze.sh): nothing.
ANALYZERS ?= cppcheck gcc clang-tidy
analyze:
	tests/analyze.sh $(ANALYZERS) -- $(filter -I% -D%,$(CFLAGS_ALL))

# The same bytes from builds with other flags and compilers.
test-flags: all
	BUILD=$(BUILD) tests/flags.sh $(FLAGS)

# Memory as valgrind sees it, which has no instrumentation of ours in between: it knows no AVX-512.
VALGRIND_TESTS ?= tokenizer/test_tokenizer tokenizer/test_spm_gate model/test_config \
    model/test_tensors_torch model/test_tensors_npz base/test_json cli/test_queue fuzz/test_fuzz_seeds
test-valgrind: all tests
	BUILD=$(BUILD) tests/valgrind.sh $(VALGRIND_TESTS)

# The long forms of tests that are short in `make test`, and what each did.
LONG_TESTS ?= tests/long cli/signals cli/address_space cli/busy
check-long: all tests
	LONG=1 JOBS=1 BUILD=$(BUILD) tests/run.sh $(LONG_TESTS)
	$(MAKE) SANITIZE=address,undefined OPTIMIZE='-O1 -g' BUILD=$(BUILD)-sanitized all \
	    $(BUILD)-sanitized/tests/malformed/malformed
	$(BUILD)-sanitized/tests/malformed/malformed --every 10
	$(MAKE) test-flags test-tsan test-valgrind

# Fuzzers (clang, libFuzzer), each for SECONDS from a copy of its seeds under $(BUILD)-fuzz.
SECONDS ?= 60
FUZZERS := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/fuzz/fuzz_*.c))
fuzz:
	$(MAKE) CC=clang CXX=clang++ SANITIZE=fuzzer-no-link,address,undefined OPTIMIZE='-O1 -g' \
	    BUILD=$(BUILD)-fuzz fuzzers
	BUILD=$(BUILD)-fuzz SECONDS_EACH=$(SECONDS) tests/fuzz/run.sh

# Whether they find what is there to be found; and what they reach.
fuzz-planted:
	BUILD=$(BUILD)-fuzz SECONDS_EACH=$(SECONDS) tests/fuzz/planted.sh
fuzz-coverage:
	$(MAKE) CC='clang -fprofile-instr-generate' CXX='clang++ -fprofile-instr-generate' \
	    OPTIMIZE='-O1 -g -fcoverage-mapping -fsanitize=fuzzer-no-link' BUILD=$(BUILD)-coverage fuzzers
	BUILD=$(BUILD)-coverage CORPUS=$(BUILD)-fuzz/fuzz tests/fuzz/coverage.sh

fuzzers: $(FUZZERS)
FUZZ_SUPPORT := fuzz_targets fuzz_models fuzz_states fuzz_texts fuzz_require checkpoints checkpoints_torch tiny_models spm_builder
$(BUILD)/tests/fuzz/fuzz_%: $(BUILD)/tests/fuzz/fuzz_%.o $(FUZZ_SUPPORT:%=$(BUILD)/tests/support/%.o) \
    $(BUILD)/libdragoman-cli.a $(BUILD)/libdragoman.a
	$(CXX) $(LDFLAGS) -fsanitize=fuzzer -o $@ $^ $(LIBS)

# Manual pages and completions are read off the program's own table of options.
$(BUILD)/share/done: $(BUILD)/dragoman
	rm -rf $(@D) && mkdir -p $(@D)/man/man1
	for c in $$($(BUILD)/dragoman __commands); do $(BUILD)/dragoman __man $$c > $(@D)/man/man1/dragoman-$$c.1 || exit 1; done
	mv $(@D)/man/man1/dragoman-translate.1 $(@D)/man/man1/dragoman.1
	for s in bash zsh fish; do $(BUILD)/dragoman __complete $$s > $(@D)/completion.$$s || exit 1; done
	touch $@

# Speed and memory on this machine (dragoman bench --help), as a table.
bench: $(BUILD)/dragoman
	$(BUILD)/dragoman bench

install: all lib $(BUILD)/share/done
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/include $(DESTDIR)$(LIBDIR)/pkgconfig \
	    $(DESTDIR)$(PREFIX)/share/dragoman/en-de
	install -m 755 $(BUILD)/dragoman $(DESTDIR)$(PREFIX)/bin/dragoman
	install -m 644 data/en-de/* $(DESTDIR)$(PREFIX)/share/dragoman/en-de/
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/man/man1 $(BUILD)/share/man/man1/*.1
	install -D -m 644 $(BUILD)/share/completion.bash $(DESTDIR)$(PREFIX)/share/bash-completion/completions/dragoman
	install -D -m 644 $(BUILD)/share/completion.zsh $(DESTDIR)$(PREFIX)/share/zsh/vendor-completions/_dragoman
	install -D -m 644 $(BUILD)/share/completion.fish $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/dragoman.fish
	install -m 644 translate/dragoman.h $(DESTDIR)$(PREFIX)/include/dragoman.h
	install -m 644 $(BUILD)/libdragoman.a $(DESTDIR)$(LIBDIR)/libdragoman.a
	install -m 644 $(BUILD)/libdragoman.so $(DESTDIR)$(LIBDIR)/libdragoman.so.$(VERSION)
	ln -sf libdragoman.so.$(VERSION) $(DESTDIR)$(LIBDIR)/libdragoman.so.0
	ln -sf libdragoman.so.0 $(DESTDIR)$(LIBDIR)/libdragoman.so
	install -m 644 $(BUILD)/dragoman.pc $(DESTDIR)$(LIBDIR)/pkgconfig/dragoman.pc

# The Debian packages, built from a copy so that this tree stays as it is.
deb:
	rm -rf $(BUILD)/deb && mkdir -p $(BUILD)/deb/dragoman
	git ls-files -z | grep -zv '^tests/fixtures/' | xargs -0 cp --parents -t $(BUILD)/deb/dragoman
	cd $(BUILD)/deb/dragoman && dpkg-buildpackage -us -uc -b -j2
	@ls $(BUILD)/deb/*.deb

# One line through the default model: what a package build checks.
smoke: all
	test "$$(echo 'A dog runs on the beach.' | $(BUILD)/dragoman | wc -l)" = 1

clean:
	rm -rf $(BUILD)

.PHONY: all bench lib deb smoke tests test analyze test-sanitized test-flags test-tsan test-valgrind check-long fuzz fuzz-planted fuzz-coverage fuzzers install clean
.SECONDARY:

-include $(LIB_O:.o=.d) $(CLI_O:.o=.d) $(TEST_C:%.c=$(BUILD)/%.d) $(SUPPORT_O:.o=.d) $(SOFT_O:.o=.d) \
    $(MALFORMED_O:.o=.d)
