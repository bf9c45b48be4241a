# Short names for common commands. A change must pass `.ci/run`.

# Load sample records into a simulated org, and show the rejected ones.
quickstart:
    cargo quickstart

# Copy one simulated org into another, and compare them.
org-to-org:
    cargo org-to-org

# All tests.
test:
    cargo test --workspace

# Formatting and lints, as errors.
lint:
    .ci/run fmt lint clippy

# The documentation of the code.
doc:
    cargo doc --workspace --no-deps --document-private-items --open

# A simulated org, to test a loader.
org port="8080":
    cargo run -p salesforce_sim -- --port {{port}}

# Build the image, and run it as Airbyte's platform does.
image:
    .ci/run image

# Everything.
ci:
    .ci/run
