# The image that Airbyte runs, for amd64 and arm64: one program, a shell for the platform's wrapper, and certificates.
#
#     docker build -t destination-salesforce:0.1.0 .
#
# It builds for the architecture of the machine, or of its emulation. It does not cross-compile.
#
# Every builder can build it, with the options of Docker 17.05. The classic builder, which Debian's Docker uses, builds
# all stages. BuildKit builds only those that the last stage needs.
#
# The Dockerfiles of both connectors are the same up to the last stage, and one command compiles both programs. So the
# second image takes a few seconds.

# Where the program comes from: `build` compiles it here, `prebuilt` takes it from the folder image/prebuilt.
ARG BINARY=build

# A release can set them with their digests.
ARG RUST_IMAGE=rust:1.95.0-slim-bookworm
ARG DEBIAN_IMAGE=debian:bookworm-slim

# The shell and the certificates are Debian's. `packages` lists them with their versions for the bill of materials.
FROM ${DEBIAN_IMAGE} AS system
RUN apt-get update \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends busybox-static ca-certificates \
    && mkdir -p /image/bin /image/etc/ssl/certs \
    && cp /bin/busybox /image/bin/busybox \
    && for name in sh sleep mv; do ln -s busybox /image/bin/$name; done \
    && cp /etc/ssl/certs/ca-certificates.crt /image/etc/ssl/certs/ \
    && dpkg-query -W -f '${Package} ${Version} ${Architecture}\n' busybox-static ca-certificates > /packages

FROM ${RUST_IMAGE} AS build
WORKDIR /source
# The C library is linked into the program. Without a named target cargo would link the macros of the dependencies in the
# same way, and the compiler could not load them.
ENV RUSTFLAGS="-C target-feature=+crt-static"
# The dependencies, with empty sources. This layer is reused until a manifest or the lock file changes.
COPY Cargo.toml Cargo.lock ./
COPY benches/Cargo.toml benches/
COPY crates/airbyte/Cargo.toml crates/airbyte/
COPY crates/connector/Cargo.toml crates/connector/
COPY crates/memory/Cargo.toml crates/memory/
COPY crates/retry/Cargo.toml crates/retry/
COPY crates/salesforce/Cargo.toml crates/salesforce/
COPY crates/salesforce_sim/Cargo.toml crates/salesforce_sim/
COPY integration_tests/object_store/Cargo.toml integration_tests/object_store/
COPY source-salesforce/Cargo.toml source-salesforce/
RUN for member in . benches crates/* integration_tests/object_store source-salesforce; do \
        mkdir -p $member/src && touch $member/src/lib.rs; \
    done \
    && echo 'fn main() {}' | tee src/main.rs > source-salesforce/src/main.rs \
    && cargo build --release --locked --target "$(uname -m)-unknown-linux-gnu" -p destination-salesforce -p source-salesforce
# The programs. The sources may be older than the empty ones, so cargo needs a newer time.
COPY spec.json ./
COPY crates crates
COPY src src
COPY source-salesforce/spec.json source-salesforce/
COPY source-salesforce/src source-salesforce/src
RUN touch crates/*/src/lib.rs src/lib.rs src/main.rs source-salesforce/src/lib.rs source-salesforce/src/main.rs \
    && cargo build --release --locked --target "$(uname -m)-unknown-linux-gnu" -p destination-salesforce -p source-salesforce \
    && mkdir /out \
    && cd "target/$(uname -m)-unknown-linux-gnu/release" \
    && cp destination-salesforce source-salesforce /out/
# The bills of materials.
COPY image/sbom image/
COPY --from=system /packages /packages
RUN for name in destination-salesforce source-salesforce; do \
        image/sbom /out/$name /packages > /out/$name.cdx.json || exit 1; \
    done

# The folder is always there, because the classic builder builds this stage too.
FROM scratch AS prebuilt
COPY image/prebuilt/ /out/

FROM ${BINARY} AS binary

FROM scratch
LABEL io.airbyte.name=example/destination-salesforce \
      io.airbyte.version=0.1.0
COPY --from=system /image/ /
COPY --from=binary /out/destination-salesforce /bin/
COPY --from=binary /out/destination-salesforce.cdx.json /sbom.cdx.json
ENV PATH=/bin \
    AIRBYTE_ENTRYPOINT=/bin/destination-salesforce
USER 1000
ENTRYPOINT ["/bin/destination-salesforce"]
