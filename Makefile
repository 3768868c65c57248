# The only entry point. `make` alone prints what there is.
.DEFAULT_GOAL := help
.PHONY: help setup demo check test test-debian13 test-debian12 test-vm test-boot test-image vagrant-test bench fuzz deb image box fmt man catalogues clean

export LC_ALL := C.UTF-8
export HYPOTHESIS_STORAGE_DIRECTORY := .cache/hypothesis
bin := .venv/bin
# The pure floors are covered to the last branch; the rings that need a kernel add nothing to that.
cover := --cov --cov-report=term-missing:skip-covered --cov-fail-under=100
# Most tests on this machine's own kernel wait for something: four of them fit on two processors.
# The emulated machines fill both by themselves, and come after; so do the streams through a lane,
# whose tunnels are programs here and whose stalls are measured, and the rehearsals, which judge
# gaps and rates themselves, and the machines with a systemd, which share one tree of control groups.
alone := tests/topology/lane tests/topology/rehearsal tests/topology/systemd
beside := --numprocesses=4
# What hangs on the release: its Python, its libnftables and its programs.
on_debian13 := tests/pure/cli tests/pure/config tests/pure/daemon tests/pure/kernel tests/pure/services \
    tests/contract/daemon tests/contract/objects tests/contract/read tests/contract/storage
example := examples/two-lines.toml

help:  ## print this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "make %-13s  %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup:  ## install what apt and pip must bring; the second time it does nothing
	@tools/setup.sh base streams vm roots image

demo: ready  ## set up, then rehearse an event with two simulated providers and real traffic (root)
	$(bin)/lbrouter rehearse $(example) --faults cable,blackhole --no-bandwidth

check: ready  ## linters, types, floors and the pure tests, in under a minute
	$(bin)/python -m pytest --numprocesses=2 tests/shape tests/pure $(cover)

test: ready-test  ## every test that this machine can run, the VM ring included (root)
	@status=0; \
	$(bin)/python -m pytest $(beside) tests/shape tests/pure tests/contract tests/topology $(cover) \
	    $(addprefix --ignore=,$(alone)) || status=$$?; \
	tools/test-debian.sh --kept trixie '$(bin)/python -m pytest $(beside) $(on_debian13)' \
	    || { code=$$?; [ $$code = 69 ] || status=$$code; }; \
	$(bin)/python -m pytest $(alone) tests/vm tests/image || status=$$?; \
	exit $$status

test-debian13: ready-roots  ## `make demo` and `make test` in a bare Debian 13 (root)
	tools/test-debian.sh trixie 'make demo && make test'

test-debian12: ready-roots  ## the same in a bare Debian 12 (root)
	tools/test-debian.sh bookworm 'make demo && make test'

test-vm: ready-vm  ## the contract and topology rings inside Debian's own kernel (QEMU, root)
	$(bin)/python -m pytest tests/vm

test-boot: ready-image  ## build package and disk image, boot them on an emulated PC, make it a gateway (QEMU, root)
	LBROUTER_IMAGE=1 $(bin)/python -m pytest tests/image/test_boot.py

test-image: ready-image  ## the same by BIOS too, then reboot, power cut, upgrade, purge (QEMU, root)
	LBROUTER_IMAGE=1 $(bin)/python -m pytest tests/image

vagrant-test: ready-vagrant deb box  ## five machines under Vagrant: lines, reboot and power cut, with a table of what was seen (root)
	@tools/vagrant-test.sh

bench: ready-streams  ## measure what the project promises and print the figures (root)
	$(bin)/python -m bench

fuzz: ready-fuzz  ## feed nonsense to all that reads strangers' bytes, FUZZ_SECONDS (60) for each decoder
	$(bin)/python tools/fuzz.py

deb: ready-image  ## build dist/lbrouter_*.deb for Debian 13 in a clean root file system (root)
	@tools/build-deb.sh

image: deb  ## build dist/lbrouter.img, a disk that makes a PC the gateway (root)
	@tools/build-image.sh

box: ready-vagrant  ## build dist/lbrouter.box, Debian 13 for vagrant-libvirt (root)
	@tools/build-box.sh

fmt: ready  ## format the code, wrap the prose of the pages, and mend what the linter can mend
	$(bin)/ruff format .
	$(bin)/ruff check --fix .
	$(bin)/python tools/wrap_prose.py *.md docs/*.md docs/id/*.md

catalogues: ready  ## compile the translations (lbrouter/locale) after a change of a .po file
	$(bin)/python tools/compile_catalogues.py

man: ready  ## write docs/reference.md and the JSON Schema from the model
	$(bin)/python tools/write_reference.py

clean:  ## remove what the other targets made (.venv, .cache, build leftovers)
	rm -rf .venv .cache dist build *.egg-info .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Not for people: what the other targets need first, silent when it is there.
.PHONY: ready ready-fuzz ready-streams ready-vm ready-test ready-roots ready-image ready-vagrant
ready:
	@QUIET=1 tools/setup.sh base
ready-fuzz:
	@QUIET=1 tools/setup.sh base fuzz
ready-streams:
	@QUIET=1 tools/setup.sh base streams
ready-vm:
	@QUIET=1 tools/setup.sh base streams vm
ready-test:
	@QUIET=1 tools/setup.sh base streams vm roots
ready-roots:
	@QUIET=1 tools/setup.sh base roots
ready-image:
	@QUIET=1 tools/setup.sh base vm roots image
ready-vagrant:
	@QUIET=1 tools/setup.sh base vm roots image vagrant
