# One line each; `.ci/run` is what a change must pass.

# Load sample records into a simulated org, and look at what was refused.
quickstart:
    cargo quickstart

# All tests.
test:
    cargo test --workspace

# Formatting and lints, as errors.
lint:
    .ci/run fmt clippy

# The documentation of the code.
doc:
    cargo doc --workspace --no-deps --document-private-items --open

# A simulated org to test a loader with.
org port="8080":
    cargo run -p salesforce_sim -- --port {{port}}

# The image, built and run as Airbyte's platform runs it.
image:
    .ci/run image

# Everything.
ci:
    .ci/run
