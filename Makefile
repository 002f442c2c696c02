# rtva: everyday commands. `make demo` and `make test` set everything up themselves.
PY_WANTED := $(if $(filter command line,$(origin PY)),$(PY))
override PY := .venv/bin/python
HERE := $(if $(filter aarch64 arm64,$(shell uname -m)),arm64,amd64)

.PHONY: help setup native native-cuda generic demo test test-coqui test-llm check stress bench bench-recognition install uninstall conversations-audio transcript agenda-kills faults busy-capture fuzz soak bitflips turn-faults system-test vm-test bundle bundle-test deb deb-test deb-lint image image-test clean

help:            ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 18

setup:           ## system packages, .venv, the compiled core, weights
	@scripts/setup.sh

native: setup    ## builds whisper.cpp for this very processor into .venv (a compiler, minutes)
	@$(PY) scripts/native.py build

native-cuda: setup ## the same with CUDA for one GPU architecture: make native-cuda ARCH=87 (Orin)
	@$(PY) scripts/native.py cuda $(or $(ARCH),none)

generic: setup   ## goes back to the wheel of whisper.cpp that runs on any processor
	@$(PY) scripts/native.py generic

demo: setup      ## asks a spoken question and answers it aloud, with a timeline
	@.venv/bin/rtva demo --out build/demo

test: setup      ## the whole test suite
	@$(PY) -m pytest

check: setup     ## ruff, mypy --strict, cython-lint, the layer test
	@$(PY) -m ruff check . && $(PY) -m ruff format --check . && $(PY) -m mypy
	@PATH="$(CURDIR)/.venv/bin:$$PATH" cython-lint ext/*.pyx ext/*.pxd && $(PY) -m pytest tests/test_layers.py

stress:          ## the compiled core under ThreadSanitizer, AddressSanitizer and UBSan
	@scripts/stress.sh

test-coqui: setup ## the Coqui engine's tests, in an environment of its own (5.5 GB)
	@scripts/test_coqui.sh

test-llm: setup  ## the embedded language model and a real server, in an environment of its own (minutes to build, 350 MB)
	@scripts/test_llm.sh

bench: setup     ## everything beside its peers, in build/bench-venv, to bench/results (50 minutes; QUICK=1: four)
	@bench/venv.sh && $(PY) bench/run_all.py $(if $(QUICK),--quick)

bench-recognition: ## speech to intent beside open recognition: orders in noise and rooms, other speech (hours)
	@$(PY) bench/bench_recognition.py

install: setup   ## the service on this machine: /opt/rtva, /etc/rtva, /var/lib/rtva (DESTDIR, WEIGHTS=no)
	@deploy/install.sh install

uninstall:       ## takes it away again; PURGE=yes its configuration and state too
	@deploy/install.sh uninstall

conversations-audio: ## a third of the scripted conversations, said by the voice and heard; prints the pass rate (minutes)
	@$(PY) bench/conversations_audio.py

transcript:      ## a conversation on sound, printed as it was heard and answered
	@$(PY) bench/transcript.py

agenda-kills:    ## 1,000 kills while timers, alarms, reminders and lists change and come due: nothing lost, nothing doubled
	@mkdir -p build/kills && $(PY) tests/agenda_kills.py $$(mktemp -d -p build/kills)/state.db 1000 1

fuzz: setup      ## every parser that meets a stranger's bytes: ten million runs or ten minutes each (SECONDS_EACH, RUNS, TARGET)
	@scripts/fuzz.sh || { rc=$$?; [ $$rc -eq 77 ] || exit $$rc; }

soak: setup      ## seven days of audio and 1,000 turns at many times real speed: nothing grows (hours; MINUTES=20 ends it early)
	@$(PY) bench/soak.py $(if $(MINUTES),--minutes $(MINUTES))

bitflips: setup  ## 1,000 single bits flipped in the real weights: each refused before loading
	@mkdir -p build/flips && $(PY) tests/bitflips.py $$(mktemp -d -p build/flips) 1000 1

turn-faults: setup ## 1,000 questions while workers die, hang and crash: none is lost in silence (half an hour)
	@$(PY) tests/turn_faults.py 1000 1 8

vm-test: setup   ## stock Debian kernels in qemu: unplug, suspend, overrun, serial, GPIO, power cuts (root, Debian, many minutes)
	@$(PY) deploy/vm-test/run.py --write docs/reliability.md || { rc=$$?; [ $$rc -eq 77 ] || exit $$rc; }

faults: setup    ## every fault class 20 times (COUNT=20) on the running service and its parts; prints the table
	@mkdir -p build && cd tests && PYTHONPATH=.:.. ../$(PY) -m faults $(or $(COUNT),20) --out ../build/faults.md

busy-capture: setup ## an hour of capture (SECONDS=3600) with every core taken by others: no sample lost
	@$(PY) bench/soak_capture.py --seconds $(or $(SECONDS),3600)

system-test: setup ## boots systemd in a container and proves the service there (root, Debian, minutes)
	@deploy/system-test/run.sh || { rc=$$?; [ $$rc -eq 77 ] || exit $$rc; }

bundle: setup    ## one signed archive that installs and updates without a network: ARCH=amd64|arm64 PY=3.10|3.11|3.12|3.13
	@[ "$(or $(ARCH),$(HERE))" = $(HERE) ] || [ "$(ARCH)" != arm64 ] || [ -d build/bundle/arm64-root ] || deploy/bundle/arm64.sh
	@$(PY) deploy/bundle/make_bundle.py --arch $(or $(ARCH),$(HERE)) $(if $(PY_WANTED),--py $(PY_WANTED))

bundle-test: setup ## installs, updates, kills and removes a bundle in a container without a network: PY=3.11|3.13, a little with 3.10|3.12; ARCH=arm64, that emulated (root, Debian, minutes)
	@ARCH=$(or $(ARCH),amd64) PY=$(PY_WANTED) deploy/system-test/bundle.sh || { rc=$$?; [ $$rc -eq 77 ] || exit $$rc; }

deb: setup       ## the Debian package, weights included: ARCH=amd64|arm64 PY=3.11 (bookworm)|3.13 (trixie)|3.10 (jammy)|3.12 (noble)
	@[ "$(or $(ARCH),$(HERE))" = $(HERE) ] || [ "$(ARCH)" != arm64 ] || [ -d build/bundle/arm64-root ] || deploy/bundle/arm64.sh
	@$(PY) deploy/deb/make_deb.py --arch $(or $(ARCH),$(HERE)) $(if $(PY_WANTED),--py $(PY_WANTED))

deb-test: setup  ## installs, upgrades, removes and purges the package in a container: ARCH=amd64|arm64, that emulated, PY=3.11|3.13, of an Ubuntu 3.10|3.12 (root, Debian, minutes)
	@ARCH=$(or $(ARCH),amd64) PY=$(PY_WANTED) deploy/system-test/deb.sh || { rc=$$?; [ $$rc -eq 77 ] || exit $$rc; }

deb-lint:        ## Debian's own checks of the packages that were made (lintian, three minutes each)
	@deploy/deb/lint.sh build/deb/*.deb || { rc=$$?; [ $$rc -eq 77 ] || exit $$rc; }

image: setup     ## a card's image, read-only root, the package in it: BOARD=rpi|qemu-arm64 (root, Debian, many minutes)
	@$(PY) deploy/image/make_image.py --board $(or $(BOARD),qemu-arm64)

image-test: setup ## boots the image of this commit in qemu: READY, status, GPIO, a question, three power cuts; BOARD=rpi: a Pi's, on a Pi 3 (root, Debian, up to an hour)
	@{ $(PY) deploy/image/make_image.py --unless-current --board $(or $(BOARD),qemu-arm64) && \
	    $(PY) deploy/image/test/$(if $(filter rpi,$(BOARD)),pi,run).py --write docs/boards.md; } || \
	    { rc=$$?; [ $$rc -eq 77 ] || exit $$rc; }

clean:           ## removes what was built, not the weights and not the signing key
	[ ! -d build ] || find build -mindepth 1 -maxdepth 1 ! -name signing -exec rm -rf {} +
	rm -rf .venv *.egg-info firmware_py/*.so
