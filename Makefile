# SPDX-License-Identifier: BSD-2-Clause
# Everything that is made goes to build/. V=1 shows the commands, CC=clang builds with clang,
# SAN=1 builds with AddressSanitizer and UndefinedBehaviorSanitizer (into build/san), FUZZ=1 with these
# and libFuzzer (into build/fuzz; `make fuzz` sets it).

CC := $(if $(FUZZ),clang,gcc)
CLANG := clang
BPFTOOL := bpftool
V := 0
Q := $(if $(filter 1,$(V)),,@)
SAY := @$(if $(filter 1,$(V)),:,printf '  %-8s %s\n')

B := build$(if $(SAN),/san)$(if $(FUZZ),/fuzz)
ARCH := $(shell uname -m | sed 's/x86_64/x86/; s/aarch64/arm64/')
MULTIARCH := $(shell $(CC) -print-multiarch 2>/dev/null)

WARN := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Werror
, := ,
SAN_FLAGS := $(if $(SAN)$(FUZZ),-fsanitize=address$(,)undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)\
	$(if $(FUZZ),-fsanitize=fuzzer-no-link)
CPPFLAGS := -D_GNU_SOURCE -I. -Iuser -isystem build/bpf
CFLAGS := -std=gnu11 -O2 -g -fstack-protector-strong $(WARN) $(SAN_FLAGS)
LDFLAGS := $(SAN_FLAGS) -Wl,-z,relro,-z,now
LIBS := -lbpf -lseccomp -lelf -lz -ldeflate -lzstd -ljansson -lsodium -lnettle -lpthread
BPF_CFLAGS := -g -O2 -target bpf -D__TARGET_ARCH_$(ARCH) -std=gnu11 -Wall -Wextra -Werror \
	-Wno-unused-parameter -I. $(if $(MULTIARCH),-idirafter /usr/include/$(MULTIARCH))

LIB_SRC := $(sort $(wildcard user/base/*.c user/capture/*.c user/journal/*.c user/segment/*.c \
	user/catalog/*.c user/seal/*.c user/ledger/*.c user/retention/*.c user/import/*.c user/query/*.c user/output/*.c \
	user/control/*.c user/warden/*.c \
	user/recorder/*.c))
VERB_SRC := $(sort $(wildcard user/cmd/verb_*.c) user/cmd/command.c user/cmd/verbs.c user/cmd/verbs_served.c user/cmd/ask_daemon.c)
UNIT_SRC := $(sort $(wildcard tests/unit/*.c))
PROOF_SRC := $(filter-out tests/proof/fault.c tests/proof/stall.c tests/proof/seal_memory.c,$(sort $(wildcard tests/proof/*.c))) tests/unit/fixture.c tests/unit/forge.c
CONNS_SRC := $(sort $(wildcard tests/kernel/*.c))
SEAL_MEMORY_SRC := tests/proof/seal_memory.c
BENCH_SRC := $(filter-out tests/bench/catalog_probe.c,$(sort $(wildcard tests/bench/*.c)))
FORGE_SRC := tests/cli/forge_tool.c tests/unit/forge.c
URING_SRC := tests/kernel/uring/uring.c
METER_SRC := $(sort $(wildcard tests/bench/capture/*.c))
FUZZ_SRC := $(sort $(wildcard tests/fuzz/fuzz_*.c))
FUZZ_TARGETS := $(patsubst tests/fuzz/%.c,%,$(filter-out %_mutate.c,$(FUZZ_SRC)))
LIB := $(B)/libsekisho.a
obj = $(patsubst %.c,$(B)/%.o,$(1))
ALL_SRC := $(LIB_SRC) $(VERB_SRC) user/cmd/sekisho.c user/cmd/sekishod.c $(UNIT_SRC) $(CONNS_SRC) \
	$(PROOF_SRC) $(SEAL_MEMORY_SRC) $(BENCH_SRC) tests/bench/catalog_probe.c \
	$(METER_SRC) $(FORGE_SRC) $(URING_SRC) \
	$(FUZZ_SRC) tests/fuzz/fuzz.c tests/fuzz/replay.c tests/spec/random_store.c \
	tests/golden/make_golden.c

.DELETE_ON_ERROR:
.SUFFIXES:
.SECONDARY: build/bpf/accept.bpf.o build/bpf/sockops.bpf.o
.PHONY: all help demo test test-long unit bench-store bench-capture fuzz fuzz-run golden lint clean FORCE

## all: build sekishod and sekisho (the default)
all: $(B)/sekishod $(B)/sekisho

## help: this list
help:
	@sed -n 's/^## \([^:]*\): /  \1\t/p' $(MAKEFILE_LIST) | expand -t 16

## demo: install what is needed, build, record a few connections and find them (root)
demo:
	$(Q)scripts/as-root scripts/install-deps --build
	$(Q)$(MAKE) --no-print-directory all $(B)/conns
	$(Q)scripts/as-root scripts/demo

## test: install what is needed, then every test (root; about 40 minutes)
test:
	$(Q)scripts/as-root scripts/install-deps
	$(Q)$(MAKE) --no-print-directory -j2 all unit
	$(Q)$(MAKE) --no-print-directory -j2 SAN=1 unit
	$(Q)scripts/as-root tests/run

## test-long: the same with every trial of the proof tests, many times the kills, and sealing in bounded memory
test-long: export SEKISHO_PROOF := all
test-long: test $(B)/seal_memory
	$(Q)scripts/as-root tests/proof/seal_memory.sh

## unit: build everything the tests run
unit: all $(B)/unit $(B)/conns $(B)/uring $(B)/proof $(B)/fault.so $(B)/stall.so $(B)/reset_flags.bpf.o $(B)/catalog_probe $(B)/bench-store $(B)/meter $(B)/forge \
		$(B)/random_store $(B)/make_golden $(addprefix $(B)/,$(FUZZ_TARGETS))

## bench-store: sizes, rates and searches of the store beside others; DATA="D1 D3" by default, D2 is large
DATA := D1 D3
bench-store: $(B)/bench-store
	$(Q)$(B)/bench-store $(BENCH_OPTIONS) --dir build/bench $(DATA)

## bench-capture: what recording costs, beside other tools (root; under 10 minutes; PAIRS=20)
bench-capture:
	$(Q)scripts/as-root scripts/install-deps --bench
	$(Q)$(MAKE) --no-print-directory all $(B)/conns $(B)/meter
	$(Q)scripts/as-root tests/bench/capture/run $(if $(PAIRS),PAIRS=$(PAIRS))

## fuzz: build the fuzz targets with libFuzzer, into build/fuzz
fuzz:
	$(Q)$(MAKE) --no-print-directory FUZZ=1 $(addprefix build/fuzz/,$(FUZZ_TARGETS))

## fuzz-run: make fuzz-run TARGET=segment SECONDS=60: new inputs and findings go to build/fuzz/found
TARGET := segment
SECONDS := 60
fuzz-run: fuzz
	$(Q)mkdir -p build/fuzz/found/$(TARGET)
	$(Q)cd build/fuzz/found && ../fuzz_$(TARGET) -max_total_time=$(SECONDS) -max_len=65536 -timeout=20 \
		-rss_limit_mb=1024 $(addprefix -dict=,$(realpath tests/fuzz/$(TARGET).dict)) $(TARGET) \
		$(CURDIR)/tests/fuzz/corpus/$(TARGET)

## golden: freeze the files of tests/golden anew; FORCE=1 replaces those that are there
golden: $(B)/make_golden $(B)/sekisho
	$(Q)tests/golden/freeze $(if $(filter 1,$(FORCE)),--force)

## lint: includes point one way, banned functions, file and function length
lint:
	$(Q)scripts/lint

## clean: remove what was built (the kernels for the virtual machines stay in build/vm)
clean:
	$(Q)find build -mindepth 1 -maxdepth 1 ! -name vm -exec rm -rf {} + 2>/dev/null || true

# Rebuild all when the flags change, so that CC=clang after CC=gcc compiles everything again.
$(B)/flags: FORCE
	$(Q)mkdir -p $(@D)
	$(Q)printf '%s\n' '$(CC) $(CPPFLAGS) $(CFLAGS) $(LDFLAGS)' | cmp -s - $@ || \
		printf '%s\n' '$(CC) $(CPPFLAGS) $(CFLAGS) $(LDFLAGS)' >$@

build/bpf/%.bpf.o: bpf/%.bpf.c Makefile
	$(SAY) BPF $@
	$(Q)mkdir -p $(@D)
	$(Q)$(CLANG) $(BPF_CFLAGS) -MMD -MP -MF build/bpf/$*.bpf.d -c $< -o $@

build/bpf/%.skel.h: build/bpf/%.bpf.o
	$(SAY) SKEL $@
	$(Q)$(BPFTOOL) gen skeleton $< name $*_bpf >$@

# The templates become part of it (.incbin, which -MD does not see).
$(B)/user/ledger/consent_text.o: user/texts/consent.ja.txt user/texts/consent.en.txt

# For the first build; afterwards -MD (which also lists -isystem headers) knows.
$(B)/user/capture/object.o: build/bpf/accept.skel.h build/bpf/sockops.skel.h

$(B)/%.o: %.c Makefile $(B)/flags
	$(SAY) CC $@
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(EXTRA_CPPFLAGS) $(CFLAGS) -MD -MP -c $< -o $@

$(call obj,$(BENCH_SRC)): EXTRA_CPPFLAGS := -Itests/bench
$(call obj,$(FUZZ_SRC) tests/fuzz/fuzz.c tests/fuzz/replay.c): EXTRA_CPPFLAGS := -Itests/fuzz
$(call obj,$(UNIT_SRC) $(PROOF_SRC) $(FORGE_SRC)): EXTRA_CPPFLAGS := -Iuser/base -Itests/unit

$(LIB): $(call obj,$(LIB_SRC))
	$(SAY) AR $@
	$(Q)rm -f $@ && $(AR) rcs $@ $^

$(B)/sekishod: $(B)/user/cmd/sekishod.o $(call obj,$(VERB_SRC)) $(LIB)
$(B)/sekisho: $(B)/user/cmd/sekisho.o $(call obj,$(VERB_SRC)) $(LIB)
$(B)/unit: $(call obj,$(UNIT_SRC)) $(LIB)
$(B)/unit: LIBS += -lcunit -lm
$(B)/proof: $(call obj,$(PROOF_SRC)) $(LIB)
$(B)/conns: $(call obj,$(CONNS_SRC))
$(B)/conns: LIBS :=
$(B)/uring: $(call obj,$(URING_SRC))
$(B)/uring: LIBS := -luring
$(B)/seal_memory: $(call obj,$(SEAL_MEMORY_SRC)) $(LIB)
$(B)/catalog_probe: $(call obj,tests/bench/catalog_probe.c tests/bench/mix.c) $(LIB)
$(B)/catalog_probe: LIBS += -lm
$(B)/bench-store: $(call obj,$(BENCH_SRC)) $(LIB)
$(B)/bench-store: LIBS += -lm
$(B)/forge: $(call obj,$(FORGE_SRC)) $(LIB)
$(B)/meter: $(call obj,$(METER_SRC))
$(B)/meter: LIBS := -lbpf -lelf -lz
$(B)/random_store: $(B)/tests/spec/random_store.o $(LIB)
$(B)/make_golden: $(B)/tests/golden/make_golden.o $(LIB)
# A target with libFuzzer's main() and mutators, or with one that runs the kept corpus.
$(addprefix $(B)/,$(FUZZ_TARGETS)): $(B)/%: $(B)/tests/fuzz/%.o $(B)/tests/fuzz/fuzz.o \
		$(B)/tests/fuzz/$(if $(FUZZ),fuzz_mutate,replay).o $(LIB)
$(if $(FUZZ),$(addprefix $(B)/,$(FUZZ_TARGETS)): LIBS += -fsanitize=fuzzer)
$(B)/sekishod $(B)/sekisho $(B)/unit $(B)/proof $(B)/conns $(B)/uring $(B)/seal_memory $(B)/catalog_probe $(B)/bench-store $(B)/meter $(B)/forge \
		$(B)/random_store $(B)/make_golden $(addprefix $(B)/,$(FUZZ_TARGETS)):
	$(SAY) LD $@
	$(Q)$(CC) $(LDFLAGS) $^ $(LIBS) -o $@

# A shim: neither linked with anything of ours nor instrumented.
$(B)/fault.so: tests/proof/fault.c tests/proof/shadow.c tests/proof/shadow.h Makefile
	$(SAY) LD $@
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(filter-out $(SAN_FLAGS),$(CFLAGS)) -shared -fPIC $(filter %.c,$^) -o $@

$(B)/stall.so: tests/proof/stall.c Makefile
	$(SAY) LD $@
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(filter-out $(SAN_FLAGS),$(CFLAGS)) -shared -fPIC $< -o $@

$(B)/reset_flags.bpf.o: tests/kernel/bpf/reset_flags.bpf.c Makefile
	$(SAY) BPF $@
	$(Q)mkdir -p $(@D)
	$(Q)$(CLANG) $(BPF_CFLAGS) -c $< -o $@

-include $(patsubst %.o,%.d,$(call obj,$(ALL_SRC))) build/bpf/accept.bpf.d build/bpf/sockops.bpf.d
