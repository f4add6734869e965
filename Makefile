# What a person does with this repository; everything else is `cargo xtask help`.

.PHONY: demo test bench lint simulate-faults soak

# Plays a canary on a local control plane, or on the cluster that KUBECONFIG names.
demo:
	@cargo xtask demo

# Everything that CI checks: lints, generated files, functions, the search in the simulated cluster, and the stories on
# a real control plane.
test:
	@cargo xtask test

# Measures times, as tables; minutes.
bench:
	@cargo xtask bench

# What `make test` checks before it runs anything.
lint:
	@cargo xtask lint

# Searches the simulated cluster for longer, and prints which faults mattered where: make simulate-faults SEEDS=100000
SEEDS ?= 100000
simulate-faults:
	@cargo xtask simulate matrix --seeds $(SEEDS)

# Drives rollouts of every strategy in random orders under live traffic, 200 sequences of each; an hour.
soak:
	@cargo xtask soak
